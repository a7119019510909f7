"""Numbers that a policy gives: checked against their ends, with a place in every complaint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from augreg.errors import ParameterError, show


@dataclass(frozen=True)
class Bounds:
    """The numbers in [lo, hi], only the `whole` ones or all."""

    lo: float
    hi: float
    whole: bool = False

    @property
    def noun(self) -> str:
        return "integer" if self.whole else "number"

    def schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": self.noun}
        if math.isfinite(self.lo):
            number["minimum"] = self.lo
        if math.isfinite(self.hi):
            number["maximum"] = self.hi
        return number

    def number(self, value: Any, op: str, pointer: str = "") -> float:
        """The number, an int of the whole ones; raises `ParameterError`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            article = "an" if self.whole else "a"
            raise ParameterError(f"{show(value)} is not {article} {self.noun}", pointer)
        if value > self.hi:
            raise ParameterError(f'{value} is above {self.hi}, the most that "{op}" takes', pointer)
        if not value >= self.lo:
            raise ParameterError(
                f'{value} is below {self.lo}, the least that "{op}" takes', pointer
            )
        if not self.whole:
            return float(value)
        if value != int(value):
            raise ParameterError(f"{value} is not an integer", pointer)
        return int(value)

    def pair(self, value: Any, op: str, pointer: str = "") -> tuple[float, float]:
        """Two of them, in order; raises `ParameterError`."""
        if not isinstance(value, list) or len(value) != 2:
            raise ParameterError(f"{show(value)} is not a range; write [lo, hi]", pointer)
        lo, hi = (self.number(end, op, f"{pointer}/{i}") for i, end in enumerate(value))
        if lo > hi:
            raise ParameterError(
                f"the lower bound of [{lo}, {hi}] is above the upper one; write [{hi}, {lo}]",
                pointer,
            )
        return lo, hi


def check_weights(raw: Any, count: int) -> tuple[float, ...]:
    """Weights of a choice among `count`: equal where None; raises `ParameterError`."""
    if raw is None:
        return (1.0,) * count
    if not isinstance(raw, list) or len(raw) != count:
        found = len(raw) if isinstance(raw, list) else show(raw)
        raise ParameterError(f"{found} weights for {count} choices; give one each", "/weights")
    weight = Bounds(0.0, math.inf)
    values = tuple(weight.number(item, "weights", f"/weights/{i}") for i, item in enumerate(raw))
    if math.isinf(sum(values)):
        raise ParameterError("the weights sum to more than a number holds", "/weights")
    if not sum(values) > 0:
        raise ParameterError("the weights sum to 0; at least one has to be above 0", "/weights")
    return values
