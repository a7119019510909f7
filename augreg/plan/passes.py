"""The passes: small named functions from plan to plan. None changes pixels beyond DESIGN's bounds.

Each pass rewrites one section's stages and says, for `augreg explain`, what it did and where it
refused. Which geometry shares a resample is not decided here: that is a policy's meaning (`plan`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from augreg.families import LatticeMap, Resize
from augreg.plan import exclusive
from augreg.plan.geometry import element_of
from augreg.plan.planner import Plan
from augreg.plan.stages import (
    ColorPart,
    Decode,
    Item,
    LatticeStage,
    MixtureStage,
    Part,
    PixelPart,
    PointwiseStage,
    ResizeStage,
    Stage,
    StaticSize,
)
from augreg.plugin.params import Uniform01
from augreg.policy import Group, Step, walk
from augreg.xp import NUMPY

Stages = tuple[Stage, ...]


@dataclass(frozen=True)
class Note:
    """What a pass did (`done`) or why it did not, at the step or group `pointer`."""

    pass_name: str
    pointer: str
    message: str
    done: bool = True


def optimize(plan: Plan) -> tuple[Plan, tuple[Note, ...]]:
    """Runs all passes. Returns the new plan and what each pass has to say."""
    plan, notes = decode_window(plan)
    sections: list[Stages] = []
    for stages in (plan.prepare, plan.augment):
        sections.append(_rewritten(stages, notes))
    return replace(plan, prepare=sections[0], augment=sections[1]), tuple(notes)


def _rewritten(stages: Stages, notes: list[Note]) -> Stages:
    """All passes in order, in the branches of a mixture first."""
    stages = tuple(
        replace(stage, branches=tuple(_rewritten(branch, notes) for branch in stage.branches))
        if isinstance(stage, MixtureStage)
        else stage
        for stage in stages
    )
    for rewrite in PASSES:
        stages, said = rewrite(stages)
        notes += said
    return stages


def decode_window(plan: Plan) -> tuple[Plan, list[Note]]:
    """A crop that stands first goes into the decoder, which then reads only that window."""
    if plan.decode is None or not plan.prepare:
        return plan, []
    stage = plan.prepare[0]
    pointer = stage.pointer
    if isinstance(stage, ResizeStage) and _scales(stage):
        note = Note("decode_window", pointer, "a JPEG is decoded at a part of its size")
        return replace(plan, decode=Decode(scaled=_static(stage.size_out))), [note]
    why = _no_window(stage)
    if why:
        return plan, [Note("decode_window", pointer, why, done=False)]
    note = Note("decode_window", pointer, "decoded alone: no other pixel is read")
    assert isinstance(stage, LatticeStage | ResizeStage)
    return replace(plan, decode=Decode(stage), prepare=plan.prepare[1:]), [note]


def _scales(stage: ResizeStage) -> bool:
    (item,) = stage.items
    element = element_of(item.step, stage.size_in)
    return isinstance(element, Resize) and element.decode == "scaled" and _always(item)


def _always(item: Item) -> bool:
    """Whether every sample does the item, and all steps in it."""
    return not item.guards and all(node.p >= 1 for node in walk((item.node,)))


def _static(size: StaticSize) -> tuple[int, int]:
    height, width = size
    assert height is not None and width is not None, "a resize has a static size"
    return height, width


def _no_window(stage: Stage) -> str:
    """Why a stage cuts no window that a decoder could read; empty where it does."""
    if not all(map(_always, stage.items)):
        return "not every sample does it"
    if isinstance(stage, ResizeStage):
        element = element_of(stage.items[0].step, stage.size_in)
        assert isinstance(element, Resize)
        return "" if element.box is not None else "it reads the whole image"
    if not isinstance(stage, LatticeStage):
        return "it is no crop"
    steps = [node for item in stage.items for node in walk((item.node,))]
    return "" if all(map(_cuts_only, steps)) else "it does more than cut"


def _cuts_only(node: Step | Group) -> bool:
    """Whether a step only cuts a window: its place may be drawn, nothing else."""
    if isinstance(node, Group) or node.op.output_size is None:
        return False
    element = element_of(node, (None, None))
    assert isinstance(element, LatticeMap)
    placed = all(isinstance(node.op.params[name], Uniform01) for name, *_ in node.drawn())
    straight = (element.linear == NUMPY.eye(2)).all()
    return bool(placed and straight and not element.pads)


def drop_never(stages: Stages) -> tuple[Stages, list[Note]]:
    """A step or group with p 0 does nothing: it goes."""
    notes, kept = [], []
    for stage in stages:
        never = [item for item in stage.items if item.node.p == 0]
        notes += [Note("drop_never", item.node.pointer, "p is 0") for item in never]
        if not never:
            kept.append(stage)
        elif rest := _without(stage, never):
            kept.append(rest)
    return tuple(kept), notes


def merge_pointwise(stages: Stages) -> tuple[Stages, list[Note]]:
    """Neighbouring pointwise stages become one kernel, and neighbouring colour maps one matrix."""
    notes: list[Note] = []
    result: list[Stage] = []
    for stage in stages:
        last = result[-1] if result else None
        if not (isinstance(stage, PointwiseStage) and isinstance(last, PointwiseStage)):
            result.append(stage)
            continue
        merged, note = _merge(last, stage)
        notes.append(note)
        if merged is None:
            result.append(stage)
        else:
            result[-1] = merged
    return tuple(result), notes


def merge_exclusive(stages: Stages) -> tuple[Stages, list[Note]]:
    """Stages of one family in different branches of one choice become one stage."""
    notes, result = [], []
    for merged, sources in exclusive.merge_runs(stages):
        result.append(merged)
        if len(sources) > 1:
            first, *rest = [source.pointer for source in sources]
            notes.append(Note("merge_exclusive", first, f"one stage with {', '.join(rest)}"))
    return tuple(result), notes


def flips_first(stages: Stages) -> tuple[Stages, list[Note]]:
    """A flip or quarter turn after pointwise steps moves before them, to where it may cost nothing.

    Pointwise steps and the mean don't care where a pixel lies. It moves only where geometry stands
    before, so that both become one stage of whole-pixel moves.
    """
    notes: list[Note] = []
    result: list[Stage] = []
    for stage in stages:
        pointwise, before = _tail(result)
        if any(_placed(part) for part in pointwise):
            pointwise, before = [], None  # places and noise would move with it, sides turn
        if not (isinstance(stage, LatticeStage) and pointwise and before is not None):
            result.append(stage)
            continue
        pointer = stage.pointer
        if not _keeps_all(stage) or not isinstance(before, LatticeStage):
            why = "it cuts or pads" if not _keeps_all(stage) else "no whole-pixel stage before"
            notes.append(Note("flips_first", pointer, why, done=False))
            result.append(stage)
            continue
        pads = before.pads or stage.pads
        size = stage.size_out
        joined = replace(before, items=before.items + stage.items, size_out=size, pads=pads)
        after = [replace(part, size_in=size, size_out=size) for part in reversed(pointwise)]
        result[len(result) - len(pointwise) - 1 :] = [joined, *after]
        notes.append(Note("flips_first", pointer, f"joins {before.pointer}"))
    return tuple(result), notes


PASSES: tuple[Callable[[Stages], tuple[Stages, list[Note]]], ...] = (
    drop_never,
    merge_exclusive,
    flips_first,
    merge_pointwise,
)


def _merge(last: PointwiseStage, stage: PointwiseStage) -> tuple[PointwiseStage | None, Note]:
    """One stage for two where every statistic stays that of what its samples are at that point."""
    pointer, into = stage.pointer, last.pointer
    head, tail = stage.parts[0], last.parts[-1]
    ways = [((*last.parts, *stage.parts), f"one kernel with {into}")]
    if isinstance(head, ColorPart) and isinstance(tail, ColorPart):
        part = ColorPart(tail.items + head.items, tail.mean or head.mean)
        parts = (*last.parts[:-1], part, *stage.parts[1:])
        ways.insert(0, (parts, f"one colour matrix with {into}"))
    for parts, message in ways:
        if _fresh(parts):
            merged = replace(last, parts=parts, channels_out=stage.channels_out)
            return merged, Note("merge_pointwise", pointer, message)
    why = f"needs the {' and '.join(stage.statistics)} of what {into} makes"
    return None, Note("merge_pointwise", pointer, why, done=False)


def _fresh(parts: tuple[Part, ...]) -> bool:
    """Whether no sample for which a statistic is asked was changed by a part before.

    The statistics of a stage are of what comes in. A colour matrix with a mean works its own out.
    """
    return all(
        exclusive.never_both(asking, other)
        for i, part in enumerate(parts)
        if part.statistics
        for before in parts[:i]
        for asking in part.items
        for other in before.items
    )


def _without(stage: Stage, never: list[Item]) -> Stage | None:
    if isinstance(stage, PointwiseStage):
        left = [(part, _rest(part.items, never)) for part in stage.parts]
        parts = tuple(replace(part, items=items) for part, items in left if items)
        return replace(stage, parts=parts) if parts else None
    items = _rest(stage.items, never)
    return replace(stage, items=items) if items else None


def _rest(items: tuple[Item, ...], never: list[Item]) -> tuple[Item, ...]:
    return tuple(item for item in items if item not in never)


def _placed(stage: Stage) -> bool:
    """Whether a stage asks where its pixels lie, or how large the image is."""
    if not isinstance(stage, PointwiseStage):
        return False
    placed = any(isinstance(part, PixelPart) and part.placed for part in stage.parts)
    return placed or any(map(_sized, stage.items))


def _sized(item: Item) -> bool:
    """Whether a step asks how large the image is."""
    return any(isinstance(node, Step) and node.op.wants_size for node in walk((item.node,)))


def _tail(stages: list[Stage]) -> tuple[list[Stage], Stage | None]:
    """The pointwise stages at the end, and the stage before them."""
    pointwise: list[Stage] = []
    for stage in reversed(stages):
        if not isinstance(stage, PointwiseStage):
            return pointwise, stage
        pointwise.append(stage)
    return pointwise, None


def _keeps_all(stage: LatticeStage) -> bool:
    for item in stage.items:
        for node in walk((item.node,)):
            if isinstance(node, Step):
                element = element_of(node, (None, None))
                assert isinstance(element, LatticeMap)
                if element.cuts or element.pads:
                    return False
    return True
