"""Ops that lose what sending images loses: resolution, and what JPEG leaves out."""

from __future__ import annotations

import functools
import math
from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]

# ITU-T T.81, Annex K, tables K.1 and K.2, row by row: steps of luminance and chrominance
LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 32),
)
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114  # of luminance
_SIDE = 8  # of a block
_COSINES = [
    [math.sqrt((2 if i else 1) / 8) * math.cos((2 * j + 1) * i * math.pi / 16) for j in range(8)]
    for i in range(8)
]
# [64,64]: the coefficients of a block from its pixels, both row by row; orthogonal
_TRANSFORM = [[a * b for a in rows for b in columns] for rows in _COSINES for columns in _COSINES]
# In units of a coefficient. Those of whole levels are multiples of 1/8, often halfway between two
# steps, where the last bit of a float must not decide.
_SLACK = 1 / 300


def _cut(plane: Array, axis: int, start: Any, stop: Any) -> Array:
    return plane[(slice(None),) * axis + (slice(start, stop),)]


def _extended(xp: Any, plane: Array, multiple: int, axis: int) -> Array:
    """Repeats the last row or column up to a multiple."""
    shape = list(xp.shape(plane))
    shape[axis] = -shape[axis] % multiple
    last = _cut(plane, axis, -1, None)
    return xp.concat([plane, xp.broadcast_to(last, shape)], axis=axis)


def _halved(xp: Any, plane: Array) -> Array:
    """The means over 2x2 pixels."""
    even = _extended(xp, _extended(xp, plane, 2 * _SIDE, 2), 2, 1)
    rows = even[:, ::2] + even[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) * 0.25


def _doubled(xp: Any, plane: Array, size: tuple[Any, Any]) -> Array:
    """Twice as high and wide, cut to `size`; each pixel is 3/4 of its own and 1/4 of the next."""
    for axis, side in enumerate(size, 1):
        first, last = _cut(plane, axis, None, 1), _cut(plane, axis, -1, None)
        before = xp.concat([first, _cut(plane, axis, None, -1)], axis=axis)
        after = xp.concat([_cut(plane, axis, 1, None), last], axis=axis)
        pairs = [plane * 0.75 + other * 0.25 for other in (before, after)]
        shape = list(xp.shape(plane))
        shape[axis] = shape[axis] * 2
        plane = _cut(xp.reshape(xp.stack(pairs, axis=axis + 1), shape), axis, None, side)
    return plane


def _coded(xp: Any, plane: Array, steps: Array) -> Array:
    """A plane, levels about 0, after its coefficients became multiples of their steps."""
    size = xp.shape(plane)[1:]
    whole = _extended(xp, _extended(xp, plane, _SIDE, 1), _SIDE, 2)
    batch, height, width = xp.shape(whole)
    tall, wide = height // _SIDE, width // _SIDE
    parts = xp.reshape(whole, (batch, tall, _SIDE, wide, _SIDE))
    # a product for each sample: the bits of one for the batch depend on the batch
    blocks = xp.reshape(xp.transpose(parts, (0, 1, 3, 2, 4)), (batch, tall * wide, _SIDE * _SIDE))
    transform = xp.array(_TRANSFORM)
    steps = xp.reshape(steps, (-1, 1, _SIDE * _SIDE))
    found = xp.matmul(blocks, xp.transpose(transform, (1, 0)))
    made = xp.matmul(xp.floor((found + _SLACK) / steps + 0.5) * steps, transform)
    rows = xp.transpose(xp.reshape(made, (batch, tall, wide, _SIDE, _SIDE)), (0, 1, 3, 2, 4))
    return xp.reshape(rows, (batch, height, width))[:, : size[0], : size[1]]


def _coded_color(xp: Any, plane: Array, steps: Array, halve: bool) -> Array:
    if not halve:
        return _coded(xp, plane, steps)
    return _doubled(xp, _coded(xp, _halved(xp, plane), steps), xp.shape(plane)[1:])


def _compress(
    xp: Any, planes: Planes, luminance: Array, chrominance: Array, *, halve: bool
) -> Planes:
    levels = [xp.clip(plane, 0.0, 1.0) * 255.0 for plane in planes]
    if len(levels) == 1:
        made = [_coded(xp, levels[0] - 128.0, luminance) + 128.0]
    else:
        r, g, b = levels
        y = r * _RED + g * _GREEN + b * _BLUE
        # a difference in levels of Cb and Cr: they divide it by 2 - 2 * _BLUE and 2 - 2 * _RED
        blue, red = (
            _coded_color(xp, (plane - y) / (2 - 2 * share), chrominance, halve) * (2 - 2 * share)
            for plane, share in ((b, _BLUE), (r, _RED))
        )
        y = _coded(xp, y - 128.0, luminance) + 128.0
        green = (red * _RED + blue * _BLUE) * (-1 / _GREEN)
        made = [y + red, y + green, y + blue]
    return tuple(xp.clip(plane * (1 / 255), 0.0, 1.0) for plane in made)


# One object for each: two steps of one kind may become one stage.
_SUBSAMPLINGS = {
    "4:2:0": functools.partial(_compress, halve=True),
    "4:4:4": functools.partial(_compress, halve=False),
}


