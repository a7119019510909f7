"""A sample without one of its steps, or with another value: how strong the step is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from augreg.annotations.parts import BOXES, IMAGES, KEYPOINTS, LABELS, TargetRules
from augreg.errors import OpError, PolicyError
from augreg.families import LatticeMap, Stage, transform_of
from augreg.lower.sampled import Taken, Value, steps_of_sample
from augreg.plan import SECTIONS
from augreg.policy import Group, Node, Policy
from augreg.random.quantiles import quantile, rank
from augreg.views.difference import Moved, changed, grid, moved_by
from augreg.views.trace import Sample, Trace, image_after, ranges, with_values

_MATTERS = 0.1  # of a step's score: what a value has to take away from it


@dataclass(frozen=True)
class Blame:
    """The value that made the strongest step strong.

    Attributes:
        parameter, value: what the step drew for it; the first number of several attempts.
        rank: the share of draws that are at or below it, 0..1.
        weakest: the value that changes this sample the least, of the range's ends, its middle, and
            0 and 1, which do nothing in most ops.
    """

    parameter: str
    value: float
    rank: float
    weakest: float


@dataclass(frozen=True, eq=False)  # pictures are kept by them
class Removable:
    """A step that the sample does, or a mixture, which only goes as a whole.

    Attributes:
        node: it, with the sample's draws. taken: the step.
        geometric: it moves points; whole: it moves whole pixels and loses none.
    """

    pointer: str
    op: str
    values: dict[str, Value]
    node: Node
    taken: Taken | None
    geometric: bool = False
    whole: bool = False


class Undoing:
    """A sample without one of its steps, and with other values."""

    def __init__(self, policy: Policy, sample: Sample) -> None:
        self.policy, self.sample = policy, sample
        trace = Trace(policy, sample)
        places = dict(_places((*trace.planned.prepare, *trace.planned.augment)))
        steps = steps_of_sample(trace.policy.nodes(True, SECTIONS), trace.draws)
        self.removables = tuple(_removables(steps, places))
        self._images: dict[tuple[Removable, ...], NDArray[Any]] = {}
        self._moves: dict[tuple[Removable, ...], Moved] = {}

    # --- what the sample is like

    def pixels(self, removables: tuple[Removable, ...]) -> NDArray[Any]:
        """The image after these steps alone."""
        if removables not in self._images:
            kept = {name: self.sample.element[name] for name in self._kept}
            alone = replace(self.sample, element=kept)
            self._images[removables] = image_after(self._policy(removables), alone)
        return self._images[removables]

    def moved(self, removables: Iterable[Removable]) -> Moved:
        """What the geometry of these steps does."""
        counted = tuple(one for one in removables if one.geometric and not one.whole)
        if counted not in self._moves:
            image = self.sample.element[IMAGES]
            points = {KEYPOINTS[0]: grid((image.shape[0], image.shape[1]))}
            kept = {name: self.sample.element[name] for name in self._kept} | points
            rules = TargetRules(self.sample.rules.format)
            alone = replace(self.sample, element=kept, rules=rules)
            self._moves[counted] = moved_by(Trace(self._policy(counted), alone))
        return self._moves[counted]

    @property
    def _kept(self) -> list[str]:
        """The parts of the element that decide what steps do."""
        return [name for name in self.sample.element if name in (IMAGES, LABELS, *BOXES)]

    def _policy(self, removables: Iterable[Removable]) -> Policy:
        prepare, augment = [], []  # type: list[Node], list[Node]
        for removable in removables:
            section = prepare if removable.pointer.startswith("/prepare") else augment
            section.append(removable.node)
        return replace(self.policy, prepare_train=tuple(prepare), augment=tuple(augment))

    # --- how strong a step is

    def score(self, removable: Removable) -> float:
        """By how much the sample comes back without the step; 0 where it can't be undone."""
        return self._score(removable, self.removables)

    def _score(self, removable: Removable, removables: tuple[Removable, ...]) -> float:
        """The same, of a sample of these steps: this one, or with another value of `removable`."""
        without = tuple(one for one in self.removables if one is not removable)
        try:
            if removable.geometric:
                return self.moved(removables).beyond(self.moved(without))
            # its geometry alone, so that it lies as the sample does
            plain = self.pixels(tuple(one for one in self.removables if one.geometric))
            gone = changed(self.pixels(without), plain)
            return max(changed(self.pixels(removables), plain) - gone, 0.0)
        except (OpError, PolicyError):  # such as a crop that needs the padding before it
            return 0.0

    def blame(self, removable: Removable, score: float) -> Blame | None:
        """The value whose weakest alternative takes the most away from the step's score."""
        found: list[tuple[float, Blame]] = []
        epoch = self.sample.epoch
        for name, (drawn, dtype) in ranges(removable.taken.step).items() if removable.taken else ():
            raw = removable.values[name]
            value = float(raw[0] if isinstance(raw, list) else raw)
            low, middle, high = (quantile(drawn, q, dtype, epoch) for q in (0.0, 0.5, 1.0))
            tried = {low, middle, high} | {x for x in (0.0, 1.0) if low < x < high}
            lowest, weakest = min((self._with(removable, name, x), x) for x in tried)
            where = rank(drawn, value, dtype, epoch)
            found.append((score - lowest, Blame(name, value, where, weakest)))
        gain, blame = max(found, key=lambda pair: pair[0], default=(0.0, None))
        return blame if gain > _MATTERS * score else None

    def _with(self, removable: Removable, name: str, value: float) -> float:
        """The step's score with another value of a parameter."""
        assert not isinstance(removable.node, Group)
        other = replace(removable, node=with_values(removable.node, {name: value}))
        return self._score(
            removable, tuple(other if one is removable else one for one in self.removables)
        )


def _places(stages: Iterable[Stage]) -> Iterator[tuple[str, Stage]]:
    """The stage that each step is in, by its pointer."""
    for stage in stages:
        for branch in stage.branches if stage.keeps_one else ():
            yield from _places(branch)
        for step in stage.steps if not stage.keeps_one else ():
            yield step.pointer, stage


def _removables(steps: tuple[Taken, ...], places: dict[str, Stage]) -> Iterator[Removable]:
    """What the sample does, in order; steps that mix samples are no part of it."""
    mixtures: set[str] = set()
    for one in steps:
        mixture = next((group for group in one.under if group.kind == "mixture"), None)
        stage = places[one.step.pointer]
        if one.left_out or stage.reads_others:
            continue
        if mixture is None:
            whole = _is_whole(one, stage)
            pointer, op = one.pointer, one.step.op.name
            yield Removable(pointer, op, one.values, one.alone, one, stage.geometric, whole)
        elif mixture.pointer not in mixtures:
            mixtures.add(mixture.pointer)
            node = _of_slot(mixture, one.suffix)
            yield Removable(mixture.pointer, "mixture", {}, node, None)


def _is_whole(one: Taken, stage: Stage) -> bool:
    """Whether a step moves whole pixels, and neither loses any nor adds some."""
    if not stage.geometric:
        return False
    try:
        transform = transform_of(one.step, stage.size_in)
    except OpError:  # a crop that needs the padding before it
        return False
    return isinstance(transform, LatticeMap) and not (transform.cuts or transform.pads)


def _of_slot(node: Node, suffix: str) -> Node:
    """The node with the draws of a slot."""
    node = replace(node, path=node.path + suffix)
    if isinstance(node, Group):
        return replace(node, branches=tuple(_of_slot(one, suffix) for one in node.branches))
    return node
