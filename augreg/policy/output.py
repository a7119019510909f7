"""How a policy's images leave it: the section `output`, as one scale and offset a channel."""

from __future__ import annotations

from typing import Any

from augreg.errors import ParameterError
from augreg.policy.nodes import Output


def read_output(value: dict[str, Any]) -> Output:
    """The checked section; raises `ParameterError` for what the schema can not say."""
    dtype = value.get("dtype", "float32")
    if "normalize" in value:
        return _normalized(value, dtype)
    lo, hi = value.get("range", [0, 255] if dtype == "uint8" else [0, 1])
    if not lo < hi:
        raise ParameterError(f"the range [{lo}, {hi}] is empty or runs backwards", "/output/range")
    if dtype == "uint8" and (lo, hi) != (0, 255):
        raise ParameterError("uint8 output takes the range [0, 255] only", "/output/range")
    return Output(dtype, (float(hi - lo),), (float(lo),))


def _normalized(value: dict[str, Any], dtype: str) -> Output:
    if "range" in value or dtype == "uint8":
        other = '"range"' if "range" in value else "uint8"
        raise ParameterError(f'"normalize" does not go with {other}', "/output/normalize")
    mean, std = value["normalize"]["mean"], value["normalize"]["std"]
    if len(mean) != len(std) or len(mean) == 2:
        raise ParameterError('"mean" and "std" take one number each, or three', "/output/normalize")
    if not min(std) > 0:
        raise ParameterError('"std" has to be above 0', "/output/normalize/std")
    scale = tuple(1.0 / s for s in std)
    return Output(dtype, scale, tuple(-m / s for m, s in zip(mean, std, strict=True)))
