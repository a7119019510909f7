"""The namespace of `augreg.xp` on TensorFlow, and tensors within dataclasses, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.xp import Namespace


def _array(value: Any, dtype: str = "float32") -> tf.Tensor:
    if tf.is_tensor(value):
        return value if value.dtype == dtype else tf.cast(value, dtype)
    return tf.constant(value, dtype)


def _shape(x: Any) -> tuple[Any, ...]:
    """Static sides as ints, the others as int32 scalars."""
    static = x.shape
    if all(side is not None for side in static):
        return tuple(int(side) for side in static)
    dynamic = tf.unstack(tf.shape(x))
    return tuple(
        found if side is None else int(side) for side, found in zip(static, dynamic, strict=True)
    )


def _stack(arrays: Any, axis: int = 0) -> tf.Tensor:
    """Stacks arrays of one rank whose leading dimensions may be B or 1."""
    arrays = [tf.convert_to_tensor(array) for array in arrays]
    if len({tuple(array.shape) for array in arrays}) > 1:
        total = arrays[0]
        for array in arrays[1:]:
            total = total + tf.zeros_like(array)
        arrays = [array + tf.zeros_like(total) for array in arrays]
    return tf.stack(arrays, axis)


def _concat(arrays: Any, axis: int = 0) -> tf.Tensor:
    return tf.concat([tf.convert_to_tensor(array) for array in arrays], axis)


def _reciprocal(x: tf.Tensor) -> tf.Tensor:
    """1 / x of positive normal floats, within 2e-7 of it relatively.

    XLA does not fuse a division into a kernel that uses it for each of three channels: it writes it
    out, and computes all that it hangs on twice. So: a guess from the exponent's bits, and three
    Newton steps, each of which squares the error (Blinn, https://doi.org/10.1109/38.595279).
    """
    guess = tf.bitcast(0x7EF311C3 - tf.bitcast(x, tf.int32), tf.float32)
    for _ in range(3):
        guess = guess * (2.0 - x * guess)
    return guess


class _TensorFlow:
    name = "tensorflow"

    array = staticmethod(_array)
    zeros_like = staticmethod(tf.zeros_like)
    ones_like = staticmethod(tf.ones_like)
    eye = staticmethod(lambda n: tf.constant(np.eye(n, dtype=np.float32)))
    arange = staticmethod(lambda n: tf.range(tf.cast(n, tf.int32), dtype=tf.int32))

    cast = staticmethod(lambda x, dtype: tf.cast(x, dtype))
    shape = staticmethod(_shape)
    reshape = staticmethod(lambda x, shape: tf.reshape(x, shape))
    stack = staticmethod(_stack)
    concat = staticmethod(_concat)
    split = staticmethod(lambda x, axis: tf.split(x, x.shape[axis], axis))
    unstack = staticmethod(lambda x, axis=0: tf.unstack(x, axis=axis))
    broadcast_to = staticmethod(tf.broadcast_to)
    transpose = staticmethod(lambda x, axes: tf.transpose(x, axes))
    take = staticmethod(lambda x, indices, axis=0: tf.gather(x, indices, axis=axis))

    lookup = staticmethod(lambda table, indices: tf.gather(table, indices, batch_dims=1))

    where = staticmethod(tf.where)
    minimum = staticmethod(tf.minimum)
    maximum = staticmethod(tf.maximum)
    clip = staticmethod(lambda x, lo, hi: tf.minimum(tf.maximum(x, lo), hi))
    abs = staticmethod(tf.abs)
    floor = staticmethod(tf.floor)
    round = staticmethod(tf.round)
    reciprocal = staticmethod(_reciprocal)
    sqrt = staticmethod(tf.sqrt)
    exp = staticmethod(tf.exp)
    log = staticmethod(tf.math.log)
    power = staticmethod(tf.pow)
    sin = staticmethod(tf.sin)
    cos = staticmethod(tf.cos)
    tan = staticmethod(tf.tan)
    matmul = staticmethod(tf.matmul)

    sum = staticmethod(lambda x, axis, keepdims=False: tf.reduce_sum(x, axis, keepdims))
    mean = staticmethod(lambda x, axis, keepdims=False: tf.reduce_mean(x, axis, keepdims))
    max = staticmethod(lambda x, axis, keepdims=False: tf.reduce_max(x, axis, keepdims))
    min = staticmethod(lambda x, axis, keepdims=False: tf.reduce_min(x, axis, keepdims))
    argsort = staticmethod(lambda x: tf.argsort(x, axis=-1, stable=True))
    cumsum = staticmethod(lambda x: tf.cumsum(x, axis=-1))

    shift_left = staticmethod(tf.bitwise.left_shift)
    shift_right = staticmethod(tf.bitwise.right_shift)
    bitwise_or = staticmethod(tf.bitwise.bitwise_or)
    bitwise_xor = staticmethod(tf.bitwise.bitwise_xor)


TENSORFLOW: Namespace = _TensorFlow()


def map_tensors(function: Callable[[tf.Tensor], Any], value: Any) -> Any:
    """Applies `function` to every tensor in dataclasses, dicts, lists and tuples; rebuilds them."""
    if isinstance(value, tf.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: map_tensors(function, part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(function, part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: map_tensors(function, getattr(value, f.name)) for f in fields(value)}
        return replace(value, **parts)
    return value


def tensors_of(value: Any) -> list[tf.Tensor]:
    """Every tensor in `value`, in order."""
    found: list[tf.Tensor] = []

    def keep(tensor: tf.Tensor) -> tf.Tensor:
        found.append(tensor)
        return tensor

    map_tensors(keep, value)
    return found
