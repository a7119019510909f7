"""What a step is at plan time: its size, its element, and which geometry shares a resample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from augreg import families
from augreg.plan.stages import AffineStage, LatticeStage, StaticSize
from augreg.policy import Node, Step, walk
from augreg.random import distributions
from augreg.xp import NUMPY

_PLACEHOLDER = 64  # a side to ask an op's family with, where the real one is not known yet


@dataclass(frozen=True)
class Traits:
    """What decides whether geometry shares a resample. `fill` is None for lattice maps."""

    fill: tuple[str, Any, str] | None = None
    cuts: bool = False
    pads: bool = False
    projective: bool = False


def element_of(step: Step, size: StaticSize) -> families.Transform:
    """What `step` returns for its arguments' first values: tells the family and static fields."""
    zero = NUMPY.array([0], "uint32")
    arguments = dict(step.arguments)
    for name, distribution, dtype in step.drawn():
        words, times = (zero, zero), step.op.times(name)
        arguments[name] = distributions.sample(NUMPY, distribution, words, dtype, zero[0], times)
    # no Python int: an op that knows its size by that must not take the placeholder for it
    unknown = NUMPY.array(_PLACEHOLDER, "int32")
    height, width = (unknown if side is None else side for side in size)
    return step.op.lower(NUMPY, arguments, (height, width))


def chain(first: Traits | str, then: Traits | str) -> Traits | str:
    """The traits of doing `first`, then `then` in one resample, or why that needs two."""
    if isinstance(first, str) or isinstance(then, str):
        return first if isinstance(first, str) else then
    if first.fill is None and then.fill is None:
        return Traits(None, first.cuts or then.cuts, first.pads or then.pads)
    if then.fill is None:
        if then.pads:
            return "padding after a resample that fills otherwise"
        return replace(first, cuts=first.cuts or then.cuts)
    if first.cuts or first.pads:
        return "a window cut before could come back through this fill"
    if first.fill not in (None, then.fill):
        return "another fill or interpolation"
    return replace(then, projective=first.projective or then.projective)


def any_order(every: list[Traits | str]) -> Traits | str:
    """The traits of doing all in any order, or why that needs more than one resample."""
    for i, first in enumerate(every):
        for j, then in enumerate(every):
            if i != j and isinstance(joined := chain(first, then), str):
                return joined
    return union(every)


def union(every: list[Traits | str]) -> Traits | str:
    """The traits of a choice among branches, or why they can't share a resample."""
    for traits in every:
        if isinstance(traits, str):
            return traits
    branches = [traits for traits in every if isinstance(traits, Traits)]
    fills = {str(b.fill): b.fill for b in branches if b.fill is not None}
    cuts, pads = any(b.cuts for b in branches), any(b.pads for b in branches)
    if len(fills) > 1 or (fills and pads):
        return "another fill or interpolation"
    projective = any(b.projective for b in branches)
    return Traits(next(iter(fills.values()), None), cuts, pads, projective)


def geometry_stage(traits: Traits, **common: Any) -> LatticeStage | AffineStage:
    """A lattice stage, or an affine one where something fills; `common`: what every stage has."""
    if traits.fill is None:
        return LatticeStage(pads=traits.pads, **common)
    modes = dict(zip(("fill", "fill_value", "interpolation"), traits.fill, strict=True))
    return AffineStage(projective=traits.projective, **modes, **common)


def traits_of(element: families.Transform) -> Traits:
    """The traits of one geometric element."""
    if isinstance(element, families.LatticeMap):
        return Traits(None, element.cuts, element.pads)
    assert isinstance(element, families.AffineMap | families.ProjectiveMap)
    modes = (element.fill, element.fill_value, element.interpolation)
    return Traits(modes, projective=isinstance(element, families.ProjectiveMap))


def needs_mean(element: families.Transform) -> bool:
    """Whether a colour map asks for the image's mean."""
    return isinstance(element, families.ColorMap) and element.mean is not None


def channels_after(element: families.Transform, channels: int) -> int:
    """How many channels an image of `channels` has after the element."""
    if isinstance(element, families.ColorMap) and channels == 3:
        return int(element.matrix.shape[-2])
    return channels


def steps_of(node: Node) -> Iterator[Step]:
    """The steps of a node and of all below it."""
    return (n for n in walk((node,)) if isinstance(n, Step))
