"""Ranges as a policy writes them, made narrower, so that a value and stronger ones do not occur."""

from __future__ import annotations

import math
from typing import Any


def narrowed(
    raw: Any, support: tuple[float, float], value: float, weakest: float, *, whole: bool = False
) -> Any:
    """A range that ends before `value`, on the side away from `weakest`; its kind stays.

    The other end stays, too, unless the two mirror each other, around 0 or, of factors, around 1,
    and the weakest value lies between them: then both sides become narrower alike.

    Args:
        raw: as a policy writes it: [lo, hi] or an object that names a distribution.
        support: the least and the most that it gives.
        value: a value that it gives, and that is not to occur.
        weakest: the value that changes an image the least.
        whole: the parameter is an integer.

    Returns:
        As a policy writes it; None where nothing of the range is left, or it is no range.

    >>> narrowed([-72, 72], (-72, 72), 60.7, 0.0)
    [-60, 60]
    >>> narrowed([0, 0.5], (0, 0.5), 0.31, 0.0), narrowed([3, 9], (3, 9), 4, 9, whole=True)
    ([0, 0.3], [5, 9])
    """
    if value == weakest:
        return None
    end = _before(value, weakest, whole)
    allowed = _allowed(support, end, value > weakest, weakest)
    match raw:
        case [_, _]:
            return _clipped(raw, allowed)
        case {"log_uniform": ends}:
            return {"log_uniform": _clipped(ends, allowed)}
        case {"normal": _}:
            low, high = _clipped(support, allowed)
            return {"normal": raw["normal"], "min": low, "max": high}
        case {"schedule": parts}:
            held = {name: _clipped(parts[name], allowed) for name in ("from", "to")}
            return {"schedule": {**parts, **held}}
        case {"choice": _}:
            return _choice(raw, allowed)
    return None


def lower_p(raw: Any) -> Any:
    """Half a probability, or half of each end of one that follows the epoch.

    >>> lower_p(0.5), lower_p({"schedule": {"from": 0, "to": 1, "epochs": 9}})["schedule"]["to"]
    (0.25, 0.5)
    """
    if isinstance(raw, dict):
        halves = {name: raw["schedule"][name] / 2 for name in ("from", "to")}
        return {"schedule": {**raw["schedule"], **halves}}
    return raw / 2


def _before(value: float, weakest: float, whole: bool) -> float:
    """A short number before `value` on the way from `weakest`: of two digits of their distance."""
    sign = 1 if value > weakest else -1
    if whole:
        return round(value) - sign
    digits = 1 - math.floor(math.log10(abs(value - weakest)))
    steps = math.ceil(sign * value * 10.0**digits) - 1  # the last one that is below the value
    return _short(sign * steps / 10.0**digits)


def _short(number: float) -> float:
    number = round(number, 12)
    return int(number) if number == int(number) else number


def _allowed(
    support: tuple[float, float], end: float, upper: bool, weakest: float
) -> tuple[float, float]:
    """The values from the weakest one to `end`, and what mirrors them or is on the other side."""
    low, high = support
    other = -math.inf if upper else math.inf
    if low < weakest < high and (low + high) / 2 in (0, 1):
        other = _short(low + high - end)
    elif low < weakest < high and math.isclose(low * high, 1):
        other = _short(1 / end)
    return (other, end) if upper else (end, other)


def _clipped(numbers: Any, allowed: tuple[float, float]) -> Any:
    """A number, or each of several, held within what is allowed."""
    if isinstance(numbers, list | tuple):
        return [_clipped(number, allowed) for number in numbers]
    return min(max(numbers, allowed[0]), allowed[1])


def _choice(raw: dict[str, Any], allowed: tuple[float, float]) -> dict[str, Any] | None:
    """A choice among the values that are allowed, with their weights."""
    values = raw["choice"]
    weights = raw.get("weights", [1] * len(values))
    pairs = zip(values, weights, strict=True)
    kept = [(value, weight) for value, weight in pairs if allowed[0] <= value <= allowed[1]]
    if not sum(weight for _, weight in kept):
        return None
    choice = {"choice": [value for value, _ in kept]}
    return choice | ({"weights": [w for _, w in kept]} if "weights" in raw else {})
