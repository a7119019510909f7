"""What a parameter accepts (its specification) and what a policy gave it (its distribution).

An op's author writes specifications: `Range`, `Integer`, `Option`, `Fill`, `Unit`. They parse a
policy's value into a distribution where it is drawn, and into a plain Python value where static.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augreg.distributions import (
    SHAPES,
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Normal,
    RawKey,
    Schedule,
    Uniform,
    Units,
)
from augreg.document import show
from augreg.errors import OpError, ParameterError, suggest

if TYPE_CHECKING:
    pass

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
"""The default of a parameter that a policy has to give."""

MAX_SIDE = 16_384


# --- specifications -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """A number in [lo, hi]: drawn per sample (float32 [B]), or `static` (a Python float).

    `default` may be any value that a policy could give, None (the op then gets None), or absent:
    the policy has to give the parameter.
    """

    lo: float
    hi: float
    default: Any = REQUIRED
    static: bool = False

    dtype = "float32"
    noun = "number"

    def schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": self.noun}
        if math.isfinite(self.lo):
            number["minimum"] = self.lo
        if math.isfinite(self.hi):
            number["maximum"] = self.hi
        return number if self.static else {"anyOf": [number, *_drawn_schemas(number, self.dtype)]}

    def parse(self, value: Any, op: str) -> Any:
        if self.static:
            return self._number(value, op, "")
        return self._distribution(value, op)

    def _number(self, value: Any, op: str, pointer: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            article = "an" if self.noun[0] in "aeio" else "a"
            raise ParameterError(f"{show(value)} is not {article} {self.noun}", pointer)
        if value > self.hi:
            raise ParameterError(f'{value} is above {self.hi}, the most that "{op}" takes', pointer)
        if not value >= self.lo:
            raise ParameterError(
                f'{value} is below {self.lo}, the least that "{op}" takes', pointer
            )
        return self._convert(value, pointer)

    def _convert(self, value: float, pointer: str) -> float:
        return float(value)

    def _distribution(self, value: Any, op: str) -> Distribution:
        if isinstance(value, list):
            lo, hi = self._pair(value, op, "")
            return Uniform(lo, hi) if lo < hi else Constant(lo)
        if isinstance(value, dict):
            return self._drawn(value, op)
        return Constant(self._number(value, op, ""))

    def _pair(self, value: Any, op: str, pointer: str) -> tuple[float, float]:
        if not isinstance(value, list) or len(value) != 2:
            raise ParameterError(f"{show(value)} is not a range; write [lo, hi]", pointer)
        lo, hi = (self._number(end, op, f"{pointer}/{i}") for i, end in enumerate(value))
        if lo > hi:
            raise ParameterError(
                f"the range [{lo}, {hi}] runs backwards; write [{hi}, {lo}]", pointer
            )
        return lo, hi

    def _drawn(self, value: dict[str, Any], op: str) -> Distribution:
        if "choice" in value:
            _only(value, "choice", "weights")
            return self._choice(value, op)
        if "normal" in value and self.dtype == "float32":
            _only(value, "normal", "min", "max")
            return self._normal(value, op)
        if "log_uniform" in value and self.dtype == "float32":
            _only(value, "log_uniform")
            lo, hi = self._pair(value["log_uniform"], op, "/log_uniform")
            if lo <= 0:
                raise ParameterError("log_uniform takes ends above 0", "/log_uniform/0")
            return LogUniform(lo, hi)
        if "schedule" in value:
            _only(value, "schedule")
            return self._schedule(value["schedule"], op)
        allowed = ["choice"] + ["normal", "log_uniform"] * (self.dtype == "float32") + ["schedule"]
        found = ", ".join(f'"{key}"' for key in value) or "nothing"
        names = ", ".join(f'"{name}"' for name in allowed)
        raise ParameterError(
            f"a distribution is a constant, [lo, hi] or one of {names}; found {found}"
        )

    def _schedule(self, value: Any, op: str) -> Distribution:
        if not isinstance(value, dict) or not {"from", "to", "epochs"} <= value.keys():
            raise ParameterError('"schedule" takes "from", "to" and "epochs"', "/schedule")
        _only(value, "from", "to", "epochs", "shape", pointer="/schedule")
        start, stop = (self._ends(value[end], op, f"/schedule/{end}") for end in ("from", "to"))
        epochs = Integer(1, 1_000_000)._number(value["epochs"], op, "/schedule/epochs")
        shape = value.get("shape", "linear")
        if shape not in SHAPES:
            names = " or ".join(f'"{name}"' for name in SHAPES)
            raise ParameterError(f"{show(shape)} is not {names}", "/schedule/shape")
        return Schedule(start, stop, int(epochs), shape)

    def _ends(self, value: Any, op: str, pointer: str) -> tuple[float, float]:
        if isinstance(value, list):
            return self._pair(value, op, pointer)
        number = self._number(value, op, pointer)
        return number, number

    def _choice(self, value: dict[str, Any], op: str) -> Distribution:
        raw = value["choice"]
        if not isinstance(raw, list) or not raw:
            raise ParameterError('"choice" takes a list of at least one value', "/choice")
        values = tuple(self._number(item, op, f"/choice/{i}") for i, item in enumerate(raw))
        return Choice(values, check_weights(value.get("weights"), len(values)))

    def _normal(self, value: dict[str, Any], op: str) -> Distribution:
        raw = value["normal"]
        if not isinstance(raw, list) or len(raw) != 2:
            raise ParameterError('"normal" takes [mean, std]', "/normal")
        free = Range(-math.inf, math.inf)
        mean = free._number(raw[0], op, "/normal/0")
        std = Range(0.0, math.inf)._number(raw[1], op, "/normal/1")
        lo = self._number(value["min"], op, "/min") if "min" in value else self.lo
        hi = self._number(value["max"], op, "/max") if "max" in value else self.hi
        if lo > hi:
            raise ParameterError(f'"min" {lo} is above "max" {hi}', "/min")
        return Normal(mean, std, lo, hi)


@dataclass(frozen=True)
class Integer(Range):
    """An integer in [lo, hi], both inclusive: drawn (int32 [B]) or `static` (a Python int)."""

    lo: int
    hi: int

    dtype = "int32"
    noun = "integer"

    def _convert(self, value: float, pointer: str) -> int:
        if value != int(value):
            raise ParameterError(f"{value} is not an integer", pointer)
        return int(value)


@dataclass(frozen=True)
class Option:
    """One of a few words or numbers, static. The first is the default unless `required`."""

    values: tuple[Any, ...]
    default: Any
    static = True

    def __init__(self, *values: Any, required: bool = False) -> None:
        if not values:
            raise OpError("an Option needs at least one value")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "default", REQUIRED if required else values[0])

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
    static = True

    def schema(self) -> dict[str, Any]:
        level = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [level, {"type": "array", "items": level, "minItems": 1, "maxItems": 3}]}

    def parse(self, value: Any, op: str) -> float | tuple[float, ...]:
        level = Range(0.0, 1.0, static=True)
        if not isinstance(value, list):
            return float(level.parse(value, op))
        if len(value) not in (1, 3):
            raise ParameterError(f"{len(value)} levels; give one number, or three for RGB")
        return tuple(level._number(item, op, f"/{i}") for i, item in enumerate(value))


@dataclass(frozen=True)
class Unit:
    """A uniform draw in [0, 1) of the op's own (a crop's place), which no policy sets.

    float32 [B], or [B, count] where `count` is above 1.
    """

    count: int = 1

    static = False
    default = None
    dtype = "float32"

    @property
    def distribution(self) -> Distribution:
        return Uniform(0.0, 1.0) if self.count == 1 else Units(self.count)


@dataclass(frozen=True)
class Key:
    """A key of the op's own for `PixelFunction.noise`, uint32 [B,2], which no policy sets."""

    static = False
    default = None
    dtype = "uint32"
    distribution = RawKey()


