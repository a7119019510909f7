"""The pass for choices of mixed families: what no sample does twice is done in one stage.

Of the branches of a `one_of` (or of a slot) a sample takes one, and the others leave it as it is.
So their stages may change places, and stages of one family become one: a choice among five warps
and nine colour ops costs one warp and one pointwise kernel. Within a branch the order stays.

That holds for stages that read the sample alone. One that mixes samples reads others, which may
have taken other branches: nothing changes places with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import replace

from augreg.families import Neighborhood, PixelFunction
from augreg.plan.geometry import element_of
from augreg.plan.stages import (
    AffineStage,
    ColorPart,
    Guard,
    Item,
    LatticeStage,
    MixStage,
    NeighborStage,
    Part,
    PixelPart,
    PointwiseStage,
    Stage,
)

Queue = list[Stage]


def merge_runs(stages: tuple[Stage, ...], depth: int = 0) -> Iterator[tuple[Stage, Queue]]:
    """Each stage of the result with the stages that it stands for."""
    start = 0
    while start < len(stages):
        site = _site(stages[start], depth)
        end = start + 1
        while end < len(stages) and site is not None and _site(stages[end], depth) == site:
            end += 1
        run, start = stages[start:end], end
        if site is None:
            yield run[0], [run[0]]
        elif not _guards(run[0])[depth].exclusive:
            yield from merge_runs(run, depth + 1)
        else:
            queues: dict[int | None, list[tuple[Stage, Queue]]] = {}
            for stage in run:
                queues.setdefault(_guards(stage)[depth].branch, [])
            for branch, queue in queues.items():
                own = tuple(s for s in run if _guards(s)[depth].branch == branch)
                queue += merge_runs(own, depth + 1)
            yield from _interleaved(list(queues.values()))


def _interleaved(queues: list[list[tuple[Stage, Queue]]]) -> Iterator[tuple[Stage, Queue]]:
    """Takes from every queue whose head is of the commonest family, until all are empty."""
    while queues := [queue for queue in queues if queue]:
        counts = Counter(_family(queue[0][0]) for queue in queues)
        family = max(counts, key=lambda key: counts[key])
        heads = [queue.pop(0) for queue in queues if _family(queue[0][0]) == family]
        merged, sources = heads[0]
        for stage, own in heads[1:]:
            merged, sources = _joined(merged, stage), sources + own
        yield merged, sources


def never_both(one: Item, two: Item) -> bool:
    """Whether no sample does both items: somewhere, they are different branches of one choice."""
    return any(
        mine.exclusive and _choice(mine) == _choice(other) and mine.branch != other.branch
        for mine in one.guards
        for other in two.guards
        if other.exclusive
    )


def _choice(guard: Guard) -> Hashable:
    return guard.group.pointer, guard.slot, guard.suffix


def _guards(stage: Stage) -> tuple[Guard, ...]:
    """The guards that all items of the stage share; none of a stage that has to keep its place."""
    return () if isinstance(stage, MixStage) else stage.items[0].guards


def _site(stage: Stage, depth: int) -> Hashable | None:
    """What tells one choice from another at `depth`; None where nothing guards the stage there."""
    guards = _guards(stage)
    if depth >= len(guards):
        return None
    guard = guards[depth]
    return _choice(guard), None if guard.exclusive else guard.branch


def _family(stage: Stage) -> Hashable:
    """Stages of one family can be joined where no sample takes part in two of them."""
    match stage:
        case LatticeStage():
            return "lattice", stage.size_in, stage.size_out
        case AffineStage():
            modes = (stage.fill, str(stage.fill_value), stage.interpolation)
            return "affine", stage.size_in, stage.size_out, modes
        case PointwiseStage():
            return "pointwise", stage.channels_in, stage.channels_out
        case NeighborStage():
            return "neighborhood", _form(stage.items[0])
    return "alone", id(stage)


def _joined(one: Stage, two: Stage) -> Stage:
    match one, two:
        case LatticeStage(), LatticeStage():
            return replace(one, items=one.items + two.items, pads=one.pads or two.pads)
        case AffineStage(), AffineStage():
            projective = one.projective or two.projective
            return replace(one, items=one.items + two.items, projective=projective)
        case NeighborStage(), NeighborStage():
            return replace(one, items=one.items + two.items)
        case PointwiseStage(), PointwiseStage():
            parts = list(one.parts)
            for part in two.parts:
                _add_part(parts, part)
            return replace(one, parts=tuple(parts))
    raise AssertionError((one, two))


def _add_part(parts: list[Part], part: Part) -> None:
    for i, other in enumerate(parts):
        if isinstance(part, ColorPart) and isinstance(other, ColorPart):
            parts[i] = ColorPart(other.items + part.items, other.mean or part.mean)
            return
        if not (isinstance(part, PixelPart) and isinstance(other, PixelPart)):
            continue
        if _form(part.item) == _form(other.item):
            parts[i] = replace(other, items=other.items + part.items)
            return
    parts.append(part)


def _form(item: Item) -> Hashable:
    """What two functions share whose arguments may be chosen among, per sample."""
    element = element_of(item.step, (None, None))
    assert isinstance(element, PixelFunction | Neighborhood)
    shapes = tuple(tuple(argument.shape[1:]) for argument in element.arguments)
    if isinstance(element, PixelFunction):
        extra = (element.statistics, element.coordinates, len(element.noise))
        return getattr(element.function, "__wrapped__", element.function), shapes, extra
    return tuple(getattr(f, "__wrapped__", f) for f in element.functions), shapes
