"""Specifications: what an op's author writes of each parameter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from augreg.errors import OpError, ParameterError, show, suggest
from augreg.random import distributions
from augreg.random.numbers import Bounds

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
"""The default of a parameter that a policy has to give."""
KEPT = ("all", "any")


@dataclass(frozen=True)
class Range:
    """A number in [lo, hi]: drawn per sample (float32 [B]), or `static` (a Python float).

    `default` may be any value that a policy can give, or None (the op then gets None). Without it,
    the parameter is required. With a `count` above 1 it is drawn that often for each sample, for an
    op that tries until a draw fits: the op then gets `draws` (float32 [B, count], or [1, 1] for a
    constant), `low` and `high` (scalars, the bounds of the draws). `doc`, of all kinds: what the
    parameter means, as words without a full stop, where the docstring does not say "name: ...".
    """

    lo: float
    hi: float
    default: Any = REQUIRED
    static: bool = False
    count: int = 1
    doc: str = ""

    dtype = "float32"

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.lo, self.hi, whole=self.dtype == "int32")

    @property
    def takes(self) -> str:
        """What a policy may give, in words."""
        kind = "static" if self.static else "drawn"
        return f"{kind} {self.bounds.noun}, {self.lo:g} to {self.hi:g}"

    def schema(self) -> dict[str, Any]:
        return self.bounds.schema() if self.static else distributions.schema(self.bounds)

    def parse(self, value: Any, op: str) -> Any:
        if self.static:
            return self.bounds.number(value, op)
        return distributions.parse(value, self.bounds, op)


@dataclass(frozen=True)
class Integer(Range):
    """An integer in [lo, hi], both inclusive: drawn (int32 [B]) or `static` (a Python int)."""

    lo: int
    hi: int

    dtype = "int32"


@dataclass(frozen=True)
class Option:
    """One of a few words or numbers, static. The first is the default unless `required`."""

    values: tuple[Any, ...]
    default: Any
    doc: str
    static = True

    def __init__(self, *values: Any, required: bool = False, doc: str = "") -> None:
        if not values:
            raise OpError("an Option needs at least one value")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "default", REQUIRED if required else values[0])
        object.__setattr__(self, "doc", doc)

    @property
    def takes(self) -> str:
        """What a policy may give, in words."""
        return "static: " + ", ".join(f"`{json.dumps(value)}`" for value in self.values)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}

    def parse(self, value: Any, op: str) -> Any:
        for allowed in self.values:
            # 1.0 is 1 in JSON, and true is not
            if value == allowed and isinstance(value, bool) == isinstance(allowed, bool):
                return allowed
        names = ", ".join(show(allowed) for allowed in self.values)
        hint = suggest(value, map(str, self.values)) if isinstance(value, str) else ""
        raise ParameterError(f"{show(value)} is not one of {names}{hint}")


@dataclass(frozen=True)
class Fill:
    """A grey level or a colour in 0..1, static: a number, or a list with a number per channel."""

    default: Any = 0.0
    doc: str = ""
    static = True
    takes = "static: a level 0 to 1, or one for each channel"

    def schema(self) -> dict[str, Any]:
        level = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [level, {"type": "array", "items": level, "minItems": 1, "maxItems": 3}]}

    def parse(self, value: Any, op: str) -> float | tuple[float, ...]:
        level = Bounds(0.0, 1.0)
        if not isinstance(value, list):
            return level.number(value, op)
        if len(value) not in (1, 3):
            raise ParameterError(f"{len(value)} levels; give one number, or three for RGB")
        return tuple(level.number(item, op, f"/{i}") for i, item in enumerate(value))


@dataclass(frozen=True)
class KeepBoxes:
    """Which boxes of a sample an op is not to lose: "all", "any" one of them, or none at all.

    The op gets float32 [B,4] for it, the edges (left, top, right, bottom, in whole pixels) of what
    it is to keep: the bounds of all boxes, or one drawn box; of a sample without boxes, left and
    top are infinite, right and bottom minus infinite. And None where a policy asks for nothing, or
    where there are no boxes.
    """

    doc: str = ""
    values = KEPT
    static = True
    default = None
    takes = Option(*KEPT).takes

    def schema(self) -> dict[str, Any]:
        return Option(*KEPT).schema()

    def parse(self, value: Any, op: str) -> str:
        return str(Option(*KEPT).parse(value, op))


@dataclass(frozen=True)
class Uniform01:
    """An internal uniform draw in [0, 1) (a crop's position), which no policy sets.

    float32 [B], or [B, count] where `count` is above 1.
    """

    count: int = 1

    static = False
    default = None
    dtype = "float32"

    @property
    def distribution(self) -> distributions.Distribution:
        several = distributions.UniformArray(self.count)
        return distributions.Uniform(0.0, 1.0) if self.count == 1 else several


@dataclass(frozen=True)
class Key:
    """An internal key for `PixelFunction.noise`, uint32 [B,2], which no policy sets.

    >>> import augreg
    >>> augreg.Key().dtype
    'uint32'
    """

    static = False
    default = None
    dtype = "uint32"
    distribution = distributions.NoiseKey()


Settable = Range | Integer | Option | Fill | KeepBoxes
Hidden = Uniform01 | Key
Parameter = Settable | Hidden
