"""Which random values a sample got: for the manifest, and to read what a preview shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from augreg.lower.choices import WHEN, Answers, Draws
from augreg.lower.lowering import Lowering
from augreg.plan.planner import draws_of
from augreg.policy import Group, Node, Policy, Step
from augreg.random import distributions
from augreg.random.generator import SampleKey
from augreg.xp import NUMPY

Value = float | int | list[float | int]
Drawn = dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Taken:
    """A step as one sample does it, or leaves it out.

    Attributes:
        suffix: of its slot: `#k` where a group picks with replacement.
        under: the groups that decide about it, outermost first.
        values: what was drawn for its parameters, if it is done.
        left_out: why it is not done; empty where it is.
        chosen: whether a draw or a label decided about it.
    """

    step: Step
    suffix: str
    under: tuple[Group, ...] = ()
    values: dict[str, Value] = field(default_factory=dict)
    left_out: str = ""
    chosen: bool = False

    @property
    def pointer(self) -> str:
        """Where it stands in the policy, with its slot."""
        return self.step.pointer + self.suffix

    @property
    def alone(self) -> Step:
        """The step as every sample does it, with the draws that it has here."""
        return replace(self.step.for_all(), path=self.step.path + self.suffix)


def values_of(
    policy: Policy, key: SampleKey, answers: Answers, training: bool = True
) -> list[Drawn]:
    """The draws of each sample of a batch that take effect: step pointer -> parameter -> value.

    A step that its p, or a group's choice, leaves out is missing; a step that draws nothing and is
    always done is missing too. With `replace`, slot k of a step is `pointer#k`.

    key: in NumPy; answers: what the samples' labels say of steps with a "when"; where there are
    none, those are for all labels.
    """
    nodes = policy.nodes(training, ("prepare", "augment"))
    draws = Draws.make(NUMPY, tuple(dict.fromkeys(draws_of(nodes))), key)
    reader = _Reader(Lowering(NUMPY, replace(draws, answers=answers)))
    return [
        {
            one.pointer: one.values
            for one in _steps(nodes, reader.of(b))
            if not one.left_out and (one.values or one.chosen)
        }
        for b in range(len(key.index))
    ]


def steps_of_sample(nodes: tuple[Node, ...], draws: Draws) -> tuple[Taken, ...]:
    """Every step of `nodes` as the first sample of a batch does it, in the order of doing.

    A step that several slots of a group may do is there for each slot that does it, or once, left
    out.
    """
    return _steps(nodes, _Reader(Lowering(NUMPY, draws)))


def _steps(nodes: tuple[Node, ...], reader: _Reader) -> tuple[Taken, ...]:
    found = [one for node in nodes for one in reader.steps(node, "", (), "", False)]
    done = {one.step.pointer for one in found if not one.left_out}
    kept: dict[str, Taken] = {}
    for one in found:
        if not one.left_out:
            kept[one.pointer] = one
        elif one.step.pointer not in done:
            kept.setdefault(one.step.pointer, one)
    return tuple(kept.values())


@dataclass(frozen=True)
class _Reader:
    """Reads the draws of sample `b` of a batch.

    Attributes:
        sampled: what was drawn for each step, for the whole batch: worked out once.
    """

    lowering: Lowering
    b: int = 0
    sampled: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, b: int) -> _Reader:
        """The same of another sample."""
        return replace(self, b=b)

    def steps(
        self, node: Node, suffix: str, under: tuple[Group, ...], left_out: str, chosen: bool
    ) -> Iterator[Taken]:
        """The steps of `node`; `left_out`: why a group around it is not done."""
        condition = None if left_out else self.lowering.chance(node, suffix)
        chosen = chosen or condition is not None
        if condition is not None and not self.own(condition):
            left_out = self.reason(node)
        if isinstance(node, Step):
            values = {} if left_out else self.values(node, suffix)
            yield Taken(node, suffix, under, values, left_out, chosen)
            return
        every = node.kind in ("sequence", "mixture")
        chosen = chosen or node.kind != "sequence"
        for visit in node.visits():
            why = left_out
            if not (every or left_out or self.picked(node, visit.number, visit.slot, suffix)):
                why = self.others(node, suffix)
            own = suffix + visit.suffix
            yield from self.steps(visit.branch, own, (*under, node), why, chosen)

    def picked(self, group: Group, branch: int, slot: int | None, suffix: str) -> bool:
        return bool(self.own(self.lowering.picked(group, branch, slot, suffix)))

    def others(self, group: Group, suffix: str) -> str:
        """That a group's choice fell on other branches."""
        which = "others"
        if group.kind == "one_of":
            which = f"branch {int(self.own(self.lowering.chosen(group, suffix)))}"
        return f"{group.kind} at {group.pointer} chose {which}"

    def reason(self, node: Node) -> str:
        """Why a node's own chance leaves it out."""
        answer = self.lowering.draws.answers.get((node.path, WHEN))
        labels = answer is not None and not self.own(answer)
        p = node.schedule or format(node.p, "g")
        whose = "its" if isinstance(node, Step) else f"{node.kind} at {node.pointer}, by its"
        return f"{whose} labels" if labels else f"{whose} p {p}"

    def values(self, step: Step, suffix: str) -> dict[str, Value]:
        where = step.path + suffix
        if where not in self.sampled:
            every = self.lowering.arguments(step, suffix)
            self.sampled[where] = {
                name: _numbers(every[name])
                for name, drawn, _ in step.drawn()
                if not isinstance(drawn, distributions.Constant)
            }
        return {name: _plain(self.own(drawn)) for name, drawn in self.sampled[where].items()}

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
