"""A list of the steps that can be added, with pictures; it is searched while one types."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from nicegui import background_tasks, ui

from augreg.plugin import synonyms
from augreg.plugin.registry import Registry
from augreg.studio.elements.controls import icon, message
from augreg.studio.form.catalogue import Entry, entries, matches
from augreg.studio.form.thumbnails import HEIGHT, WIDTH, picture_of
from augreg.studio.latest import in_thread


class Palette:
    """A dialog, which is filled when it is asked for first."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._add: Callable[[Any], None] = lambda node: None
        self._rows: list[tuple[Entry, ui.element, ui.element]] = []
        with ui.dialog().props('aria-label="Add step"') as self.dialog:
            self.sheet = ui.element("div").classes("palette")

    def ask(self, add: Callable[[Any], None]) -> None:
        """Opens it; `add` gets the step that is chosen."""
        self._add = add
        if not self._rows:
            with self.sheet:
                self._fill()
            background_tasks.create(self._paint())
        self.search.set_value("")
        self.dialog.open()

    def _fill(self) -> None:
        with ui.element("div").classes("palette-head"):
            self.search = ui.input(placeholder="Search: rotate, RandomHorizontalFlip, noise ...")
            self.search.props("dense outlined autofocus clearable").classes("wide")
            self.search.props["aria-label"] = "Search steps"
            self.search.on_value_change(lambda event: self._filter(event.value or ""))
            self.search.on("keydown.enter", self._choose_first, [])
            icon("Close", "close", self.dialog.close)
        self.message = message()
        with ui.element("div").classes("palette-list").props('role=list aria-label="Steps"'):
            self._rows = [self._row(entry) for entry in entries(self.registry)]

    def _row(self, entry: Entry) -> tuple[Entry, ui.element, ui.element]:
        with ui.element("div").props("role=listitem") as place:
            row = (
                ui.element("button")
                .classes("palette-row")
                .on("click", lambda: self._choose(entry), [])
            )
            with row:
                picture = ui.element("img").props(f'alt="" width={WIDTH} height={HEIGHT}')
                with ui.element("div"):
                    ui.label(entry.name).classes("card-name")
                    ui.label(entry.summary).classes("faint")
        return entry, place, picture

    def _filter(self, query: str) -> None:
        found = 0
        for entry, place, _ in self._rows:
            seen = matches(entry, query)
            place.set_visibility(seen)
            found += seen
        hint = "" if found else synonyms.pointer(query.strip()) or "No step has these words."
        self.message.set_text(hint if not found else f"{found} steps")

    def _choose_first(self) -> None:
        query = self.search.value or ""
        first = next((entry for entry, *_ in self._rows if matches(entry, query)), None)
        if first is not None:
            self._choose(first)

    def _choose(self, entry: Entry) -> None:
        self.dialog.close()
        self._add(entry.node)

    async def _paint(self) -> None:
        """Shows the pictures, one after another."""
        for entry, _, picture in self._rows:
            made = await in_thread(picture_of, entry.name)
            if made is not None:
                url = "data:image/jpeg;base64," + base64.b64encode(made).decode("ascii")
                picture.props["src"] = url
