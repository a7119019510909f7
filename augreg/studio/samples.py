"""The samples that a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from augreg.backends.reference import augment
from augreg.errors import AugregError
from augreg.lower.sampled import Drawn, drawn_values
from augreg.plan import plan
from augreg.policy import Output, Policy
from augreg.views.overlay import Pixels
from augreg.views.photos import Photo

Key = tuple[int, int, int]


@dataclass(frozen=True)
class Sample:
    """One sample: its key (seed, epoch, index), and what the policy made of the image there."""

    key: Key
    pixels: Pixels
    parts: dict[str, Any] = field(default_factory=dict)
    drawn: Drawn = field(default_factory=dict)
    error: AugregError | None = None


class Renderer:
    """Makes samples."""

    def samples(self, policy: Policy, photos: Sequence[Photo], keys: Sequence[Key]) -> list[Sample]:
        """A sample of each photo, one each for its key."""
        shown = replace(policy, output=Output("uint8", (255.0,), (0.0,)))
        made = []
        for photo, (seed, epoch, index) in zip(photos, keys, strict=True):
            pixels = augment(photo.pixels, shown, seed=seed, index=[index], epoch=epoch)
            planned = plan(shown, size=photo.pixels.shape[:2])
            drawn = drawn_values(planned, seed, epoch, index)
            made.append(Sample((seed, epoch, index), pixels, {}, drawn))
        return made
