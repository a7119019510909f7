"""Numbers as a policy writes them."""

from __future__ import annotations

from typing import Any


def tidy(number: float) -> float:
    """Without the last digits of float arithmetic, and whole where it can be.

    >>> tidy(-0.09999999999999998), tidy(20.0)
    (-0.1, 20)
    """
    rounded = float(f"{number:.9g}")
    return int(rounded) if rounded.is_integer() else rounded


def drawn(low: float, high: float) -> Any:
    """A uniform range, or a constant where its ends are equal.

    >>> drawn(-30.0, 30.0), drawn(5.0, 5.0)
    ([-30, 30], 5)
    """
    ends = sorted((tidy(low), tidy(high)))
    return ends[0] if ends[0] == ends[1] else ends


def scaled(ends: tuple[float, float], factor: float, offset: float = 0.0) -> Any:
    """`drawn` of `offset + factor * end`."""
    return drawn(*(offset + factor * end for end in ends))
