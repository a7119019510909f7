"""An affine op that looks at the image's size."""

from __future__ import annotations

import math
from typing import Any

import augreg

Array = Any


@augreg.op(
    "acme/straighten",
    gray=True,
    degrees=augreg.Range(-45.0, 45.0),
    example={"degrees": [-5, 5]},
)
def straighten(xp: Any, size: Any, degrees: Array) -> augreg.AffineMap:
    """Rotates the image about its centre and zooms in just enough to leave no empty corners.

    degrees: float32 [B], counter-clockwise, 0 is the identity. The frame, turned, has to fit into
    the image, so lengths shrink by cos|a| + sin|a| * (longer side / shorter side).
    """
    # A side is an int, or a backend's own scalar where it is known at run time only.
    height, width = (xp.cast(xp.array(side, "int32"), "float32") for side in size)
    angle = degrees * xp.array(math.pi / 180)
    longer = xp.maximum(width / height, height / width)
    shrink = xp.cos(angle) + xp.abs(xp.sin(angle)) * longer
    cosine, sine, zero = xp.cos(angle) / shrink, xp.sin(angle) / shrink, xp.zeros_like(degrees)
    rows = [[cosine, -sine, zero], [sine, cosine, zero]]
    return augreg.AffineMap(xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2))
