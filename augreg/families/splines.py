"""Offsets on a coarse grid, spread over an image by a spline; and where a point goes under them.

A cubic grid has one more point beyond each edge of the image than a linear one.
"""

from __future__ import annotations

from augreg.families.stage import Size
from augreg.xp import Array, Namespace

MORE_POINTS = {"linear": 1, "cubic": 3}  # than cells, along each axis
# Newton's method: how many steps, each of a cell at most, and which parts of a step are tried. The
# kinks of a linear spline need more of both.
_STEPS = {"linear": (16, (1.0, 0.3, 0.05)), "cubic": (8, (1.0, 0.3))}


def dense(xp: Namespace, offsets: Array, spline: str, size: Size) -> tuple[Array, Array]:
    """The offsets dx and dy of every pixel, float32 [B,H,W]: two small products of matrices.

    offsets: float32 [B,gh,gw,2].
    """
    offsets = xp.array(offsets)
    down, across = (
        _weights(xp, xp.cast(xp.arange(side), "float32"), _last(xp, side), points, spline)[0]
        for side, points in zip(size, xp.shape(offsets)[1:3], strict=True)
    )
    across = xp.transpose(across, (1, 0))
    dx, dy = (xp.matmul(xp.matmul(down, part), across) for part in xp.unstack(offsets, axis=3))
    return dx, dy


def solve(xp: Namespace, offsets: Array, spline: str, size: Size, targets: Array) -> Array:
    """The points p of an image of `size` with p + offset(p) = target, float64 [B,N,2].

    Newton's method in float64, which starts at the target; exact where nothing folds. What lies
    outside of the image has the offset of the nearest pixel.

    offsets: float32 [B,gh,gw,2]. targets: float64 [B,N,2], x and y.
    """
    field, (steps, parts) = _Field(xp, offsets, spline, size), _STEPS[spline]

    def nearer(points: Array) -> Array:
        error = points + field.at(points) - targets
        step = field.at_most_a_cell(_solved(xp, field.slopes(points), error))
        best, least = points, _squared(xp, error)
        for part in parts:
            tried = points - step * part
            left = _squared(xp, tried + field.at(tried) - targets)
            best, least = xp.where(left < least, tried, best), xp.minimum(left, least)
        return best

    return xp.iterate(nearer, steps, targets)


def displaced(xp: Namespace, offsets: Array, spline: str, size: Size, points: Array) -> Array:
    """Points with their offsets added, float64 [B,N,2]: the inverse of `solve`."""
    return points + _Field(xp, offsets, spline, size).at(points)


def folds(xp: Namespace, offsets: Array, spline: str, size: Size) -> Array:
    """bool [B]: whether offsets fold an image of `size` over itself somewhere.

    Looked at in 8 places along each side of a cell, inside of it.
    """
    field = _Field(xp, offsets, spline, size)
    x, y = (
        (xp.cast(xp.arange(8 * cells), "float64") + 0.5) * (last / (8.0 * cells))
        for last, cells in field.axes_in_cells
    )
    grid = xp.stack([xp.reshape(x, (1, -1)), xp.reshape(y, (-1, 1))], axis=-1)
    a, b, c, d = _derivatives(xp, field.slopes(xp.reshape(grid, (1, -1, 2))))
    return xp.min(a * d - b * c, axis=1) <= 0.0


