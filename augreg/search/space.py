"""What a search varies: the ranges and the probabilities of a policy's `augment`."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from augreg.plugin.params import Range
from augreg.policy import Policy, Step
from augreg.policy.nodes import Node, outermost, walk
from augreg.random.distributions import Uniform
from augreg.random.numbers import Bounds

_DIGITS = 3  # that a policy's numbers are rounded to


@dataclass(frozen=True)
class Knob(ABC):
    """A number that a trial sets, between 0 and `most`.

    Attributes:
        pointer: of what it changes in the policy.
        start: its value in the policy as it is.
    """

    pointer: str
    start: float
    most: ClassVar[float]

    @abstractmethod
    def written(self, value: float) -> Any:
        """What the policy says at `pointer`."""


@dataclass(frozen=True)
class Probability(Knob):
    """A step's or a group's `p`."""

    most = 1.0

    def written(self, value: float) -> float:
        return _rounded(value)


@dataclass(frozen=True)
class Strength(Knob):
    """How wide a range is: 0 leaves its pivot alone, 1 is the range of the policy, 2 doubles it.

    Attributes:
        lo, hi: of the policy's range.
        pivot: the value that stays: 0 if the range holds it, else 1 if it does, else its middle.
        bounds: of the parameter, which no end exceeds.
    """

    lo: float
    hi: float
    pivot: float
    bounds: Bounds
    most = 2.0

    def written(self, value: float) -> list[float]:
        return [self._end(end, value) for end in (self.lo, self.hi)]

    def _end(self, end: float, value: float) -> float:
        moved = _rounded(self.pivot + value * (end - self.pivot))
        inside = min(max(moved, self.bounds.lo), self.bounds.hi)
        return round(inside) if self.bounds.whole else inside


def space(policy: Policy) -> tuple[Knob, ...]:
    """All that can be varied, in document order; what a macro writes out can't."""
    return tuple(knob for node in walk(policy.augment) for knob in _knobs(policy, node))


def changed(policy: Policy, knobs: tuple[Knob, ...], values: Mapping[str, float]) -> dict[str, Any]:
    """The policy as a document, with its knobs set to values by pointer."""
    document: dict[str, Any] = copy.deepcopy(dict(policy.source))
    for knob in knobs:
        value = values[knob.pointer]
        # as it is, not rounded, so that the start has its own hash
        if value != knob.start:
            parent, _, key = knob.pointer.rpartition("/")
            _at(document, parent)[key] = knob.written(value)
    return document


def _knobs(policy: Policy, node: Node) -> Iterator[Knob]:
    if outermost(node.pointer, policy.macros) != node.pointer:
        return
    if isinstance(node, Step):
        for name, spec in node.op.settable.items():
            drawn = node.arguments[name]
            if isinstance(spec, Range) and isinstance(drawn, Uniform):
                lo, hi = drawn.lo, drawn.hi
                where = f"{node.pointer}/{name}"
                yield Strength(where, 1.0, lo, hi, _pivot(lo, hi), spec.bounds)
    p = _at(policy.source, node.pointer).get("p")
    if isinstance(p, int | float):
        yield Probability(f"{node.pointer}/p", float(p))


def _pivot(lo: float, hi: float) -> float:
    return next((neutral for neutral in (0.0, 1.0) if lo <= neutral <= hi), (lo + hi) / 2)


def _at(document: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        document = document[int(key) if isinstance(document, list) else key]
    return document


def _rounded(value: float) -> float:
    if value == 0:
        return 0.0
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value))))
