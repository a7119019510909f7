"""Many elements made into one: sums, ends, products of matrices, and sorting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from augreg.backends.stablehlo.arrays import (
    INT32,
    broadcast_to,
    constant,
    convert_to_tensor,
    numbers,
    one,
    places,
    reshape,
    zeros,
)
from augreg.backends.stablehlo.operators import binary, divide, less
from augreg.backends.stablehlo.writer import DType, Value, writer


def _of_pairs(operation: str, dtype: DType) -> str:
    """The region that makes one of two."""
    scalar = ((), dtype)
    return writer().region([scalar, scalar], lambda a, b: [binary(operation)(a, b)])[0]


def _reduction(operation: str, start: Callable[[DType], Any]) -> Callable[..., Value]:
    def reduced(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
        x = convert_to_tensor(x)
        given = range(len(x.shape)) if axis is None else np.atleast_1d(axis).tolist()
        axes = sorted(i % len(x.shape) for i in given)
        rest = tuple(side for i, side in enumerate(x.shape) if i not in axes)
        region = _of_pairs(operation, x.dtype)
        operands, along = (x, constant(start(x.dtype), x.dtype)), f"dimensions = {numbers(axes)}"
        made = writer().line("reduce", operands, [(rest, x.dtype)], along, [region])[0]
        kept = [1 if i in axes else side for i, side in enumerate(x.shape)]
        return reshape(made, kept) if keepdims else made

    return reduced


def _lowest(dtype: DType) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _highest(dtype: DType) -> Any:
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


reduce_sum = _reduction("add", lambda _: 0)
reduce_max = _reduction("maximum", _lowest)
reduce_min = _reduction("minimum", _highest)
reduce_any = _reduction("or", lambda _: False)
reduce_all = _reduction("and", lambda _: True)


def reduce_mean(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    x = convert_to_tensor(x)
    total = reduce_sum(x, axis, keepdims)
    return divide(total, math.prod(x.shape) / math.prod(total.shape))


def cumsum(x: Any, axis: int = -1) -> Value:
    """Along the last axis, by windows: XLA has a way with them."""
    x = convert_to_tensor(x)
    rank, side = len(x.shape), x.shape[-1]
    ones = numbers([1] * rank)
    windows = (
        f"base_dilations = {ones}, window_dilations = {ones}, window_strides = {ones}, "
        f"window_dimensions = {numbers([*[1] * (rank - 1), side])}, "
        f"padding = dense<{[*[[0, 0]] * (rank - 1), [side - 1, 0]]}> : tensor<{rank}x2xi64>"
    )
    operands, region = (x, constant(0, x.dtype)), _of_pairs("add", x.dtype)
    return writer().line("reduce_window", operands, [x.form], windows, [region])[0]


def argsort(x: Any, axis: int = -1, stable: bool = True) -> Value:
    """Along the last axis, rising; what is equal keeps its order."""
    x = convert_to_tensor(x)
    last = len(x.shape) - 1
    scalars = [((), x.dtype), ((), x.dtype), ((), INT32), ((), INT32)]
    region, _ = writer().region(scalars, lambda a, b, *_: [less(a, b)])
    how = f"dimension = {last} : i64, is_stable = true"
    forms = [x.form, (x.shape, INT32)]
    return writer().line("sort", (x, places(x.shape, last)), forms, how, [region])[1]


def matmul(x: Any, y: Any) -> Value:
    x, y = convert_to_tensor(x), convert_to_tensor(y)
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = (broadcast_to(part, (*lead, *part.shape[-2:])) for part in (x, y))
    batch, rank = [*range(len(lead))], len(lead)
    products = (
        f"dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = {batch}, "
        f"rhs_batching_dimensions = {batch}, lhs_contracting_dimensions = [{rank + 1}], "
        f"rhs_contracting_dimensions = [{rank}]>"
    )
    return one("dot_general", (x, y), (*lead, x.shape[-2], y.shape[-1]), x.dtype, products)


def unsorted_segment_sum(values: Value, numbers_of: Value, count: int) -> Value:
    """[N] summed into [count], by the number that each has."""
    where = (
        "indices_are_sorted = false, unique_indices = false, scatter_dimension_numbers = "
        "#stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], "
        "index_vector_dim = 1>"
    )
    start = zeros((count,), values.dtype)
    region = _of_pairs("add", values.dtype)
    return writer().line("scatter", (start, numbers_of, values), [start.form], where, [region])[0]
