"""Arithmetic on values, element by element, and Python's operators for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from augreg.backends.stablehlo.arrays import (
    broadcast_to,
    constant,
    convert_to_tensor,
    item,
    one,
)
from augreg.backends.stablehlo.writer import Value

BOOL = np.dtype("bool")


def _alike(x: Any, y: Any) -> tuple[Value, Value]:
    """Two values of one shape and dtype; numbers and NumPy's arrays get that of the other."""
    if not isinstance(x, Value):
        x = constant(x, y.dtype if isinstance(y, Value) else None)
    y = convert_to_tensor(y, x.dtype)
    if x.dtype != y.dtype:
        raise TypeError(f"{x} and {y} are of two dtypes")
    made = np.broadcast_shapes(x.shape, y.shape)
    return broadcast_to(x, made), broadcast_to(y, made)


def binary(operation: str) -> Callable[[Any, Any], Value]:
    """A function of two values."""

    def applied(x: Any, y: Any) -> Value:
        x, y = _alike(x, y)
        return one(operation, (x, y), x.shape, x.dtype)

    return applied


def unary(operation: str) -> Callable[[Any], Value]:
    """A function of one value."""

    def applied(x: Any) -> Value:
        x = convert_to_tensor(x)
        return one(operation, (x,), x.shape, x.dtype)

    return applied


def compared(direction: str) -> Callable[[Any, Any], Value]:
    """A comparison: EQ, NE, LT, LE, GT or GE."""
    how = f"comparison_direction = #stablehlo<comparison_direction {direction}>"

    def applied(x: Any, y: Any) -> Value:
        x, y = _alike(x, y)
        return one("compare", (x, y), x.shape, BOOL, how)

    return applied


add, subtract, multiply, quotient = map(binary, ("add", "subtract", "multiply", "divide"))
minimum, maximum, power, remainder = map(binary, ("minimum", "maximum", "power", "remainder"))
bitwise_and, bitwise_or, bitwise_xor = map(binary, ("and", "or", "xor"))
equal, not_equal, less = map(compared, ("EQ", "NE", "LT"))
floor = unary("floor")


def right_shift(x: Any, y: Any) -> Value:
    """Signed numbers keep their sign."""
    x, y = _alike(x, y)
    kind = "logical" if x.dtype.kind == "u" else "arithmetic"
    return one(f"shift_right_{kind}", (x, y), x.shape, x.dtype)


def divide(x: Any, y: Any) -> Value:
    """Of floats."""
    x, y = _alike(x, y)
    if x.dtype.kind not in "fV":
        raise TypeError(f"{x} / {y}: TensorFlow would give float64")
    return quotient(x, y)


def floormod(x: Any, y: Any) -> Value:
    """The remainder with the sign of the divisor, as Python's."""
    x, y = _alike(x, y)
    rest = remainder(x, y)
    if x.dtype.kind == "u":
        return rest
    other_sign = not_equal(less(rest, 0), less(y, 0))
    return where(bitwise_and(not_equal(rest, 0), other_sign), add(rest, y), rest)


def floordiv(x: Any, y: Any) -> Value:
    """The quotient rounded down."""
    x, y = _alike(x, y)
    if x.dtype.kind in "fV":
        return floor(quotient(x, y))
    return quotient(subtract(x, floormod(x, y)), y)


def where(condition: Any, x: Any, y: Any) -> Value:
    condition, (x, y) = convert_to_tensor(condition), _alike(x, y)
    made = np.broadcast_shapes(condition.shape, x.shape)
    parts = [broadcast_to(part, made) for part in (condition, x, y)]
    return one("select", parts, made, x.dtype)


def clip_by_value(x: Any, low: Any, high: Any) -> Value:
    return maximum(minimum(x, high), low)


_OF_TWO: dict[str, Callable[[Any, Any], Value]] = {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "truediv": divide,
    "floordiv": floordiv,
    "mod": floormod,
    "pow": power,
    "and": bitwise_and,
    "or": bitwise_or,
    "xor": bitwise_xor,
}
_OTHERS: dict[str, Callable[..., Value]] = {
    "lt": less,
    "le": compared("LE"),
    "gt": compared("GT"),
    "ge": compared("GE"),
    "eq": equal,
    "ne": not_equal,
    "neg": unary("negate"),
    "invert": unary("not"),
    "abs": unary("abs"),
    "getitem": item,
}


def _turned(function: Callable[[Any, Any], Value]) -> Callable[[Any, Any], Value]:
    return lambda x, y: function(y, x)


for _name, _function in _OF_TWO.items():
    setattr(Value, f"__{_name}__", _function)
    setattr(Value, f"__r{_name}__", _turned(_function))
for _name, _function in _OTHERS.items():
    setattr(Value, f"__{_name}__", _function)
