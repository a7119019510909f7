"""The values that a policy gives a drawn number: their kinds, one as another, and slider ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from augreg.plugin.declaration import Declaration
from augreg.plugin.params import Range
from augreg.random.distributions import NAMED
from augreg.random.numbers import Bounds

NUMBER, RANGE = "number", "range"
_STEPS = 200  # of a slider, at least
_TOO_FAR = 4  # times what is usual: bounds that far away would leave a slider no room
_NEAR, _NEAR_INTEGER = 1.0, 40  # ends that never are too far


def kinds(bounds: Bounds) -> tuple[str, ...]:
    """What a drawn number may be given as."""
    named = (kind.key for kind in NAMED if kind.whole or not bounds.whole)
    possible = (key for key in named if key != "log_uniform" or bounds.hi > 0)
    return (NUMBER, RANGE, *possible)


def kind_of(value: Any) -> str | None:
    """The kind of a value; None of what is none."""
    if isinstance(value, dict):
        return next((kind.key for kind in NAMED if kind.key in value), None)
    if is_number(value):
        return NUMBER
    pair = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    return RANGE if pair else None


def is_number(value: Any) -> bool:
    """Whether it is a number of JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_kind(value: Any, kind: str, bounds: Bounds) -> Any:
    """A value of another kind whose draws are about those of `value`."""
    lo, hi = ends_of(value, bounds)
    if kind == NUMBER:
        return tidy((lo + hi) / 2, bounds.whole)
    if lo == hi:
        lo, hi = _around(lo, bounds)
    pair = [tidy(lo, bounds.whole), tidy(hi, bounds.whole)]
    match kind:
        case "choice":
            return {kind: pair}
        case "normal":
            return {kind: [tidy((lo + hi) / 2), tidy((hi - lo) / 4)]}
        case "log_uniform":
            most = hi if hi > 0 else bounds.hi
            return {kind: [tidy(max(lo, bounds.lo, most / 100)), tidy(most)]}
        case "schedule":
            middle = tidy((lo + hi) / 2, bounds.whole)
            return {kind: {"from": middle, "to": pair, "epochs": 10}}
    return pair


def ends_of(value: Any, bounds: Bounds) -> tuple[float, float]:
    """About the least and the most that a value gives, within the bounds."""
    found = list(_numbers(value))
    if kind_of(value) == "normal" and len(found) > 1:
        mean, std = found[:2]
        found = [mean - 2 * std, mean + 2 * std]
    if kind_of(value) == "schedule":
        given = value["schedule"] if isinstance(value["schedule"], dict) else {}
        found = [number for end in ("from", "to") for number in _numbers(given.get(end))]
    if kind_of(value) == "choice":
        found = list(_numbers(value["choice"]))
    found = found or [min(max(0.0, bounds.lo), bounds.hi)]
    lo, hi = (min(max(end, bounds.lo), bounds.hi) for end in (min(found), max(found)))
    return lo, hi


def tidy(number: float, whole: bool = False) -> float:
    """The number without what binary fractions leave behind it; whole numbers as integers."""
    rounded = round(number, 6 - math.floor(math.log10(abs(number)))) if number else 0.0
    return int(number) if whole or rounded == int(rounded) else rounded


@dataclass(frozen=True)
class Track:
    """The ends of a slider, and its step."""

    lo: float
    hi: float
    step: float

    def including(self, numbers: Iterable[float]) -> Track:
        """One that reaches as far as these numbers."""
        every = list(numbers)
        return Track(min([self.lo, *every]), max([self.hi, *every]), self.step)


def track_of(op: Declaration, name: str) -> Track:
    """The slider of a parameter: its bounds, or less where usual values would be a dot in them."""
    spec = op.settable[name]
    assert isinstance(spec, Range)
    given: tuple[Mapping[str, Any], ...] = (op.example, *op.shown)
    usual = list(_numbers([spec.default, *(one.get(name) for one in given)]))
    reach = max((abs(number) for number in usual), default=0.0)
    near = max(_TOO_FAR * reach, _NEAR_INTEGER if spec.bounds.whole else _NEAR)
    lo, hi = (
        math.copysign(_round_up(2 * reach), end) if reach and abs(end) > near else end
        for end in (spec.lo, spec.hi)
    )
    return Track(lo, hi, _step(hi - lo, spec.bounds.whole))


def _around(number: float, bounds: Bounds) -> tuple[float, float]:
    by = 1 if bounds.whole else abs(number) / 5 or 0.1
    return max(number - by, bounds.lo), min(number + by, bounds.hi)


def _step(width: float, whole: bool) -> float:
    wanted = width / _STEPS
    power = 10.0 ** math.floor(math.log10(wanted)) if wanted > 0 else 1.0
    return max(1.0, power) if whole else tidy(power * (5 if wanted >= 5 * power else 1))


def _round_up(number: float) -> float:
    power = 10.0 ** math.floor(math.log10(number))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= number)


def _numbers(value: Any) -> Iterator[float]:
    """All finite numbers in a value."""
    if is_number(value):
        if math.isfinite(value):
            yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)
