"""Affine and curved maps: a resample of four gathers, and which kind of it a stage calls for."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import (
    WIDE,
    Packed,
    Pixels,
    Planar,
    can_pack,
    interleaved,
    size_of,
    to_float,
    to_packed,
    to_planes,
)
from augreg.backends.tensorflow.lattice import gather, read_packed
from augreg.backends.tensorflow.xla import Keep, PlaneTuple, Scope
from augreg.families import AffineStage, Size, displacement, positions

Positions = tuple[tf.Tensor, tf.Tensor]  # x and y, float32 [B,h,w]: where output pixels read


def warp(scope: Scope, stage: AffineStage, how: Any, pixels: Pixels, after: Any) -> Pixels:
    """All samples, as the stage was lowered, to the size `after`."""
    size = size_of(pixels)
    floats = scope.exact and isinstance(pixels, Packed)
    source = Planar(to_planes(pixels)) if floats else to_packed(scope, pixels, stage)
    moved = scope.barrier(lambda: affine(source, how, size, after, stage.modes))
    if not scope.single or scope.last or not isinstance(moved, Packed):
        return moved
    # the next kernel works on twice as many floats at a time where no int64 is in it
    return scope.barrier(lambda: Planar(to_planes(moved)))


def warp_active(
    scope: Scope, stage: AffineStage, how: Any, active: tf.Tensor, pixels: Pixels
) -> Planar:
    """A warp of the samples that a choice gave it."""
    size = size_of(pixels)

    def compute(mine: PlaneTuple, own: Any) -> PlaneTuple:
        if stage.interpolation == "bilinear" and stage.fill != "wrap" and min(size) > 1:
            return affine_planes(mine, own, size, stage.fill, stage.fill_value, scope.barrier)
        return to_planes(affine(Planar(mine), own, size, size, stage.modes))

    return Planar(scope.map_active(active, to_planes(pixels), how, compute))


def affine(
    pixels: Pixels, how: Any, size_in: Size, size: Size, modes: tuple[str, Any, str]
) -> Pixels:
    """Resamples [B,H,W,C], `how` as in `displacement.source`; `modes` are a stage's."""
    fill, value, interpolation = modes
    at = displacement.source(TENSORFLOW, how, size_in, size)
    if interpolation == "nearest":
        images = interleaved(pixels)
        return _nearest(images, at, size_in, size, fill, value)
    fresh = isinstance(pixels, Packed) and not pixels.bits  # bytes, and not another warp's sums
    if fresh and can_pack(size_in, *modes):
        return _packed(pixels, at, size_in, fill, value)
    return _bilinear(to_float(pixels), at, size_in, size, fill, value)


def _packed(pixels: Packed, at: Positions, size_in: Size, fill: str, value: Any) -> Packed:
    """Bilinear sums in fixed point: one multiply-add works on all three channels.

    Weights have `bits` bits. Coordinates become fixed-point integers by one addition that pushes
    the fraction into a float's low bits; masking tells the compiler that an index is not negative,
    which lets the four gathers share their addresses. A border of one pixel stands for what lies
    outside, so that no read asks where it is.
    """
    (sx, sy), (height, width) = at, size_in
    source = pixels.widened()
    if fill == "constant":
        source = ops.pad(source, [[0, 0], [1, 1], [1, 1]], constant_values=_packed_level(value))
        sx, sy, height, width = sx + 1, sy + 1, height + 2, width + 2
    elif fill == "wrap":
        sx, sy = (s - side * ops.floor(s / side) for s, side in ((sx, width), (sy, height)))
        source = ops.concat([source, source[:, :, :1]], axis=2)
        source = ops.concat([source, source[:, :1]], axis=1)
        height, width = height + 1, width + 1
    bits = 13 - max(max(height, width).bit_length() - 9, 0)
    x, y = _fixed(_folded(sx, width, fill), bits), _fixed(_folded(sy, height, fill), bits)
    down = ops.right_shift
    x0, y0 = ops.minimum(down(x, bits), width - 2), ops.minimum(down(y, bits), height - 2)
    wx, wy = x - x0 * (1 << bits), y - y0 * (1 << bits)
    both = down(wx * wy + (1 << (bits - 1)), bits)
    index = y0 * width + x0

    def read(step: int, weight: tf.Tensor) -> tf.Tensor:
        return read_packed(source, index + step) * ops.cast(weight, tf.int64)

    sums = read(0, (1 << bits) - wx - wy + both) + read(1, wx - both)
    return Packed(sums + read(width, wy - both) + read(width + 1, both), bits)


def _packed_level(value: Any) -> int:
    """A fill value, one or three of 0..1, in the fields of an int64."""
    levels = np.round(np.broadcast_to(np.asarray(value, np.float64), 3) * 255).astype(int)
    return sum(int(level) << WIDE * c for c, level in enumerate(levels))


