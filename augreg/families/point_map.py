"""Where a stage takes points, and where masks read: one map for boxes, keypoints and masks.

A map moves a point exactly, by the inverse of what its pixels are read with. That is worked out in
float64, because [B,N,2] is tiny and the inverse should be that of the very matrix of the pixels.
Where a fill repeats the image (reflect, wrap), the point goes with the image itself, not with one
of the copies, and may leave the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from augreg.families.stage import Size
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class PointMap:
    """Where a stage takes the points of its input.

    `q = matrix @ (point - start, 1)`, then `end + (q.x, q.y) / q.w`.

    Attributes:
        matrix: float64 [B,3,3].
        start, end: float64 [B,2]; B may be 1.
        source: `source()` gives (x, y, inside): int32 [B,h,w] pixels of the input that a mask's
            pixels come from, and bool [B,h,w], which of them exist (None: all).
        window: float64 [B,4], the edges of the part of the input that is kept; None: all of it.
        front: float64 [B,n,3], rows that are above 0 at `q` where no horizon lies between.
    """

    matrix: Array
    start: Array
    end: Array
    source: Callable[[], tuple[Array, Array, Array | None]]
    window: Array | None = None
    front: Array | None = None


def grid(xp: Namespace, size: Size, dtype: str) -> tuple[Array, Array]:
    """x [1,1,W] and y [1,H,1] of every pixel."""
    x = xp.reshape(xp.arange(size[1]), (1, 1, -1))
    y = xp.reshape(xp.arange(size[0]), (1, -1, 1))
    return xp.cast(x, dtype), xp.cast(y, dtype)


def centre(xp: Namespace, size: Size) -> tuple[Array, Array]:
    """float64 scalars: x and y of the image's centre."""
    height, width = (xp.cast(xp.array(side, "int32"), "float64") for side in size)
    one, half = xp.array(1.0, "float64"), xp.array(0.5, "float64")
    return (width - one) * half, (height - one) * half


def column(xp: Namespace, vector: Array) -> Array:
    """[B,1,1] of a vector [B]."""
    return xp.reshape(vector, (-1, 1, 1))


def homogeneous(xp: Namespace, linear: Array) -> Array:
    """[B,3,3] of a linear part [B,2,2] without a shift."""
    shift = xp.zeros_like(linear[:, :, :1])
    top = xp.concat([linear, shift], axis=2)
    last = xp.zeros_like(top[:, :1, :]) + xp.array([[[0.0, 0.0, 1.0]]], "float64")
    return xp.concat([top, last], axis=1)


def inverse(xp: Namespace, m: Array) -> Array:
    """The inverse [B,3,3] up to a positive factor per matrix, by cofactors; float64."""

    def minor(i: int, j: int) -> Array:
        a, b = (i + 1) % 3, (i + 2) % 3
        c, d = (j + 1) % 3, (j + 2) % 3
        return m[:, a, c] * m[:, b, d] - m[:, a, d] * m[:, b, c]

    rows = [xp.stack([minor(j, i) for j in range(3)], axis=-1) for i in range(3)]
    adjugate = xp.stack(rows, axis=-2)
    determinant = m[:, 0, 0] * minor(0, 0) + m[:, 0, 1] * minor(0, 1) + m[:, 0, 2] * minor(0, 2)
    return adjugate / xp.reshape(determinant, (-1, 1, 1))
