"""Values for parameters, drawn from what an op declares of them: a new op needs no line here."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from augreg.plugin import params
from augreg.plugin.op import Op

_NICE = (0, 1, 0.5, 0.25, 2, 4, -1, -0.5, 8, 15, 45, 90, 180, -90, 3, 1.5, 0.125, 0.75)
_REACH = 40.0  # how far numbers go where a parameter allows thousands


@dataclass
class Values:
    """Draws values. `tall`, `wide`: the image's size here (None: not known)."""

    rng: random.Random
    classes: int
    tall: int
    wide: int
    channels: int

    def step(self, op: Any) -> dict[str, Any]:
        """{"op": name, ...}: required parameters always, the others mostly."""
        given: dict[str, Any] = {"op": op.name}
        for name, spec in op.settable.items():
            if isinstance(spec, params.KeepBoxes):
                continue  # not all cases have boxes: test_keep_boxes.py
            if spec.default is not params.REQUIRED and self.rng.random() < 0.35:
                continue
            given[name] = self.value(op, name, spec)
        return given

    def value(self, op: Any, name: str, spec: Any) -> Any:
        rng = self.rng
        if isinstance(spec, params.Option):
            return rng.choice(spec.values)
        if isinstance(spec, params.Fill):
            return self._fill()
        if name == "classes":  # one number for a whole policy
            return self.classes
        if spec.static:
            return self._static(op, name, spec)
        return self._drawn(spec, *_usual(op, name, spec))

    def _fill(self) -> Any:
        level = self._level
        if self.rng.random() < 0.5:
            return level()
        wide = self.channels if self.rng.random() < 0.97 else 3
        return [level() for _ in range(wide)]

    def _level(self) -> float:
        return self.rng.choice([0, 1, 0.5, round(self.rng.random(), 3)])

    def _static(self, op: Any, name: str, spec: Any) -> Any:
        rng = self.rng
        whole = isinstance(spec, params.Integer)
        if whole and name in ("height", "width") and {"height", "width"} <= op.settable.keys():
            return self._side(self.tall if name == "height" else self.wide)
        lo, hi = _usual(op, name, spec)
        if not whole:
            return self._number(lo, hi)
        value = rng.randint(int(lo), min(int(hi), int(lo) + rng.choice([0, 1, 2, 12])))
        return value | 1 if name == "kernel_size" and rng.random() < 0.97 else value

    def _side(self, side: int) -> int:
        rng = self.rng
        if rng.random() < 0.35:
            return side
        if rng.random() < 0.6:
            return rng.randint(max(1, side - 6), side)
        return rng.randint(max(1, side - 4), side + 6)

    def _number(self, lo: float, hi: float) -> float:
        rng = self.rng
        nice = [n for n in _NICE if lo <= n <= hi]
        roll = rng.random()
        if nice and roll < 0.3:
            return rng.choice(nice)
        if roll < 0.4:
            return rng.choice([lo, hi])
        value = rng.uniform(lo, hi)
        return value if roll < 0.7 else min(hi, max(lo, round(value, 2)))

    def _drawn(self, spec: Any, lo: float, hi: float) -> Any:
        rng = self.rng
        if isinstance(spec, params.Integer):
            return self._drawn_whole(int(lo), int(hi))
        number = lambda: self._number(lo, hi)  # noqa: E731
        pair = lambda: sorted([number(), number()])  # noqa: E731
        kind = rng.randrange(8)
        if kind <= 1:
            return number()
        if kind <= 3:
            return pair()
        if kind == 4:
            return self._choice([number() for _ in range(rng.randint(1, 4))])
        if kind == 5:
            ends = pair()
            return {"normal": [number(), (hi - lo) * rng.random() / 2], "min": ends[0], "max": hi}
        if kind == 6 and lo > 0:
            return {"log_uniform": pair()}
        return self._schedule([number, pair])

    def _drawn_whole(self, lo: int, hi: int) -> Any:
        rng = self.rng
        number = lambda: rng.randint(lo, hi)  # noqa: E731
        pair = lambda: sorted([number(), number()])  # noqa: E731
        kind = rng.randrange(5)
        if kind == 0:
            return number()
        if kind == 1:
            return pair()
        if kind <= 3:
            return self._choice([number() for _ in range(rng.randint(1, 3))])
        return self._schedule([number, pair])

    def _choice(self, values: list[Any]) -> dict[str, Any]:
        rng = self.rng
        weights = [rng.choice([0, 1, 2.5]) for _ in values]
        if rng.random() < 0.5 or not sum(weights):
            return {"choice": values}
        return {"choice": values, "weights": weights}

    def _schedule(self, ends: Any) -> dict[str, Any]:
        rng = self.rng
        body = {"from": rng.choice(ends)(), "to": rng.choice(ends)(), "epochs": rng.randint(1, 9)}
        if rng.random() < 0.5:
            body["shape"] = rng.choice(["linear", "cosine"])
        return {"schedule": body}


def _usual(op: Op, name: str, spec: Any) -> tuple[float, float]:
    """The ends that the op's own examples and default use, widened; else those it allows."""
    seen: list[float] = []
    for source in ({name: spec.default}, op.example, *op.strengths):
        seen += _numbers(source.get(name)) if isinstance(source, Mapping) else []
    lo, hi = max(spec.lo, -_REACH), min(spec.hi, _REACH)
    if seen and math.isfinite(sum(seen)):
        reach = max(seen) - min(seen) or abs(seen[0]) or 1.0
        lo, hi = max(lo, min(seen) - reach / 2), min(hi, max(seen) + reach / 2)
    return min(lo, hi), max(lo, hi)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if isinstance(value, list | tuple):
        return [n for part in value for n in _numbers(part)]
    return (
        [n for part in value.values() for n in _numbers(part)] if isinstance(value, Mapping) else []
    )