Settable = Range | Integer | Option | Fill
Hidden = Unit | Key
Parameter = Settable | Hidden


def check_weights(raw: Any, count: int, pointer: str = "/weights") -> tuple[float, ...]:
    """Weights of a choice among `count`: equal where None; raises `ParameterError`."""
    if raw is None:
        return (1.0,) * count
    if not isinstance(raw, list) or len(raw) != count:
        found = len(raw) if isinstance(raw, list) else show(raw)
        raise ParameterError(f"{found} weights for {count} choices; give one each", pointer)
    weight = Range(0.0, math.inf)
    values = tuple(weight._number(item, "weights", f"{pointer}/{i}") for i, item in enumerate(raw))
    if math.isinf(sum(values)):
        raise ParameterError("the weights sum to more than a number holds", pointer)
    if not sum(values) > 0:
        raise ParameterError("the weights sum to 0; at least one has to be above 0", pointer)
    return values


def _drawn_schemas(number: dict[str, Any], dtype: str) -> list[dict[str, Any]]:
    pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    weights = {"type": "array", "items": {"type": "number", "minimum": 0}}
    forms: list[dict[str, Any]] = [
        pair,
        _closed({"choice": {"type": "array", "items": number, "minItems": 1}, "weights": weights}),
    ]
    if dtype == "float32":
        normal = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        forms.append(_closed({"normal": normal, "min": number, "max": number}))
        forms.append(_closed({"log_uniform": pair}))
    ends = {"anyOf": [number, pair]}
    schedule = _closed(
        {
            "from": ends,
            "to": ends,
            "epochs": {"type": "integer", "minimum": 1},
            "shape": {"enum": list(SHAPES)},
        },
        required=["from", "to", "epochs"],
    )
    forms.append(_closed({"schedule": schedule}))
    return forms


def _closed(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    first = next(iter(properties))
    return {
        "type": "object",
        "properties": properties,
        "required": required or [first],
        "additionalProperties": False,
    }


def _only(value: dict[str, Any], *allowed: str, pointer: str = "") -> None:
    for key in value:
        if key not in allowed:
            raise ParameterError(
                f'unknown key "{key}" beside "{allowed[0]}"{suggest(key, allowed)}',
                f"{pointer}/{key}",
            )
