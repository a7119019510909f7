"""Lattice maps: whole pixels are moved by one gather.

Plain TensorFlow ops that XLA compiles; without XLA they run too, slower, and at sizes that are
known only at run time.
"""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import Packed, Pixels, interleaved
from augreg.families import Lattice, Size, positions


def lattice(pixels: Pixels, transform: Lattice, size_in: Size, size: Size, pads: bool) -> Pixels:
    """Moves whole pixels, any form; pixels outside of the window become 0."""
    index, inside = source(transform, size_in, size, pads)
    if isinstance(pixels, Packed):
        moved = read_packed(pixels.values, index)
        return replace(pixels, values=moved if inside is None else ops.where(inside, moved, 0))
    images = interleaved(pixels)
    moved = gather(images, index, size)
    if inside is None:
        return moved
    return ops.where(inside[..., tf.newaxis], moved, ops.zeros([], images.dtype))


def source(
    transform: Lattice, size_in: Size, size: Size, pads: bool
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """int32 [B,h,w]: which pixel of the flattened image each is; bool: whether it is one.

    None: all are. Those that are none have the number 0.
    """
    x, y = positions.grid(TENSORFLOW, size)

    def at(row: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
        a, b = ops.split(row, 2, axis=2)
        return a * x + (b * y + offset)

    sx, sy = map(at, ops.split(transform.linear, 2, axis=1), columns(transform.offset))
    index, inside = sy * size_in[1] + sx, None
    if pads:
        left, top, right, bottom = columns(transform.window)
        inside = (sx >= left) & (sx < right) & (sy >= top) & (sy < bottom)
        index = ops.where(inside, index, 0)
    return index, inside


def read_packed(values: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """[B,h,w] out of packed [B,H,W] by int32 [B or 1,h,w] positions in the flattened image."""
    batch = ops.shape(values)[0]
    if index.shape[0] == 1:
        index = ops.broadcast_to(index, (batch, *index.shape[1:]))
    return ops.gather(ops.reshape(values, (batch, -1)), index, batch_dims=1)


def gather(images: tf.Tensor, index: tf.Tensor, size: Size) -> tf.Tensor:
    """[B,h,w,C] out of [B,H,W,C] by int32 [B or 1,h,w] positions in the flattened image."""
    batch, channels = ops.shape(images)[0], images.shape[-1]
    source = ops.reshape(images, (batch, -1, channels))
    flat = ops.broadcast_to(
        ops.reshape(index, (ops.shape(index)[0], -1)), (batch, size[0] * size[1])
    )
    return ops.reshape(ops.gather(source, flat, batch_dims=1), (batch, size[0], size[1], channels))


def columns(vectors: tf.Tensor) -> list[tf.Tensor]:
    """[B,1,1] of each number of [B,n]."""
    count = vectors.shape[1]
    return ops.split(ops.reshape(vectors, (-1, count, 1)), count, axis=1)