def _fixed(value: tf.Tensor, bits: int) -> tf.Tensor:
    """Non-negative float32 below 2**(22-bits) to int32 with `bits` binary places."""
    pushed = ops.bitcast(value + np.float32(1.5 * 2 ** (23 - bits)), tf.int32)
    return ops.bitwise_and(pushed, 2**22 - 1)


def _bilinear(
    images: tf.Tensor, at: Positions, size_in: Size, size: Size, fill: str, value: Any
) -> tf.Tensor:
    (sx, sy), (height, width) = at, size_in
    if fill in ("reflect", "nearest"):
        sx, sy = _folded(sx, width, fill), _folded(sy, height, fill)
    x0, y0 = ops.floor(sx), ops.floor(sy)
    wx, wy = (sx - x0)[..., tf.newaxis], (sy - y0)[..., tf.newaxis]
    x0, y0 = ops.cast(x0, tf.int32), ops.cast(y0, tf.int32)
    levels = np.unique(np.asarray(value, np.float32))
    bordered = fill == "constant" and len(levels) == 1
    if bordered:  # by a pixel, which stands for all that lies outside
        images = ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=levels[0])
        x0, y0, height, width = x0 + 1, y0 + 1, height + 2, width + 2

    def read(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """The pixels at integer positions, those outside filled."""
        if fill == "wrap":
            x, y = ops.floormod(x, width), ops.floormod(y, height)
            return gather(images, y * width + x, size)
        inner_x, inner_y = ops.clip_by_value(x, 0, width - 1), ops.clip_by_value(y, 0, height - 1)
        pixels = gather(images, inner_y * width + inner_x, size)
        if bordered or fill != "constant":
            return pixels
        inside = (x == inner_x) & (y == inner_y)
        return ops.where(inside[..., tf.newaxis], pixels, ops.constant(value, tf.float32))

    upper = read(x0, y0) * (1 - wx) + read(x0 + 1, y0) * wx
    lower = read(x0, y0 + 1) * (1 - wx) + read(x0 + 1, y0 + 1) * wx
    return upper * (1 - wy) + lower * wy


def _nearest(
    images: tf.Tensor, at: Positions, size_in: Size, size: Size, fill: str, value: Any
) -> tf.Tensor:
    x, y, inside = positions.nearest_pixel(TENSORFLOW, at, size_in, fill)
    index = y * size_in[1] + x
    if inside is None:
        return gather(images, index, size)
    pixels = gather(to_float(images), index, size)
    return ops.where(inside[..., tf.newaxis], pixels, ops.constant(value, tf.float32))


def affine_planes(
    planes: PlaneTuple, how: Any, size: tuple[int, int], fill: str, value: Any, keep: Keep
) -> PlaneTuple:
    """Planes [1,H,W] resampled bilinearly to the same size; `how` as in `affine`.

    Of positions outside, the nearest pixel is read and weighs nothing: so no plane needs a border,
    and what is missing of the weights is the fill.

    fill: reflect, nearest or constant; sides of 2 and more.
    """
    sx, sy = keep(
        lambda: [ops.reshape(s, (-1,)) for s in displacement.source(TENSORFLOW, how, size, size)]
    )
    (x, left, right), (y, above, below) = (
        _taps(s, side, fill) for s, side in ((sx, size[1]), (sy, size[0]))
    )
    index = y * size[1] + x
    corners = [index + step for step in (0, 1, size[1], size[1] + 1)]
    levels = np.broadcast_to(
        np.asarray(value if fill == "constant" else 0, np.float32), len(planes)
    )
    result = []
    for plane, level in zip(planes, levels, strict=True):
        flat = ops.reshape(plane, (-1,))
        a, b, c, d = (ops.gather(flat, corner) - level for corner in corners)
        warped = (a * left + b * right) * above + (c * left + d * right) * below + level
        result.append(ops.reshape(warped, (1, *size)))
    return tuple(result)


def _taps(position: tf.Tensor, side: int, fill: str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first of the two pixels along an axis to read, and the weights of both."""
    position = positions.folded(TENSORFLOW, position, side, fill)
    first = ops.clip_by_value(ops.floor(position), 0.0, float(side - 2))
    # how near a pixel is: beyond one away it weighs nothing
    weights = [ops.maximum(1 - ops.abs(position - first - step), 0.0) for step in (0.0, 1.0)]
    return ops.cast(first, tf.int32), *weights


def _folded(position: tf.Tensor, side: Any, fill: str) -> tf.Tensor:
    """Positions outside brought back in: reflected, or moved to the nearest centre."""
    if fill == "reflect":
        return positions.reflect(TENSORFLOW, position, side)
    return ops.clip_by_value(position, 0.0, ops.cast(side, tf.float32) - 1)
