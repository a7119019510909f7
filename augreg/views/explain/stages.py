"""The stages of a plan as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from augreg.families import BranchStage, Guard, Item, Stage
from augreg.plan import Plan
from augreg.policy import Group, Node, Step
from augreg.views.explain.words import is_default, size_text


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
            before = stages[i - 1].title if i else ""
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
    does = stage.describe(f"{len(steps)} steps share " if len(steps) > 1 else "")
    return StageView(section, stage.title, does, why, *place, steps, tuple(branches))


def _branch_text(stage: Stage, branch: int) -> Iterator[str]:
    """What decides about a branch of a stage that has some."""
    (item,) = stage.items
    if isinstance(stage, BranchStage):
        yield _guard_text(Guard(item.group, branch))
    else:
        yield from (_guard_text(guard) for guard in item.guards)
        yield _guard_text(Guard(item.group))


def _steps(stage: Stage, under: tuple[str, ...], pixels: bool) -> Iterator[StepView]:
    if stage.branches:
        return
    for item in stage.items:
        outside = (*under, *(_guard_text(guard) for guard in item.guards))
        yield from _item_steps(item.node, outside, item, pixels or stage.selects(item))


def _item_steps(node: Node, under: tuple[str, ...], item: Item, pixels: bool) -> Iterator[StepView]:
    if isinstance(node, Step):
        free = node.p == 1 and not under
        selected = "always" if free else "pixels" if pixels else "arguments"
        shown = {
            name: str(node.arguments[name])
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
