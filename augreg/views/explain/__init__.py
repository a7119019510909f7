"""What a policy becomes: stages, what shares a kernel and why not more, sizes, draws and passes.

Plain data, for `augreg explain` to print and for programs to read. It plans with NumPy alone, so
it answers without TensorFlow; what it shows is the very plan that the kernels run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from augreg.families import BranchStage, Guard
from augreg.plan import Plan, plan
from augreg.plan.passes import Note, optimize
from augreg.policy import Policy, walk
from augreg.random import generator
from augreg.views.explain.stages import StageView, StepView, stage_views
from augreg.views.explain.words import (
    draw_text,
    is_default,
    output_text,
    size_text,
)

__all__ = [
    "DrawView",
    "Explanation",
    "StageView",
    "StepView",
    "explain",
    "is_default",
    "size_text",
]


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
        output=output_text(policy),
        written=stage_views(planned),
        stages=stage_views(best),
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
        if isinstance(stage, BranchStage):
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
        node = nodes[path.partition("#")[0]] if path not in nodes else nodes[path]
        code = f"{generator.draw_id(path, name):08x}"
        yield DrawView(path, name, code, draw_text(node, name))
