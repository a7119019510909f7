"""Ops that read a pixel's neighbours."""

from __future__ import annotations

import functools
import math
from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]
_RADIANS = math.pi / 180


def _smoothed(xp: Any, plane: Array) -> Array:
    """The inner pixels' mean over 3x3 with the centre five times: [B,H-2,W-2]."""
    across = plane[:, :, :-2] + plane[:, :, 1:-1] + plane[:, :, 2:]
    total = across[:, :-2] + across[:, 1:-1] + across[:, 2:]
    return (total + plane[:, 1:-1, 1:-1] * 4.0) * (1 / 13)


def _sharpen(xp: Any, planes: Planes, factor: Array) -> Planes:
    return tuple(_sharpen_plane(xp, plane, factor) for plane in planes)


def _sharpen_plane(xp: Any, plane: Array, factor: Array) -> Array:
    """A side below 3 has no inner pixels: of a side of 1, `plane[:, 1:][:, -1:]` is empty, too."""
    smooth = _smoothed(xp, plane)
    inner = smooth + (plane[:, 1:-1, 1:-1] - smooth) * factor
    rows = xp.concat([plane[:, 1:-1, :1], inner, plane[:, 1:-1, 1:][:, :, -1:]], axis=2)
    return xp.concat([plane[:, :1], rows, plane[:, 1:][:, -1:]], axis=1)


@augreg.op(
    "sharpness",
    gray=True,
    factor=augreg.Range(0.0, 10.0),
    example={"factor": [0.0, 3.0]},
    strengths=[{"factor": f} for f in (2, 4, 10)],
)
def sharpness(xp: Any, factor: Array) -> augreg.Neighborhood:
    """Sharpness: sharpens or softens, x' = factor * x + (1 - factor) * smooth.

    factor: float32, 0 to 10; 1 is the identity, 0 gives `smooth`, the mean over 3x3 pixels with the
    centre weighted five times; the outermost pixels do not change. As Pillow's
    `ImageEnhance.Sharpness` (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html),
    not rounded, and nothing is clipped before the end.
    """
    return augreg.Neighborhood(_sharpen, (factor,))


def _mirrored(xp: Any, plane: Array, radius: int, axis: int) -> Array:
    """With `radius` pixels mirrored at both ends of an axis: dcba|abcd|dcba, again where short."""
    side = xp.shape(plane)[axis]
    if not isinstance(side, int):  # known at run time only, so it may be short
        place = (xp.arange(side + 2 * radius) - radius) % (2 * side)
        return xp.take(plane, xp.minimum(place, 2 * side - 1 - place), axis=axis)
    while radius > 0:
        side = xp.shape(plane)[axis]
        taken = min(radius, side)
        if axis == 1:
            ends = plane[:, :taken][:, ::-1], plane[:, -taken:][:, ::-1]
        else:
            ends = plane[:, :, :taken][:, :, ::-1], plane[:, :, -taken:][:, :, ::-1]
        plane = xp.concat([ends[0], plane, ends[1]], axis=axis)
        radius -= taken
    return plane


def _convolve(xp: Any, plane: Array, weights: Array, axis: int) -> Array:
    taps = xp.shape(weights)[1]
    total = None
    for i in range(taps):
        end = i + 1 - taps or None
        part = plane[:, i:end] if axis == 1 else plane[:, :, i:end]
        term = part * weights[:, i]
        total = term if total is None else total + term
    return total


def _passes(axis: int) -> tuple[Any, Any]:
    def pad(xp: Any, planes: Planes, weights: Array) -> Planes:
        radius = xp.shape(weights)[1] // 2
        return tuple(_mirrored(xp, plane, radius, axis) for plane in planes)

    def blur(xp: Any, planes: Planes, weights: Array) -> Planes:
        return tuple(_convolve(xp, plane, weights, axis) for plane in planes)

    return pad, blur


_PASSES = (*_passes(2), *_passes(1))


def _framed(xp: Any, planes: Planes, *arguments: Array, radius: int) -> Planes:
    """Planes with mirrored pixels on all sides."""
    rows = (_mirrored(xp, plane, radius, 1) for plane in planes)
    return tuple(_mirrored(xp, plane, radius, 2) for plane in rows)


