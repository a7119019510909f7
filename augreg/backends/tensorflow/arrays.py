"""The namespace of `augreg.xp` on TensorFlow, and tensors within dataclasses, lists and dicts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.stablehlo.writer import writing
from augreg.backends.tensorflow import ops
from augreg.xp import Namespace


def _array(value: Any, dtype: str = "float32") -> tf.Tensor:
    if ops.is_tensor(value):
        return value if value.dtype == dtype else ops.cast(value, dtype)
    return ops.constant(value, dtype)


def _shape(x: Any) -> tuple[Any, ...]:
    """Static sides as ints, the others as int32 scalars."""
    static = x.shape
    if all(side is not None for side in static):
        return tuple(int(side) for side in static)
    dynamic = ops.unstack(ops.shape(x))
    return tuple(
        found if side is None else int(side) for side, found in zip(static, dynamic, strict=True)
    )


def _stack(arrays: Any, axis: int = 0) -> tf.Tensor:
    """Stacks arrays of one rank whose leading dimensions may be B or 1."""
    arrays = [ops.convert_to_tensor(array) for array in arrays]
    if len({tuple(array.shape) for array in arrays}) > 1:
        total = arrays[0]
        for array in arrays[1:]:
            total = total + ops.zeros_like(array)
        arrays = [array + ops.zeros_like(total) for array in arrays]
    return ops.stack(arrays, axis)


def _concat(arrays: Any, axis: int = 0) -> tf.Tensor:
    return ops.concat([ops.convert_to_tensor(array) for array in arrays], axis)


def _window(x: tf.Tensor, top: tf.Tensor, left: tf.Tensor, size: tuple[Any, Any]) -> tf.Tensor:
    """A window of each sample; of a single one as a slice, which XLA reads as vectors."""
    if x.shape[0] == 1:
        return ops.slice(x, [0, top[0], left[0]], [1, *size])
    batch, height, width = _shape(x)
    rows, columns = (
        ops.reshape(start, (-1, 1, 1)) + ops.reshape(ops.range(side), form)
        for start, side, form in ((top, size[0], (1, -1, 1)), (left, size[1], (1, 1, -1)))
    )
    flat = ops.reshape(x, (batch, height * width))
    return ops.gather(flat, rows * width + columns, batch_dims=1)


def _reciprocal(x: tf.Tensor) -> tf.Tensor:
    """1 / x of positive normal floats, within 2e-7 of it relatively.

    XLA does not fuse a division into a kernel that uses it for each of three channels: it writes it
    out, and computes all that it hangs on twice. So: a guess from the exponent's bits, and three
    Newton steps, each of which squares the error (Blinn, https://doi.org/10.1109/38.595279).
    """
    guess = ops.bitcast(0x7EF311C3 - ops.bitcast(x, tf.int32), tf.float32)
    for _ in range(3):
        guess = guess * (2.0 - x * guess)
    return guess


def _counts(x: tf.Tensor, n: int) -> tf.Tensor:
    """int32 [B,n]: how often each number of 0 to n - 1 occurs in a row of int32 [B,m].

    XLA counts one after another, 2 ns each. Comparing with each of 256 numbers takes 70 ns, a
    product of one-hot nibbles 19 ns.
    """
    batch = ops.shape(x)[0]
    flat = ops.reshape(x + (n * ops.range(batch))[:, tf.newaxis], (-1,))
    return ops.reshape(ops.unsorted_segment_sum(ops.ones_like(flat), flat, n * batch), (batch, n))


def _iterate(step: Callable[[Any], Any], times: int, x: tf.Tensor) -> tf.Tensor:
    def turn(i: tf.Tensor, before: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return i + 1, ops.ensure_shape(step(before), before.shape)

    start = (ops.constant(0), x)
    # of a loop without a known end, XLA has no gradient
    made = ops.while_loop(lambda i, _: i < times, turn, start, maximum_iterations=times)
    return made[1]


def _called(name: str) -> Callable[..., Any]:
    """The function of that name, looked up when it is called."""
    return lambda *arguments, **named: getattr(ops, name)(*arguments, **named)


@functools.cache
def _traced(function: Callable[..., Any], count: int) -> Any:
    """The function of so many uint32 arrays of any shape, traced once for all programs."""
    words = [tf.TensorSpec(None, tf.uint32)] * count
    return tf.function(functools.partial(function, TENSORFLOW), words, autograph=False)


def _elementwise(function: Callable[..., Any], *x: tf.Tensor) -> Any:
    return function(TENSORFLOW, *x) if writing() else _traced(function, len(x))(*x)


class _TensorFlow:
    name = "tensorflow"

    array = staticmethod(_array)
    zeros_like = staticmethod(_called("zeros_like"))
    ones_like = staticmethod(_called("ones_like"))
    eye = staticmethod(lambda n: ops.constant(np.eye(n, dtype=np.float32)))
    arange = staticmethod(lambda n: ops.range(n if isinstance(n, int) else ops.cast(n, tf.int32)))

    cast = staticmethod(lambda x, dtype: ops.cast(x, dtype))
    shape = staticmethod(_shape)
    reshape = staticmethod(lambda x, shape: ops.reshape(x, shape))
    stack = staticmethod(_stack)
    concat = staticmethod(_concat)
    split = staticmethod(lambda x, axis: ops.split(x, x.shape[axis], axis))
    unstack = staticmethod(lambda x, axis=0: ops.unstack(x, axis=axis))
    broadcast_to = staticmethod(_called("broadcast_to"))
    transpose = staticmethod(lambda x, axes: ops.transpose(x, axes))
    take = staticmethod(lambda x, indices, axis=0: ops.gather(x, indices, axis=axis))

    lookup = staticmethod(lambda table, indices: ops.gather(table, indices, batch_dims=1))
    window = staticmethod(_window)

    where = staticmethod(_called("where"))
    minimum = staticmethod(_called("minimum"))
    maximum = staticmethod(_called("maximum"))
    clip = staticmethod(lambda x, lo, hi: ops.minimum(ops.maximum(x, lo), hi))
    abs = staticmethod(_called("abs"))
    floor = staticmethod(_called("floor"))
    round = staticmethod(_called("round"))
    reciprocal = staticmethod(_reciprocal)
    sqrt = staticmethod(_called("sqrt"))
    exp = staticmethod(_called("exp"))
    log = staticmethod(_called("log"))
    power = staticmethod(_called("pow"))
    sin = staticmethod(_called("sin"))
    cos = staticmethod(_called("cos"))
    tan = staticmethod(_called("tan"))
    matmul = staticmethod(_called("matmul"))

    sum = staticmethod(lambda x, axis, keepdims=False: ops.reduce_sum(x, axis, keepdims))
    mean = staticmethod(lambda x, axis, keepdims=False: ops.reduce_mean(x, axis, keepdims))
    max = staticmethod(lambda x, axis, keepdims=False: ops.reduce_max(x, axis, keepdims))
    min = staticmethod(lambda x, axis, keepdims=False: ops.reduce_min(x, axis, keepdims))
    argsort = staticmethod(lambda x: ops.argsort(x, axis=-1, stable=True))
    cumsum = staticmethod(lambda x: ops.cumsum(x, axis=-1))
    counts = staticmethod(_counts)

    iterate = staticmethod(_iterate)

    shift_left = staticmethod(_called("left_shift"))
    shift_right = staticmethod(_called("right_shift"))
    bitwise_or = staticmethod(_called("bitwise_or"))
    bitwise_xor = staticmethod(_called("bitwise_xor"))
    elementwise = staticmethod(_elementwise)


TENSORFLOW: Namespace = _TensorFlow()


def map_tensors(
    function: Callable[[Any], Any], value: Any, is_leaf: Callable[[Any], bool] = ops.is_array
) -> Any:
    """Applies `function` to every tensor in dataclasses, dicts, lists and tuples; rebuilds them.

    is_leaf: what counts as a tensor.
    """
    if is_leaf(value):
        return function(value)
    if isinstance(value, dict):
        return {key: map_tensors(function, part, is_leaf) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(function, part, is_leaf) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value)]
        parts = {name: map_tensors(function, getattr(value, name), is_leaf) for name in names}
        return replace(value, **parts)
    return value


def tensors_of(value: Any, is_leaf: Callable[[Any], bool] = ops.is_array) -> list[Any]:
    """Every tensor in `value`, in order."""
    found: list[Any] = []

    def keep(tensor: Any) -> Any:
        found.append(tensor)
        return tensor

    map_tensors(keep, value, is_leaf)
    return found


def with_tensors(
    like: Any, tensors: Iterable[Any], is_leaf: Callable[[Any], bool] = ops.is_array
) -> Any:
    """`like` with other tensors in the places of its own: the inverse of `tensors_of`."""
    left = iter(tensors)
    return map_tensors(lambda _: next(left), like, is_leaf)


def trace(function: Callable[[tf.Tensor], Any]) -> None:
    """Makes a graph of a function of numbers, int64 [B], and runs none of it."""
    graph = tf.function(function, [tf.TensorSpec([None], tf.int64)], autograph=False)
    graph.get_concrete_function()
