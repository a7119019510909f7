"""The namespace of array functions that ops and the core are written in: one table per backend.

Neither `tf.experimental.numpy` nor `keras.ops` can be handed out as it is: each gives float64 or
int64 where the others give 32 bits. So this is the whole of it. Arrays carry Python's arithmetic
and comparison operators and indexing; everything else is a function here. Floats are float32,
integers int32, words uint32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Array = Any  # np.ndarray or tf.Tensor: a backend's own


class Namespace(Protocol):
    """Functions that behave the same in NumPy and TensorFlow, eager, in a graph and under XLA."""

    name: str

    # making arrays
    def array(self, value: Any, dtype: str = "float32") -> Array: ...
    def zeros_like(self, x: Array) -> Array: ...
    def ones_like(self, x: Array) -> Array: ...
    def eye(self, n: int) -> Array: ...
    def arange(self, n: int | Array) -> Array: ...

    # shape and type
    def cast(self, x: Array, dtype: str) -> Array: ...
    def shape(self, x: Array) -> tuple[Any, ...]: ...
    def reshape(self, x: Array, shape: Sequence[Any]) -> Array: ...
    def stack(self, arrays: Sequence[Array], axis: int = 0) -> Array: ...
    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array: ...
    def split(self, x: Array, axis: int) -> list[Array]: ...  # slices of 1, which stays a dimension
    def unstack(self, x: Array, axis: int = 0) -> list[Array]: ...  # slices without it
    def broadcast_to(self, x: Array, shape: Sequence[Any]) -> Array: ...
    def transpose(self, x: Array, axes: Sequence[int]) -> Array: ...
    def take(self, x: Array, indices: Array, axis: int = 0) -> Array: ...
    def lookup(self, table: Array, indices: Array) -> Array: ...  # of each sample, along axis 1
    def window(self, x: Array, top: Array, left: Array, size: tuple[Any, Any]) -> Array: ...

    # arithmetic
    def where(self, condition: Array, x: Array, y: Array) -> Array: ...
    def minimum(self, x: Array, y: Array) -> Array: ...
    def maximum(self, x: Array, y: Array) -> Array: ...
    def clip(self, x: Array, lo: Any, hi: Any) -> Array: ...
    def abs(self, x: Array) -> Array: ...
    def floor(self, x: Array) -> Array: ...
    def round(self, x: Array) -> Array: ...
    def reciprocal(self, x: Array) -> Array: ...  # positive, within 1e-6: a division costs more
    def sqrt(self, x: Array) -> Array: ...
    def exp(self, x: Array) -> Array: ...
    def log(self, x: Array) -> Array: ...
    def power(self, x: Array, y: Array) -> Array: ...
    def sin(self, x: Array) -> Array: ...
    def cos(self, x: Array) -> Array: ...
    def tan(self, x: Array) -> Array: ...
    def matmul(self, x: Array, y: Array) -> Array: ...

    # reductions
    def sum(self, x: Array, axis: int | tuple[int, ...], keepdims: bool = False) -> Array: ...
    def mean(self, x: Array, axis: int | tuple[int, ...], keepdims: bool = False) -> Array: ...
    def max(self, x: Array, axis: int | tuple[int, ...], keepdims: bool = False) -> Array: ...
    def min(self, x: Array, axis: int | tuple[int, ...], keepdims: bool = False) -> Array: ...
    def argsort(self, x: Array) -> Array: ...
    def cumsum(self, x: Array) -> Array: ...
    def counts(self, x: Array, n: int) -> Array: ...  # [B,m], 0 to n - 1, to [B,n]: how often each

    # step(step(... x)), of the shape and dtype of x: one step in a graph, however many there are
    def iterate(self, step: Callable[[Array], Array], times: int, x: Array) -> Array: ...

    # words (uint32), for the draws
    def shift_left(self, x: Array, bits: int) -> Array: ...
    def shift_right(self, x: Array, bits: int) -> Array: ...
    def bitwise_or(self, x: Array, y: Array) -> Array: ...
    def bitwise_xor(self, x: Array, y: Array) -> Array: ...

    # function(xp, *x) of words, which makes words of the shape that x broadcast to; traced once
    def elementwise(self, function: Callable[..., Any], *x: Array) -> Any: ...


def _window(x: Array, top: Array, left: Array, size: tuple[Any, Any]) -> Array:
    """[B,h,w] of [B,H,W], from int32 [B] rows and columns on."""
    height, width = size
    corners = zip(x, top, left, strict=True)
    return np.stack([plane[y : y + height, x : x + width] for plane, y, x in corners])


def _iterate(step: Callable[[Array], Array], times: int, x: Array) -> Array:
    for _ in range(times):
        before, x = x, step(x)
        if (x.shape, x.dtype) != (before.shape, before.dtype):
            was, made = (f"{part.dtype.name}{list(part.shape)}" for part in (before, x))
            raise ValueError(f"a step of xp.iterate makes {made} of {was}; it has to keep both")
    return x


class _NumPy:
    """The namespace on NumPy arrays. Where NumPy would widen to 64 bits, it is told not to."""

    name = "numpy"

    array = staticmethod(lambda value, dtype="float32": np.asarray(value, dtype))
    zeros_like = staticmethod(np.zeros_like)
    ones_like = staticmethod(np.ones_like)
    eye = staticmethod(lambda n: np.eye(n, dtype=np.float32))
    arange = staticmethod(lambda n: np.arange(int(n), dtype=np.int32))

    cast = staticmethod(lambda x, dtype: np.asarray(x).astype(dtype))
    shape = staticmethod(np.shape)
    reshape = staticmethod(lambda x, shape: np.reshape(x, shape))
    stack = staticmethod(lambda arrays, axis=0: np.stack(np.broadcast_arrays(*arrays), axis))
    concat = staticmethod(lambda arrays, axis=0: np.concatenate(arrays, axis))
    split = staticmethod(lambda x, axis: np.split(x, x.shape[axis], axis))
    unstack = staticmethod(lambda x, axis=0: list(np.moveaxis(x, axis, 0)))
    broadcast_to = staticmethod(np.broadcast_to)
    transpose = staticmethod(np.transpose)
    take = staticmethod(lambda x, indices, axis=0: np.take(x, indices, axis))

    # [B,n,...] read by int32 [B,...], each sample in its own table
    lookup = staticmethod(
        lambda table, indices: table[
            np.arange(len(table)).reshape(-1, *[1] * (indices.ndim - 1)), indices
        ]
    )
    window = staticmethod(_window)

    where = staticmethod(np.where)
    minimum = staticmethod(np.minimum)
    maximum = staticmethod(np.maximum)
    clip = staticmethod(lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi))
    abs = staticmethod(np.abs)
    floor = staticmethod(np.floor)
    round = staticmethod(np.round)
    reciprocal = staticmethod(lambda x: np.reciprocal(x))
    sqrt = staticmethod(np.sqrt)
    exp = staticmethod(np.exp)
    log = staticmethod(np.log)
    power = staticmethod(np.power)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    tan = staticmethod(np.tan)
    matmul = staticmethod(np.matmul)

    sum = staticmethod(lambda x, axis, keepdims=False: x.sum(axis, x.dtype, keepdims=keepdims))
    mean = staticmethod(
        # accumulated in float64: NumPy's float32 sum along a strided axis is not pairwise
        lambda x, axis, keepdims=False: x.mean(axis, np.float64, keepdims=keepdims).astype(x.dtype)
    )
    max = staticmethod(lambda x, axis, keepdims=False: x.max(axis, keepdims=keepdims))
    min = staticmethod(lambda x, axis, keepdims=False: x.min(axis, keepdims=keepdims))
    argsort = staticmethod(lambda x: np.argsort(x, axis=-1, kind="stable").astype(np.int32))
    cumsum = staticmethod(lambda x: np.cumsum(x, axis=-1, dtype=x.dtype))

    counts = staticmethod(
        lambda x, n: np.stack([np.bincount(row, minlength=n) for row in x]).astype(np.int32)
    )

    iterate = staticmethod(_iterate)

    shift_left = staticmethod(lambda x, bits: np.left_shift(x, np.asarray(bits, x.dtype)))
    shift_right = staticmethod(lambda x, bits: np.right_shift(x, np.asarray(bits, x.dtype)))
    bitwise_or = staticmethod(np.bitwise_or)
    bitwise_xor = staticmethod(np.bitwise_xor)
    elementwise = staticmethod(lambda function, *x: function(NUMPY, *x))


NUMPY: Namespace = _NumPy()