def _steps(xp: Any, table: tuple[int, ...], quality: Array) -> Array:
    """float32 [B,64]: a table of Annex K, as libjpeg scales it."""
    quality = xp.reshape(quality, (-1, 1))
    scale = xp.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled = (xp.array([list(table)], "int32") * scale + 50) // 100
    return xp.cast(xp.clip(scaled, 1, 255), "float32")


@augreg.op(
    "jpeg",
    gray=True,
    quality=augreg.Integer(1, 100),
    subsampling=augreg.Option("4:2:0", "4:4:4"),
    example={"quality": [30, 95]},
    strengths=[{"quality": q} for q in (40, 15, 5)],
)
def jpeg(xp: Any, quality: Array, subsampling: str) -> augreg.Neighborhood:
    """JPEG compression: what an image loses in a JPEG file of this quality.

    quality: int32 [B], 1 (most loss) to 100, as libjpeg and Pillow count it; even 100 rounds
    coefficients. subsampling: 4:2:0 (libjpeg's default) halves the resolution of colour, 4:4:4
    keeps it. Its input is clipped to 0..1, and so is its result. The steps are those of ITU-T T.81,
    Annex K (https://www.w3.org/Graphics/JPEG/itu-t81.pdf), the colours those of JFIF.

    Only coefficients are rounded; a file also rounds the colours before and after, where the last
    bit of a float would decide over whole blocks. So photographs differ from Pillow's files by 1
    level of 255 on average (1.5 in fine detail), at a quality of 75, where files differ from the
    photographs by 4, and by less at the ends.
    """
    steps = tuple(_steps(xp, table, quality) for table in (LUMINANCE, CHROMINANCE))
    return augreg.Neighborhood(_SUBSAMPLINGS[subsampling], steps, stepped=True)


def _taps(xp: Any, place: Array, side: Any, target: Any, method: str) -> list[tuple[Array, Any]]:
    """What each place of a resize from `side` to `target` pixels reads: pixels and weights.

    place: int32. In whole numbers, so that no rounding decides which pixel is nearest.
    """
    if method == "nearest":
        return [((2 * place + 1) * side // (2 * target), 1.0)]
    centre = (2 * place + 1) * side - target  # in units of half a pixel of the target
    low = centre // (2 * target)
    share = xp.cast(centre - low * 2 * target, "float32") / xp.cast(2 * target, "float32")
    ends = xp.clip(low, 0, side - 1), xp.clip(low + 1, 0, side - 1)
    return [(ends[0], 1.0 - share), (ends[1], share)]


def _lines(xp: Any, scale: Array, side: Any, down: str, up: str) -> Array:
    """float32 [B,2,taps,side]: which pixels each pixel of a side is made of, and their weights."""
    place, side = xp.reshape(xp.arange(side), (1, -1)), xp.array(side, "int32")
    small = xp.cast(xp.round(scale * xp.cast(side, "float32")), "int32")
    small = xp.reshape(xp.clip(small, 1, side), (-1, 1))
    found = [
        (pixel, share * weight)
        for between, share in _taps(xp, place, small, side, up)
        for pixel, weight in _taps(xp, between, side, small, down)
    ]
    pixels = [xp.cast(pixel, "float32") for pixel, _ in found]
    weights = [xp.zeros_like(pixels[0]) + weight for _, weight in found]
    return xp.stack([xp.stack(pixels, axis=1), xp.stack(weights, axis=1)], axis=1)


def _read_turned(xp: Any, plane: Array, lines: Array) -> Array:
    """A plane whose rows are sums of others, transposed: rows are read many values at a time."""
    form = xp.shape(plane)[0], xp.shape(lines)[3]
    total: Any = 0.0
    for t in range(xp.shape(lines)[2]):
        places = xp.broadcast_to(xp.reshape(xp.cast(lines[:, 0, t], "int32"), (-1, form[1])), form)
        total = xp.lookup(plane, places) * xp.reshape(lines[:, 1, t], (-1, form[1], 1)) + total
    return xp.transpose(total, (0, 2, 1))


def _read_rows(xp: Any, planes: Planes, rows: Array, columns: Array) -> Planes:
    return tuple(_read_turned(xp, plane, rows) for plane in planes)


def _read_columns(xp: Any, planes: Planes, rows: Array, columns: Array) -> Planes:
    return tuple(_read_turned(xp, plane, columns) for plane in planes)


@augreg.op(
    "downscale",
    gray=True,
    scale=augreg.Range(0.01, 1.0),
    down=augreg.Option("nearest", "bilinear"),
    up=augreg.Option("nearest", "bilinear"),
    example={"scale": [0.25, 0.75]},
    strengths=[{"scale": s} for s in (0.5, 0.2, 0.08)],
)
def downscale(xp: Any, size: Any, scale: Array, down: str, up: str) -> augreg.Neighborhood:
    """Pixelates: scales the image down and up again to its size.

    scale: float32 [B], the size in between, 0.01 to 1 of the image's; 1 is the identity. The small
    image's sides are those of the image times `scale`, rounded, at least 1. down, up: nearest or
    bilinear; up bilinear blurs in place of showing blocks. The size stays, and so do boxes, points
    and masks. As two resizes of OpenCV, INTER_NEAREST_EXACT or INTER_LINEAR
    (https://docs.opencv.org/4.x/da/d54/group__imgproc__transform.html), the first of which does not
    antialias.
    """
    lines = tuple(_lines(xp, scale, side, down, up) for side in size)
    return augreg.Neighborhood((_read_rows, _read_columns), lines)
