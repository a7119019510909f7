"""The tiles: samples of the policy, as training will see them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from nicegui import background_tasks, ui

from augreg.errors import AugregError
from augreg.policy import Policy
from augreg.studio.elements.controls import message
from augreg.studio.elements.framed import Framed
from augreg.studio.elements.pane import Pane
from augreg.studio.elements.pixels import Picture
from augreg.studio.latest import in_thread
from augreg.studio.samples.batches import Key
from augreg.studio.samples.renderer import REFERENCE
from augreg.studio.samples.shown import Shown, key_text, picture_of, show
from augreg.studio.session import Session, View
from augreg.views.captions import sample_text

_OLD = "The policy has errors. These are samples of the last one without."
_COMPILES = "Compiling a program for this structure of the policy. Other numbers will need none."
_PAUSE = 0.2  # seconds


@dataclass(frozen=True)
class Made:
    """A picture for each key, or why there is none; and how long it took."""

    policy: Policy
    tiles: dict[Key, Picture | str]
    milliseconds: float
    by: str

    def __str__(self) -> str:
        samples = f"{len(self.tiles)} sample{'s' if len(self.tiles) != 1 else ''}"
        took = f"{samples} in {self.milliseconds:.0f} ms by {self.by}"
        return f"{took} · policy hash {self.policy.hash[:12]}"


def tiles_panel(session: Session, pane: Pane) -> None:
    """Nine samples, which follow the policy and the view."""
    status, client = message(), ui.context.client
    shown: Policy | None = None
    with ui.element("div").classes("tiles").props('role=group aria-label="Samples"') as grid:
        tiles = [Tile(session) for _ in range(session.view.count)]

    def say(text: str, stale: bool) -> None:
        status.set_text(text)
        grid.classes(**{"add" if stale else "remove": "stale"})

    async def make() -> None:
        nonlocal shown
        loop = asyncio.get_running_loop()

        def compiles() -> None:
            loop.call_soon_threadsafe(say, _COMPILES, session.policy is not shown)

        if session.policy is None:
            say("There is no policy without errors yet.", True)
            return
        try:
            made = await in_thread(make_tiles, session, session.policy, session.view, compiles)
        except AugregError as error:
            say(str(error), True)
            return
        for tile, (key, picture) in zip(tiles, made.tiles.items(), strict=False):
            tile.show(key, picture)
        for tile in tiles[len(made.tiles) :]:
            tile.clear()
        shown = made.policy
        say(_OLD if session.error else str(made), bool(session.error))

    def age() -> None:
        if session.error:
            say(_OLD, True)

    async def again() -> None:  # the reference made them; the kernels round some levels otherwise
        while not session.renderer.is_loaded and not client.is_deleted:
            await asyncio.sleep(_PAUSE)
        pane.ask()

    pane.follow(make, session.loaded, session.looked)
    session.edited.subscribe(age)
    if not session.renderer.is_loaded:
        background_tasks.create(again())


class Tile:
    """A sample with its key and size, or an error in its place; opens the sample in detail."""

    def __init__(self, session: Session) -> None:
        self.key: Key | None = None
        self.session = session
        self.button = ui.element("button").classes("tile").on("click", self._open, [])
        with self.button:
            self.frame = Framed()
            with ui.element("div").classes("caption"):
                self.about, self.size = ui.label(), ui.label()
        self.clear()

    def _open(self) -> None:
        if self.key is not None:
            self.session.open(self.key)

    def show(self, key: Key, picture: Picture | str) -> None:
        """Shows the sample of the key, or why there is none."""
        self.key = key
        self.button.props["aria-label"] = f"Sample: {key_text(key)}"
        self.button.props["disabled"] = False
        self.about.set_text(sample_text(*key[1:]))
        self.size.set_text(picture.size if isinstance(picture, Picture) else "")
        self.frame.show(picture)

    def clear(self) -> None:
        """Shows nothing, where there are fewer samples than tiles."""
        self.key = None
        self.button.props["aria-label"] = "No sample"
        self.button.props["disabled"] = True
        self.frame.show("")
        self.about.set_text("")
        self.size.set_text("")


def make_tiles(
    session: Session, policy: Policy, view: View, compiles: Callable[[], None] | None = None
) -> Made:
    """The tiles of a view; takes a while. compiles: called where a program is compiled first.

    Raises:
        AugregError: there is no sample of any image that can be read.
    """
    start = time.perf_counter()
    found = show(session, policy, view, compiles)
    tiles = {key: picture_of(shown, view.annotations) for key, shown in found.items()}
    makers = {shown.sample.computed_by for shown in found.values() if isinstance(shown, Shown)}
    by = "the NumPy reference" if REFERENCE in makers else "training's kernels"
    return Made(policy, tiles, (time.perf_counter() - start) * 1000, by)
