"""Arrays that are made, reshaped, joined and cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from augreg.backends.stablehlo.writer import DType, Shape, Value, writer

INT32 = np.dtype("int32")


def one(
    operation: str, operands: Sequence[Value], shape: Shape, dtype: DType, attributes: str = ""
) -> Value:
    """The one result of an operation."""
    return writer().line(operation, operands, [(shape, dtype)], attributes)[0]


def numbers(values: Sequence[int]) -> str:
    return f"array<i64: {', '.join(map(str, values))}>" if len(values) else "array<i64>"


def dtype_of(dtype: Any) -> DType:
    """NumPy's, of what TensorFlow or a caller calls it."""
    return np.dtype(getattr(dtype, "as_numpy_dtype", dtype))


# --- making


def is_tensor(value: Any) -> bool:
    return isinstance(value, Value)


def constant(value: Any, dtype: Any = None) -> Value:
    """Python's numbers are float32, int32 or bool where nothing is said, as in TensorFlow."""
    if isinstance(value, list | tuple) and any(isinstance(part, Value) for part in value):
        return stack(value)
    array = np.asarray(value)
    if dtype is not None:
        wanted = dtype_of(dtype)
        if array.dtype.kind in "fV" and wanted.kind not in "fV":
            raise TypeError(f"{value} is no {wanted.name}")
        array = array.astype(wanted)
    elif not isinstance(value, np.ndarray | np.generic):
        array = array.astype({"f": "float32", "i": "int32"}.get(array.dtype.kind, array.dtype))
    return writer().constant(np.ascontiguousarray(array).reshape(array.shape))


def convert_to_tensor(value: Any, dtype: Any = None) -> Value:
    return value if isinstance(value, Value) else constant(value, dtype)


def zeros(shape: Sequence[int], dtype: Any = "float32") -> Value:
    return broadcast_to(constant(0, dtype), shape)


def zeros_like(x: Any) -> Value:
    x = convert_to_tensor(x)
    return zeros(x.shape, x.dtype)


def ones_like(x: Any) -> Value:
    x = convert_to_tensor(x)
    return broadcast_to(constant(1, x.dtype), x.shape)


def counted(count: int) -> Value:
    """0, 1, 2 and so on, int32. A constant: of a mask that is made of one, XLA knows the values."""
    return constant(np.arange(count, dtype=INT32))


def places(shape: Shape, axis: int) -> Value:
    """int32: where each element is along an axis."""
    return writer().line("iota", (), [(shape, INT32)], f"iota_dimension = {axis} : i64")[0]


# --- shapes and dtypes


def shape(x: Any) -> Shape:
    return convert_to_tensor(x).shape


def ensure_shape(x: Value, shape: Sequence[int | None]) -> Value:
    if len(shape) != len(x.shape) or any(
        side not in (None, mine) for side, mine in zip(shape, x.shape, strict=True)
    ):
        raise ValueError(f"{x} is not of the shape {list(shape)}")
    return x


def cast(x: Any, dtype: Any) -> Value:
    wanted = dtype_of(dtype)
    if not isinstance(x, Value):
        return constant(np.asarray(x).astype(wanted))
    return x if x.dtype == wanted else one("convert", (x,), x.shape, wanted)


def bitcast(x: Any, dtype: Any) -> Value:
    x = convert_to_tensor(x)
    return one("bitcast_convert", (x,), x.shape, dtype_of(dtype))


def reshape(x: Any, shape: Sequence[int]) -> Value:
    x, wanted = convert_to_tensor(x), [int(side) for side in shape]
    if -1 in wanted:
        wanted[wanted.index(-1)] = math.prod(x.shape) // max(-math.prod(wanted), 1)
    if math.prod(wanted) != math.prod(x.shape):
        raise ValueError(f"{x} can't be reshaped to {wanted}")
    return x if tuple(wanted) == x.shape else one("reshape", (x,), tuple(wanted), x.dtype)


def broadcast_to(x: Any, shape: Sequence[int]) -> Value:
    x, wanted = convert_to_tensor(x), tuple(int(side) for side in shape)
    if x.shape == wanted:
        return x
    if np.broadcast_shapes(x.shape, wanted) != wanted:
        raise ValueError(f"{x} can't be broadcast to {list(wanted)}")
    axes = numbers(range(len(wanted) - len(x.shape), len(wanted)))
    return one("broadcast_in_dim", (x,), wanted, x.dtype, f"broadcast_dimensions = {axes}")


def transpose(x: Any, axes: Sequence[int]) -> Value:
    x = convert_to_tensor(x)
    made = tuple(x.shape[axis] for axis in axes)
    return one("transpose", (x,), made, x.dtype, f"permutation = {numbers(axes)}")


