"""A dialog of small images, to choose one of many."""

from __future__ import annotations

from nicegui import ui

from augreg.studio.door.guard import SMALL
from augreg.studio.elements.controls import icon
from augreg.studio.session import Session

_COUNT = 40  # images at once


class Picker:
    """The dialog; it shows the images around the one that the session shows."""

    def __init__(self, session: Session) -> None:
        self.session, self.first = session, 0
        with (
            ui.dialog().props('aria-label="Choose an image" transition-duration=0') as self.dialog,
            ui.element("div").classes("detail"),
        ):
            with ui.element("div").classes("bar"):
                self.title = ui.label().props("role=heading aria-level=2")
                icon("Earlier images", "chevron_left", lambda: self.turn(-_COUNT))
                icon("Later images", "chevron_right", lambda: self.turn(_COUNT))
                icon("Close", "close", self.dialog.close)
            self.place = ui.element("div").classes("smalls")

    def open(self) -> None:
        """Opens it."""
        self.first = self.session.view.index // _COUNT * _COUNT
        self.turn(0)
        self.dialog.open()

    def turn(self, by: int) -> None:
        """Shows other images."""
        pictures = self.session.pictures
        count = len(pictures)
        self.first = min(max(self.first + by, 0), (count - 1) // _COUNT * _COUNT)
        shown = range(self.first, min(self.first + _COUNT, count))
        self.title.set_text(f"Images {shown[0]} to {shown[-1]} of {count}, counted from 0")
        self.place.clear()
        with self.place:
            for index in shown:
                self._small(index, pictures.name(index))

    def _small(self, index: int, name: str) -> None:
        with ui.element("button").classes("small").on("click", lambda: self._choose(index), []):
            ui.element("img").props(f'src="{SMALL}{index}.jpg" alt="" loading=lazy')
            ui.label(f"{index} {name}")

    def _choose(self, index: int) -> None:
        self.session.look(index=index)
        self.dialog.close()
