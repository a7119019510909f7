"""CLAHE: histograms of tiles, equalized with a limit to contrast, interpolated between tiles."""

from __future__ import annotations

import functools
from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]
_LEVELS = 256
_WEIGHTS = (0.299, 0.587, 0.114)  # of luminance, ITU-R BT.601


def _luminance(planes: Planes) -> Array:
    if len(planes) == 1:
        return planes[0]
    r, g, b = (plane * weight for plane, weight in zip(planes, _WEIGHTS, strict=True))
    return r + g + b


def _padded(xp: Any, plane: Array, tiles: int) -> Array:
    """With sides that are multiples of `tiles`: mirrored below and to the right, dcba|bcd."""
    for axis in (1, 2):
        side = xp.shape(plane)[axis]
        place = xp.arange(side + -side % tiles)
        period = xp.maximum(2 * xp.array(side, "int32") - 2, 1)
        place = place % period
        plane = xp.take(plane, xp.minimum(place, period - place), axis=axis)
    return plane


def _tile_size(size: tuple[Any, Any], tiles: int) -> tuple[Any, Any]:
    height, width = ((side + tiles - 1) // tiles for side in size)
    return height, width


def _tables(xp: Any, planes: Planes, clip_limit: Array, *, tiles: int) -> Planes:
    """The planes, and what each tile makes of each level: float32 [B,tiles**2,256], levels."""
    levels = xp.cast(augreg.to_levels(xp, _luminance(planes)), "int32")
    height, width = _tile_size(xp.shape(levels)[1:], tiles)
    whole = _padded(xp, levels, tiles)
    y = xp.reshape(xp.arange(height * tiles) // height, (1, -1, 1))
    x = xp.reshape(xp.arange(width * tiles) // width, (1, 1, -1))
    places = xp.reshape(whole + (y * tiles + x) * _LEVELS, (xp.shape(levels)[0], -1))
    counts = xp.reshape(xp.counts(places, tiles * tiles * _LEVELS), (-1, tiles * tiles, _LEVELS))
    area = xp.cast(xp.array(height * width, "int32"), "float32")
    counts = _limited(xp, xp.cast(counts, "float32"), clip_limit, area)
    # whole numbers, whose sums are exact in any order
    up_to = xp.cast(xp.reshape(xp.arange(_LEVELS), (-1, 1)) <= xp.arange(_LEVELS), "float32")
    sums = xp.matmul(xp.reshape(counts, (-1, _LEVELS)), up_to)
    table = xp.round(xp.reshape(sums, xp.shape(counts)) * (255.0 / area))
    return (*planes, table)


def _limited(xp: Any, counts: Array, clip_limit: Array, area: Array) -> Array:
    """Counts up to the limit; what is above is spread over all levels, the rest over some."""
    limit = xp.maximum(xp.floor(clip_limit * area * (1 / _LEVELS)), 1.0)
    kept = xp.minimum(counts, limit)
    excess = xp.sum(counts - kept, axis=2, keepdims=True)
    share = xp.floor(excess * (1 / _LEVELS))
    rest = excess - share * _LEVELS
    step = xp.maximum(xp.floor(_LEVELS / xp.maximum(rest, 1.0)), 1.0)
    level = xp.reshape(xp.cast(xp.arange(_LEVELS), "float32"), (1, 1, -1))
    turn = xp.floor((level + 0.5) / step)
    one_more = (turn * step == level) & (turn < rest)
    return kept + share + xp.cast(one_more, "float32")


def _neighbours(xp: Any, side: Any, length: Any, tiles: int) -> tuple[list[Array], list[Array]]:
    """Along an axis: the two tiles around each pixel (int32), and their weights (float32)."""
    pixels = xp.cast(xp.arange(side), "float32")
    length = xp.cast(xp.array(length, "int32"), "float32")
    from_centre = pixels - length * 0.5
    # a quarter of a pixel further, because at a centre the last bit of a float must not decide
    low = xp.floor((from_centre + 0.25) / length)
    share = from_centre / length - low
    ends = [xp.cast(xp.clip(tile, 0.0, tiles - 1.0), "int32") for tile in (low, low + 1.0)]
    return ends, [1.0 - share, share]


def _interpolate(xp: Any, planes: Planes, clip_limit: Array, *, tiles: int) -> Planes:
    planes, table = planes[:-1], planes[-1]
    luminance = _luminance(planes)
    levels = xp.cast(augreg.to_levels(xp, luminance), "int32")
    shape = xp.shape(levels)
    flat = xp.reshape(table, (shape[0], tiles * tiles * _LEVELS))
    sides = zip(shape[1:], _tile_size(shape[1:], tiles), strict=True)
    rows, columns = (_neighbours(xp, side, length, tiles) for side, length in sides)
    read = []
    for y, down in zip(*rows, strict=True):
        for x, across in zip(*columns, strict=True):
            tile = xp.reshape(y, (1, -1, 1)) * tiles + xp.reshape(x, (1, 1, -1))
            weight = xp.reshape(down, (1, -1, 1)) * xp.reshape(across, (1, 1, -1))
            read.append(xp.lookup(flat, levels + tile * _LEVELS) * weight)
    change = (read[0] + read[1] + read[2] + read[3]) * (1 / 255) - luminance
    return tuple(plane + change for plane in planes)


@functools.cache
def _functions(tiles: int) -> tuple[Any, Any]:
    """One object for each number of tiles: two steps of one may become one stage."""
    return functools.partial(_tables, tiles=tiles), functools.partial(_interpolate, tiles=tiles)


@augreg.op(
    "clahe",
    gray=True,
    clip_limit=augreg.Range(1.0, 100.0, default=[1.0, 4.0]),
    tiles=augreg.Integer(1, 32, default=8, static=True),
    example={"clip_limit": [1, 4]},
    strengths=[{"clip_limit": c} for c in (1.5, 4, 16)],
)
def clahe(xp: Any, clip_limit: Array, tiles: int) -> augreg.Neighborhood:
    """CLAHE: contrast-limited adaptive histogram equalization of the luminance.

    clip_limit: float32 [B], 1 (least contrast) to 100: how often a level counts at most, in
    multiples of the mean over all levels. tiles: the grid is `tiles` by `tiles`, each with a
    histogram of its own; sides that are no multiples of it count mirrored pixels at the end. Levels
    are interpolated between the tiles' tables. The luminance (0.299 R + 0.587 G + 0.114 B) is
    clipped to 0..1 and read in 256 levels; its change is added to each channel. As OpenCV's
    `createCLAHE` on the luminance, not rounded
    (https://docs.opencv.org/4.x/d6/db6/classcv_1_1CLAHE.html); Zuiderveld, "Contrast limited
    adaptive histogram equalization", Graphics Gems IV, 1994.
    """
    return augreg.Neighborhood(_functions(tiles), (clip_limit,), stepped=True)
