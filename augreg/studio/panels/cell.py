"""Small images with words below them, as the panels show many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from nicegui import ui

from augreg.studio.editing import Editing
from augreg.studio.elements.framed import Framed
from augreg.studio.elements.pixels import Picture
from augreg.views.overlay import Pixels, as_image, draw

_SIDE = 320  # pixels: about twice what a cell shows


def small(
    pixels: Pixels, parts: Mapping[str, Any] | None = None, names: Sequence[str] = ()
) -> Picture:
    """An image, with what belongs to it drawn; a large one is reduced by a whole number."""
    drawn = draw({"images": pixels, **(parts or {})}, names)
    by = max(drawn.shape[:2]) // _SIDE
    if by > 1:
        image = as_image(drawn).reduce(by)
        drawn = np.asarray(image).reshape(image.height, image.width, -1)
    return Picture.of(drawn)


class Cell:
    """An image with a title, and lines of what is to be said about it."""

    def __init__(self, title: Callable[[], Any]) -> None:
        with ui.element("figure").classes("cell") as self.place:
            self.frame = Framed()
            with ui.element("figcaption"):
                title()
                self.words = ui.label().classes("words-below")

    def show(self, picture: Picture | str, name: str, *words: str) -> None:
        """Shows an image of this name, or why there is none."""
        self.frame.show(picture, name)
        self.words.set_text("\n".join(word for word in words if word))


def step_button(editing: Editing, pointer: str, op: str) -> None:
    """Adds the name of a step, which shows its place in the text."""
    where = pointer.partition("#")[0]
    button = ui.element("button").classes("step-name").on("click", lambda: editing.show(where), [])
    button.props["title"] = f"{pointer}: show it in the text"
    button.props["aria-label"] = f"Show {op} at {pointer} in the text"
    with button:
        ui.label(op)
