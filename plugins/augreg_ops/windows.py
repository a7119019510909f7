"""Where a window that is to keep boxes may lie, along one axis."""

from __future__ import annotations

from typing import Any

Array = Any
Span = tuple[Array, Array]


def span_of(keep: Array, axis: int) -> Span:
    """float32 [B] twice: where what is kept begins and ends.

    keep: float32 [B,4], as `augreg.KeepBoxes` gives it. axis: 0 for x, 1 for y.
    """
    return keep[:, axis], keep[:, axis + 2]


def starts_of(xp: Any, free: Array, length: Any, span: Span | None) -> Span:
    """float32: the first and the last place, of 0 to `free`, where a window of `length` may begin.

    It holds the span, or lies within it where it is the shorter.
    """
    if span is None:
        return xp.zeros_like(free), free
    first, last = span[0], span[1] - length
    low, high = xp.minimum(first, last), xp.maximum(first, last)
    return xp.clip(low, 0.0, free), xp.clip(high, 0.0, free)


def drawn_start(xp: Any, u: Array, starts: Span) -> Array:
    """float32 [B]: one of them, all alike; u in [0, 1)."""
    low, high = starts
    return low + xp.floor(u * (high - low + 1.0))