def _window(plane: Array, size: int) -> list[list[Array]]:
    """A framed plane shifted to each place of a window of `size` rows and columns."""
    ends = [(i, i + 1 - size or None) for i in range(size)]
    return [[plane[:, top:bottom, left:right] for left, right in ends] for top, bottom in ends]


def _fits(h: Any, w: Any, /, kernel_size: int, **rest: Any) -> tuple[Any, Any]:
    if kernel_size % 2 == 0:
        raise augreg.ParameterError(
            f"a kernel of {kernel_size} pixels has no centre; write {kernel_size + 1}",
            "/kernel_size",
        )
    return h, w


@augreg.op(
    "gaussian_blur",
    gray=True,
    output_size=_fits,
    kernel_size=augreg.Integer(3, 65, static=True),
    sigma=augreg.Range(0.05, 32.0),
    example={"kernel_size": 9, "sigma": [0.1, 2.0]},
    strengths=[{"kernel_size": 37, "sigma": s} for s in (1, 3, 6)],
)
def gaussian_blur(xp: Any, kernel_size: int, sigma: Array) -> augreg.Neighborhood:
    """Gaussian blur of `sigma` pixels with a kernel of `kernel_size` pixels.

    kernel_size: the kernel's side in pixels, odd, 3 to 65, static. sigma: float32 [B], the standard
    deviation in pixels; 0.05 is the identity in float32. Weights are exp(-d**2 / (2 sigma**2)) over
    their sum, one pass along each axis; edges are mirrored (dcba|abcd|dcba). As in SimCLR (Chen et
    al., https://arxiv.org/abs/2002.05709).
    """
    distance = xp.cast(xp.arange(kernel_size), "float32") - float(kernel_size // 2)
    ratio = xp.reshape(distance, (1, -1)) / xp.reshape(sigma, (-1, 1))
    weights = xp.exp(ratio * ratio * -0.5)
    return augreg.Neighborhood(_PASSES, (weights / xp.sum(weights, axis=1, keepdims=True),))


def _tent(xp: Any, x: Array) -> Array:
    return xp.maximum(1.0 - xp.abs(x), 0.0)


def _line_kernel(xp: Any, size: int, degrees: Array, length: Array, direction: Array) -> Array:
    """float32 [B,size,size]: the weights of the pixels along a line through the centre."""
    angle, length, direction = (
        xp.reshape(value, (-1, 1)) for value in (degrees * _RADIANS, length, direction)
    )
    offset = xp.reshape(xp.cast(xp.arange(size), "float32") - float(size // 2), (1, -1))
    covered = xp.clip(length * 0.5 + 0.5 - xp.abs(offset), 0.0, 1.0)
    along = xp.clip(offset * 2.0 / xp.maximum(length - 1.0, 1.0), -1.0, 1.0)
    weights = covered * (1.0 + direction * along)
    weights = weights / xp.sum(weights, axis=1, keepdims=True)
    # each point of the line is shared between the pixels next to it, as bilinear reading does
    x, y = (
        _tent(xp, xp.reshape(offset, (1, -1, 1)) - xp.reshape(place, (-1, 1, size)))
        for place in (offset * xp.cos(angle), offset * xp.sin(angle) * -1.0)
    )
    return xp.matmul(y * xp.reshape(weights, (-1, 1, size)), xp.transpose(x, (0, 2, 1)))


def _taps(xp: Any, kernel: Array) -> tuple[Array, Array, Array]:
    """The pixels that a line crosses, the heaviest first: rows, columns, weights [B,n].

    n: the most that there can be. A line's first point is shared among 4 pixels. Each further one
    adds 2 if it is in another row or column than the one before, 3 if in both: at 45 degrees, where
    they are most, 1 + sqrt(2) on average.
    """
    size = xp.shape(kernel)[1]
    flat = xp.reshape(kernel, (-1, size * size))
    places = xp.argsort(flat * -1.0)[:, : 4 + math.ceil((1 + math.sqrt(2)) * (size - 1))]
    rows, columns = (xp.cast(place, "float32") for place in (places // size, places % size))
    return rows, columns, xp.lookup(flat, places)


def _correlate(
    xp: Any, planes: Planes, rows: Array, columns: Array, weights: Array, *, radius: int
) -> Planes:
    """What framed planes show at each place of a kernel, weighted and added up."""
    batch, height, width = xp.shape(planes[0])
    size = height - 2 * radius, width - 2 * radius
    totals: list[Any] = [0.0] * len(planes)
    for i in range(xp.shape(weights)[1]):
        top, left = (
            xp.broadcast_to(xp.reshape(xp.cast(start[:, i], "int32"), (-1,)), (batch,))
            for start in (rows, columns)
        )
        for c, plane in enumerate(planes):
            totals[c] = xp.window(plane, top, left, size) * weights[:, i] + totals[c]
    return tuple(totals)


@functools.cache
def _along_lines(size: int) -> tuple[Any, Any]:
    """One object for each size: two steps of one size may become one stage."""
    radius = size // 2
    return functools.partial(_framed, radius=radius), functools.partial(_correlate, radius=radius)


@augreg.op(
    "motion_blur",
    gray=True,
    output_size=_fits,
    kernel_size=augreg.Integer(3, 21, static=True),
    degrees=augreg.Range(-360.0, 360.0, default=[0.0, 360.0]),
    length=augreg.Range(1.0, 21.0, default=None),
    direction=augreg.Range(-1.0, 1.0, default=0.0),
    example={"kernel_size": 9, "length": [1, 9]},
    strengths=[{"kernel_size": 21, "degrees": 30, "length": n} for n in (5, 11, 21)],
)
def motion_blur(
    xp: Any, kernel_size: int, degrees: Array, length: Array, direction: Array
) -> augreg.Neighborhood:
    """Motion blur: averages along a line through each pixel.

    kernel_size: odd, 3 to 21, static: the longest line, in pixels. degrees: the line's direction,
    counter-clockwise; 0 is to the right. length: float32 [B], 1 to `kernel_size` (what is longer is
    cut off), by default `kernel_size`; 1 is the identity. direction: -1 to 1; 0 weighs all pixels
    of the line alike, 1 those ahead most and the last one behind not at all, -1 the other way
    round. A point of the line between pixels is interpolated bilinearly; edges are mirrored
    (dcba|abcd|dcba). As imgaug's `MotionBlur`, which counts degrees clockwise from the top
    (https://imgaug.readthedocs.io/en/latest/source/api_augmenters_blur.html).
    """
    length = xp.array([float(kernel_size)]) if length is None else length
    kernel = _line_kernel(xp, kernel_size, degrees, length, direction)
    return augreg.Neighborhood(_along_lines(kernel_size), _taps(xp, kernel), single=True)


def _median(xp: Any, planes: Planes, *, size: int) -> Planes:
    windows = ([part for row in _window(plane, size) for part in row] for plane in planes)
    return tuple(_median_of(xp, values) for values in windows)


def _median_of(xp: Any, values: list[Array]) -> Array:
    """The median of an odd number of arrays, by minima and maxima alone.

    Of half of them and two more, neither the least nor the greatest can be the median of all. They
    are dropped, one of the others is added, and so on until three are left.
    """
    first = len(values) // 2 + 2
    kept = values[:first]
    for value in values[first:]:
        kept = [*_without_ends(xp, kept), value]
    return _without_ends(xp, kept)[0]


def _without_ends(xp: Any, values: list[Array]) -> list[Array]:
    """All but the least and the greatest."""
    values, last = list(values), len(values) - 1

    def exchange(i: int, j: int) -> None:
        low, high = xp.minimum(values[i], values[j]), xp.maximum(values[i], values[j])
        values[i], values[j] = low, high

    for i in range(len(values) // 2):
        exchange(i, last - i)
    for i in range(1, last // 2 + 1):
        exchange(0, i)
        exchange(last - i, last)
    return values[1:last]


# One object for each size: two steps of one size may become one stage.
_MEDIANS = {
    size: (
        functools.partial(_framed, radius=size // 2),
        functools.partial(_median, size=size),
    )
    for size in (3, 5)
}


@augreg.op(
    "median_blur",
    gray=True,
    kernel_size=augreg.Option(3, 5),
    example={"kernel_size": 5},
)
def median_blur(xp: Any, kernel_size: int) -> augreg.Neighborhood:
    """Median blur: each value becomes the median of its neighbourhood, channel by channel.

    kernel_size: 3 or 5, static: the side of the square neighbourhood, in pixels. Edges are mirrored
    (dcba|abcd|dcba). Removes salt-and-pepper noise and keeps edges sharp. As
    `scipy.ndimage.median_filter`
    (https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.median_filter.html).
    """
    return augreg.Neighborhood(_MEDIANS[kernel_size], rank=True)
