"""One `PointMap` for each geometric family: where a stage takes points, and where masks read.

Positions for masks are worked out as those of the pixels are, in int32 or float32.
"""

from __future__ import annotations

from augreg import families
from augreg.annotations.points import PointMap
from augreg.families import Size, positions, resampling
from augreg.lower import Lattice
from augreg.xp import Array, Namespace


def lattice_points(xp: Namespace, element: Lattice, size: Size) -> PointMap:
    """Of whole pixels: the inverse of a signed permutation is its transpose."""
    linear = xp.cast(xp.transpose(element.linear, (0, 2, 1)), "float64")
    window = xp.cast(element.window, "float64")

    def source() -> tuple[Array, Array, Array]:
        x, y = _grid(xp, size, "int32")

        def at(row: int) -> Array:
            a, b = (_column(xp, element.linear[:, row, i]) for i in range(2))
            return a * x + (b * y + _column(xp, element.offset[:, row]))

        sx, sy = at(0), at(1)
        left, top, right, bottom = (_column(xp, element.window[:, i]) for i in range(4))
        return sx, sy, (sx >= left) & (sx < right) & (sy >= top) & (sy < bottom)

    start = xp.cast(element.offset, "float64")
    return PointMap(_homogeneous(xp, linear), start, xp.zeros_like(start), source, window)


def affine_points(xp: Namespace, matrix: Array, size_in: Size, size: Size, fill: str) -> PointMap:
    """Of a centred output→input matrix, as in `positions.source`."""
    matrix = xp.array(matrix)
    full, front = matrix[:, :3], None
    if xp.shape(matrix)[1] == 2:
        full = families.to_projective(xp, matrix)
    elif xp.shape(matrix)[1] > 3:
        front = xp.cast(matrix[:, 3:], "float64")
    inverse = _inverse(xp, xp.cast(full, "float64"))

    def source() -> tuple[Array, Array, Array | None]:
        at = positions.source(xp, matrix, size_in, size)
        sides = size_in[::-1]
        (x, in_x), (y, in_y) = (
            positions.nearest(xp, *place, fill) for place in zip(at, sides, strict=True)
        )
        return x, y, None if in_x is None else in_x & in_y

    start, end = (xp.reshape(xp.stack(_centre(xp, side)), (1, 2)) for side in (size_in, size))
    return PointMap(inverse, start, end, source, front=front)


def resize_points(xp: Namespace, element: families.Resize, size_in: Size, size: Size) -> PointMap:
    """Of a box resized into the middle of the output. Edges go to edges, as in `tf.image.resize`.

    A mask takes the pixel that the image's nearest resize takes, whatever the image's method.
    """
    box = element.box
    if box is None:
        height, width = (xp.array(side, "int32") for side in size_in)
        zero = xp.zeros_like(height)
        box = xp.reshape(xp.stack([zero, zero, height, width]), (1, 4))
    inner = [xp.array(side, "int32") for side in (element.inner or size)]
    outer = [xp.array(side, "int32") for side in size]
    before = [(whole - part) // 2 for whole, part in zip(outer, inner, strict=True)]  # top, left

    def axis(i: int) -> tuple[Array, Array]:
        """The source row or column of each output one, and whether there is one: [B, side]."""
        place = xp.reshape(xp.arange(outer[i]), (1, -1)) - before[i]
        start, length = (xp.reshape(box[:, j], (-1, 1)) for j in (i, 2 + i))
        inside = (place >= xp.zeros_like(place)) & (place < inner[i])
        return start + resampling.nearest(xp, place, length, inner[i]), inside

    def source() -> tuple[Array, Array, Array]:
        (y, in_y), (x, in_x) = axis(0), axis(1)
        y, in_y = (xp.reshape(part, (-1, size[0], 1)) for part in (y, in_y))
        x, in_x = (xp.reshape(part, (-1, 1, size[1])) for part in (x, in_x))
        return x + xp.zeros_like(y), y + xp.zeros_like(x), in_x & in_y

    top, left, rows, columns = (xp.cast(box[:, i], "float64") for i in range(4))
    half = xp.array(0.5, "float64")
    down, across = (
        xp.cast(part, "float64") / side for part, side in zip(inner, (rows, columns), strict=True)
    )
    zero = xp.zeros_like(down)
    scale = xp.stack([xp.stack([across, zero], -1), xp.stack([zero, down], -1)], -2)
    end = xp.reshape(xp.stack([xp.cast(part, "float64") for part in before[::-1]]), (1, 2)) - half
    start = xp.stack([left, top], -1) - half
    window = xp.stack([left, top, left + columns, top + rows], -1)
    return PointMap(_homogeneous(xp, scale), start, end, source, window)


# --- small parts --------------------------------------------------------------------------------


def _grid(xp: Namespace, size: Size, dtype: str) -> tuple[Array, Array]:
    x = xp.reshape(xp.arange(size[1]), (1, 1, -1))
    y = xp.reshape(xp.arange(size[0]), (1, -1, 1))
    return xp.cast(x, dtype), xp.cast(y, dtype)


def _centre(xp: Namespace, size: Size) -> tuple[Array, Array]:
    """float64 scalars: x and y of the image's centre."""
    height, width = (xp.cast(xp.array(side, "int32"), "float64") for side in size)
    one, half = xp.array(1.0, "float64"), xp.array(0.5, "float64")
    return (width - one) * half, (height - one) * half


def _column(xp: Namespace, vector: Array) -> Array:
    return xp.reshape(vector, (-1, 1, 1))


def _homogeneous(xp: Namespace, linear: Array) -> Array:
    """[B,3,3] of a linear part [B,2,2] without a shift."""
    shift = xp.zeros_like(linear[:, :, :1])
    top = xp.concat([linear, shift], axis=2)
    last = xp.zeros_like(top[:, :1, :]) + xp.array([[[0.0, 0.0, 1.0]]], "float64")
    return xp.concat([top, last], axis=1)


def _inverse(xp: Namespace, m: Array) -> Array:
    """The inverse [B,3,3] up to a positive factor per matrix, by cofactors; float64."""

    def minor(i: int, j: int) -> Array:
        a, b = (i + 1) % 3, (i + 2) % 3
        c, d = (j + 1) % 3, (j + 2) % 3
        return m[:, a, c] * m[:, b, d] - m[:, a, d] * m[:, b, c]

    rows = [xp.stack([minor(j, i) for j in range(3)], axis=-1) for i in range(3)]
    adjugate = xp.stack(rows, axis=-2)
    determinant = m[:, 0, 0] * minor(0, 0) + m[:, 0, 1] * minor(0, 1) + m[:, 0, 2] * minor(0, 2)
    return adjugate / xp.reshape(determinant, (-1, 1, 1))
