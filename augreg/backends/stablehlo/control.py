"""Reading by position, loops, branches, and what is kept apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from augreg.backends.stablehlo.arrays import (
    broadcast_to,
    constant,
    convert_to_tensor,
    numbers,
    one,
    places,
    reshape,
    row,
    stack,
    with_axis,
    zeros,
)
from augreg.backends.stablehlo.writer import Value, writer


def gather(x: Any, indices: Any, axis: int = 0, batch_dims: int = 0) -> Value:
    """As TensorFlow's; with one batch dimension, axis 1 is read, for each sample by itself."""
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    rank = len(indices.shape)
    if batch_dims:
        sample = places((x.shape[0], *[1] * (rank - 1)), 0)
        both = stack([broadcast_to(sample, indices.shape), indices], axis=-1)
        return _gathered(x, both, rank, (0, 1), (*indices.shape, *x.shape[2:]))
    made = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if math.prod(indices.shape) == 1:
        return reshape(row(x, reshape(indices, ()), axis), made)
    return _gathered(x, indices, rank, (axis,), made)


def _gathered(
    x: Value, indices: Value, rank: int, axes: tuple[int, ...], made: tuple[int, ...]
) -> Value:
    """One element along `axes` for each index, all along the others.

    rank: how many axes the indices have, which come where the first of `axes` was.
    """
    whole = [*range(axes[0]), *range(axes[0] + rank, len(made))]
    sizes = [1 if axis in axes else side for axis, side in enumerate(x.shape)]
    how = (
        f"dimension_numbers = #stablehlo.gather<offset_dims = {whole}, "
        f"collapsed_slice_dims = {[*axes]}, start_index_map = {[*axes]}, "
        f"index_vector_dim = {rank}>, indices_are_sorted = false, slice_sizes = {numbers(sizes)}"
    )
    return one("gather", (x, indices), made, x.dtype, how)


@dataclass(frozen=True)
class Rows:
    """Rows [size, ...] that a loop reads and writes in place, as TensorFlow's `TensorArray`."""

    rows: Value

    def unstack(self, rows: Value) -> Rows:
        return Rows(rows)

    def stack(self) -> Value:
        return self.rows

    def read(self, i: Value) -> Value:
        return reshape(row(self.rows, i, 0), self.rows.shape[1:])

    def write(self, i: Value, value: Value) -> Rows:
        rows = self.rows
        starts = [i, *[constant(0, i.dtype)] * (len(rows.shape) - 1)]
        operands = (rows, with_axis(value, 0), *starts)
        return Rows(one("dynamic_update_slice", operands, rows.shape, rows.dtype))


def tensor_array(
    dtype: Any, size: int, element_shape: Sequence[int], clear_after_read: bool = False
) -> Rows:
    return Rows(zeros((size, *element_shape), dtype))


def apart(compute: Callable[[], Sequence[Value]]) -> list[Value]:
    """What `compute()` makes; XLA does not compute it again in what uses it."""
    return writer().apart(compute)


def cond(predicate: Value, true: Callable[[], Any], false: Callable[[], Any]) -> list[Value]:
    return _branches("if", predicate, [true, false])


def switch_case(chosen: Value, branches: Sequence[Callable[[], Any]]) -> list[Value]:
    return _branches("case", chosen, branches)


def _branches(operation: str, chosen: Value, branches: Sequence[Callable[[], Any]]) -> list[Value]:
    written = [writer().region([], lambda make=branch: _leaves(make())) for branch in branches]
    forms = [made for _, made in written]
    if any(made != forms[0] for made in forms):
        raise ValueError(f"branches make {forms}")
    return writer().line(operation, (chosen,), forms[0], regions=[text for text, _ in written])


def while_loop(
    go: Callable[..., Value],
    body: Callable[..., Any],
    variables: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """variables: values and `Rows`, in lists and tuples. `go` alone says when it ends."""
    first = _leaves(variables)
    forms = [value.form for value in first]

    def given(values: Sequence[Value]) -> Any:
        return _rebuilt(variables, iter(values))

    asked, _ = writer().region(forms, lambda *values: [go(*given(values))])
    turn, made = writer().region(forms, lambda *values: _leaves(body(*given(values))))
    if made != forms:
        raise ValueError(f"a turn makes {made} of {forms}")
    return given(writer().line("while", first, forms, regions=[asked, turn]))


def _leaves(value: Any) -> list[Value]:
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value.rows if isinstance(value, Rows) else convert_to_tensor(value)]


def _rebuilt(like: Any, values: Iterator[Value]) -> Any:
    if isinstance(like, list | tuple):
        return type(like)(_rebuilt(part, values) for part in like)
    value = next(values)
    return Rows(value) if isinstance(like, Rows) else value
