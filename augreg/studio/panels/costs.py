"""What the stages of a policy cost on this machine, and what they do to samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from nicegui import ui

from augreg.errors import AugregError
from augreg.policy import Policy
from augreg.studio.elements.controls import action
from augreg.studio.elements.pane import Pane
from augreg.studio.latest import in_thread
from augreg.studio.panels.board import Board
from augreg.studio.panels.stages import stage_rows, table
from augreg.studio.samples.batches import Key
from augreg.studio.samples.chosen import chosen_key, sample_of
from augreg.studio.samples.shown import keys_of
from augreg.studio.session import Session
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
    _Panel(session, pane)


class _Panel:
    """What is known of the policy, and the page's elements for it."""

    def __init__(self, session: Session, pane: Pane) -> None:
        self.session = session
        self.costs: Costs | None = None
        with ui.element("div").classes("choose"):
            self.button = action("Measure times", self.measure)
            self.button.disable()  # until it is known what to measure
        self.board = Board(session, pane, "Stages of the policy")
        with self.board.place.classes("costs"):
            self.table = ui.html(sanitize=False).classes("draws")
            self.notes = ui.label().classes("notes")
        self.measuring = False
        self.board.follow(self.make)

    async def make(self, policy: Policy) -> str:
        """Shows the stages and what they do; and their times, where the same were measured."""
        costs, last = await in_thread(Costs.of, self.session, policy), self.costs
        if last is not None and last.policy is policy and last.image is costs.image:
            costs.times.extend(last.times)
        self.costs = costs
        self.button.set_enabled(not self.measuring)
        self.table.set_content(costs.html())
        self.notes.set_text("\n".join((*costs.explained.costs, _ALONE)))
        samples = f"{costs.count} sample{'s' if costs.count != 1 else ''}"
        return f"{size_text(costs.image)} images; filled and clipped are means of {samples}"

    async def measure(self) -> None:
        """Times the stages, as long as the same policy and sample are shown."""
        costs, key = self.costs, chosen_key(self.session)
        if costs is None or self.measuring:
            return
        self.measuring = True
        self.button.disable()
        costs.times.clear()
        batch = costs.batch
        try:
            times = await in_thread(stage_times, costs.policy, batch)
            self.board.say(_progress(costs))
            async for time in self.board.arriving(times, costs.policy, key):
                costs.times.append(time)
                self.table.set_content(costs.html())
                self.board.say(_progress(costs))
        except AugregError as error:
            self.board.say(str(error))
        else:
            self.board.say(_measured(costs, len(batch)))
        finally:
            self.measuring = False
            self.button.enable()


def _progress(costs: Costs) -> str:
    total = len(costs.explained.stages)
    return f"Compiling and timing stage {min(len(costs.times) + 1, total)} of {total}"


def _measured(costs: Costs, copies: int) -> str:
    """How the times were measured, or that they are not all there."""
    if len(costs.times) < len(costs.explained.stages):
        return "The policy or the sample is another one now: times of some stages are missing"
    images = f"{copies} copies of the image of {size_text(costs.image)}"
    return f"Median times on this machine's CPU, {images} at once"
