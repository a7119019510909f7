"""The rows of a step's card: a parameter each, with the control that fits its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from augreg.plugin.declaration import Declaration
from augreg.plugin.params import REQUIRED, Fill, Integer, KeepBoxes, Option, Range
from augreg.random.numbers import Bounds
from augreg.studio import values
from augreg.studio.elements.controls import icon
from augreg.studio.form.fields import (
    ChoiceField,
    Field,
    ListField,
    NumberField,
    OnlyShown,
    PairField,
    PlainNumbers,
    SwitchField,
    Tell,
    WordsField,
)
from augreg.studio.values import NUMBER, RANGE, Track, as_kind, kind_of

_P = Track(0, 1, 0.01)
_LEVEL = Track(0, 1, 0.005)
_CHANNELS = (("0", "red"), ("1", "green"), ("2", "blue"))
_GREY, _COLOUR = "grey", "colour"
_LISTS = ("choice", "n", "weights")  # of any length, in one field
_KINDS = {"log_uniform": "log-uniform"}
GUARDS: dict[str, Any] = {"p": 0.5, "when": {"label": [0]}}  # what they get at first


class Row:
    """A name, a control, and what can be done with the value.

    Args:
        read: what the value is now.
        change: gets the path of a part in the step, and its new value.
        remove: None where the parameter is required.
    """

    def __init__(
        self,
        name: str,
        about: str,
        read: Callable[[], Any],
        change: Tell,
        remove: Callable[[], None] | None,
        show_in_text: Callable[[], None],
    ) -> None:
        self.name, self.read, self.change, self.go = name, read, change, show_in_text
        with ui.element("div").classes("param"):
            ui.label(name).classes("param-name").props["title"] = about
            self.aside = ui.element("div").classes("aside")
            if remove is not None:
                icon(f"Remove {name}: its default holds", "close", remove)
            self.body = ui.element("div").classes("param-body")
        self.fault = ui.label().classes("fault-text")

    def tell(self, path: str, value: Any) -> None:
        self.change(f"{self.name}/{path}" if path else self.name, value)


def shape_of(value: Any, name: str = "") -> Any:
    """What a control depends on: two values of one shape can be shown by the same control."""
    if name in _LISTS:
        numbers = value if isinstance(value, list) else [value]
        return all(map(values.is_number, numbers))
    if isinstance(value, dict):
        return tuple((key, shape_of(part, key)) for key, part in value.items())
    if isinstance(value, list):
        return (len(value), all(map(values.is_number, value)))
    return NUMBER if values.is_number(value) else type(value).__name__


def parameter_field(row: Row, op: Declaration, value: Any) -> Field:
    """The control for a parameter's value."""
    spec = op.settable[row.name]
    match spec:
        case Range(static=True) if kind_of(value) == NUMBER:
            return NumberField(row.name, values.track_of(op, row.name), _whole(spec), row.tell)
        case Range(static=False):
            _kind_menu(row, spec.bounds, value)
            return _drawn_field(row, values.track_of(op, row.name), _whole(spec), value)
        case Option(values=options) | KeepBoxes(values=options):
            return ChoiceField(row.name, options, row.tell)
        case Fill():
            return _fill_field(row, value)
    return OnlyShown(row.name, row.go)


def key_field(row: Row, value: Any) -> Field:
    """The control for a key that is no parameter."""
    kind = kind_of(value)
    match row.name:
        case "p" if kind == NUMBER:
            return NumberField("p", _P, False, row.tell)
        case "n" if kind in (NUMBER, RANGE):
            return ListField("n", row.tell, one=True)
        case "weights" if isinstance(value, list) and all(map(values.is_number, value)):
            return ListField("weights", row.tell)
        case "replace":
            return SwitchField("replace", row.tell)
        case "id" if isinstance(value, str):
            return WordsField("id", row.tell)
    return OnlyShown(row.name, row.go)


def first_value(op: Declaration, name: str) -> Any:
    """What a parameter gets that is added: its example, else its default, else a valid value."""
    spec = op.settable[name]
    if name in op.example:
        return op.example[name]
    if spec.default is not REQUIRED and spec.default is not None:
        return spec.default
    if isinstance(spec, Range):
        return as_kind(None, NUMBER, spec.bounds)
    return spec.values[0] if isinstance(spec, Option | KeepBoxes) else 0


def _whole(spec: Range) -> bool:
    return isinstance(spec, Integer)


def _kind_menu(row: Row, bounds: Bounds, value: Any) -> None:
    """A choice of the distribution."""
    names = {kind: _KINDS.get(kind, kind) for kind in values.kinds(bounds)}
    _menu(row, names, kind_of(value), lambda kind: as_kind(row.read(), kind, bounds))


def _menu(row: Row, names: dict[str, str], current: str | None, make: Callable[[str], Any]) -> None:
    """A choice of how a value is written, beside its name."""

    def changed(event: Any) -> None:
        if event.value is not None and event.value != current:
            row.tell("", make(event.value))

    with row.aside:
        select = ui.select(names, value=current, on_change=changed)
    select.props("dense borderless options-dense").classes("kind")
    select.props["aria-label"] = f"Kind of {row.name}"


def _drawn_field(row: Row, track: Track, whole: bool, value: Any) -> Field:
    name, tell = row.name, row.tell
    match kind_of(value):
        case "number":
            return NumberField(name, track, whole, tell)
        case "range":
            return PairField(name, track, whole, "", tell)
        case "log_uniform" if kind_of(value["log_uniform"]) == RANGE:
            return PairField(name, track, whole, "log_uniform", tell)
        case "normal" if kind_of(value["normal"]) == RANGE:
            labels = [("normal/0", "mean"), ("normal/1", "deviation")]
            ends = [(end, end) for end in ("min", "max") if end in value]
            return PlainNumbers(name, [*labels, *ends], tell)
        case "choice" if isinstance(value["choice"], list):
            return ListField(name, tell, path="choice")
    return OnlyShown(name, row.go)


def _fill_field(row: Row, value: Any) -> Field:
    """A grey level, or a colour."""

    def make(kind: str) -> Any:
        level = row.read()
        level = level[0] if isinstance(level, list) and level else level
        return [level] * 3 if kind == _COLOUR else level

    _menu(
        row, {_GREY: _GREY, _COLOUR: _COLOUR}, _COLOUR if isinstance(value, list) else _GREY, make
    )
    if kind_of(value) == NUMBER:
        return NumberField(row.name, _LEVEL, False, row.tell)
    if isinstance(value, list) and len(value) == 3 and all(map(values.is_number, value)):
        return PlainNumbers(row.name, _CHANNELS, row.tell)
    return OnlyShown(row.name, row.go)
