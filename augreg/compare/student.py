"""Paired differences over a few seeds, and their confidence interval by Student's t."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEW_SEEDS = 3


@dataclass(frozen=True)
class Paired:
    """Differences of pairs of runs, each of one seed.

    Attributes:
        differences: of each seed, in accuracy, -1 to 1.
        mean: of them.
        interval: the 95 % confidence interval of the mean, if the differences are normally
            distributed; None for a single seed.
    """

    differences: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None

    @property
    def shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]

    @property
    def verdict(self) -> str:
        """What the interval says, in words."""
        if self.interval is None:
            return "one seed: no interval"
        if not self.shown:
            return "no difference shown"
        return "higher" if self.mean > 0 else "lower"


def paired(values: Sequence[float], reference: Sequence[float]) -> Paired:
    """The differences to a reference, value by value, and the interval of their mean.

    The interval is mean ± t * s / sqrt(n), of n differences with the standard deviation s, and t of
    n - 1 degrees of freedom.
    """
    differences = tuple(a - b for a, b in zip(values, reference, strict=True))
    count, mean = len(differences), statistics.fmean(differences)
    if count < 2:
        return Paired(differences, mean, None)
    half = quantile(CONFIDENCE, count - 1) * statistics.stdev(differences) / math.sqrt(count)
    return Paired(differences, mean, (mean - half, mean + half))


def quantile(confidence: float, freedom: int) -> float:
    """The t that |T| is below with this probability, for Student's t distribution.

    Args:
        confidence: 0 to 1, both excluded.
        freedom: degrees of freedom, 1 or more.

    >>> round(quantile(0.95, 4), 3)
    2.776
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # halves the angle's interval, to the last bits of a float
        middle = (low + high) / 2
        if _within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """The probability of |T| < tan(angle) * sqrt(freedom).

    Abramowitz and Stegun, 26.7.3 and 26.7.4: https://personal.math.ubc.ca/~cbm/aands/page_948.htm
    """
    square, odd = math.cos(angle) ** 2, freedom % 2
    term, total = 1.0, 0.0
    for k in range(freedom // 2):
        total += term
        term *= square * (2 * k + 1 + odd) / (2 * k + 2 + odd)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * math.cos(angle) * total)
    return math.sin(angle) * total
