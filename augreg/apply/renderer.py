"""From an image's file to an output's bytes and its line in the manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augreg.annotations.asked import check_asks_nothing
from augreg.apply.encoding import PNG, Encoding
from augreg.apply.journal import ManifestLine
from augreg.apply.recent import Recent
from augreg.apply.store import Store
from augreg.checks import sample_key
from augreg.errors import ImageError, OpError, PolicyError
from augreg.families import StaticSize
from augreg.images import MAX_PIXELS, ImageInfo, inspect, one_line
from augreg.lower.sampled import Drawn, values_of
from augreg.plan import SECTIONS, Plan, plan
from augreg.plan.planner import same_for_all
from augreg.policy import Policy

if TYPE_CHECKING:
    from augreg.apply.transcode import Transcoder

_LONGEST_NAME = 255  # bytes, on practically every file system
_RECENT = 4  # images; copies are asked for one after another
_KEPT = 2  # transcoders


@dataclass(frozen=True)
class Task:
    """One copy of one image.

    name: its path relative to the input, with slashes. original: the photograph it was made from,
    where an earlier run made it. suffix: what the output's name ends with. target: what it begins
    with, where that is not `name`.
    """

    path: Path | Store
    name: str
    index: int
    epoch: int
    copy: int
    original: str = ""
    suffix: str = PNG.suffix
    target: str = ""

    @property
    def output(self) -> str:
        """The output's path: the whole name is kept, so a.jpg beside a.png gives two."""
        return f"{self.target or self.name}.{self.copy}{self.suffix}"


@dataclass(frozen=True)
class Made:
    """An output that is ready to be written. `notes`: what decoding dropped."""

    contents: bytes
    line: ManifestLine
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """What all copies of an image begin with. `image`: uint8 [H,W,C]; see `_sections`."""

    sha256: str
    info: ImageInfo
    image: Any


class Renderer:
    """Makes outputs under one policy and seed; several threads may call it.

    Pixels come through `augreg.map_fn`, as in training. What all copies of an image have in common
    is done once for those that are made one after another or at a time. Only the policy's `output`
    is replaced, by uint8 0..255, because that is what a file holds: it shows what training sees
    before its values are scaled or normalized.

    Raises:
        PolicyError: the policy can't work on images whose size is not known.
    """

    def __init__(
        self,
        policy: Policy,
        seed: int,
        max_pixels: int = MAX_PIXELS,
        encoding: Encoding = PNG,
    ) -> None:
        from augreg.backends.tensorflow.debug import wanted

        check_asks_nothing(policy)
        self.policy, self.seed, self.max_pixels = policy, seed, max_pixels
        self._transcoder = _transcoder(policy, seed, encoding, wanted(None))
        self._plans: dict[tuple[tuple[str, ...], StaticSize, int], Plan] = {}
        self._recent = Recent(self._open, _RECENT)

    def drawn(self, tasks: Sequence[Task]) -> list[Drawn]:
        """What is drawn for outputs: for some together, in a fifth of the time of each alone."""
        epochs, places = ([getattr(task, name) for task in tasks] for name in ("epoch", "index"))
        return values_of(self.policy, sample_key(self.seed, epochs, places), {})

    def open(self, task: Task) -> Opened:
        """The image of a task, read and decoded. Raises as `make`."""
        return self._recent((task.path, task.name))

    def make(self, task: Task, drawn: Drawn | None = None, opened: Opened | None = None) -> Made:
        """One output. Raises `ImageError` and `PolicyError` for images that can't be used.

        Args:
            drawn, opened: what `drawn` and `open` give for it, where that is at hand.
        """
        shown = one_line(task.name)
        if len(os.fsencode(task.output.rpartition("/")[2])) > _LONGEST_NAME:
            raise ImageError(
                f"{shown}: the name is too long to add .{task.copy}{task.suffix}; shorten it"
            )
        opened = opened or self.open(task)
        made = self._transcoder.make(opened.image, shown, task.index, task.epoch)
        line = ManifestLine(
            source=task.name,
            source_sha256=opened.sha256,
            index=task.index,
            epoch=task.epoch,
            seed=self.seed,
            copy=task.copy,
            policy=self.policy.hash,
            drawn=self.drawn([task])[0] if drawn is None else drawn,
            sha256=hashlib.sha256(made).hexdigest(),
            output=task.output,
            original=task.original,
        )
        return Made(made, line, opened.info.notes)

    def _open(self, image: tuple[Path | Store, str]) -> Opened:
        path, shown = image[0], one_line(image[1])
        try:
            contents = path.read_bytes()
        except OSError as error:
            raise ImageError(f"{shown}: can't be read: {error.strerror}") from error
        info = inspect(contents, shown, self.max_pixels)
        self._check(info, shown)
        prepared = self._transcoder.open(contents, shown)
        return Opened(hashlib.sha256(contents).hexdigest(), info, prepared)

    def _check(self, info: ImageInfo, shown: str) -> None:
        """Refuses, before a pixel is read, an image of a size that the policy can't work at."""
        first, *rest = SECTIONS
        try:
            prepared = self._plan((first,), info.shape, 3)
            self._plan(tuple(rest), prepared.size_out, prepared.channels_out)
        except PolicyError as error:
            raise self.policy.error(f"{shown}: {error.message}", error.pointer) from error
        except OpError as error:  # an op that fails at this size
            raise ImageError(f"{shown}: {error}") from error

    def _plan(self, sections: tuple[str, ...], size: StaticSize, channels: int) -> Plan:
        """Kept: what follows `prepare` is mostly the same for images of all sizes."""
        wanted = sections, size, channels
        if wanted not in self._plans:
            self._plans[wanted] = plan(self.policy, sections=sections, size=size, channels=channels)
        return self._plans[wanted]


@lru_cache(_KEPT)
def _transcoder(policy: Policy, seed: int, encoding: Encoding, debug: bool) -> Transcoder:
    """Kept for whoever wants the same next: a replay of line after line traces it once."""
    from augreg.apply.transcode import Transcoder
    from augreg.dataset import map_fn

    def part(sections: tuple[str, ...]) -> Any:
        return map_fn(policy.as_bytes(), seed=seed, sections=sections, debug=debug)

    shared, rest = _sections(policy)
    return Transcoder(part(shared) if shared else None, part(rest), encoding)


def _sections(policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that come out alike for all copies of an image, and those that each has its own way.

    `prepare` is among these where it draws, as a random crop for training does.
    """
    first, *rest = SECTIONS
    return ((first,), tuple(rest)) if same_for_all(policy.prepare_train) else ((), SECTIONS)
