"""What the stages of a policy cost on this machine, and what they do to samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from nicegui import ui

from augreg.errors import AugregError
from augreg.policy import Policy
from augreg.studio.batches import Key
from augreg.studio.controls import action
from augreg.studio.latest import in_thread
from augreg.studio.pane import Pane
from augreg.studio.panels.board import Board
from augreg.studio.panels.chosen import chosen_key, sample_of
from augreg.studio.panels.stages import stage_rows, table
from augreg.studio.session import Session
from augreg.studio.shown import keys_of
from augreg.views.captions import size_text
from augreg.views.effects import StageEffect, effects
from augreg.views.explain import Explanation, explain
from augreg.views.overlay import Pixels
from augreg.views.photos import Photo
from augreg.views.timing import StageTime, stage_times

_COPIES, _ROOM = 12, 4_000_000  # images that are timed at once; pixels that they have together
_ALONE = (
    "Each stage is timed alone, reading and writing memory, which stages in a row save: their sum "
    "is more than the policy costs."
)


@dataclass(frozen=True)
class Costs:
    """What is known about a policy: its plan for the first image, and what it did to samples.

    Attributes:
        count: of the samples that `effects` are of.
        times: of its first stages, as far as they were measured.
    """

    policy: Policy
    image: Pixels
    explained: Explanation
    effects: Sequence[StageEffect]
    count: int
    times: list[StageTime] = field(default_factory=list)

    @classmethod
    def of(cls, session: Session, policy: Policy) -> Costs:
        """Those of a view's samples, without times; takes a while.

        Raises:
            AugregError: no image can be read, or the policy can't work on one.
        """
        found = _readable(session, keys_of(session.view, len(session.pictures)))
        samples = [sample_of(policy, photo, key) for key, photo in found]
        image = found[0][1].pixels
        size = image.shape[0], image.shape[1]
        explained = explain(policy, size=size, channels=image.shape[2])
        return cls(policy, image, explained, effects(policy, samples), len(samples))

    @property
    def batch(self) -> Any:
        """Copies of the image, uint8 [B,H,W,C]: a dozen, or fewer large ones."""
        count = max(1, min(_COPIES, _ROOM // (self.image.shape[0] * self.image.shape[1])))
        return np.repeat(self.image[None], count, axis=0)

    def html(self) -> str:
        """The table."""
        return table(stage_rows(self.explained.stages, self.effects, self.times))


def _readable(session: Session, keys: Sequence[Key]) -> list[tuple[Key, Photo]]:
    """The images of samples that can be read.

    Raises:
        AugregError: none can.
    """
    found, faults = list[tuple[Key, Photo]](), list[AugregError]()
    for key in keys:
        try:
            found.append((key, session.pictures.photo(key[2])))
        except AugregError as error:
            faults.append(error)
    if not found:
        raise faults[0]
    return found


def costs_panel(session: Session, pane: Pane) -> None:
    """A table of stages, and a button that times them one by one."""
    with ui.element("div").classes("choose"):
        button = action("Measure times", lambda: measure())
    board = Board(session, pane, "Stages of the policy")
    with board.place.classes("costs"):
        shown = ui.html(sanitize=False).classes("draws")
        notes = ui.label().classes("notes")
    known: list[Costs] = []

    async def make(policy: Policy) -> str:
        costs = await in_thread(Costs.of, session, policy)
        if known and known[0].policy is policy and known[0].image is costs.image:
            costs.times.extend(known[0].times)
        known[:] = [costs]
        shown.set_content(costs.html())
        notes.set_text("\n".join((*costs.explained.costs, _ALONE)))
        samples = f"{costs.count} sample{'s' if costs.count != 1 else ''}"
        return f"{size_text(costs.image)} images; filled and clipped are means of {samples}"

    async def measure() -> None:
        if not known or session.error:
            return
        costs, batch, key = known[0], known[0].batch, chosen_key(session)
        costs.times.clear()
        button.disable()
        try:
            times = await in_thread(stage_times, costs.policy, batch)
            board.say(_progress(costs))
            async for time in board.arriving(times, costs.policy, key):
                costs.times.append(time)
                shown.set_content(costs.html())
                board.say(_progress(costs))
        except AugregError as error:
            board.say(str(error))
        else:
            board.say(_measured(costs, len(batch)))
        finally:
            button.enable()

    board.follow(make)


def _progress(costs: Costs) -> str:
    total = len(costs.explained.stages)
    return f"Compiling and timing stage {min(len(costs.times) + 1, total)} of {total}"


def _measured(costs: Costs, copies: int) -> str:
    """How the times were measured, or that they are not all there."""
    if len(costs.times) < len(costs.explained.stages):
        return "The policy or the sample is another one now: times of some stages are missing"
    images = f"{copies} copies of the image of {size_text(costs.image)}"
    return f"Median times on this machine's CPU, {images} at once"
