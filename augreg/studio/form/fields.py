"""Controls for the values of a form. Each shows a value, and tells when someone changed it.

A control that shows a value tells of it as well; who is told compares it with what is there.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui

from augreg.policy.document import part_at
from augreg.policy.outline import outline, value_of
from augreg.studio.values import Track, is_number, tidy

# (path below the value, such as "0" or "normal/1"; "" for all of it) and the new value
Tell = Callable[[str, Any], None]


class Field(ABC):
    """A control of one value."""

    @abstractmethod
    def show(self, value: Any) -> None:
        """Shows a value of the kind that it is for."""


class NumberField(Field):
    """A field and a slider for one number."""

    def __init__(self, name: str, track: Track, whole: bool, tell: Tell) -> None:
        self.track = track
        with ui.element("div").classes("numbers"):
            self.number = number_input(name, lambda value: tell("", value), whole)
            self.slider = ui.slider(min=track.lo, max=track.hi, step=track.step, value=track.lo)
        self.slider.props("dense").props["aria-label"] = name
        self.slider.on_value_change(lambda event: tell("", tidy(event.value, whole)))

    def show(self, value: Any) -> None:
        _stretch(self.slider, self.track.including([value]))
        self.slider.set_value(value)
        self.number.set_value(value)


class PairField(Field):
    """A slider with two handles between fields for its ends.

    path: of the pair below the value; "" where the value is the pair.
    """

    def __init__(self, name: str, track: Track, whole: bool, path: str, tell: Tell) -> None:
        self.track, self.path = track, path
        below = f"{path}/" if path else ""
        with ui.element("div").classes("numbers"):
            self.low = number_input(f"{name} from", lambda v: tell(f"{below}0", v), whole)
            self.slider = ui.range(min=track.lo, max=track.hi, step=track.step)
            self.high = number_input(f"{name} to", lambda v: tell(f"{below}1", v), whole)
        self.slider.props("dense").props["aria-label"] = name
        self.slider.on_value_change(
            lambda event: tell(path, [tidy(event.value[end], whole) for end in ("min", "max")])
        )

    def show(self, value: Any) -> None:
        low, high = value[self.path] if self.path else value
        _stretch(self.slider, self.track.including([low, high]))
        self.slider.set_value({"min": low, "max": high})
        self.low.set_value(low)
        self.high.set_value(high)


class PlainNumbers(Field):
    """Fields for some numbers without a slider, each with its label and its path."""

    def __init__(self, name: str, labels: Sequence[tuple[str, str]], tell: Tell) -> None:
        self.inputs: dict[str, ui.number] = {}
        with ui.element("div").classes("numbers"):
            for path, label in labels:
                with ui.element("div").classes("labelled"):
                    ui.label(label).classes("faint")
                    self.inputs[path] = self._input(f"{name} {label}", path, tell)

    def _input(self, name: str, path: str, tell: Tell) -> ui.number:
        return number_input(name, lambda value: tell(path, value))

    def show(self, value: Any) -> None:
        for path, control in self.inputs.items():
            control.set_value(part_at(value, path.split("/")))


class ListField(Field):
    """Several numbers, with commas between them.

    one: whether a single number stands without a list.
    path: of the list below the value.
    """

    def __init__(self, name: str, tell: Tell, path: str = "", one: bool = False) -> None:
        self.path = path

        def changed(text: str) -> None:
            written = f"[{text}]"
            numbers = value_of(written, outline(written))  # a comma may end it, while one types
            if numbers and all(map(is_number, numbers)):
                tell(path, numbers[0] if one and len(numbers) == 1 else numbers)

        self.input = text_input(name, changed)

    def show(self, value: Any) -> None:
        part = value[self.path] if self.path else value
        self.input.set_value(", ".join(map(json.dumps, part if isinstance(part, list) else [part])))


class ChoiceField(Field):
    """One of a few values."""

    def __init__(self, name: str, options: Sequence[Any], tell: Tell) -> None:
        self.options = list(options)
        names = {i: str(option) for i, option in enumerate(options)}
        self.select = ui.select(
            names, on_change=lambda event: _told(event.value, lambda i: tell("", options[i]))
        )
        self.select.props("dense outlined options-dense").classes("choice")
        self.select.props["aria-label"] = name

    def show(self, value: Any) -> None:
        self.select.set_value(self.options.index(value) if value in self.options else None)


class SwitchField(Field):
    """Yes or no."""

    def __init__(self, name: str, tell: Tell) -> None:
        self.switch = ui.switch(on_change=lambda event: tell("", event.value)).props("dense")
        self.switch.props["aria-label"] = name

    def show(self, value: Any) -> None:
        self.switch.set_value(bool(value))


class WordsField(Field):
    """A text."""

    def __init__(self, name: str, tell: Tell) -> None:
        self.input = text_input(name, lambda text: tell("", text))

    def show(self, value: Any) -> None:
        self.input.set_value(str(value))


class OnlyShown(Field):
    """What has no control here: as JSON, with a way to its place in the text."""

    def __init__(self, name: str, go: Callable[[], None]) -> None:
        with ui.element("div").classes("numbers"):
            self.label = ui.label().classes("shown")
            button = ui.button("Edit in text", on_click=go, color=None)
        button.props("flat dense no-caps").props["aria-label"] = f"Edit {name} in text"

    def show(self, value: Any) -> None:
        self.label.set_text(json.dumps(value))


def _stretch(slider: ui.slider | ui.range, track: Track) -> None:
    """Lets a slider reach what it shows."""
    for name, end in (("min", track.lo), ("max", track.hi)):
        if slider.props[name] != end:
            slider.props[name] = end


def number_input(name: str, act: Callable[[float], None], whole: bool = False) -> ui.number:
    """A field for a number; what is none is not passed on."""
    field = ui.number(
        on_change=lambda event: _told(event.value, lambda value: act(tidy(value, whole)))
    )
    field.props("dense outlined debounce=150 hide-bottom-space").classes("number")
    field.props["aria-label"] = name
    return field


def text_input(name: str, act: Callable[[str], None]) -> ui.input:
    """A field for a line of text."""
    field = ui.input(on_change=lambda event: _told(event.value, act))
    field.props("dense outlined debounce=150 hide-bottom-space").classes("wide")
    field.props["aria-label"] = name
    return field


def _told(value: Any, act: Callable[[Any], None]) -> None:
    if value is not None:
        act(value)
