"""Controls that look alike, each with a name that screen readers say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

LARGEST = 2**32 - 1  # of a seed, an epoch and an index


def action(name: str, act: Callable[[], Any]) -> ui.button:
    """A button with its name on it."""
    return ui.button(name, on_click=act, color=None).props("flat dense no-caps").classes("action")


def icon(name: str, picture: str, act: Callable[[], Any]) -> ui.button:
    """A button with a picture (https://fonts.google.com/icons), whose name is said and hovers."""
    button = ui.button(icon=picture, on_click=act, color=None).props("flat dense")
    return named(button, name).classes("icon")


def named(button: ui.button, name: str) -> ui.button:
    """Names a button whose text doesn't say what it does."""
    button.props["aria-label"] = button.props["title"] = name
    return button


def whole(name: str, value: int, most: int, act: Callable[[int], Any]) -> ui.number:
    """A field for a whole number from 0 to `most`; what is none is not passed on."""

    def changed(given: Any) -> None:
        number = given.value
        if number is not None and number == int(number) and 0 <= number <= most:
            act(int(number))

    field = ui.number(name, value=value, min=0, max=most, step=1, format="%d", on_change=changed)
    return field.props("dense outlined debounce=100 hide-bottom-space").classes("whole")


def message(role: str = "status") -> ui.label:
    """A line that is kept free for a message, which screen readers say when it comes.

    Args:
        role: "status", or "alert" for what is wrong.
    """
    return ui.label().classes(f"message {role}").props(f"role={role}")
