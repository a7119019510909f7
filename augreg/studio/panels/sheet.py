"""Each step alone, at the ends and the middle of its ranges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from nicegui import ui

from augreg.policy import Policy
from augreg.studio.editing import Editing
from augreg.studio.elements.pane import Pane
from augreg.studio.elements.pixels import Picture
from augreg.studio.latest import in_thread
from augreg.studio.panels.board import Board
from augreg.studio.panels.cell import Cell, small, step_button
from augreg.studio.samples.chosen import chosen_key, sample_of
from augreg.studio.samples.shown import key_text
from augreg.studio.session import Session
from augreg.views.captions import size_text, values_text
from augreg.views.sheet import Row, sheet_rows

_ALWAYS = "always the same"  # of a step without ranges


@dataclass(frozen=True)
class Pictured:
    """A row with its pictures: before the step, and of each cell, or why there is none."""

    row: Row
    before: Picture
    cells: tuple[Picture | str, ...]

    @classmethod
    def of(cls, row: Row) -> Pictured:
        """Encodes a row's images."""
        cells = (cell.error if cell.pixels is None else small(cell.pixels) for cell in row.cells)
        return cls(row, small(row.before), tuple(cells))

    @property
    def shape(self) -> tuple[str, ...]:
        """What its elements on the page are made for."""
        return self.row.pointer, self.row.op, *(cell.label for cell in self.row.cells)


def sheet_panel(session: Session, pane: Pane) -> None:
    """A row for each step: what it makes of the chosen sample's image."""
    board = Board(session, pane, "Each step at 5, 50 and 95 % of its ranges")
    board.place.classes("sheet")
    editing, rows = Editing(session), list[_Row]()

    def put(number: int, made: Pictured) -> None:
        if number == len(rows) or rows[number].shape != made.shape:
            cut(number)
            with board.place:
                rows.append(_Row(editing, made))
        rows[number].show(made)

    def cut(length: int) -> None:
        for row in rows[length:]:
            row.place.delete()
        del rows[length:]

    async def make(policy: Policy) -> str:
        key, number = chosen_key(session), 0
        photo = await in_thread(session.pictures.photo, key[2])
        sample = await in_thread(sample_of, policy, photo, key)
        rows_of = map(Pictured.of, sheet_rows(policy, sample))
        async for made in board.arriving(rows_of, policy, key):
            put(number, made)
            number += 1
        cut(number)
        return f"Each step alone and always done; places and noise by {key_text(key)}"

    board.follow(make)


class _Row:
    """A step, the image before it, and its cells."""

    def __init__(self, editing: Editing, made: Pictured) -> None:
        row, self.shape = made.row, made.shape
        with ui.element("div").classes("sheet-row").props("role=group") as self.place:
            self.place.props["aria-label"] = f"{row.op} at {row.pointer}"
            with ui.element("div").classes("sheet-head"):
                step_button(editing, row.pointer, row.op)
                ui.label(row.pointer).classes("faint")
            self.before = Cell(partial(ui.label, "before"))
            self.cells = [Cell(partial(ui.label, cell.label or _ALWAYS)) for cell in row.cells]

    def show(self, made: Pictured) -> None:
        """Shows a row of the same shape."""
        row = made.row
        self.before.show(made.before, f"before {row.op}", size_text(row.before))
        for place, cell, picture in zip(self.cells, row.cells, made.cells, strict=True):
            size = "" if cell.pixels is None else size_text(cell.pixels)
            name = f"{row.op}: {cell.label or _ALWAYS}"
            place.show(picture, name, values_text(cell.values), size)