# --- joining and cutting


def concat(arrays: Sequence[Any], axis: int) -> Value:
    parts = _of_one_dtype(arrays)
    if len(parts) == 1:
        return parts[0]
    axis, made = axis % len(parts[0].shape), list(parts[0].shape)
    made[axis] = sum(part.shape[axis] for part in parts)
    along = f"dimension = {axis} : i64"
    return one("concatenate", parts, tuple(made), parts[0].dtype, along)


def stack(arrays: Sequence[Any], axis: int = 0) -> Value:
    parts = _of_one_dtype(arrays)
    axis = axis % (len(parts[0].shape) + 1)
    return concat([with_axis(part, axis) for part in parts], axis)


def _of_one_dtype(arrays: Sequence[Any]) -> list[Value]:
    """Values; what is none gets the dtype of the first that is one."""
    known = next((array.dtype for array in arrays if isinstance(array, Value)), None)
    return [convert_to_tensor(array, known) for array in arrays]


def with_axis(x: Value, axis: int) -> Value:
    """With one more axis, of one element."""
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def split(x: Any, parts: int, axis: int = 0) -> list[Value]:
    x = convert_to_tensor(x)
    axis = axis % len(x.shape)
    side = x.shape[axis] // parts
    before = (slice(None),) * axis
    return [item(x, (*before, slice(i * side, (i + 1) * side))) for i in range(parts)]


def unstack(x: Any, axis: int = 0) -> list[Value]:
    x = convert_to_tensor(x)
    axis = axis % len(x.shape)
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    return [reshape(part, rest) for part in split(x, x.shape[axis], axis)]


def pad(x: Any, paddings: Sequence[Sequence[int]], constant_values: Any = 0) -> Value:
    x = convert_to_tensor(x)
    low, high = zip(*paddings, strict=True)
    made = tuple(a + side + b for a, side, b in zip(low, x.shape, high, strict=True))
    edges = (
        f"edge_padding_low = {numbers(low)}, edge_padding_high = {numbers(high)}, "
        f"interior_padding = {numbers([0] * len(low))}"
    )
    return one("pad", (x, constant(constant_values, x.dtype)), made, x.dtype, edges)


def item(x: Value, index: Any) -> Value:
    """`x[index]`: of integers, scalars, slices, None and an ellipsis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    rest = [slice(None)] * (len(x.shape) - taken)
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts = [*parts[:at], *rest, *parts[at + 1 :]]
    axis, made = 0, list[int]()
    ranges = [range(side) for side in x.shape]
    scalars: dict[int, Value] = {}
    for part in parts:
        if part is None:
            made.append(1)
            continue
        if isinstance(part, Value):
            scalars[axis] = part
        elif isinstance(part, slice):
            ranges[axis] = ranges[axis][part]
            made.append(len(ranges[axis]))
        else:
            number = ranges[axis][part]
            ranges[axis] = range(number, number + 1)
        axis += 1
    x = _cut(x, ranges)
    for axis, number in scalars.items():
        x = row(x, number, axis)
    return reshape(x, made)


def _cut(x: Value, ranges: Sequence[range]) -> Value:
    """The elements at these positions of each axis, which may run backwards."""
    made = tuple(map(len, ranges))
    firsts = [min(part[0], part[-1]) if part else 0 for part in ranges]
    ends = [max(part[0], part[-1]) + 1 if part else 0 for part in ranges]
    if made != x.shape:
        which = (
            f"start_indices = {numbers(firsts)}, limit_indices = {numbers(ends)}, "
            f"strides = {numbers([abs(part.step) for part in ranges])}"
        )
        x = one("slice", (x,), made, x.dtype, which)
    backwards = [axis for axis, part in enumerate(ranges) if part.step < 0]
    if backwards:
        x = one("reverse", (x,), made, x.dtype, f"dimensions = {numbers(backwards)}")
    return x


def row(x: Value, number: Value, axis: int) -> Value:
    """Row `number` (a scalar) along an axis, which stays, with one element."""
    starts = [constant(0, number.dtype)] * len(x.shape)
    starts[axis] = number
    return sliced(x, starts, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


def sliced(x: Value, begin: Sequence[Any], size: Sequence[int]) -> Value:
    """`size` elements along each axis; `begin`: int32 scalars."""
    starts = [convert_to_tensor(start, np.int32) for start in begin]
    how = f"slice_sizes = {numbers(size)}"
    return one("dynamic_slice", (x, *starts), tuple(size), x.dtype, how)
