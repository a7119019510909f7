"""What a policy may write for a drawn number: each distribution's parsing and its schema."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from augreg.errors import ParameterError, show, suggest
from augreg.random.distributions import (
    SHAPES,
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Normal,
    Schedule,
    Uniform,
)
from augreg.random.numbers import Bounds, check_weights


@dataclass(frozen=True)
class Drawn:
    """Parses what was written for a drawn number of `op` within `bounds`."""

    bounds: Bounds
    op: str

    def distribution(self, value: Any) -> Distribution:
        """A constant, [lo, hi] or an object that names a distribution; raises `ParameterError`."""
        if isinstance(value, list):
            lo, hi = self.bounds.pair(value, self.op)
            return Uniform(lo, hi) if lo < hi else Constant(lo)
        if isinstance(value, dict):
            return self._named(value)
        return Constant(self.bounds.number(value, self.op))

    def _named(self, value: dict[str, Any]) -> Distribution:
        whole = self.bounds.whole
        if "choice" in value:
            _only(value, "choice", "weights")
            return self._choice(value)
        if "normal" in value and not whole:
            _only(value, "normal", "min", "max")
            return self._normal(value)
        if "log_uniform" in value and not whole:
            _only(value, "log_uniform")
            lo, hi = self.bounds.pair(value["log_uniform"], self.op, "/log_uniform")
            if lo <= 0:
                raise ParameterError("log_uniform takes ends above 0", "/log_uniform/0")
            return LogUniform(lo, hi)
        if "schedule" in value:
            _only(value, "schedule")
            return self._schedule(value["schedule"])
        allowed = ["choice"] + ["normal", "log_uniform"] * (not whole) + ["schedule"]
        found = ", ".join(f'"{key}"' for key in value) or "nothing"
        names = ", ".join(f'"{name}"' for name in allowed)
        raise ParameterError(
            f"a distribution is a constant, [lo, hi] or one of {names}; found {found}"
        )

    def _schedule(self, value: Any) -> Distribution:
        if not isinstance(value, dict) or not {"from", "to", "epochs"} <= value.keys():
            raise ParameterError('"schedule" takes "from", "to" and "epochs"', "/schedule")
        _only(value, "from", "to", "epochs", "shape", pointer="/schedule")
        start, stop = (self._ends(value[end], f"/schedule/{end}") for end in ("from", "to"))
        epochs = Bounds(1, 1_000_000, whole=True).number(
            value["epochs"], self.op, "/schedule/epochs"
        )
        shape = value.get("shape", "linear")
        if shape not in SHAPES:
            names = " or ".join(f'"{name}"' for name in SHAPES)
            raise ParameterError(f"{show(shape)} is not {names}", "/schedule/shape")
        return Schedule(start, stop, int(epochs), shape)

    def _ends(self, value: Any, pointer: str) -> tuple[float, float]:
        if isinstance(value, list):
            return self.bounds.pair(value, self.op, pointer)
        number = self.bounds.number(value, self.op, pointer)
        return number, number

    def _choice(self, value: dict[str, Any]) -> Distribution:
        raw = value["choice"]
        if not isinstance(raw, list) or not raw:
            raise ParameterError('"choice" takes a list of at least one value', "/choice")
        values = tuple(
            self.bounds.number(item, self.op, f"/choice/{i}") for i, item in enumerate(raw)
        )
        return Choice(values, check_weights(value.get("weights"), len(values)))

    def _normal(self, value: dict[str, Any]) -> Distribution:
        raw = value["normal"]
        if not isinstance(raw, list) or len(raw) != 2:
            raise ParameterError('"normal" takes [mean, std]', "/normal")
        mean = Bounds(-math.inf, math.inf).number(raw[0], self.op, "/normal/0")
        std = Bounds(0.0, math.inf).number(raw[1], self.op, "/normal/1")
        lo = self.bounds.number(value["min"], self.op, "/min") if "min" in value else self.bounds.lo
        hi = self.bounds.number(value["max"], self.op, "/max") if "max" in value else self.bounds.hi
        if lo > hi:
            raise ParameterError(f'"min" {lo} is above "max" {hi}', "/min")
        return Normal(mean, std, lo, hi)


def schemas(bounds: Bounds) -> list[dict[str, Any]]:
    """The JSON Schema of each form of a drawn number."""
    number = bounds.schema()
    pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    weights = {"type": "array", "items": {"type": "number", "minimum": 0}}
    forms: list[dict[str, Any]] = [
        pair,
        _closed({"choice": {"type": "array", "items": number, "minItems": 1}, "weights": weights}),
    ]
    if not bounds.whole:
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
