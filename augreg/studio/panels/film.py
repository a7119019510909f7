"""One sample after each step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from nicegui import ui

from augreg.annotations.mixing import mixing_steps
from augreg.policy import Policy
from augreg.studio.editing import Editing
from augreg.studio.elements.pane import Pane
from augreg.studio.elements.pixels import Picture
from augreg.studio.latest import in_thread
from augreg.studio.panels.board import Board
from augreg.studio.panels.cell import Cell, small, step_button
from augreg.studio.panels.strip import Bracket, brackets, said_of
from augreg.studio.samples.batches import Key
from augreg.studio.samples.chosen import chosen_key, sample_of
from augreg.studio.samples.shown import key_text
from augreg.studio.session import Session
from augreg.views.captions import size_text
from augreg.views.filmstrip import filmstrip

_MIXES = "; steps that mix samples have none but this one here"


@dataclass(frozen=True)
class Film:
    """A filmstrip, with its pictures: of the image, and of each frame by its pointer."""

    image: tuple[Picture, str]
    brackets: list[Bracket]
    pictures: dict[str, Picture]


def make_film(session: Session, policy: Policy, key: Key) -> Film:
    """The filmstrip of a sample, with annotations drawn where the view wants them; takes a while.

    Raises:
        AugregError: the image can't be read, or the policy can't work on it.
    """
    photo, drawn = session.pictures.photo(key[2]), session.view.annotations
    sample = sample_of(policy, photo, key)
    film = filmstrip(policy, sample)
    parts = {name: part for name, part in sample.element.items() if name != "images"}
    image = small(film.before, parts if drawn else None, photo.drawn.names)
    pictures = {
        frame.pointer: small(frame.pixels, frame.annotations if drawn else None, photo.drawn.names)
        for frame in film.frames
    }
    return Film((image, size_text(film.before)), brackets(film.frames), pictures)


def film_panel(session: Session, pane: Pane) -> None:
    """The chosen sample after each of its steps."""
    board = Board(session, pane, "Sample after each step")
    strip = _Strip(board.place, Editing(session))

    async def make(policy: Policy) -> str:
        key = chosen_key(session)
        film = await in_thread(make_film, session, policy, key)
        strip.show(film)
        mixes = _MIXES if mixing_steps(policy) else ""
        return f"{key_text(key)}, after each step, by the NumPy reference{mixes}"

    board.follow(make, session.opened)


class _Strip:
    """The image and its frames; their elements stay as long as the steps do."""

    def __init__(self, place: ui.element, editing: Editing) -> None:
        self.place, self.editing = place.classes("strip"), editing
        self._shape: list[tuple[str, ...]] | None = None
        self._cells: dict[str, Cell] = {}

    def show(self, film: Film) -> None:
        """Shows a filmstrip."""
        shape = [bracket.shape for bracket in film.brackets]
        if shape != self._shape:
            self._shape = shape
            self._build(film.brackets)
        self.image.show(film.image[0], "image", film.image[1])
        for frame in (frame for bracket in film.brackets for frame in bracket.frames):
            cell, name = self._cells[frame.pointer], f"after {frame.op} at {frame.pointer}"
            cell.show(film.pictures[frame.pointer], name, said_of(frame), size_text(frame.pixels))
            cell.place.classes(**{"add" if frame.left_out else "remove": "out"})

    def _build(self, found: list[Bracket]) -> None:
        self.place.clear()
        self._cells.clear()
        with self.place:
            with ui.element("div").classes("bracket"):
                self.image = Cell(partial(ui.label, "image"))
            for bracket in found:
                with ui.element("div").classes("bracket") as place:
                    if bracket.note:
                        place.classes("noted").props("role=group")
                        place.props["aria-label"] = bracket.note
                        ui.label(bracket.note).classes("note")
                    for frame in bracket.frames:
                        title = partial(step_button, self.editing, frame.pointer, frame.op)
                        self._cells[frame.pointer] = Cell(title)
