"""Pixels in NumPy: one function per stage, each on a float32 batch [B,H,W,C] in 0..1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.families import HORIZON, ColorMap, Displaced, Lattice, Resize, resampling
from augreg.families.color import mapped, spread
from augreg.families.levels import to_levels
from augreg.families.positions import TIE
from augreg.xp import NUMPY

Images = NDArray[Any]
UNIT = np.float32(1 / 255)


def lattice(images: Images, transform: Lattice, size: tuple[int, int]) -> Images:
    """Moves whole pixels; output pixels outside of the window are 0."""
    out = np.zeros((len(images), *size, images.shape[-1]), images.dtype)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.int64)
    points = np.stack([x, y], axis=-1)
    for b, image in enumerate(images):
        linear, offset = _row(transform.linear, b), _row(transform.offset, b)
        left, top, right, bottom = _row(transform.window, b)
        sx, sy = np.moveaxis(points @ linear.T.astype(np.int64) + offset, -1, 0)
        inside = (sx >= left) & (sx < right) & (sy >= top) & (sy < bottom)
        out[b][inside] = image[sy[inside], sx[inside]]
    return out


def affine(
    images: Images,
    matrix: NDArray[Any],
    size: tuple[int, int],
    fill: str,
    fill_value: float | tuple[float, ...],
    interpolation: str,
    offsets: NDArray[np.float64] | None = None,
) -> Images:
    """Resamples along `matrix` (float32 [B,2,3] or [B,3+n,3], centred, output→input).

    Where any of the rows after the third is not above 0, a horizon lies between. offsets:
    [B,H,W,2], added to a pixel's position before.
    """
    height, width = images.shape[1:3]
    y, x = np.mgrid[: size[0], : size[1]]
    centred = np.stack([x - (size[1] - 1) / 2, y - (size[0] - 1) / 2], axis=-1)
    out = np.empty((len(images), *size, images.shape[-1]), np.float32)
    for b, image in enumerate(images):
        rows = _row(matrix, b).astype(np.float64)
        if offsets is None and size == (height, width) and np.array_equal(rows, np.eye(2, 3)):
            out[b] = image  # steps leave it in place: as reading it would give, of finite pixels
            continue
        places = centred if offsets is None else centred + _row(offsets, b)
        source = places @ rows[:, :2].T + rows[:, 2]
        if len(rows) > 2:
            depth = np.maximum(source[..., 2], HORIZON)
            depth = np.where((source[..., 3:] > 0).all(axis=-1), depth, HORIZON)
            source = source[..., :2] / depth[..., None]
        sx, sy = source[..., 0] + (width - 1) / 2, source[..., 1] + (height - 1) / 2
        out[b] = sample(image, sx, sy, fill, fill_value, interpolation)
    return out


def offsets(how: Displaced, size: tuple[int, int]) -> NDArray[np.float64]:
    """The offset of each pixel, float64 [B,H,W,2], by the spline's formula in each cell."""
    grid = np.asarray(how.offsets, np.float64)
    rows, columns = (
        _spline(side, points, how.spline)
        for side, points in zip(size, grid.shape[1:3], strict=True)
    )
    # two products of matrices: as one sum over both axes it takes hundreds of times as long
    return np.moveaxis(rows @ np.moveaxis(grid, -1, 1) @ columns.T, 1, -1)


def _spline(side: int, points: int, spline: str) -> NDArray[np.float64]:
    """[side, points]: the weights of each pixel of an axis."""
    cells = points - 1 if spline == "linear" else points - 3
    place = np.arange(side) * cells / max(side - 1, 1)
    cell = np.minimum(place.astype(int), cells - 1)
    t = place - cell
    if spline == "linear":
        taps = [1 - t, t]
    else:
        taps = [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ]
    weights = np.zeros((side, points))
    for k, tap in enumerate(taps):
        weights[np.arange(side), cell + k] = tap
    return weights


def sample(
    image: Images,
    sx: NDArray[Any],
    sy: NDArray[Any],
    fill: str,
    fill_value: float | tuple[float, ...] = 0.0,
    interpolation: str = "bilinear",
) -> Images:
    """An image [H,W,C] read at real positions, with what lies outside filled (scipy's modes)."""
    height, width, channels = image.shape
    if fill == "constant":  # around the image, and that is what is read outside of it
        value = np.broadcast_to(np.asarray(fill_value, np.float32), channels)
        padded = np.empty((height + 2, width + 2, channels), np.result_type(image, value))
        padded[:], padded[1:-1, 1:-1] = value, image
        image = padded
    # Planes: NumPy's loops are over the innermost axis, and three channels are few.
    planes = np.ascontiguousarray(np.moveaxis(image, -1, 0)).reshape(channels, -1)
    stride = image.shape[1]

    def read(x: NDArray[np.int64], y: NDArray[np.int64]) -> Images:
        return planes.take(y * stride + x, axis=1)

    if interpolation == "nearest":
        x, y = _folded(sx, width, fill), _folded(sy, height, fill)
        x, y = np.floor(x + (0.5 + TIE)), np.floor(y + (0.5 + TIE))
        return np.moveaxis(read(_inside(x, width, fill), _inside(y, height, fill)), 0, -1)
    x0, y0 = np.floor(sx), np.floor(sy)
    wx, wy = sx - x0, sy - y0
    left, right = _inside(x0, width, fill), _inside(x0 + 1, width, fill)
    upper, lower = _inside(y0, height, fill), _inside(y0 + 1, height, fill)
    top = read(left, upper) * (1 - wx) + read(right, upper) * wx
    bottom = read(left, lower) * (1 - wx) + read(right, lower) * wx
    return np.moveaxis(np.asarray(top * (1 - wy) + bottom * wy, np.float32), 0, -1)


