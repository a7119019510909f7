"""Ops that bend the image: elastic deformation, grid distortion, lens distortion.

Each returns offsets on a coarse grid, so that masks, boxes and keypoints follow. None folds the
image over itself, whatever is drawn.
"""

from __future__ import annotations

from typing import Any

import augreg
from augreg_ops.affine import FILL

Array = Any
_ELASTIC_CELLS = 8
_GRID_CELLS = 10
_LENS_CELLS = 2  # any number would do: a cubic spline is the lens's polynomial


def _cell(xp: Any, size: Any, cells: int) -> tuple[Array, Array]:
    """Width and height of a cell in pixels, which has pixels' centres at its ends."""
    height, width = (xp.maximum(xp.array(side) - 1.0, 1.0) * (1.0 / cells) for side in size)
    return width, height


@augreg.op(
    "elastic",
    gray=True,
    amount=augreg.Range(0.0, 0.48),
    cells=augreg.Integer(2, _ELASTIC_CELLS, default=4, static=True),
    direction=augreg.Uniform01(2 * (_ELASTIC_CELLS + 3) ** 2),
    **FILL,
    example={"amount": [0.0, 0.3]},
    strengths=[{"amount": a} for a in (0.1, 0.25, 0.48)],
)
def elastic(
    xp: Any, size: Any, amount: Array, cells: int, direction: Array, **modes: Any
) -> augreg.Displacement:
    """Elastic deformation: moves the control points of a smooth grid at random.

    amount: float32 [B], 0 to 0.48, how far a control point moves at most in x and in y, as a
    fraction of a cell; 0 is the identity, and below 0.48 nothing folds (Choi and Lee 2000,
    https://doi.org/10.1006/gmod.2000.0531). cells: 2 to 8, static, along each axis: few make large
    waves. A uniform cubic B-spline lies through the points, as for U-Net (Ronneberger et al. 2015,
    https://arxiv.org/abs/1505.04597, section 3.1), which moves a grid of 3x3 points by normal draws
    and interpolates bicubically.
    """
    points = cells + 3
    drawn = xp.reshape(direction[:, : 2 * points**2], (-1, points, points, 2)) * 2.0 - 1.0
    steps = drawn * xp.reshape(amount, (-1, 1, 1, 1))
    return augreg.Displacement(steps * xp.stack(_cell(xp, size, cells)), "cubic", **modes)


@augreg.op(
    "grid_distortion",
    gray=True,
    amount=augreg.Range(0.0, 0.9),
    cells=augreg.Integer(2, _GRID_CELLS, default=5, static=True),
    widths=augreg.Uniform01(_GRID_CELLS),
    heights=augreg.Uniform01(_GRID_CELLS),
    **FILL,
    example={"amount": [0.0, 0.4]},
    strengths=[{"amount": a} for a in (0.2, 0.5, 0.9)],
)
def grid_distortion(
    xp: Any,
    size: Any,
    amount: Array,
    cells: int,
    widths: Array,
    heights: Array,
    **modes: Any,
) -> augreg.Displacement:
    """Grid distortion: squeezes and stretches the columns and rows of a grid at random.

    amount: float32 [B], 0 to 0.9; each column's part of the width is multiplied by its own draw
    from 1 - amount to 1 + amount, and likewise the rows; 0 is the identity. The edges stay. cells:
    2 to 10, static, along each axis. As `GridDistortion` with `normalized=True`
    (https://albumentations.ai/docs/api-reference/albumentations/augmentations/geometric/distortion/).
    """

    def along(draws: Array, cell: Array) -> Array:
        """[B,cells+1]: how far from its own place each grid line reads."""
        parts = (draws[:, :cells] * 2.0 - 1.0) * xp.reshape(amount, (-1, 1)) + 1.0
        ends = xp.cumsum(parts / xp.mean(parts, axis=1, keepdims=True))
        inner = ends - xp.cast(xp.arange(cells) + 1, "float32")
        return xp.concat([xp.zeros_like(inner[:, :1]), inner], axis=1) * cell

    width, height = _cell(xp, size, cells)
    x = xp.reshape(along(widths, width), (-1, 1, cells + 1))
    y = xp.reshape(along(heights, height), (-1, cells + 1, 1))
    nothing = xp.zeros_like(x) + xp.zeros_like(y)
    return augreg.Displacement(xp.stack([x + nothing, y + nothing], axis=-1), "linear", **modes)


@augreg.op(
    "optical_distortion",
    gray=True,
    k=augreg.Range(-0.3, 1.0),
    **FILL,
    example={"k": [-0.2, 0.4]},
    strengths=[{"k": k} for k in (-0.3, 0.3, 1.0)],
)
def optical_distortion(xp: Any, size: Any, k: Array, **modes: Any) -> augreg.Displacement:
    """Lens distortion: barrel for k above 0, pincushion below.

    k: float32 [B], the strength, -0.3 (pincushion) to 1 (barrel); 0 is the identity. A pixel at the
    distance r from the centre reads at r * (1 + k * r**2), where r is 1 in the corners: the first
    radial term of Brown's model (Brown 1966, Decentering distortion of lenses; OpenCV's k1, whose
    unit is the focal length: https://docs.opencv.org/4.x/d9/d0c/group__calib3d.html). Below -1/3
    the corners would fold.
    """
    places = (xp.cast(xp.arange(_LENS_CELLS + 5), "float32") - 2.0) * (2.0 / _LENS_CELLS) - 1.0
    width, height = (cell * (_LENS_CELLS / 2) for cell in _cell(xp, size, _LENS_CELLS))
    x, y = xp.reshape(places, (1, -1)) * width, xp.reshape(places, (-1, 1)) * height
    stretch = (x * x + y * y) / (width * width + height * height)
    moved = xp.stack([x * stretch, y * stretch], axis=-1)
    points = _smoothed(_smoothed(moved, 0), 1)
    return augreg.Displacement(xp.reshape(k, (-1, 1, 1, 1)) * points[None], "cubic", **modes)


def _smoothed(values: Array, axis: int) -> Array:
    """The control points of the cubic B-spline that is a cubic polynomial with these values.

    c = f - f''/6, in differences of neighbours; the outermost are used up.
    """
    before, here, after = (
        (values[:-2], values[1:-1], values[2:])
        if axis == 0
        else (values[:, :-2], values[:, 1:-1], values[:, 2:])
    )
    return (here * 8.0 - before - after) * (1 / 6)
