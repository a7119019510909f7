"""Doing a stage for those samples only that take part in it.

A choice among operations gives each to a few samples of a batch. What costs little is done for all
and selected; a warp, a window or a histogram is done in a loop over the samples that need it, of
which XLA learns the number at run time. The loop writes into its buffers in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow.pixels import map_tensors

Planes = tuple[tf.Tensor, ...]


def for_those(
    active: tf.Tensor,
    planes: Planes,
    arguments: Any,
    compute: Callable[[Planes, Any], Planes],
) -> Planes:
    """`compute(planes, arguments)` for the samples where `active` holds; the others stay.

    Args:
        active: bool [B] or [1].
        planes: [B,H,W] each, of a static size; `compute` keeps size and number.
        arguments: tensors with a leading dimension of B or 1, in dataclasses, lists and tuples.
    """
    batch = tf.shape(planes[0])[0]
    active = tf.broadcast_to(active, (batch,))
    order = tf.argsort(tf.cast(~active, tf.int32), stable=True)
    count = tf.reduce_sum(tf.cast(active, tf.int32))
    buffers = [
        tf.TensorArray(
            plane.dtype, size=batch, element_shape=plane.shape[1:], clear_after_read=False
        ).unstack(plane)
        for plane in planes
    ]

    def one(i: tf.Tensor, buffers: list[Any]) -> tuple[tf.Tensor, list[Any]]:
        b = order[i]
        mine = tuple(buffer.read(b)[tf.newaxis] for buffer in buffers)
        made = compute(mine, map_tensors(lambda value: row(value, b), arguments))
        written = [buffer.write(b, new[0]) for buffer, new in zip(buffers, made, strict=True)]
        return i + 1, written

    _, done = tf.while_loop(lambda i, _: i < count, one, (tf.constant(0), buffers))
    return tuple(
        tf.ensure_shape(buffer.stack(), plane.shape)
        for buffer, plane in zip(done, planes, strict=True)
    )


def row(value: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Sample `b` of a tensor [B,...], as [1,...]; what is [1,...] is every sample's."""
    return value if value.shape[0] == 1 else tf.gather(value, b[tf.newaxis])
