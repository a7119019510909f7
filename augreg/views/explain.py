"""What a policy becomes: stages, what shares a kernel and why not more, sizes, draws and passes.

Plain data, for `augreg explain` to print and for programs to read. It plans with NumPy alone, so
it answers without TensorFlow; what it shows is the very plan that the kernels run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from augreg.families import Guard, Item, Stage
from augreg.plan import Plan, plan
from augreg.plan.passes import Note, optimize
from augreg.plan.sizes import size_text
from augreg.plugin import params
from augreg.policy import Group, Node, Policy, Step, walk
from augreg.random import generator


@dataclass(frozen=True)
class StepView:
    """A step in a stage.

    Attributes:
        pointer: where it stands in the policy.
        op: its name. `arguments`: parameter -> its value or distribution in words; defaults that
            the policy did not change are left out.
        p: its own probability. `conditions`: that and the labels that it is for, in words.
        under: the groups that decide about it, outermost first, in words.
        selected: where p and choices act: "always" (there are none), "arguments" (on tiny arrays;
            free) or "pixels" (both are computed, one is kept).
    """

    pointer: str
    op: str
    arguments: dict[str, str]
    p: float
    conditions: tuple[str, ...]
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


@dataclass(frozen=True)
class DrawView:
    """A random number per sample: `path` and `name` make its id, `distribution` its use."""

    path: str
    name: str
    id: str
    distribution: str


@dataclass(frozen=True)
class Explanation:
    """Everything that `explain` says. `written` are the stages before the passes."""

    name: str
    description: str
    hash: str
    mode: str
    size_in: str
    size_prepared: str
    size_out: str
    channels: tuple[int, int]
    output: str
    written: tuple[StageView, ...]
    stages: tuple[StageView, ...]
    passes: tuple[Note, ...]
    costs: tuple[str, ...]
    draws: tuple[DrawView, ...]
    plugins: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def explain(
    policy: Policy,
    *,
    size: tuple[int, int] | None = None,
    training: bool = True,
    channels: int = 3,
) -> Explanation:
    """Explains a policy for images of `size` (height, width; None: not known).

    Raises:
        PolicyError: a step can't work at this size or with this number of channels.
    """
    planned = plan(policy, training=training, size=size or (None, None), channels=channels)
    best, notes = optimize(planned)
    return Explanation(
        name=policy.name,
        description=policy.description,
        hash=policy.hash,
        mode="training" if training else "evaluation",
        size_in=size_text(planned.size_in),
        size_prepared=size_text(planned.size_prepared),
        size_out=size_text(planned.size_out),
        channels=(planned.channels_in, planned.channels_out),
        output=_output_text(policy),
        written=_stage_views(planned),
        stages=_stage_views(best),
        passes=notes,
        costs=tuple(_costs(best)),
        draws=tuple(_draws(policy, planned, training)),
        plugins=dict(policy.plugins),
    )


def _costs(best: Plan) -> Iterator[str]:
    """What costs more than it looks: choices that are made on pixels."""
    stages = (*best.prepare, *best.augment)
    guarded: dict[str, list[Guard]] = {}
    for stage in stages:
        if stage.keeps_one:
            count = len(stage.branches)
            yield f"{stage.pointer}: costs the sum of its {count} branches for every image"
            continue
        if stage.reads_others:
            yield (
                f"{stage.pointer}: its result depends on the batch: on its size and "
                "on which samples are in it"
            )
        for pointer, guard in {g.group.pointer: g for i in stage.items for g in i.guards}.items():
            guarded.setdefault(pointer, []).append(guard)
    for pointer, guards in guarded.items():
        if len(guards) > 1:
            chosen = all(guard.branch is not None for guard in guards)
            yield (
                f"{pointer}: its branches are of different families, so it costs {len(guards)} "
                "kernels for every image"
                + ("; warps, windows and histograms only where they are chosen" if chosen else "")
            )
    if best.prepare and best.augment:
        yield "between prepare and augment: uint8 images are rounded to uint8, floats are not"


def _draws(policy: Policy, planned: Plan, training: bool) -> Iterator[DrawView]:
    nodes = {node.path: node for node in walk((*policy.prepare(training), *policy.augment))}
    for path, name in planned.draws:
        node = nodes.get(path) or nodes[path.partition("#")[0]]
        code = f"{generator.draw_id(path, name):08x}"
        yield DrawView(path, name, code, _draw_text(node, name))


def _draw_text(node: Node, name: str) -> str:
    """What the draw `name` of a step or group decides."""
    if name == "p":
        return f"probability {node.schedule or format(node.p, 'g')}"
    if isinstance(node, Step):
        return str(node.arguments[name])
    count = f"{len(node.branches)} branches"
    if name == "n":
        return f"{_count(node)} branches"
    if name == "mix":
        return "the branches' share, uniform 0 to 1"
    if node.kind == "mixture":
        return f"weights of {count}, Dirichlet(1)"
    if node.kind == "random_order" or (node.kind == "some_of" and not node.replace):
        return f"order of {count}"
    if len(set(node.weights)) > 1:
        return f"one of {count} by {', '.join(f'{weight:g}' for weight in node.weights)}"
    return f"one of {count}"


def _output_text(policy: Policy) -> str:
    """The dtype and the range of what comes out."""
    out = policy.output
    pairs = zip(out.offset, out.scale, strict=True)
    if len(out.scale) == 1:
        return f"{out.dtype}, " + ", ".join(f"{low:g} to {low + scale:g}" for low, scale in pairs)
    ends = ", ".join(f"{low:.3g} to {low + scale:.3g}" for low, scale in pairs)
    return f"{out.dtype}, normalized: {ends}"


# --- stages


def _stage_views(planned: Plan) -> tuple[StageView, ...]:
    """Every stage of a plan, in order."""
    views: list[StageView] = []
    for section, stages in (("prepare", planned.prepare), ("augment", planned.augment)):
        before = "prepare ends before augment" if views else "the first stage"
        for stage in stages:
            views.append(_view(stage, section, stage.why or before))
            before = f"{stage.title} before it"
    return tuple(views)


def _view(
    stage: Stage, section: str, why: str, under: tuple[str, ...] = (), pixels: bool = False
) -> StageView:
    """A stage; `under`: what decides about it in a branch of another; `pixels`: by a select."""
    branches: list[tuple[StageView, ...]] = []
    for i, branch in enumerate(stage.branches):
        (item,) = stage.items
        guards = (*item.guards, Guard(item.group, i if stage.keeps_one else None))
        own = (*under, *map(_guard_text, guards))
        select = pixels or stage.keeps_one
        branches.append(tuple(_view(inner, section, inner.why, own, select) for inner in branch))
    steps = () if branches else tuple(_steps(stage, under, pixels))
    place = size_text(stage.size_in), size_text(stage.size_out)
    does = stage.describe(f"{len(steps)} steps share " if len(steps) > 1 else "")
    return StageView(section, stage.title, does, why, *place, steps, tuple(branches))


def _steps(stage: Stage, under: tuple[str, ...], pixels: bool) -> Iterator[StepView]:
    for item in stage.items:
        outside = (*under, *map(_guard_text, item.guards))
        yield from _item_steps(item.node, outside, item, pixels or stage.selects(item))


def _item_steps(node: Node, under: tuple[str, ...], item: Item, pixels: bool) -> Iterator[StepView]:
    if isinstance(node, Step):
        free = node.always and not under
        selected = "always" if free else "pixels" if pixels else "arguments"
        shown = {name: str(value) for name, value in changed_arguments(node).items()}
        pointer = node.pointer + item.suffix
        yield StepView(pointer, node.op.name, shown, node.p, node.conditions, under, selected)
        return
    if node.kind != "sequence" or not node.always:
        kind = node.kind if node.kind != "some_of" else f"{_count(node)} of {len(node.branches)}"
        under = (*under, _group_text(node, kind))
    for branch in node.branches:
        yield from _item_steps(branch, under, item, pixels)


def changed_arguments(step: Step) -> dict[str, Any]:
    """A step's parsed arguments, without those that say no more than their defaults do."""
    found = {}
    for name, spec in step.op.settable.items():
        value, fixed = step.arguments[name], isinstance(spec, params.Hidden)
        default = None if fixed or spec.default is params.REQUIRED else spec.default
        if value is not None and (default is None or spec.parse(default, step.op.name) != value):
            found[name] = value
    return found


def _guard_text(guard: Guard) -> str:
    if guard.branch is None:
        return _group_text(guard.group, guard.group.kind)
    slot = f" in slot {guard.slot}" if guard.slot is not None else ""
    return f"branch {guard.branch} of {_group_text(guard.group, guard.group.kind)}{slot}"


def _group_text(group: Group, kind: str) -> str:
    conditions = " and ".join(group.conditions)
    chance = f" with {conditions}" if conditions else ""
    return f"{kind}{chance} at {group.pointer}"


def _count(group: Group) -> str:
    lo, hi = group.n
    return str(lo) if lo == hi else f"{lo} to {hi}"
