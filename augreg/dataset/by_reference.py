"""Elements held by reference: any tensor as a scalar that can be batched, picked and put in order.

A batch of images is a copy of all of them, and needs them to be of one size. A list of one tensor
is a handle, whatever the tensor's shape: a thousand of them are shuffled in microseconds, and a
window of 1,000 photographs is in memory once.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def hold(element: Any) -> tuple[tf.Tensor, ...]:
    """A scalar variant for each tensor of an element, those of ragged and sparse ones too."""
    leaves = tf.nest.flatten(element, expand_composites=True)
    return tuple(_held(leaf) for leaf in leaves if leaf is not None)


def _held(tensor: tf.Tensor) -> tf.Tensor:
    empty = tf.raw_ops.EmptyTensorList(
        element_shape=tf.constant(-1), max_num_elements=tf.constant(1), element_dtype=tensor.dtype
    )
    return tf.raw_ops.TensorListPushBack(input_handle=empty, tensor=tensor)


def release(handles: tuple[tf.Tensor, ...], spec: Any) -> Any:
    """The element that was held; `spec` says its structure, dtypes and shapes."""
    leaves: list[Any] = []
    waiting = iter(handles)
    for leaf in tf.nest.flatten(spec, expand_composites=True):
        if not hasattr(leaf, "dtype"):  # a part that is None
            leaves.append(None)
            continue
        tensor = tf.raw_ops.TensorListGetItem(
            input_handle=next(waiting),
            index=tf.constant(0),
            element_shape=tf.constant(-1),
            element_dtype=leaf.dtype,
        )
        tensor.set_shape(leaf.shape)
        leaves.append(tensor)
    return tf.nest.pack_sequence_as(spec, leaves, expand_composites=True)


def none(count: int) -> tuple[tf.Tensor, ...]:
    """No element, of so many tensors: [0] each, its length unknown, so that `scan` traces once."""
    held = [tf.reshape(_held(tf.zeros([])), (1,))[:0] for _ in range(count)]
    return tuple(tf.compat.v1.placeholder_with_default(handles, [None]) for handles in held)


def join(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """[a] and [b] as [a + b]; `tf.concat` takes no variants."""
    many = tf.shape(first)[0]
    places = [tf.range(many), many + tf.range(tf.shape(second)[0])]
    return tf.dynamic_stitch(places, [first, second])