class _Field:
    """Offsets at any points, in float64."""

    def __init__(self, xp: Namespace, offsets: Array, spline: str, size: Size) -> None:
        self.xp, self.spline = xp, spline
        offsets = xp.cast(xp.array(offsets), "float64")
        rows, columns = xp.shape(offsets)[1:3]
        self.parts = xp.unstack(offsets, axis=3)
        height, width = (_last(xp, side, "float64") for side in size)
        self.axes = ((width, columns), (height, rows))
        self.axes_in_cells = [(last, count - MORE_POINTS[spline]) for last, count in self.axes]
        self.cell = xp.stack([last / float(cells) for last, cells in self.axes_in_cells])

    def at(self, points: Array) -> Array:
        """The offsets [B,N,2] at points [B,N,2]."""
        xp = self.xp
        (across, _), (down, _) = self._weights(points)
        values = [xp.sum(xp.matmul(down, part) * across, axis=2) for part in self.parts]
        return xp.stack(values, axis=-1)

    def slopes(self, points: Array) -> Array:
        """Their derivatives [B,N,2,2], by x and by y in the last."""
        xp = self.xp
        (across, by_x), (down, by_y) = self._weights(points)
        found = []
        for part in self.parts:
            both = [
                xp.sum(xp.matmul(down, part) * by_x, axis=2),
                xp.sum(xp.matmul(by_y, part) * across, axis=2),
            ]
            found.append(xp.stack(both, axis=-1))
        return xp.stack(found, axis=-2)

    def _weights(self, points: Array) -> list[tuple[Array, Array]]:
        places = (points[..., i] for i in range(2))
        return [
            _weights(self.xp, place, *axis, self.spline)
            for place, axis in zip(places, self.axes, strict=True)
        ]

    def at_most_a_cell(self, step: Array) -> Array:
        return self.xp.minimum(
            self.xp.maximum(step, self.xp.zeros_like(step) - self.cell), self.cell
        )


def _solved(xp: Namespace, slopes: Array, left: Array) -> Array:
    """What [B,N,2] the map's derivatives make `left` of."""
    least = xp.array(1e-3, "float64")
    a, b, c, d = _derivatives(xp, slopes)
    determinant = xp.maximum(a * d - b * c, least)
    x, y = left[..., 0], left[..., 1]
    return xp.stack([(d * x - b * y) / determinant, (a * y - c * x) / determinant], axis=-1)


def _derivatives(xp: Namespace, slopes: Array) -> tuple[Array, Array, Array, Array]:
    """Of the whole map, point + offset, [B,N] each: row by row."""
    one = xp.array(1.0, "float64")
    return slopes[..., 0, 0] + one, slopes[..., 0, 1], slopes[..., 1, 0], slopes[..., 1, 1] + one


def _squared(xp: Namespace, vectors: Array) -> Array:
    return xp.sum(vectors * vectors, axis=2, keepdims=True)


def _last(xp: Namespace, side: int | Array, dtype: str = "float32") -> Array:
    """The last position along an axis; 1 where there is but one."""
    return xp.maximum(xp.cast(xp.array(side, "int32"), dtype) - 1.0, xp.array(1.0, dtype))


def _weights(
    xp: Namespace, position: Array, last: Array, points: int, spline: str
) -> tuple[Array, Array]:
    """How much each grid point along an axis counts at positions [...], and its slope there.

    Of the positions' dtype, [...,points].
    """
    dtype = position.dtype.name
    more = MORE_POINTS[spline]
    scale = xp.array(float(points - more), dtype) / last
    inside = xp.minimum(xp.maximum(position, xp.zeros_like(position)), last)
    places = xp.cast(xp.arange(points), dtype) - float(more // 2)
    away = (inside * scale)[..., None] - places
    far, zero = xp.abs(away), xp.zeros_like(away)
    sign = xp.where(away < zero, zero - 1.0, zero + 1.0)
    near = xp.maximum(1.0 - far, zero)
    if spline == "linear":
        value, slope = near, xp.where(far < zero + 1.0, zero - sign, zero)
    else:  # the uniform cubic B-spline, as a difference of two cubes
        wide = xp.maximum(2.0 - far, zero)
        value = (wide * wide * wide - near * near * near * 4.0) * (1 / 6)
        slope = sign * (near * near * 4.0 - wide * wide) * 0.5
    moves = xp.cast(position == inside, dtype)[..., None]
    return value, slope * scale * moves
