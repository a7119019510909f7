"""The passes: small named functions from plan to plan. None changes pixels beyond DESIGN's bounds.

Each pass rewrites one section's stages and says, for `augreg explain`, what it did and where it
refused. Which geometry shares a resample is not decided here: that is a policy's meaning (`plan`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from augreg.families import LatticeStage, PointwiseStage, Stage
from augreg.plan import exclusive
from augreg.plan.planner import Decode, Plan

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
    prepare, augment = (_rewritten(stages, notes) for stages in (plan.prepare, plan.augment))
    return replace(plan, prepare=prepare, augment=augment), tuple(notes)


def _rewritten(stages: Stages, notes: list[Note]) -> Stages:
    """All passes in order, in the branches of a mixture first."""
    stages = tuple(
        stage
        if stage.keeps_one or not stage.branches
        else replace(stage, branches=tuple(_rewritten(inner, notes) for inner in stage.branches))
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
    if (size := stage.decoded_size) is not None:
        note = Note("decode_window", stage.pointer, "a JPEG is decoded at a part of its size")
        return replace(plan, decode=Decode(scaled=size)), [note]
    always = all(item.always for item in stage.items)
    if why := stage.why_no_window() if always else "not every sample does it":
        return plan, [Note("decode_window", stage.pointer, why, done=False)]
    note = Note("decode_window", stage.pointer, "decoded alone: no other pixel is read")
    return replace(plan, decode=Decode(stage), prepare=plan.prepare[1:]), [note]


def drop_never(stages: Stages) -> tuple[Stages, list[Note]]:
    """A step or group with p 0 does nothing: it goes."""
    notes, kept = [], []
    for stage in stages:
        never = [item for item in stage.items if item.node.p == 0]
        notes += [Note("drop_never", item.node.pointer, "p is 0") for item in never]
        if not never:
            kept.append(stage)
        elif rest := stage.without(never):
            kept.append(rest)
    return tuple(kept), notes


def merge_pointwise(stages: Stages) -> tuple[Stages, list[Note]]:
    """Neighbouring pointwise stages become one kernel, and neighbouring colour maps one matrix."""
    notes: list[Note] = []
    result: list[Stage] = []
    for stage in stages:
        merged, message = result[-1].followed_by(stage) if result else (None, "")
        if message:
            notes.append(Note("merge_pointwise", stage.pointer, message, done=merged is not None))
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
        placed = any(part.placed for part in pointwise)  # places and noise would move, sides turn
        result.append(stage)
        if not isinstance(stage, LatticeStage) or not pointwise or placed or before is None:
            continue
        if not stage.keeps_all or not isinstance(before, LatticeStage):
            why = "it cuts or pads" if not stage.keeps_all else "no whole-pixel stage before"
            notes.append(Note("flips_first", stage.pointer, why, done=False))
            continue
        size = stage.size_out
        moves = replace(before.merged(stage), size_out=size)
        after = [replace(part, size_in=size, size_out=size) for part in pointwise]
        result[-len(pointwise) - 2 :] = [moves, *after]
        notes.append(Note("flips_first", stage.pointer, f"joins {before.pointer}"))
    return tuple(result), notes


PASSES: tuple[Callable[[Stages], tuple[Stages, list[Note]]], ...] = (
    drop_never,
    merge_exclusive,
    flips_first,
    merge_pointwise,
)


def _tail(stages: list[Stage]) -> tuple[list[PointwiseStage], Stage | None]:
    """The pointwise stages at the end, in order, and the stage before them."""
    pointwise: list[PointwiseStage] = []
    for stage in reversed(stages):
        if not isinstance(stage, PointwiseStage):
            return pointwise, stage
        pointwise.insert(0, stage)
    return pointwise, None
