"""Ops that resample: affine maps and perspective.

Angles are degrees, positive counter-clockwise; lengths are fractions of the image's width or
height, in `shift` pixels. Every matrix maps output to input, about the image's centre.
"""

from __future__ import annotations

import math
from typing import Any

import augreg

Array = Any
OUTSIDE = (
    "what is shown outside of the image: reflect mirrors it (dcba|abcd|dcba), nearest repeats its "
    "edge, wrap repeats it, constant is `fill_value`"
)
FILL: dict[str, Any] = {
    "fill": augreg.Option("reflect", "nearest", "wrap", "constant", doc=OUTSIDE),
    "fill_value": augreg.Fill(doc="the level of the fill constant, 0..1, or one per channel"),
    "interpolation": augreg.Option(
        "bilinear", "nearest", doc="bilinear blends the four nearest pixels, nearest takes one"
    ),
}
_RADIANS = math.pi / 180
_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def _matrix(xp: Any, rows: list[list[Array]]) -> Array:
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


@augreg.op(
    "rotate",
    gray=True,
    degrees=augreg.Range(-360.0, 360.0),
    **FILL,
    example={"degrees": [-45, 45]},
    strengths=[{"degrees": d} for d in (10, 30, 90)],
)
def rotate(xp: Any, degrees: Array, **modes: Any) -> augreg.AffineMap:
    """Rotates the image about its centre, counter-clockwise for positive degrees.

    degrees: the angle, counter-clockwise; 0 is the identity. Keras's `RandomRotation(0.2)` is
    `"degrees": [-72, 72]`.
    """
    angle = degrees * _RADIANS
    cosine, sine, zero = xp.cos(angle), xp.sin(angle), xp.zeros_like(degrees)
    return augreg.AffineMap(_matrix(xp, [[cosine, -sine, zero], [sine, cosine, zero]]), **modes)


@augreg.op(
    "zoom",
    gray=True,
    factor=augreg.Range(0.05, 20.0),
    factor_x=augreg.Range(0.05, 20.0, default=None),
    **FILL,
    example={"factor": [0.8, 1.2]},
    strengths=[{"factor": f} for f in (1.2, 1.6, 2.5)],
)
def zoom(xp: Any, factor: Array, factor_x: Array, **modes: Any) -> augreg.AffineMap:
    """Zooms about the centre.

    factor: above 1 zooms in, 1 is the identity. factor_x: replaces `factor` horizontally, if given.
    In Keras's `RandomZoom`, positive values zoom out.
    """
    wide = factor if factor_x is None else factor_x
    zero = xp.zeros_like(factor) + xp.zeros_like(wide)
    rows = [[1.0 / wide + zero, zero, zero], [zero, 1.0 / factor + zero, zero]]
    return augreg.AffineMap(_matrix(xp, rows), **modes)


def _moved(xp: Any, x: Array, y: Array, modes: dict[str, Any]) -> augreg.AffineMap:
    zero = xp.zeros_like(x) + xp.zeros_like(y)
    one = xp.ones_like(zero)
    return augreg.AffineMap(_matrix(xp, [[one, zero, zero - x], [zero, one, zero - y]]), **modes)


@augreg.op(
    "translate",
    gray=True,
    x=augreg.Range(-1.0, 1.0, default=0.0),
    y=augreg.Range(-1.0, 1.0, default=0.0),
    **FILL,
    example={"x": [-0.2, 0.2], "y": [-0.2, 0.2]},
    strengths=[{"x": x, "y": x / 2} for x in (0.1, 0.2, 0.4)],
)
def translate(xp: Any, size: Any, x: Array, y: Array, **modes: Any) -> augreg.AffineMap:
    """Translates the content: right by `x` widths and down by `y` heights.

    x: to the right, in widths of the image; y: down, in heights of the image. 0 and 0 is the
    identity; fractions of a pixel are interpolated.
    """
    height, width = map(xp.array, size)
    return _moved(xp, x * width, y * height, modes)


@augreg.op(
    "shear",
    gray=True,
    x_degrees=augreg.Range(-80.0, 80.0, default=0.0),
    y_degrees=augreg.Range(-80.0, 80.0, default=0.0),
    **FILL,
    example={"x_degrees": [-20, 20]},
    strengths=[{"x_degrees": d} for d in (10, 25, 45)],
)
def shear(xp: Any, x_degrees: Array, y_degrees: Array, **modes: Any) -> augreg.AffineMap:
    """Shears the content about the centre.

    x_degrees: the angle by which vertical lines slant; y_degrees: that of horizontal lines.
    x' = x + tan(x_degrees) y, then y' = y + tan(y_degrees) x'. 0 and 0 is the identity.
    """
    a, b = (xp.tan(angle * _RADIANS) for angle in (x_degrees, y_degrees))
    zero = xp.zeros_like(a) + xp.zeros_like(b)
    one = xp.ones_like(zero)
    return augreg.AffineMap(
        _matrix(xp, [[one + a * b, zero - a, zero], [zero - b, one, zero]]), **modes
    )


@augreg.op(
    "shift",
    gray=True,
    x=augreg.Range(-16384.0, 16384.0, default=0.0),
    y=augreg.Range(-16384.0, 16384.0, default=0.0),
    **FILL,
    example={"x": [-8, 8], "y": [-8, 8]},
    strengths=[{"x": x, "y": x / 2} for x in (10, 40, 120)],
)
def shift(xp: Any, x: Array, y: Array, **modes: Any) -> augreg.AffineMap:
    """Shifts the content right by `x` and down by `y` pixels.

    x: to the right, in pixels; y: down, in pixels. 0 and 0 is the identity; fractions of a pixel
    are interpolated. `translate` takes fractions of a side.
    """
    return _moved(xp, x, y, modes)


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
    xp: Any, size: Any, distortion: Array, inward: Array, **modes: Any
) -> augreg.ProjectiveMap:
    """Random perspective: each of the four corners moves inwards by its own random amounts.

    distortion: float32 [B], 0 to 0.75, how far corners move at most, as a fraction of half a side;
    0 is the identity. Corner (x, y) = (±(W-1)/2, ±(H-1)/2) about the centre moves to
    (x * (1 - distortion*u), y * (1 - distortion*v)), u and v uniform in [0, 1). As torchvision's
    `RandomPerspective`
    (https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomPerspective.html),
    whose corners move by whole pixels.
    """
    height, width = map(xp.array, size)
    rx, ry = (xp.maximum((side - 1.0) * 0.5, 0.5) for side in (width, height))
    moved = [
        (x * (1.0 - distortion * inward[:, 2 * i]), y * (1.0 - distortion * inward[:, 2 * i + 1]))
        for i, (x, y) in enumerate(_CORNERS)
    ]
    # in units of half sides: output = S(square), so square = adj(S)(output), input = 2 square - 1
    inverse = _adjugate(_square_to(xp, moved))
    last = inverse[6:]
    rows = [[2.0 * inverse[3 * r + c] - last[c] for c in range(3)] for r in range(2)]
    scaled = [
        [rows[0][0], rows[0][1] * rx / ry, rows[0][2] * rx],
        [rows[1][0] * ry / rx, rows[1][1], rows[1][2] * ry],
        [last[0] / rx, last[1] / ry, last[2]],
    ]
    matrix = _matrix(xp, scaled)
    return augreg.ProjectiveMap(matrix / matrix[:, 2:, 2:], **modes)
