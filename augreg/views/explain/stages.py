"""The stages of a plan as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from augreg.plan import (
    AffineStage,
    BranchStage,
    ColorPart,
    Guard,
    Item,
    LatticeStage,
    MixStage,
    MixtureStage,
    NeighborStage,
    PixelPart,
    Plan,
    PointwiseStage,
    ResizeStage,
    Stage,
)
from augreg.policy import Group, Node, Step, walk
from augreg.views.explain.words import distribution_text, is_default, size_text


@dataclass(frozen=True)
class StepView:
    """A step in a stage.

    Attributes:
        pointer: where it stands in the policy.
        op: its name. `arguments`: parameter -> its value or distribution in words; defaults that
            the policy did not change are left out.
        p: its own probability.
        under: the groups that decide about it, outermost first, in words.
        selected: where p and choices act: "always" (there are none), "arguments" (on tiny arrays;
            free) or "pixels" (both are computed, one is kept).
    """

    pointer: str
    op: str
    arguments: dict[str, str]
    p: float
    under: tuple[str, ...]
    selected: str


@dataclass(frozen=True)
class StageView:
    """One kernel. `why` says what ended the stage before it; sizes are "HxW", "?" if unknown."""

    section: str
    kind: str
    does: str
    why: str
    size_in: str
    size_out: str
    steps: tuple[StepView, ...]
    branches: tuple[tuple[StageView, ...], ...] = ()


def stage_views(planned: Plan) -> tuple[StageView, ...]:
    """Every stage of a plan, in order."""
    views: list[StageView] = []
    for section in ("prepare", "augment"):
        stages: tuple[Stage, ...] = getattr(planned, section)
        for i, stage in enumerate(stages):
            first = "prepare ends before augment" if views else "the first stage"
            before = _kind(stages[i - 1]) if i else ""
            why = stage.why or (f"{before} before it" if i else first)
            views.append(_view(stage, section, why))
    return tuple(views)


def _view(
    stage: Stage, section: str, why: str, under: tuple[str, ...] = (), pixels: bool = False
) -> StageView:
    """A stage; `under`: what decides about it in a branch of another; `pixels`: by a select."""
    branches: list[tuple[StageView, ...]] = []
    for i, branch in enumerate(stage.branches):
        own = (*under, *_branch_text(stage, i))
        select = pixels or isinstance(stage, BranchStage)
        branches.append(tuple(_view(inner, section, inner.why, own, select) for inner in branch))
    steps = tuple(_steps(stage, under, pixels))
    place = size_text(stage.size_in), size_text(stage.size_out)
    does = _does(stage, len(steps))
    return StageView(section, _kind(stage), does, why, *place, steps, tuple(branches))


def _branch_text(stage: Stage, branch: int) -> Iterator[str]:
    """What decides about a branch of a stage that has some."""
    if isinstance(stage, BranchStage):
        yield _guard_text(Guard(stage.group, branch))
    elif isinstance(stage, MixtureStage):
        yield from (_guard_text(guard) for guard in stage.items[0].guards)
        yield _guard_text(Guard(stage.group))


def _kind(stage: Stage) -> str:
    names: dict[type, str] = {
        LatticeStage: "whole-pixel moves",
        AffineStage: "resample",
        PointwiseStage: "pointwise",
        ResizeStage: "resize",
        MixStage: "mix",
        BranchStage: "branches",
        NeighborStage: "neighbourhood",
        MixtureStage: "mixture",
    }
    return names[type(stage)]


def _does(stage: Stage, count: int) -> str:
    shared = f"{count} steps share " if count > 1 else ""
    match stage:
        case LatticeStage():
            return f"{shared}one exact copy of pixels" + (", 0 outside" if stage.pads else "")
        case AffineStage():
            fill = f"fill {stage.fill}"
            if stage.fill == "constant":
                fill += f" {stage.fill_value}"
            return f"{shared}one {stage.interpolation} resample, {fill}"
        case PointwiseStage():
            return shared + "one kernel: " + ", then ".join(_part(part) for part in stage.parts)
        case ResizeStage():
            return "one resize"
        case MixStage():
            return f"one mix of the batch and its labels, {stage.classes} classes"
        case BranchStage():
            return f"all {len(stage.branches)} branches are computed, one is kept"
        case NeighborStage():
            return f"{shared}one kernel that reads neighbours: {stage.items[0].step.op.name}"
        case MixtureStage():
            return f"all {len(stage.branches)} branches are computed and mixed with the image"


def _part(part: ColorPart | PixelPart) -> str:
    if isinstance(part, PixelPart):
        asked = f" (needs {' and '.join(part.statistics)})" if part.statistics else ""
        return part.item.step.op.name + asked
    leaves = [node.op.name for item in part.items for node in _leaves(item.node)]
    mean = ", with the image's mean" if part.mean else ""
    return f"one colour matrix ({' '.join(leaves)}{mean})"


def _leaves(node: Node) -> Iterator[Step]:
    return (part for part in walk((node,)) if isinstance(part, Step))


def _steps(stage: Stage, under: tuple[str, ...], pixels: bool) -> Iterator[StepView]:
    if stage.branches:
        return
    parts = getattr(stage, "parts", ())
    pixel = {id(item) for part in parts if isinstance(part, PixelPart) for item in part.items}
    if isinstance(stage, NeighborStage | ResizeStage):
        pixel = {id(item) for item in stage.items}
    for item in stage.items:
        outside = (*under, *(_guard_text(guard) for guard in item.guards))
        yield from _item_steps(item.node, outside, item, pixels or id(item) in pixel)


def _item_steps(node: Node, under: tuple[str, ...], item: Item, pixels: bool) -> Iterator[StepView]:
    if isinstance(node, Step):
        free = node.p == 1 and not under
        selected = "always" if free else "pixels" if pixels else "arguments"
        shown = {
            name: distribution_text(node.arguments[name])
            for name, spec in node.op.settable.items()
            if node.arguments[name] is not None
            and not is_default(spec, node.arguments[name], node.op.name)
        }
        pointer = node.pointer + item.suffix
        yield StepView(pointer, node.op.name, shown, node.p, under, selected)
        return
    chance = f" with p {node.p:g}" if node.p < 1 else ""
    kind = node.kind if node.kind != "some_of" else f"{_count(node)} of {len(node.branches)}"
    inner = (
        under
        if node.kind == "sequence" and node.p == 1
        else (*under, f"{kind}{chance} at {node.pointer}")
    )
    for branch in node.branches:
        yield from _item_steps(branch, inner, item, pixels)


def _guard_text(guard: Guard) -> str:
    group = guard.group
    chance = f" with p {group.p:g}" if group.p < 1 else ""
    if guard.branch is None:
        return f"{group.kind}{chance} at {group.pointer}"
    slot = f" in slot {guard.slot}" if guard.slot is not None else ""
    return f"branch {guard.branch} of {group.kind}{chance} at {group.pointer}{slot}"


def _count(group: Group) -> str:
    lo, hi = group.n
    return str(lo) if lo == hi else f"{lo} to {hi}"
