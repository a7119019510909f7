"""Walks a policy's nodes and starts a stage at each boundary, keeping size and channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from augreg import families
from augreg.errors import OpError, PolicyError, joined
from augreg.plan import sizes
from augreg.plan.geometry import (
    Traits,
    any_order,
    chain,
    channels_after,
    element_of,
    geometry_stage,
    needs_mean,
    steps_of,
    traits_of,
    union,
)
from augreg.plan.sizes import Sides
from augreg.plan.stages import (
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
    PointwiseStage,
    ResizeStage,
    Stage,
    StaticSize,
)
from augreg.policy import Group, Node, Policy, Step, walk


class Builder:
    """Walks a section's nodes, keeping size and channels, and starts a stage at each boundary."""

    def __init__(self, policy: Policy, sides: Sides, channels: int, unfused: bool = False) -> None:
        self.policy, self.sides, self.channels, self.unfused = policy, sides, channels, unfused
        self.stages: list[Stage] = []
        self.traits: Traits | None = None  # of the last stage while geometry may still join it
        self.scope: tuple[Guard, ...] = ()
        self.classes: int | None = None  # of the labels that are mixed; None: nothing may mix here
        self.unchecked: list[tuple[str, str]] = []  # steps that asked for a side that is not known
        self.elements: dict[
            tuple[int, StaticSize], families.Transform
        ] = {}  # asked for at each level

    @property
    def size(self) -> StaticSize:
        return sizes.size_of(self.sides)

    def inner(self) -> Builder:
        """A builder of a branch that begins here."""
        made = Builder(self.policy, self.sides, self.channels, self.unfused)
        made.unchecked, made.elements = self.unchecked, self.elements
        return made

    def after(self, step: Step, sides: Sides) -> Sides:
        """The sides after a step.

        One that works at some sizes only is checked when it runs, if it moves whole pixels and may
        not read outside of the image (a crop); of others nothing could be seen then.
        """
        result, compared = sizes.after(self.policy, step, sides)
        if compared:
            element = self.element(step, sizes.size_of(sides))
            if not isinstance(element, families.LatticeMap) or element.pads:
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
                if any(step.op.output_size for step in steps_of(node)):
                    break
                (self.sides, self.channels), self.traits = before, None
        if mistakes:
            raise joined(mistakes)
        return tuple(self.stages)

    def add(self, node: Node, guards: tuple[Guard, ...], suffix: str) -> None:
        if isinstance(node, Step):
            self.add_step(node, guards, suffix)
        elif node.kind == "mixture":
            self.add_mixture(Item(node, guards, suffix))
        elif isinstance(traits := self.geometry(node, self.sides), Traits):
            after = self.group_sides(node, self.sides)
            self.add_geometry(Item(node, guards, suffix), traits, after)
        elif not self.unfused and self.is_color(node):
            mean = any(needs_mean(self.element(leaf, self.size)) for leaf in steps_of(node))
            self.add_pointwise(ColorPart((Item(node, guards, suffix),), mean), self.channels)
        else:
            self.add_mixed(node, guards, suffix)

    def add_step(self, step: Step, guards: tuple[Guard, ...], suffix: str) -> None:
        item = Item(step, guards, suffix)
        element = self.describe(step)
        sides = self.after(step, self.sides)
        channels = channels_after(element, self.channels)
        if (step.p < 1 or guards) and (sides != self.sides or channels != self.channels):
            self.refuse_p(step, self.sides)
        if isinstance(element, families.GEOMETRIC):
            self.add_geometry(item, traits_of(element), sides)
        elif isinstance(element, families.Resize):
            self.start(f"{step.op.name} is a boundary", ResizeStage, item, sides)
        elif isinstance(element, families.ColorMap):
            self.add_pointwise(ColorPart((item,), needs_mean(element)), channels)
        elif isinstance(element, families.Mix):
            self.add_mix(item, element)
        elif isinstance(element, families.Neighborhood):
            self.start("reads neighbours", NeighborStage, item)
        else:
            placed = element.coordinates or bool(element.noise)
            self.add_pointwise(PixelPart((item,), element.statistics, placed), channels)

    def refuse_p(self, step: Step, sides: Sides) -> NoReturn:
        """Refuses a step, at images of `sides`, that not all samples of a batch do."""
        name, known = step.op.name, sizes.is_known(sides)
        changes = "changes" if known else "may change"
        said = (
            f'"{name}" {changes} the size or the channels here, so neither it nor a group around '
            'it takes "p" below 1, and branches have to agree on the result'
        )
        raise self.policy.error(said + sizes.remedy(sides), step.pointer)

    def describe(self, step: Step) -> families.Transform:
        element = self.element(step, self.size)
        colored = isinstance(
            element, families.ColorMap | families.PixelFunction | families.Neighborhood
        )
        if colored and self.channels == 1 and not step.op.gray:
            raise self.policy.error(
                f'"{step.op.name}" needs three channels, and the image has one here', step.pointer
            )
        return element

    def element(self, step: Step, size: StaticSize) -> families.Transform:
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
        joined: Traits | str = traits if self.traits is None else chain(self.traits, traits)
        fresh = self.traits is None or item.guards != self.scope
        if fresh or isinstance(joined, str):
            why = joined if isinstance(joined, str) else ""
            common = self.common(sides, self.channels, why)
            self.stages.append(geometry_stage(traits, items=(item,), **common))
            self.traits = traits
        else:
            last = self.stages[-1]
            assert isinstance(last, LatticeStage | AffineStage)
            common = self.common(sides, self.channels, last.why) | {"size_in": last.size_in}
            self.stages[-1] = geometry_stage(joined, items=(*last.items, item), **common)
            self.traits = joined
        self.sides, self.scope = sides, item.guards

    def add_pointwise(self, part: ColorPart | PixelPart, channels: int) -> None:
        why = "another family" if self.stages else ""
        common = self.common(self.sides, channels, why)
        self.stages.append(PointwiseStage(parts=(part,), **common))
        self.traits, self.channels = None, channels

    def add_mix(self, item: Item, element: families.Mix) -> None:
        """A step that needs a batch: only in `augment`, whose batches have one size."""
        name, pointer = item.step.op.name, item.step.pointer
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
        why = "mixes samples of a batch: the result depends on the batch"
        self.start(why, MixStage, item, classes=element.classes)

    def start(
        self, why: str, kind: type[Stage], item: Item, sides: Sides | None = None, **more: Any
    ) -> None:
        """A stage of one item, which nothing joins; `why` is what ended the stage before it."""
        after = self.sides if sides is None else sides
        common = self.common(after, more.pop("channels", self.channels), why if self.stages else "")
        self.stages.append(kind(items=(item,), **common, **more))
        self.traits, self.sides, self.channels = None, after, common["channels_out"]

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
        self.traits = None
        if (changing := self.changes_shape(group)) is not None:
            self.add_branches(group, suffix, changing)
        else:
            for branch, guard, tail in _guarded(group, suffix):
                self.add(branch, guards + guard, tail)
        self.traits = None

    def add_mixture(self, item: Item) -> None:
        group = item.node
        assert isinstance(group, Group)
        if self.changes_shape(group) is not None:
            said = "branches of a mixture keep size and channels" + sizes.remedy(self.sides)
            raise self.policy.error(said, group.pointer)
        branches = []
        for branch in group.branches:
            inner = self.inner()
            inner.add(branch, (), item.suffix)
            branches.append(tuple(inner.stages))
        self.start("a mixture", MixtureStage, item, branches=tuple(branches))

    def changes_shape(self, group: Group) -> Step | None:
        """The first step of a group that changes size or channels, or may; None where none does."""
        for step in steps_of(group):
            if channels_after(self.describe(step), 3) != 3:
                return step
            if self.after(step, self.sides) != self.sides:
                return step
        return None

    def add_branches(self, group: Group, suffix: str, changing: Step) -> None:
        if group.kind == "sequence" and group.p == 1:
            for branch in group.branches:
                self.add(branch, (), suffix)
            return
        if group.kind != "one_of" or group.p < 1:
            self.refuse_p(changing, self.sides)
        ends, branches = [], []
        for branch in group.branches:
            inner = self.inner()
            inner.add(branch, (), suffix)
            branches.append(tuple(inner.stages))
            ends.append((inner.sides, inner.channels))
        if len(set(ends)) > 1:
            self.refuse_ends("shapes", [f"{sizes.text_of(s)}x{c}" for s, c in ends], group)
        sides, channels = ends[0]
        why, item = "branches change the shape", Item(group, (), suffix)
        self.start(why, BranchStage, item, sides, channels=channels, branches=tuple(branches))

    def refuse_ends(self, what: str, ends: list[str], group: Group) -> NoReturn:
        """Refuses branches that end in different sizes or shapes, or may."""
        said = f"branches end in different {what}: {', '.join(ends)}"
        raise self.policy.error(said + sizes.remedy(self.sides), group.pointer)

    # --- pure groups

    def geometry(self, node: Node, sides: Sides) -> Traits | str:
        """The traits of a node that is geometry throughout, or why it is none."""
        if isinstance(node, Step):
            element = self.element(node, sizes.size_of(sides))
            return (
                traits_of(element) if isinstance(element, families.GEOMETRIC) else "another family"
            )
        if node.kind == "mixture":
            return "a mixture"
        every: list[Traits | str] = []
        total: Traits | str = Traits()
        for branch in node.branches:
            traits = self.geometry(branch, sides)
            if isinstance(traits, Traits) and node.kind == "sequence":
                sides = self.group_sides(branch, sides)
            every.append(traits)
            total = chain(total, traits) if isinstance(total, Traits) else total
        if node.kind == "random_order":
            return any_order(every)
        return union(every) if node.kind == "one_of" else total

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
                self.refuse_ends("sizes", [sizes.text_of(end) for end in ends], node)
            result = ends[0]
        if node.p < 1 and result != sides:
            self.refuse_p(next(steps_of(node)), sides)
        return result

    def is_color(self, group: Group) -> bool:
        if any(isinstance(n, Group) and n.kind == "mixture" for n in walk((group,))):
            return False
        elements = [self.describe(step) for step in steps_of(group)]
        return all(isinstance(e, families.ColorMap) and channels_after(e, 3) == 3 for e in elements)


def _guarded(group: Group, suffix: str) -> Iterator[tuple[Node, tuple[Guard, ...], str]]:
    """The branches of a mixed group, each with the guards that it is done under."""
    if group.kind == "some_of" and group.replace:
        for slot in range(group.n[1]):
            tail = f"{suffix}#{slot}"
            for i, branch in enumerate(group.branches):
                yield branch, (Guard(group, i, slot, suffix),), tail
        return
    if group.kind == "random_order":
        for slot in range(len(group.branches)):
            for i, branch in enumerate(group.branches):
                yield branch, (Guard(group, i, slot, suffix),), suffix
        return
    for i, branch in enumerate(group.branches):
        sequence = group.kind == "sequence"
        if sequence and group.p == 1:
            yield branch, (), suffix
        else:
            yield branch, (Guard(group, None if sequence else i, None, suffix),), suffix
