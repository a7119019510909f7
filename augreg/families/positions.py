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


class Piece(tuple[Any, Any]):
    """The size of an image of which `n` pixels are made, as if they were a row; and which ones.

    Attributes:
        number: int32 [1,1,n], in row-major order.
        x, y: int32 [1,1,n].
    """

    number: Array
    x: Array
    y: Array

    @classmethod
    def of(cls, number: Array, x: Array, y: Array, size: Size) -> Piece:
        """The pixels `number` of an image of `size`, which lie at x and y."""
        piece = cls(size)
        piece.number, piece.x, piece.y = number, x, y
        return piece


def grid(xp: Namespace, size: Size) -> tuple[Array, Array]:
    """x int32 [1,1,W] and y int32 [1,H,1] of every pixel; both [1,1,n] of a `Piece`."""
    if isinstance(size, Piece):
        return size.x, size.y
    x, y = xp.arange(size[1]), xp.arange(size[0])
    return xp.reshape(x, (1, 1, -1)), xp.reshape(y, (1, -1, 1))


def centre(xp: Namespace, size: Size, dtype: str = "float32") -> tuple[Array, Array]:
    """Scalars: x and y of the image's centre."""

    def half(side: Any) -> Array:
        if isinstance(side, int):
            return xp.array((side - 1) * 0.5, dtype)
        return (xp.cast(side, dtype) - 1.0) * 0.5

    return half(size[1]), half(size[0])


def column(xp: Namespace, vector: Array) -> Array:
    """[B,1,1] of a vector [B]."""
    return xp.reshape(vector, (-1, 1, 1))


def source(
    xp: Namespace, matrix: Array, size_in: Size, size: Size, offsets: Any = None
) -> tuple[Array, Array]:
    """Positions x and y, float32 [B,H,W], that every output pixel reads.

    matrix: float32 [B,2,3], centred, output→input; or [B,3+n,3] of a projection, whose rows after
    the third are above 0 where nothing on the way lies behind a horizon. offsets: x and y, float32
    [B,H,W], of where a pixel stands before the matrix takes it.
    """
    matrix = xp.array(matrix)
    (cx_in, cy_in), (cx, cy) = centre(xp, size_in), centre(xp, size)
    x, y = (xp.cast(place, "float32") for place in grid(xp, size))
    x, y = x - cx, y - cy
    if offsets is not None:
        x, y = x + offsets[0], y + offsets[1]

    every = [xp.split(row, 2) for row in xp.split(matrix, 1)]

    def at(row: int, shift: Any = 0.0) -> Array:
        a, b, c = every[row]
        return a * x + (b * y + (c + shift))

    if (rows := len(every)) == 2:
        return at(0, cx_in), at(1, cy_in)
    horizon = xp.array(HORIZON)
    depth = xp.maximum(at(2), horizon)
    for row in range(3, rows):
        depth = xp.where(at(row) > 0.0, depth, horizon)
    once = 1.0 / depth
    return at(0) * once + cx_in, at(1) * once + cy_in


def reflect(xp: Namespace, position: Array, side: Any) -> Array:
    """dcba|abcd|dcba as a triangle wave, clamped to the outermost centres, where it is flat."""
    n = xp.cast(xp.array(side, "int32"), "float32")
    period = n + n
    v = position + 0.5
    v = v - period * xp.floor(v * (1.0 / period))
    return xp.clip(xp.minimum(v, period - v) - 0.5, 0.0, n - 1.0)


def folded(xp: Namespace, position: Array, side: Any, fill: str) -> Array:
    """Positions along an axis, those outside brought back as the fill says.

    A constant's are left outside, by one pixel at most: so far away, nothing of an image is seen.
    """
    n = xp.cast(xp.array(side, "int32"), "float32")
    if fill == "reflect":
        return reflect(xp, position, side)
    if fill == "wrap":
        return position - n * xp.floor(position / n)
    low, high = (-1.0, n) if fill == "constant" else (0.0, n - 1.0)
    return xp.clip(position, low, high)


def nearest_pixel(
    xp: Namespace, at: tuple[Array, Array], size: Size, fill: str
) -> tuple[Array, Array, Array | None]:
    """x and y, int32, of the pixel of an image of `size` that a position is nearest to.

    With them, bool: whether there is such a pixel. None: there always is.
    """
    (x, in_x), (y, in_y) = (
        nearest(xp, position, side, fill) for position, side in zip(at, size[::-1], strict=True)
    )
    return x, y, None if in_x is None or in_y is None else in_x & in_y


def nearest(xp: Namespace, position: Array, side: Any, fill: str) -> tuple[Array, Array | None]:
    """int32: the pixel along an axis that a position is nearest to, the upper one of two (`TIE`).

    With it, bool: whether there is such a pixel. None: there always is, because of the fill.
    """
    count = xp.array(side, "int32")
    place = xp.cast(xp.floor(folded(xp, position, side, fill) + (0.5 + TIE)), "int32")
    if fill == "wrap":
        return place % count, None
    inner = xp.clip(place, 0, count - 1)
    return inner, (place == inner if fill == "constant" else None)
