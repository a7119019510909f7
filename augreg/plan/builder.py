"""Walks a policy's nodes and starts a stage at each boundary, keeping size and channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NoReturn

from augreg.errors import OpError, PolicyError, joined
from augreg.families import (
    AffineStage,
    BranchStage,
    ColorMap,
    ColorPart,
    Guard,
    Item,
    LatticeMap,
    LatticeStage,
    Mix,
    MixtureStage,
    PointwiseStage,
    Stage,
    StaticSize,
    Transform,
    element_of,
)
from augreg.families.pointwise import Part
from augreg.families.traits import Boundary, Traits, any_order, chain, union
from augreg.plan import sizes
from augreg.plan.sizes import Sides
from augreg.policy import Group, Node, Policy, Step, steps_in, walk


class Builder:
    """Walks a section's nodes, keeping size and channels, and starts a stage at each boundary."""

    def __init__(self, policy: Policy, sides: Sides, channels: int, unfused: bool = False) -> None:
        self.policy, self.sides, self.channels, self.unfused = policy, sides, channels, unfused
        self.stages: list[Stage] = []
        self.traits: Traits | None = None  # of the last stage while geometry may still join it
        self.scope: tuple[Guard, ...] = ()
        self.classes: int | None = None  # of the labels that are mixed; None: nothing may mix here
        self.unchecked: list[tuple[str, str]] = []  # steps that asked for a side that is not known
        self.elements: dict[tuple[int, StaticSize], Transform] = {}  # asked for at each level

    @property
    def size(self) -> StaticSize:
        return sizes.size_of(self.sides)

    def inner(self, group: Group, suffix: str) -> list[Builder]:
        """A builder for each branch, all of which begin here."""
        builders = []
        for branch in group.branches:
            made = Builder(self.policy, self.sides, self.channels, self.unfused)
            made.unchecked, made.elements = self.unchecked, self.elements
            made.add(branch, (), suffix)
            builders.append(made)
        return builders

    def after(self, step: Step, sides: Sides) -> Sides:
        """The sides after a step.

        One that works at some sizes only is checked when it runs, if it moves whole pixels and may
        not read outside of the image (a crop); of others nothing could be seen then.
        """
        result, compared = sizes.after(self.policy, step, sides)
        if compared:
            element = self.element(step, sizes.size_of(sides))
            if not isinstance(element, LatticeMap) or element.pads:
                said = f'"{step.op.name}" works at some sizes only' + sizes.remedy(sides)
                raise self.policy.error(said, step.pointer)
            self.unchecked.append((step.pointer, step.op.name))
        return result

    def section(self, nodes: Iterable[Node]) -> tuple[Stage, ...]:
        """The stages of a section; all of its mistakes are raised at once.

        Of what stands behind a step that was to change the size or the channels, nothing is known.
        """
        self.stages, self.traits = [], None
        mistakes: list[PolicyError] = []
        for node in nodes:
            before = self.sides, self.channels
            try:
                self.add(node, (), "")
            except PolicyError as error:
                mistakes.append(error)
                if any(step.op.output_size for step in steps_in((node,))):
                    break
                (self.sides, self.channels), self.traits = before, None
        if mistakes:
            raise joined(mistakes)
        return tuple(self.stages)

    def add(self, node: Node, guards: tuple[Guard, ...], suffix: str) -> None:
        item = Item(node, guards, suffix)
        if isinstance(node, Step):
            self.add_step(item)
        elif node.kind == "mixture":
            self.add_mixture(item)
        elif (traits := self.geometry_or_none(node)) is not None:
            self.add_geometry(item, traits, self.group_sides(node, self.sides))
        elif not self.unfused and (part := self.color_or_none(item)) is not None:
            self.add_pointwise(part, self.channels)
        else:
            self.add_mixed(node, guards, suffix)

    def add_step(self, item: Item) -> None:
        step, element = item.step, self.describe(item.step)
        sides, channels = self.after(step, self.sides), element.channels_after(self.channels)
        if (step.p < 1 or item.guards) and (sides != self.sides or channels != self.channels):
            self.refuse_p(step, self.sides)
        if element.geometric:
            self.add_geometry(item, element.traits(), sides)
        elif (part := element.part(item)) is not None:
            self.add_pointwise(part, channels)
        else:
            if isinstance(element, Mix):
                self.check_mix(step, element)
            why = element.boundary or f"{step.op.name} is a boundary"
            self.start(why, element.stage, item, sides)

    def refuse_p(self, step: Step, sides: Sides) -> NoReturn:
        """Refuses a step, at images of `sides`, that not all samples of a batch do."""
        changes = "changes" if sizes.is_known(sides) else "may change"
        said = (
            f'"{step.op.name}" {changes} the size or the channels here, so neither it nor a group '
            'around it takes "p" below 1, and branches have to agree on the result'
        )
        raise self.policy.error(said + sizes.remedy(sides), step.pointer)

    def describe(self, step: Step) -> Transform:
        element = self.element(step, self.size)
        if element.colored and self.channels == 1 and not step.op.gray:
            raise self.policy.error(
                f'"{step.op.name}" needs three channels, and the image has one here', step.pointer
            )
        return element

    def element(self, step: Step, size: StaticSize) -> Transform:
        try:
            if (id(step), size) not in self.elements:
                self.elements[id(step), size] = element_of(step, size)
        except OpError as error:
            raise self.policy.located(error, step.pointer) from error
        element = self.elements[id(step), size]
        given = {name: step.arguments[name] for name in step.op.fills}
        for name, levels in {"fill_value": getattr(element, "fill_value", 0.0), **given}.items():
            if isinstance(levels, tuple) and len(levels) > self.channels:
                raise self.policy.error(
                    f"{len(levels)} levels, and the image has one channel here; give one number",
                    f"{step.pointer}/{name}",
                )
        return element

    def add_geometry(self, item: Item, traits: Traits, sides: Sides) -> None:
        common = self.common(sides, self.channels, "")
        items: tuple[Item, ...] = (item,)
        try:
            if self.traits is not None:
                joined = chain(self.traits, traits)
                if item.guards == self.scope:
                    last, traits = self.stages.pop(), joined
                    items = (*last.items, item)
                    common |= {"size_in": last.size_in, "why": last.why}
        except Boundary as reason:
            common["why"] = str(reason)
        self.stages.append(_geometry_stage(traits, items=items, **common))
        self.traits, self.sides, self.scope = traits, sides, item.guards

    def add_pointwise(self, part: Part, channels: int) -> None:
        why = "another family" if self.stages else ""
        common = self.common(self.sides, channels, why)
        self.stages.append(PointwiseStage(parts=(part,), **common))
        self.traits, self.channels = None, channels

    def check_mix(self, step: Step, element: Mix) -> None:
        """Refuses a step that has no batch, as only `augment` has, whose batches have one size."""
        name, pointer = step.op.name, step.pointer
        if self.classes is None:
            raise self.policy.error(
                f'"{name}" mixes the samples of a batch: it works in "augment" only, and in no '
                "group whose branches change the size or the channels",
                pointer,
            )
        if self.classes not in (0, element.classes):
            raise self.policy.error(
                f'"{name}" mixes labels of {element.classes} classes, and a step before mixes '
                f"labels of {self.classes}",
                f"{pointer}/classes",
            )
        self.classes = element.classes

    def start(
        self,
        why: str,
        kind: Callable[..., Stage],
        item: Item,
        sides: Sides,
        channels: int | None = None,
        **more: Any,
    ) -> None:
        """A stage of one item, which nothing joins; `why` is what ended the stage before it."""
        channels = channels or self.channels
        common = self.common(sides, channels, why if self.stages else "")
        self.stages.append(kind(item, **common, **more))
        self.traits, self.sides, self.channels = None, sides, channels

    def common(self, sides: Sides, channels: int, why: str) -> dict[str, Any]:
        """What every stage has, of one that begins here and leaves `sides` and `channels`."""
        return {
            "size_in": self.size,
            "size_out": sizes.size_of(sides),
            "channels_in": self.channels,
            "channels_out": channels,
            "why": why,
        }

    def add_mixed(self, group: Group, guards: tuple[Guard, ...], suffix: str) -> None:
        """The branches of a group of several families, each under the guards that it is done under.

        Where one changes the shape, all branches are done, and one is kept.
        """
        self.traits = None
        sequence = group.kind == "sequence"
        if (changing := self.changes_shape(group)) is not None and not (sequence and group.p == 1):
            self.add_branches(group, suffix, changing)
        else:
            for visit in group.visits():
                branch = None if sequence else visit.number
                guard = Guard(group, branch, visit.slot, suffix)
                own = guards if sequence and group.p == 1 else (*guards, guard)
                self.add(visit.branch, own, suffix + visit.suffix)
        self.traits = None

    def add_mixture(self, item: Item) -> None:
        group = item.group
        if self.changes_shape(group) is not None:
            said = "branches of a mixture keep size and channels" + sizes.remedy(self.sides)
            raise self.policy.error(said, group.pointer)
        branches = tuple(tuple(inner.stages) for inner in self.inner(group, item.suffix))
        self.start("a mixture", MixtureStage.of, item, self.sides, branches=branches)

    def changes_shape(self, group: Group) -> Step | None:
        """The first step of a group that changes size or channels, or may; None where none does."""
        for step in steps_in((group,)):
            channels = self.describe(step).channels_after(3)
            if channels != 3 or self.after(step, self.sides) != self.sides:
                return step
        return None

    def add_branches(self, group: Group, suffix: str, changing: Step) -> None:
        if group.kind != "one_of" or group.p < 1:
            self.refuse_p(changing, self.sides)
        builders = self.inner(group, suffix)
        ends = [(inner.sides, inner.channels) for inner in builders]
        if len(set(ends)) > 1:
            self.refuse_ends("shapes", [f"{sizes.size_text(s)}x{c}" for s, c in ends], group)
        sides, channels = ends[0]
        branches = tuple(tuple(inner.stages) for inner in builders)
        why, item = "branches change the shape", Item(group, (), suffix)
        self.start(why, BranchStage.of, item, sides, channels, branches=branches)

    def refuse_ends(self, what: str, ends: list[str], group: Group) -> NoReturn:
        """Refuses branches that end in different sizes or shapes, or may."""
        said = f"branches end in different {what}: {', '.join(ends)}"
        raise self.policy.error(said + sizes.remedy(self.sides), group.pointer)

    # --- pure groups

    def geometry_or_none(self, node: Node) -> Traits | None:
        """The traits of a node that is geometry throughout."""
        try:
            return self.geometry(node, self.sides)
        except Boundary:
            return None

    def geometry(self, node: Node, sides: Sides) -> Traits:
        """The traits of a node; raises `Boundary` where it is not geometry throughout."""
        if isinstance(node, Step):
            element = self.element(node, sizes.size_of(sides))
            if not element.geometric:
                raise Boundary(element.boundary)
            return element.traits()
        if node.kind == "mixture":
            raise Boundary("a mixture")
        every = []
        for branch in node.branches:
            every.append(self.geometry(branch, sides))
            if node.kind == "sequence":
                sides = self.group_sides(branch, sides)
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
        if node.p < 1 and result != sides:
            self.refuse_p(steps_in((node,))[0], sides)
        return result

    def color_or_none(self, item: Item) -> ColorPart | None:
        """The part of a group that is colour maps throughout."""
        if any(isinstance(n, Group) and n.kind == "mixture" for n in walk((item.node,))):
            return None
        elements: list[Any] = [self.describe(step) for step in item.steps]
        if not all(isinstance(e, ColorMap) and e.channels_after(3) == 3 for e in elements):
            return None
        mean = any(element.mean is not None for element in elements)
        return ColorPart((item,), ("mean",) if mean else ())


def _geometry_stage(traits: Traits, **common: Any) -> LatticeStage | AffineStage:
    """A lattice stage, or an affine one where something fills; `common`: what every stage has."""
    if traits.fill is None:
        return LatticeStage(pads=traits.pads, **common)
    modes = dict(zip(("fill", "fill_value", "interpolation"), traits.fill, strict=True))
    return AffineStage(projective=traits.projective, **modes, **common)
