"""Lowers the items of a stage to transforms of the algebra, under one batch's draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from augreg.families import Item, LatticeMap, Size, Stage, call_op, select
from augreg.families.stage import Composed, Family
from augreg.lower.choices import Choices
from augreg.lower.composition import Composition
from augreg.policy import Node, Step
from augreg.random import distributions
from augreg.xp import NUMPY, Array


@dataclass(frozen=True)
class Lowering(Choices):
    """Lowers steps and stages under one batch's draws.

    fits: is given each map of whole pixels that may not read outside of the image, in a backend
    where a plan may not have known the size: `fits(step, transform, size, after)` gives it back, or
    fails.
    sparse: whether kernels can leave samples out, so that stages say who does them.
    """

    fits: Callable[[Step, LatticeMap, Size, Size], LatticeMap] | None = None
    sparse: bool = False

    def arguments(self, step: Step, suffix: str = "") -> dict[str, Any]:
        """The sampled arguments of a step: arrays [B] or [1] where drawn, plain values else."""
        values = dict(step.arguments)
        for name, distribution, dtype in step.drawn():
            words = self.draws.words.get((step.path + suffix, name))
            values[name] = distributions.sample(
                self.xp, distribution, words, dtype, self.draws.epoch, step.op.times(name)
            )
        if step.keeps is not None:
            name, _ = step.keeps
            values[name] = self.draws.answers.get((step.path + suffix, name))
        return values

    def answer(self, item: Item, name: str) -> Array | None:
        """What annotations say of what an item's step asks by this name; None: there are none."""
        return self.draws.answers.get((item.step.path + item.suffix, name))

    def transform(self, step: Step, size: Size, suffix: str = "") -> Any:
        """What the step's op returns. A step without draws is worked out in NumPy, at plan time."""
        drawn = (drawn for _, drawn, _ in step.drawn())
        constant = all(isinstance(one, distributions.Constant) for one in drawn)
        if constant and step.keeps is None and all(isinstance(side, int) for side in size):
            lowering = Lowering(NUMPY, self.draws)
            return call_op(step.op, NUMPY, lowering.arguments(step, suffix), size)
        return call_op(step.op, self.xp, self.arguments(step, suffix), size)

    def function(self, items: tuple[Item, ...], size: Size) -> tuple[Any, Array | None]:
        """A function's transform and who takes part (bool [B], None for all).

        Of several items, the same function in branches of one choice, each sample gets the
        arguments of its own.
        """
        first, *others = items
        transform, taken = self.transform(first.step, size, first.suffix), self.condition(first)
        for item in others:
            other, condition = self.transform(item.step, size, item.suffix), self.condition(item)
            assert taken is not None and condition is not None  # exclusive items are guarded
            transform, taken = select(self.xp, ~condition, transform, other), taken | condition
        return transform, taken

    # --- stages

    def stages(self, stages: Iterable[Stage], size: Size) -> list[Any]:
        """What the kernels of stages need besides pixels, for images of `size`."""
        made = []
        for stage in stages:
            made.append(stage.lower(self, size))
            size = self.size_after_stage(stage, size)
        return made

    def branches(self, branches: tuple[tuple[Stage, ...], ...], size: Size) -> list[Any]:
        """What the kernels of branches need that all begin with images of `size`."""
        return [self.stages(branch, size) for branch in branches]

    def composed(self, items: tuple[Item, ...], family: Family[Composed], size: Size) -> Composed:
        """One map for all items."""
        return Composition(self, family).items(items, size)

    def made(self, step: Step, size: Size, suffix: str) -> tuple[Any, Size]:
        """What the step's op returns, fit for the size, and the size after the step."""
        transform, after = self.transform(step, size, suffix), self.size_after(step, size)
        if self.fits is not None and isinstance(transform, LatticeMap) and not transform.pads:
            transform = self.fits(step, transform, size, after)
        return transform, after

    # --- sizes

    def size_after_stage(self, stage: Stage, size: Size) -> Size:
        """The planned size; worked out from the actual one where the plan could not know it."""
        if None not in stage.size_out:
            return stage.size_out
        for item in stage.items:
            size = self.size_after_node(item.node, size)
        return size

    def size_after_node(self, node: Node, size: Size) -> Size:
        """The size after a step or a group."""
        if isinstance(node, Step):
            return self.size_after(node, size)
        if node.kind != "sequence":
            return self.size_after_node(node.branches[0], size)
        for branch in node.branches:
            size = self.size_after_node(branch, size)
        return size

    def size_after(self, step: Step, size: Size) -> Size:
        """The size after a step, where sides may be the backend's int32 scalars."""
        if step.op.output_size is None:
            return size
        arguments = {name: step.arguments[name] for name in step.op.settable}
        known = (side if isinstance(side, int) else math.nan for side in size)
        after = step.op.output_size(*known, **arguments)
        if not any(map(math.isnan, after)):  # as the plan has seen: it may have asked for numbers
            return int(after[0]), int(after[1])
        sides = [self.xp.cast(side, "float64") for side in size]
        after = step.op.output_size(*sides, **arguments)
        return tuple(
            side if isinstance(side, int) else self.xp.cast(side, "int32") for side in after
        )  # type: ignore[return-value]  # as many sides as `size` has
