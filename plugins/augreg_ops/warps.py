"""More geometric ops: perspective, whose lines need not stay parallel, and moves by pixels."""

from __future__ import annotations

from typing import Any

import augreg
from augreg_ops.geometry import FILL

Array = Any
_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def _square_to(xp: Any, corners: list[tuple[Array, Array]]) -> list[Array]:
    """The nine entries of the map that takes the square's corners (0,0) (1,0) (1,1) (0,1) there.

    Closed form: Heckbert, "Fundamentals of texture mapping and image warping", 1989, section 2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    ax, ay, bx, by = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = ax * by - bx * ay
    g, h = (sx * by - bx * sy) / area, (ax * sy - sx * ay) / area
    return [
        *(x1 - x0 + g * x1, x3 - x0 + h * x3, x0),
        *(y1 - y0 + g * y1, y3 - y0 + h * y3, y0),
        *(g, h, xp.ones_like(g)),
    ]


def _adjugate(m: list[Array]) -> list[Array]:
    """The inverse up to a factor, which a projective map does not feel."""
    a, b, c, d, e, f, g, h, i = m
    return [
        *(e * i - f * h, c * h - b * i, b * f - c * e),
        *(f * g - d * i, a * i - c * g, c * d - a * f),
        *(d * h - e * g, b * g - a * h, a * e - b * d),
    ]


@augreg.op(
    "perspective",
    gray=True,
    version=2,
    distortion=augreg.Range(0.0, 0.75, default=0.5),
    inward=augreg.Uniform01(8),
    **FILL,
    example={"distortion": [0.0, 0.6]},
    strengths=[{"distortion": d} for d in (0.2, 0.4, 0.7)],
)
def perspective(
    xp: Any,
    size: Any,
    distortion: Array,
    inward: Array,
    fill: str,
    fill_value: Any,
    interpolation: str,
) -> augreg.ProjectiveMap:
    """Looks at the image from aside: its four corners move inwards, each by draws of its own.

    distortion: float32 [B], 0 to 0.75; 0 is the identity. Corner (x, y) = (±(W-1)/2, ±(H-1)/2)
    about the centre goes to (x * (1 - distortion*u), y * (1 - distortion*v)), u and v uniform in
    [0, 1); the rest follows as straight lines. As torchvision's `RandomPerspective`
    (https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomPerspective.html),
    whose corners move by whole pixels.
    """
    height, width = (xp.cast(xp.array(side, "int32"), "float32") for side in size)
    half, one = xp.array(0.5), xp.array(1.0)
    rx, ry = (xp.maximum((side - one) * half, half) for side in (width, height))
    moved = [
        (
            xp.array(x) * (one - distortion * inward[:, 2 * i]),
            xp.array(y) * (one - distortion * inward[:, 2 * i + 1]),
        )
        for i, (x, y) in enumerate(_CORNERS)
    ]
    # in units of half sides: output = S(square), so square = adj(S)(output), input = 2 square - 1
    inverse = _adjugate(_square_to(xp, moved))
    last = inverse[6:]
    rows = [[xp.array(2.0) * inverse[3 * r + c] - last[c] for c in range(3)] for r in range(2)]
    scaled = [
        [rows[0][0], rows[0][1] * rx / ry, rows[0][2] * rx],
        [rows[1][0] * ry / rx, rows[1][1], rows[1][2] * ry],
        [last[0] / rx, last[1] / ry, last[2]],
    ]
    matrix = xp.stack([xp.stack(row, axis=-1) for row in scaled], axis=-2)
    modes = {"fill": fill, "fill_value": fill_value, "interpolation": interpolation}
    return augreg.ProjectiveMap(matrix / matrix[:, 2:, 2:], **modes)


@augreg.op(
    "shift",
    gray=True,
    x=augreg.Range(-16384.0, 16384.0, default=0.0),
    y=augreg.Range(-16384.0, 16384.0, default=0.0),
    **FILL,
    example={"x": [-8, 8], "y": [-8, 8]},
    strengths=[{"x": x, "y": x / 2} for x in (10, 40, 120)],
)
def shift(
    xp: Any, x: Array, y: Array, fill: str, fill_value: Any, interpolation: str
) -> augreg.AffineMap:
    """Moves the content right by `x` and down by `y` pixels; `translate` moves by parts of a side.

    0 and 0 is the identity; parts of a pixel are interpolated.
    """
    zero = xp.zeros_like(x) + xp.zeros_like(y)
    one = xp.ones_like(zero)
    rows = [[one, zero, zero - x], [zero, one, zero - y]]
    matrix = xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
    return augreg.AffineMap(matrix, fill, fill_value, interpolation)


OPS = [perspective, shift]
