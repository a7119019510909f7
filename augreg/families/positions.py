"""Where a resample reads: source positions of output pixels, over `xp`.

Pixels and masks ask the same functions, so that both read the same place to the last bit. What lies
outside is folded back first, and the position rounded then: at half pixels the other order gives
other pixels (scipy's `order=0` folds first, too).
"""

from __future__ import annotations

from typing import Any

from augreg.families.stage import Size
from augreg.xp import Array, Namespace

# A position this little below a half is a half: zooms by 1.5 and 0.75 put every third pixel or more
# there, where a float's last bit would take pixels and masks, or two backends, to other pixels.
TIE = 2.0**-12
HORIZON = 2.0**-3  # depths below are read as if they were this


def source(xp: Namespace, matrix: Array, size_in: Size, size: Size) -> tuple[Array, Array]:
    """Positions x and y, float32 [B,H,W], of every output pixel.

    matrix: float32 [B,2,3], centred, output→input; or [B,3+n,3] of a projection, whose rows after
    the third are above 0 where nothing on the way lies behind a horizon.
    """
    matrix = xp.array(matrix)
    (cy_in, cx_in), (cy, cx) = ([_middle(xp, side) for side in sides] for sides in (size_in, size))
    x = xp.cast(xp.reshape(xp.arange(size[1]), (1, 1, -1)), "float32") - cx
    y = xp.cast(xp.reshape(xp.arange(size[0]), (1, -1, 1)), "float32") - cy

    every = [xp.split(row, 2) for row in xp.split(matrix, 1)]

    def at(row: int, centre: Any) -> Array:
        a, b, c = every[row]
        return a * x + (b * y + (c + centre))

    if (rows := len(every)) == 2:
        return at(0, cx_in), at(1, cy_in)
    zero, horizon = xp.array(0.0), xp.array(HORIZON)
    depth = xp.maximum(at(2, zero), horizon)
    for row in range(3, rows):
        depth = xp.where(at(row, zero) > zero, depth, horizon)
    once = xp.array(1.0) / depth
    return at(0, zero) * once + cx_in, at(1, zero) * once + cy_in


def reflect(xp: Namespace, position: Array, side: Any) -> Array:
    """dcba|abcd|dcba as a triangle wave, clamped to the outermost centres, where it is flat."""
    n, half = xp.cast(xp.array(side, "int32"), "float32"), xp.array(0.5)
    period = n + n
    v = position + half
    v = v - period * xp.floor(v * (xp.array(1.0) / period))
    return xp.clip(xp.minimum(v, period - v) - half, xp.array(0.0), n - xp.array(1.0))


def nearest(xp: Namespace, position: Array, side: Any, fill: str) -> tuple[Array, Array | None]:
    """int32: the pixel along an axis that a position is nearest to, the upper one of two (`TIE`).

    With it, bool: whether there is such a pixel. None: there always is, because of the fill.
    """
    count = xp.array(side, "int32")
    n, zero, half = xp.cast(count, "float32"), xp.array(0.0), xp.array(0.5)
    one = xp.array(1.0)
    if fill == "reflect":
        position = reflect(xp, position, side)
    elif fill == "wrap":
        position = position - n * xp.floor(position / n)
    else:
        low, high = (-one, n) if fill == "constant" else (zero, n - one)
        position = xp.clip(position, low, high)
    place = xp.cast(xp.floor(position + (half + xp.array(TIE))), "int32")
    if fill == "wrap":
        return place % count, None
    inner = xp.clip(place, xp.zeros_like(count), count - xp.ones_like(count))
    return inner, (place == inner if fill == "constant" else None)


def _middle(xp: Namespace, side: Any) -> Array:
    return (xp.cast(xp.array(side, "int32"), "float32") - xp.array(1.0)) * xp.array(0.5)
