"""Quantiles of distributions: what a draw is at a given place in its range, and the other way."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from augreg.random.distributions import (
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Normal,
    Schedule,
    Uniform,
)
from augreg.xp import NUMPY


def quantile(distribution: Distribution, q: float, dtype: str = "float32", epoch: int = 0) -> float:
    """The value that a fraction `q` of the draws do not exceed, as short as a float32 allows.

    Args:
        distribution: of a parameter. A choice is sorted by its values.
        q: 0..1.
        dtype: the parameter's; "int32" gives whole numbers.
        epoch: what a schedule is asked for.

    Raises:
        ValueError: a draw is no single number, as that of a noise's key.
    """
    found = _quantile(distribution, q, dtype == "int32", epoch)
    return found if isinstance(found, int) else float(str(np.float32(found)))


def _quantile(distribution: Distribution, q: float, whole: bool, epoch: int) -> float:
    match distribution:
        case Constant(value):
            return value
        case Choice():
            return _of_choice(distribution, q)
        case Normal(mean, std, lo, hi):
            if q in (0.0, 1.0):  # the normal's own ends are infinite
                return (lo, hi)[int(q)]
            return min(max(mean + std * NormalDist().inv_cdf(q), lo), hi)
        case LogUniform(lo, hi):
            return math.exp(math.log(lo) + q * (math.log(hi) - math.log(lo)))
        case Uniform(lo, hi):
            return _between(lo, hi, q, whole)
        case Schedule():
            ends = distribution.ends(NUMPY, "int32" if whole else "float32", np.uint32(epoch))
            return _between(float(ends[0]), float(ends[1]), q, whole)
    raise ValueError(f'"{distribution}" has no quantiles: a draw of it is no single number')


def rank(distribution: Distribution, value: float, dtype: str = "float32", epoch: int = 0) -> float:
    """The fraction of the draws, 0..1, that are at or below `value`: the inverse of `quantile`.

    Of a distribution that always gives one value it is 1 there.
    """
    low, high = 0.0, 1.0
    for _ in range(40):  # by halves: finer than the 24 bits of a draw
        middle = (low + high) / 2
        if quantile(distribution, middle, dtype, epoch) > value:
            high = middle
        else:
            low = middle
    return round(low, 6)


def _between(lo: float, hi: float, q: float, whole: bool) -> float:
    if whole:
        return int(min(lo + math.floor(q * (hi - lo + 1)), hi))
    return lo + q * (hi - lo)


def _of_choice(choice: Choice, q: float) -> float:
    total, reached = sum(choice.weights), 0.0
    pairs = sorted(zip(choice.values, choice.weights, strict=True))
    for value, weight in pairs:
        reached += weight / total
        if weight and reached >= q:
            return value
    return pairs[-1][0]
