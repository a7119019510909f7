"""Which random values a sample got: for the manifest, and to read what a preview shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augreg.checks import sample_key
from augreg.lower.choices import Answers, Draws
from augreg.lower.lowering import Lowering
from augreg.plan import Plan
from augreg.policy import Node, Policy, Step
from augreg.random import distributions
from augreg.xp import NUMPY

Value = float | int | list[float | int]
Drawn = dict[str, dict[str, Value]]


def drawn_values(
    planned: Plan,
    seed: int,
    epoch: int,
    index: int,
    training: bool = True,
    answers: Answers | None = None,
) -> Drawn:
    """The draws of one sample that take effect: step pointer -> parameter -> value.

    A step that its p, or a group's choice, leaves out is missing; a step that draws nothing and is
    always done is missing too. With `replace`, slot k of a step is `pointer#k`.

    answers: what the sample's labels say of steps with a "when"; without, those are for all labels.
    """
    draws = Draws.make(NUMPY, planned.draws, sample_key(seed, epoch, [index]))
    draws = replace(draws, answers=answers or {})
    return values_of(planned.policy, draws, 1, training)[0]


def values_of(policy: Policy, draws: Draws, count: int, training: bool = True) -> list[Drawn]:
    """`drawn_values` of each sample of a batch of `count`, whose draws are made in NumPy."""
    nodes = policy.nodes(training, ("prepare", "augment"))
    lowering = Lowering(NUMPY, draws)
    readers = [_Reader(lowering, b) for b in range(count)]
    return [dict(done for n in nodes for done in one.taken(n, "", False)) for one in readers]


@dataclass(frozen=True)
class _Reader:
    """Reads the draws of sample `b` of a batch."""

    lowering: Lowering
    b: int

    def taken(self, node: Node, suffix: str, chosen: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """The steps of `node` that are done; `chosen`: a draw has decided for it already."""
        condition = self.lowering.chance(node, suffix)
        if condition is not None and not self.own(condition):
            return
        chosen = chosen or condition is not None
        if isinstance(node, Step):
            values = self.values(node, suffix)
            if values or chosen:
                yield node.pointer + suffix, values
            return
        every = node.kind in ("sequence", "mixture")
        chosen = chosen or node.kind != "sequence"
        for visit in node.visits():
            if every or self.own(self.lowering.picked(node, visit.number, visit.slot, suffix)):
                yield from self.taken(visit.branch, suffix + visit.suffix, chosen)

    def values(self, step: Step, suffix: str) -> dict[str, Value]:
        sampled = self.lowering.arguments(step, suffix)
        return {
            name: _plain(self.own(_numbers(sampled[name])))
            for name, drawn, _ in step.drawn()
            if not isinstance(drawn, distributions.Constant)
        }

    def own(self, array: Any) -> Any:
        """The sample's row of [B or 1, ...]."""
        return array[self.b if len(array) > 1 else 0]


def _numbers(value: Any) -> Any:
    """What was drawn, [B or 1, ...]."""
    return np.asarray(value.draws if isinstance(value, distributions.Several) else value)


def _plain(drawn: Any) -> Value:
    """The shortest number that reads back as the same float32; a list of what is drawn often."""
    numbers = [
        int(single) if single.dtype.kind in "iu" else float(str(single))
        for single in np.asarray(drawn).reshape(-1)
    ]
    return numbers[0] if len(numbers) == 1 else numbers