def _folded(position: NDArray[Any], side: int, fill: str) -> NDArray[Any]:
    """What lies outside, folded back before it is rounded, as scipy does."""
    if fill == "wrap":
        return np.asarray(position % side)
    if fill == "reflect":
        v = (position + 0.5) % (2 * side)
        return np.clip(np.minimum(v, 2 * side - v) - 0.5, 0, side - 1)
    return position


def _inside(position: NDArray[Any], side: int, fill: str) -> NDArray[np.int64]:
    """Where a position is read; the image of `constant` has one pixel more on each side."""
    i = position.astype(np.int64)
    if fill == "wrap":
        return i % side
    if fill == "reflect":
        i = i % (2 * side)
        return np.minimum(i, 2 * side - 1 - i)
    if fill == "constant":
        return np.clip(i, -1, side) + 1
    return np.clip(i, 0, side - 1)


def color(images: Images, transform: ColorMap) -> Images:
    """x' = matrix x + mean m + offset per pixel."""
    offset = transform.offset
    if transform.mean is not None:
        mean = images.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
        offset = offset + mapped(NUMPY, transform.mean, mean)
    matrix = transform.matrix
    if images.shape[-1] == 3:
        matrix = spread(NUMPY, matrix)
    made = np.einsum("bij,bhwj->bhwi", matrix, images)
    return np.asarray(made + offset[:, None, None, :], np.float32)


def statistics(images: Images, names: tuple[str, ...]) -> dict[str, tuple[Images, ...]]:
    """The statistics that a pixel function asks for, by name, one for each plane."""
    planes = np.moveaxis(images, -1, 0)
    found: dict[str, tuple[Images, ...]] = {}
    for name in names:
        if name == "histogram":
            levels = to_levels(NUMPY, planes).astype(np.uint8).reshape(*planes.shape[:2], -1)
            found[name] = tuple(NUMPY.counts(plane, 256) for plane in levels)
        elif name == "mean":
            means = planes.mean(axis=(2, 3), dtype=np.float64, keepdims=True)
            found[name] = tuple(means.astype(np.float32))
        else:
            reduce = np.min if name == "min" else np.max
            found[name] = tuple(reduce(planes, axis=(2, 3), keepdims=True))
    return found


def resize(images: Images, transform: Resize) -> Images:
    """uint8 or float [B,H,W,C] to float32 [B,height,width,C] in 0..1.

    Plain bilinear is done in the very order of `tf.image.resize`, because what follows may round it
    to uint8, and another order would round some pixels otherwise.
    """
    if transform.method != "bilinear" or transform.antialias:
        size = (images.shape[1], images.shape[2])
        return np.asarray(resampling.resize(NUMPY, to_unit(images), transform, size))
    out = np.empty((len(images), *transform.size, images.shape[-1]), np.float32)
    out[:] = transform.fill_value
    target, (top, left) = transform.inner or transform.size, transform.margins
    for b, image in enumerate(images):
        if transform.box is not None:
            y, x, height, width = _row(transform.box, b)
            image = image[y : y + height, x : x + width]
        inner = _bilinear(image.astype(np.float32), target)
        inner = inner * UNIT if images.dtype == np.uint8 else inner
        out[b, top : top + target[0], left : left + target[1]] = inner
    return out


def _bilinear(image: Images, target: tuple[int, int]) -> Images:
    (y0, y1, wy), (x0, x1, wx) = (
        _taps(side, wanted) for side, wanted in zip(image.shape[:2], target, strict=True)
    )
    wx, wy = wx[None, :, None], wy[:, None, None]
    upper, lower = image[y0], image[y1]
    upper = upper[:, x0] + (upper[:, x1] - upper[:, x0]) * wx
    lower = lower[:, x0] + (lower[:, x1] - lower[:, x0]) * wx
    return np.asarray(upper + (lower - upper) * wy)


def _taps(side: int, target: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    half = np.float32(0.5)
    scale = np.float32(side) / np.float32(target)
    centre = (np.arange(target, dtype=np.float32) + half) * scale - half
    low = np.floor(centre)
    taps = (np.clip(tap, 0, side - 1).astype(np.int64) for tap in (low, np.ceil(centre)))
    return *taps, centre - low


def to_unit(images: Images) -> Images:
    """uint8 times float32(1/255); floats are in 0..1 already."""
    return images * UNIT if images.dtype == np.uint8 else images


def quantize(images: Images) -> NDArray[np.uint8]:
    """float 0..1 to uint8, clipped and rounded half up; uint8 stays."""
    if images.dtype == np.uint8:
        return images
    return np.floor(np.clip(images, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _row(array: NDArray[Any], b: int) -> NDArray[Any]:
    return np.asarray(array[b if len(array) > 1 else 0])
