"""Two policies side by side, on the same draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nicegui import ui

from augreg.errors import AugregError
from augreg.policy import Policy, find_policy, ready_names
from augreg.policy.document import read_text
from augreg.policy.loader import load_text
from augreg.studio.elements.controls import action, message
from augreg.studio.elements.framed import Framed
from augreg.studio.elements.pane import Pane
from augreg.studio.elements.pixels import Picture
from augreg.studio.latest import in_thread
from augreg.studio.panels.differences import differences
from augreg.studio.samples.batches import Key
from augreg.studio.samples.shown import Shown, key_text, picture_of, show
from augreg.studio.session import Session
from augreg.views.captions import sample_text
from augreg.views.overlay import Pixels

_FILE = "The file as it is saved"
_HOW = "A is the policy that you edit. Choose a policy B, or pin A as B and then change A."
_SAME = "No part that changes samples differs."


@dataclass(frozen=True)
class Pair:
    """A sample of A and that of B, or why there is none; and how they differ."""

    a: Picture | str
    b: Picture | str
    difference: str


def levels(a: Pixels, b: Pixels) -> str:
    """How two samples differ: the mean of absolute differences, in levels of 0 to 255."""
    if a.shape != b.shape:
        return "other size"
    mean = np.abs(a.astype(np.int16) - b.astype(np.int16)).mean()
    return f"{mean:.1f} levels" if mean else "equal"


def pairs(session: Session, a: Policy, b: Policy) -> dict[Key, Pair]:
    """The samples of a session's view by two policies; takes a while.

    Raises:
        AugregError: one of them makes no sample.
    """
    view = session.view
    made = {}
    others = show(session, b, view)
    for key, one in show(session, a, view).items():
        other = others[key]
        differs = ""
        if isinstance(one, Shown) and isinstance(other, Shown):
            differs = levels(one.sample.pixels, other.sample.pixels)
        a_shown, b_shown = (picture_of(each, view.annotations) for each in (one, other))
        made[key] = Pair(a_shown, b_shown, differs)
    return made


def compare_panel(session: Session, pane: Pane) -> None:
    """Samples in pairs, and which parts of the policies differ."""

    def pin() -> None:
        chosen.set_value(None)
        session.pair(session.text)

    with ui.element("div").classes("choose"):
        names = [_FILE, *ready_names()]
        chosen = ui.select(names, label="Policy B").props("dense outlined options-dense")
        action("Pin A as B", pin)
    status = message()
    with ui.element("div").classes("tiles").props('role=group aria-label="Pairs"') as grid:
        cells = [_Cell() for _ in range(session.view.count)]
    parts = ui.label().classes("parts").props('tabindex=0 role=region aria-label="Differences"')

    def choose(name: str | None) -> None:
        if name == _FILE:
            session.pair(session.saved)
        elif name is not None:
            session.pair(read_text(find_policy(name)))

    async def make() -> None:
        try:
            said, made, found = await in_thread(compared, session)
        except AugregError as error:
            grid.classes(add="stale")
            status.set_text(str(error))
            return
        grid.classes(remove="stale")
        for place in (grid, parts):
            place.set_visibility(bool(made))
        for cell, (key, pair) in zip(cells, made.items(), strict=False):
            cell.show(key, pair)
        for cell in cells[len(made) :]:
            cell.place.set_visibility(False)
        status.set_text(said)
        parts.set_text(found)

    chosen.on_value_change(lambda event: choose(event.value))
    pane.follow(make, session.loaded, session.looked, session.paired)


def compared(session: Session) -> tuple[str, dict[Key, Pair], str]:
    """What is compared, in words; the pairs; and the parts of the policies that differ.

    Raises:
        AugregError: B is no policy, or one of them makes no sample.
    """
    a = session.policy
    if a is None or not session.other:
        return _HOW, {}, ""
    b = load_text(session.other, "policy B")
    said = f"A: policy hash {a.hash[:12]} · B: policy hash {b.hash[:12]}, {b.name}"
    found = differences(a.source, b.source)
    return said, pairs(session, a, b), "\n".join(map(str, found)) or _SAME


class _Cell:
    """A sample of A beside that of B."""

    def __init__(self) -> None:
        with ui.element("figure").classes("tile") as self.place:
            with ui.element("div").classes("both"):
                self.a, self.b = Framed(), Framed()
            with ui.element("figcaption").classes("caption"):
                self.about, self.difference = ui.label(), ui.label()

    def show(self, key: Key, pair: Pair) -> None:
        """Shows the samples of the key."""
        self.place.set_visibility(True)
        for name, frame, picture in (("A", self.a, pair.a), ("B", self.b, pair.b)):
            frame.show(picture, f"{name}: {key_text(key)}")
        self.about.set_text(sample_text(*key[1:]))
        self.difference.set_text(pair.difference)
