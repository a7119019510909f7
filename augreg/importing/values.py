"""How the values of an imported pipeline relate to 0..1, at any point in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from augreg.importing.numbers import tidy

Channels = tuple[float, ...]  # one number, or three


@dataclass(frozen=True)
class Values:
    """Values there are `x * scale + offset`, x in 0..1; one number, or one for each channel."""

    scale: Channels
    offset: Channels = (0.0,)

    def scaled(self, by: Sequence[float]) -> Values:
        """After a multiplication."""
        scale, offset = (
            tuple(value * factor for value, factor in _paired(values, by))
            for values in (self.scale, self.offset)
        )
        return Values(scale, offset)

    def shifted(self, by: Sequence[float]) -> Values:
        """After an addition."""
        return Values(self.scale, tuple(value + term for value, term in _paired(self.offset, by)))

    @property
    def usable(self) -> bool:
        """Whether 0 and 1 are still two numbers."""
        return all(map(math.isfinite, (*self.scale, *self.offset))) and 0 not in self.scale

    def level(self, value: Any) -> float | list[float]:
        """A fill value (a number, or one for each channel) in 0..1."""
        given = value if isinstance(value, list) else [value]
        shifted = [v - o for v, o in _paired(given, self.offset)]
        levels = [tidy(v / s) for v, s in _paired(shifted, self.scale)]
        return levels[0] if len(set(levels)) == 1 else levels

    @property
    def range(self) -> tuple[float, float] | None:
        """What 0 and 1 are there; None where it differs between channels."""
        if len(set(self.scale)) > 1 or len(set(self.offset)) > 1:
            return None
        return tidy(self.offset[0]), tidy(self.offset[0] + self.scale[0])

    def output(self) -> dict[str, Any]:
        """The section `output` of a policy whose images leave with these values, as float32."""
        if self.range is not None:
            return {"range": list(self.range)}
        pairs = _paired(self.offset, self.scale)
        mean, std = [tidy(-o / s) for o, s in pairs], [tidy(1 / s) for _, s in pairs]
        return {"normalize": {"mean": mean, "std": std}}


def _paired(first: Sequence[float], second: Sequence[float]) -> list[tuple[float, float]]:
    """Numbers of both for each channel."""
    length = max(len(first), len(second))
    return list(zip(*(list(x) * (length // len(x)) for x in (first, second)), strict=True))
