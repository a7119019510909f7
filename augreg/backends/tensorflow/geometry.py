"""Kernels that move pixels: lattice maps by one gather, affine maps by four.

Plain TensorFlow ops that XLA compiles; without XLA they run too, slower, and at sizes that are
known only at run time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.pixels import WIDE, Packed, Pixels, to_float
from augreg.families import positions
from augreg.lower import Lattice

Size = tuple[Any, Any]
_PACKED_SIDE = 4096  # beyond, too few bits are left for the weights


def lattice(pixels: Pixels, element: Lattice, size_in: Size, size: Size, pads: bool) -> Pixels:
    """Moves whole pixels, any form; pixels outside of the window become 0."""
    linear, offset = tf.convert_to_tensor(element.linear), tf.convert_to_tensor(element.offset)
    x = tf.reshape(tf.range(size[1]), (1, 1, -1))
    y = tf.reshape(tf.range(size[0]), (1, -1, 1))

    def at(row: int) -> tf.Tensor:
        a, b, c = linear[:, row, 0], linear[:, row, 1], offset[:, row]
        return _column(a) * x + (_column(b) * y + _column(c))

    sx, sy = at(0), at(1)
    index, inside = sy * size_in[1] + sx, None
    if pads:
        window = tf.convert_to_tensor(element.window)
        left, top, right, bottom = (_column(window[:, i]) for i in range(4))
        inside = (sx >= left) & (sx < right) & (sy >= top) & (sy < bottom)
        index = tf.where(inside, index, 0)
    if isinstance(pixels, Packed):
        moved = _read(pixels.values, index)
        return replace(pixels, values=moved if inside is None else tf.where(inside, moved, 0))
    images = pixels if isinstance(pixels, tf.Tensor) else to_float(pixels)
    moved = _gather(images, index, size)
    if inside is None:
        return moved
    return tf.where(inside[..., tf.newaxis], moved, tf.zeros([], images.dtype))


def affine(
    pixels: Pixels,
    matrix: tf.Tensor,
    size_in: Size,
    size: Size,
    fill: str,
    fill_value: Any,
    interpolation: str,
) -> Pixels:
    """Resamples [B,H,W,C] along `matrix`, as in `positions.source`."""
    sx, sy = positions.source(TENSORFLOW, matrix, size_in, size)
    if interpolation == "nearest":
        images = pixels if isinstance(pixels, tf.Tensor) else to_float(pixels)
        return _nearest(images, sx, sy, size_in, size, fill, fill_value)
    fresh = isinstance(pixels, Packed) and not pixels.bits  # bytes, and not another warp's sums
    if fresh and packs(size_in, fill, fill_value, interpolation):
        return _packed(pixels, sx, sy, size_in, fill, fill_value)
    return _bilinear(to_float(pixels), sx, sy, size_in, size, fill, fill_value)


def packs(size_in: Size, fill: str, fill_value: Any, interpolation: str) -> bool:
    """Whether three 8-bit channels of a known size can be resampled packed into one integer."""
    level = np.asarray(fill_value, np.float64) * 255
    return (
        interpolation == "bilinear"
        and all(isinstance(side, int) and 2 <= side < _PACKED_SIDE for side in size_in)
        and (fill != "constant" or bool(np.all(np.abs(level - np.round(level)) < 1e-6)))
    )


def _packed(
    pixels: Packed, sx: tf.Tensor, sy: tf.Tensor, size_in: Size, fill: str, value: Any
) -> Packed:
    """Bilinear sums in fixed point: one multiply-add works on all three channels.

    Weights have `bits` bits. Coordinates become fixed-point integers by one addition that pushes
    the fraction into a float's low bits; masking tells the compiler that an index is not negative,
    which lets the four gathers share their addresses. A border of one pixel stands for what lies
    outside, so that no read asks where it is.
    """
    height, width = size_in
    source = pixels.widened()
    if fill == "constant":
        source = tf.pad(source, [[0, 0], [1, 1], [1, 1]], constant_values=_packed_level(value))
        sx, sy, height, width = sx + 1, sy + 1, height + 2, width + 2
    elif fill == "wrap":
        sx, sy = (s - side * tf.floor(s / side) for s, side in ((sx, width), (sy, height)))
        source = tf.concat([source, source[:, :, :1]], axis=2)
        source = tf.concat([source, source[:, :1]], axis=1)
        height, width = height + 1, width + 1
    bits = 13 - max(max(height, width).bit_length() - 9, 0)
    fold = _reflect if fill == "reflect" else _clamp
    x, y = _fixed(fold(sx, width), bits), _fixed(fold(sy, height), bits)
    down = tf.bitwise.right_shift
    x0, y0 = tf.minimum(down(x, bits), width - 2), tf.minimum(down(y, bits), height - 2)
    wx, wy = x - x0 * (1 << bits), y - y0 * (1 << bits)
    both = down(wx * wy + (1 << (bits - 1)), bits)
    index = y0 * width + x0

    def read(step: int, weight: tf.Tensor) -> tf.Tensor:
        return _read(source, index + step) * tf.cast(weight, tf.int64)

    sums = read(0, (1 << bits) - wx - wy + both) + read(1, wx - both)
    return Packed(sums + read(width, wy - both) + read(width + 1, both), bits)


def _packed_level(value: Any) -> int:
    """A fill value, one or three of 0..1, in the fields of an int64."""
    levels = np.round(np.broadcast_to(np.asarray(value, np.float64), 3) * 255).astype(int)
    return sum(int(level) << WIDE * c for c, level in enumerate(levels))


def _fixed(value: tf.Tensor, bits: int) -> tf.Tensor:
    """Non-negative float32 below 2**(22-bits) to int32 with `bits` binary places."""
    pushed = tf.bitcast(value + np.float32(1.5 * 2 ** (23 - bits)), tf.int32)
    return tf.bitwise.bitwise_and(pushed, 2**22 - 1)


def _bilinear(
    images: tf.Tensor,
    sx: tf.Tensor,
    sy: tf.Tensor,
    size_in: Size,
    size: Size,
    fill: str,
    value: Any,
) -> tf.Tensor:
    height, width = size_in
    if fill in ("reflect", "nearest"):
        fold = _reflect if fill == "reflect" else _clamp
        sx, sy = fold(sx, width), fold(sy, height)
    x0, y0 = tf.floor(sx), tf.floor(sy)
    wx, wy = (sx - x0)[..., tf.newaxis], (sy - y0)[..., tf.newaxis]
    x0, y0 = tf.cast(x0, tf.int32), tf.cast(y0, tf.int32)

    def read(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return _tap(images, x, y, size_in, size, fill, value)

    upper = read(x0, y0) * (1 - wx) + read(x0 + 1, y0) * wx
    lower = read(x0, y0 + 1) * (1 - wx) + read(x0 + 1, y0 + 1) * wx
    return upper * (1 - wy) + lower * wy


def _nearest(
    images: tf.Tensor,
    sx: tf.Tensor,
    sy: tf.Tensor,
    size_in: Size,
    size: Size,
    fill: str,
    value: Any,
) -> tf.Tensor:
    (x, in_x), (y, in_y) = (
        positions.nearest(TENSORFLOW, s, side, fill)
        for s, side in zip((sx, sy), size_in[::-1], strict=True)
    )
    if in_x is None or in_y is None:
        return _gather(images, y * size_in[1] + x, size)
    pixels = _gather(to_float(images), y * size_in[1] + x, size)
    inside = (in_x & in_y)[..., tf.newaxis]
    return tf.where(inside, pixels, tf.constant(value, tf.float32))


def _tap(
    images: tf.Tensor, x: tf.Tensor, y: tf.Tensor, size_in: Size, size: Size, fill: str, value: Any
) -> tf.Tensor:
    """The pixels at integer positions, those outside filled."""
    height, width = size_in
    if fill == "wrap":
        return _gather(
            images, tf.math.floormod(y, height) * width + tf.math.floormod(x, width), size
        )
    inner_x, inner_y = tf.clip_by_value(x, 0, width - 1), tf.clip_by_value(y, 0, height - 1)
    pixels = _gather(images, inner_y * width + inner_x, size)
    if fill != "constant":
        return pixels
    inside = (x == inner_x) & (y == inner_y)
    return tf.where(inside[..., tf.newaxis], pixels, tf.constant(value, tf.float32))


def _read(values: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """[B,h,w] out of packed [B,H,W] by int32 [B or 1,h,w] positions in the flattened image."""
    batch = tf.shape(values)[0]
    if index.shape[0] == 1:
        index = tf.repeat(index, batch, axis=0)
    return tf.gather(tf.reshape(values, (batch, -1)), index, batch_dims=1)


def _gather(images: tf.Tensor, index: tf.Tensor, size: Size) -> tf.Tensor:
    """[B,h,w,C] out of [B,H,W,C] by int32 [B or 1,h,w] positions in the flattened image."""
    batch, channels = tf.shape(images)[0], images.shape[-1]
    source = tf.reshape(images, (batch, -1, channels))
    flat = tf.broadcast_to(tf.reshape(index, (tf.shape(index)[0], -1)), (batch, size[0] * size[1]))
    return tf.reshape(tf.gather(source, flat, batch_dims=1), (batch, size[0], size[1], channels))


def _reflect(position: tf.Tensor, side: Any) -> tf.Tensor:
    return positions.reflect(TENSORFLOW, position, side)


def _clamp(position: tf.Tensor, side: Any) -> tf.Tensor:
    return tf.clip_by_value(position, 0.0, tf.cast(side, tf.float32) - 1)


def _column(vector: tf.Tensor) -> tf.Tensor:
    return tf.reshape(vector, (-1, 1, 1))
