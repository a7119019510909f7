"""What a step or a group is at the place where a walk of a policy stands, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NoReturn

from augreg.errors import OpError
from augreg.families import (
    ColorMap,
    ColorPart,
    Item,
    LatticeMap,
    StaticSize,
    Transform,
    transform_of,
)
from augreg.families.traits import Boundary, Traits, any_order, chain, union
from augreg.plan import sizes
from augreg.plan.sizes import Sides
from augreg.policy import Group, Node, Policy, Step, steps_in, walk


def wrong_levels(levels: Sequence[float], channels: int) -> str:
    """What to say of a level for each of some other number of channels."""
    has = "one channel" if channels == 1 else f"{channels} channels"
    return f"{len(levels)} levels, and the image has {has} here; give one number"


@dataclass
class Place:
    """The sides and channels of the images there.

    Attributes:
        unchecked: (pointer, op) of the steps that asked for a side that is not known.
        transforms: what ops returned, at each size; they are asked for at each level of groups.
    """

    policy: Policy
    sides: Sides
    channels: int
    unchecked: list[tuple[str, str]] = field(default_factory=list)
    transforms: dict[tuple[int, StaticSize], Transform] = field(default_factory=dict)

    @property
    def size(self) -> StaticSize:
        return sizes.size_of(self.sides)

    def transform(self, step: Step, size: StaticSize) -> Transform:
        if (transform := self.transforms.get((id(step), size))) is None:
            try:
                transform = self.transforms[id(step), size] = transform_of(step, size)
            except OpError as error:
                raise self.policy.located(error, step.pointer) from error
        given = {name: step.arguments[name] for name in step.op.fills}
        for name, levels in {"fill_value": getattr(transform, "fill_value", 0.0), **given}.items():
            if isinstance(levels, tuple) and len(levels) not in (1, self.channels):
                said = wrong_levels(levels, self.channels)
                raise self.policy.error(said, f"{step.pointer}/{name}")
        return transform

    def describe(self, step: Step) -> Transform:
        transform = self.transform(step, self.size)
        if transform.colored and self.channels not in ((1, 3) if step.op.gray else (3,)):
            needs = "one channel or three" if step.op.gray else "three channels"
            has = "one" if self.channels == 1 else self.channels
            raise self.policy.error(
                f'"{step.op.name}" needs {needs}, and the image has {has} here', step.pointer
            )
        return transform

    def after(self, step: Step, sides: Sides) -> Sides:
        """The sides after a step.

        One that works at some sizes only is checked when it runs, if it moves whole pixels and may
        not read outside of the image (a crop); of others nothing could be seen then.
        """
        result, compared = sizes.after(self.policy, step, sides)
        if compared:
            transform = self.transform(step, sizes.size_of(sides))
            if not isinstance(transform, LatticeMap) or transform.pads:
                said = f'"{step.op.name}" works at some sizes only' + sizes.remedy(sides)
                raise self.policy.error(said, step.pointer)
            self.unchecked.append((step.pointer, step.op.name))
        return result

    def changes_shape(self, group: Group) -> Step | None:
        """The first step of a group that changes size or channels, or may; None where none does."""
        for step in steps_in((group,)):
            channels = self.describe(step).channels_after(3)
            if channels != 3 or self.after(step, self.sides) != self.sides:
                return step
        return None

    def refuse_p(self, step: Step, sides: Sides) -> NoReturn:
        """Refuses a step, at images of `sides`, that not all samples of a batch do."""
        changes = "changes" if sizes.is_known(sides) else "may change"
        said = (
            f'"{step.op.name}" {changes} the size or the channels here, so neither it nor a group '
            'around it takes "p" below 1 or "when", and branches have to agree on the result'
        )
        raise self.policy.error(said + sizes.remedy(sides), step.pointer)

    def refuse_ends(self, what: str, ends: list[str], group: Group) -> NoReturn:
        """Refuses branches that end in different sizes or shapes, or may."""
        said = f"branches end in different {what}: {', '.join(ends)}"
        raise self.policy.error(said + sizes.remedy(self.sides), group.pointer)

    def geometry_or_none(self, node: Node) -> Traits | None:
        """The traits of a node that is geometry throughout."""
        try:
            return self.geometry(node, self.sides)
        except Boundary:
            return None

    def geometry(self, node: Node, sides: Sides) -> Traits:
        """The traits of a node; raises `Boundary` where it is not geometry throughout."""
        if isinstance(node, Step):
            transform = self.transform(node, sizes.size_of(sides))
            if not transform.geometric:
                raise Boundary(transform.boundary)
            if node.keeps is not None:
                raise Boundary(f'"{node.op.name}" keeps boxes, wherever they are by then')
            return transform.traits()
        if node.kind == "mixture":
            raise Boundary("a mixture")
        every = []
        for branch in node.branches:
            every.append(self.geometry(branch, sides))
            if node.kind == "sequence":
                sides = self.group_sides(branch, sides)
        if node.replace and any(traits.displaced for traits in every):
            raise Boundary("offsets that may come twice")
        if node.kind == "random_order":
            return any_order(every)
        return union(every) if node.kind == "one_of" else reduce(chain, every, Traits())

    def group_sides(self, node: Node, sides: Sides) -> Sides:
        """The sides after a geometric node; refuses branches that disagree and p below 1."""
        if isinstance(node, Step):
            result = self.after(node, sides)
        elif node.kind == "sequence":
            result = sides
            for branch in node.branches:
                result = self.group_sides(branch, result)
        else:
            ends = [self.group_sides(branch, sides) for branch in node.branches]
            if len(set(ends)) > 1 or (node.kind != "one_of" and set(ends) != {sides}):
                self.refuse_ends("sizes", [sizes.size_text(end) for end in ends], node)
            result = ends[0]
        if not node.always and result != sides:
            self.refuse_p(steps_in((node,))[0], sides)
        return result

    def color_or_none(self, item: Item) -> ColorPart | None:
        """The part of a group that is colour maps throughout."""
        if any(isinstance(n, Group) and n.kind == "mixture" for n in walk((item.node,))):
            return None
        transforms: list[Any] = [self.describe(step) for step in item.steps]
        if not all(isinstance(e, ColorMap) and e.channels_after(3) == 3 for e in transforms):
            return None
        mean = any(transform.mean is not None for transform in transforms)
        return ColorPart((item,), ("mean",) if mean else ())
