"""Where a stage takes points, and where masks read: one map for boxes, keypoints and masks.

`annotations.points` moves them, and says how exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from augreg.xp import Array


@dataclass(frozen=True)
class PointMap:
    """Where a stage takes the points of its input.

    `q = matrix @ (point - start, 1)`, then `end + (q.x, q.y) / q.w`, then `then`.

    Attributes:
        matrix: float64 [B,3,3].
        start, end: float64 [B,2]; B may be 1.
        source: `source()` gives (x, y, inside): int32 [B,h,w] pixels of the input that a mask's
            pixels come from, and bool [B,h,w], which of them exist (None: all).
        window: float64 [B,4], the edges of the part of the input that is kept; None: all of it.
        front: float64 [B,n,3], rows that are above 0 at `q` where no horizon lies between.
        then: points, float64 [B,N,2], to where a map takes them that bends lines; None: none does.
        before: the inverse of `then`.
    """

    matrix: Array
    start: Array
    end: Array
    source: Callable[[], tuple[Array, Array, Array | None]]
    window: Array | None = None
    front: Array | None = None
    then: Callable[[Array], Array] | None = None
    before: Callable[[Array], Array] | None = None
