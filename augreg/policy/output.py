"""How a policy's images leave it: the section `output`, as one scale and offset a channel."""

from __future__ import annotations

import math
import sys
from typing import Any

from augreg.errors import ParameterError
from augreg.policy.nodes import Output

# The largest number of each dtype, and how many bits its fractions have.
_HOLDS = {"float16": (65504.0, 10), "bfloat16": (3.38e38, 7), "float32": (3.4e38, 23)}


def read_output(value: dict[str, Any]) -> Output:
    """The checked section; raises `ParameterError` for what the schema can not say."""
    dtype = value.get("dtype", "float32")
    if "normalize" in value:
        return _normalized(value, dtype)
    lo, hi = _floats(value.get("range", [0, 255] if dtype == "uint8" else [0, 1]))
    if not lo < hi:
        message = f"the lower bound of [{lo:g}, {hi:g}] is not below the upper one"
        raise ParameterError(message, "/output/range")
    if dtype == "uint8" and (lo, hi) != (0, 255):
        raise ParameterError("uint8 output takes the range [0, 255] only", "/output/range")
    _check_holds(dtype, lo, hi, "/output/range")
    return Output(dtype, (hi - lo,), (lo,))


def _normalized(value: dict[str, Any], dtype: str) -> Output:
    if "range" in value or dtype == "uint8":
        other = '"range"' if "range" in value else "uint8"
        raise ParameterError(f'"normalize" does not go with {other}', "/output/normalize")
    mean, std = (_floats(value["normalize"][name]) for name in ("mean", "std"))
    if len(mean) != len(std) or len(mean) == 2:
        raise ParameterError('"mean" and "std" take one number each, or three', "/output/normalize")
    if not min(std) > 0:
        raise ParameterError('"std" has to be above 0', "/output/normalize/std")
    offset = tuple(-m / s for m, s in zip(mean, std, strict=True))
    for i, (m, s) in enumerate(zip(mean, std, strict=True)):
        _check_holds(dtype, offset[i], (1 - m) / s, f"/output/normalize/std/{i}")
    return Output(dtype, tuple(1.0 / s for s in std), offset)


def _floats(numbers: list[float]) -> list[float]:
    """Floats, where JSON's integers may be larger than any."""
    return [
        float(x) if abs(x) < sys.float_info.max else math.copysign(math.inf, x) for x in numbers
    ]


def _check_holds(dtype: str, low: float, high: float, pointer: str) -> None:
    """Refuses what 0 and 1 become where the dtype, or float32 on the way, can't hold it."""
    if dtype == "uint8":
        return
    most, bits = _HOLDS[dtype]
    if not max(abs(low), abs(high), high - low) <= min(most, _HOLDS["float32"][0]):
        other = ', or "dtype": "float32"' if dtype != "float32" else ""
        raise ParameterError(
            f"0 and 1 become {low:g} and {high:g}, and {dtype} holds {-most:g} to {most:g}; take a "
            f"smaller range{other}",
            pointer,
        )
    if not high - low >= max(abs(low), abs(high)) * 2.0**-bits:
        raise ParameterError(
            f"0 and 1 become {low!r} and {high!r}, which are one number in {dtype}; take a wider "
            "range",
            pointer,
        )
