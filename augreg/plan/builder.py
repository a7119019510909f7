"""Walks a policy's nodes and starts a stage at each boundary, keeping size and channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from augreg.errors import PolicyError, joined
from augreg.families import (
    AffineStage,
    BranchStage,
    Guard,
    Item,
    LatticeStage,
    Mix,
    MixtureStage,
    PointwiseStage,
    Stage,
    Transform,
)
from augreg.families.pointwise import Part
from augreg.families.traits import Boundary, Traits, chain
from augreg.plan import sizes
from augreg.plan.place import Place
from augreg.plan.sizes import Sides
from augreg.policy import Group, Node, Step, steps_in


@dataclass
class Builder(Place):
    """Walks a section's nodes, keeping size and channels, and starts a stage at each boundary.

    Attributes:
        unfused: a stage for each step of a group of colour maps too.
        traits: of the last stage while geometry may still join it, under the guards `scope`.
        classes: of the labels that are mixed; None: nothing may mix here.
    """

    unfused: bool = False
    stages: list[Stage] = field(default_factory=list)
    traits: Traits | None = None
    scope: tuple[Guard, ...] = ()
    classes: int | None = None

    def inner(self, group: Group, suffix: str) -> list[Builder]:
        """A builder for each branch, all of which begin here."""
        known = self.unchecked, self.transforms
        builders = []
        for branch in group.branches:
            made = Builder(self.policy, self.sides, self.channels, *known, self.unfused)
            made.add(branch, (), suffix)
            builders.append(made)
        return builders

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
        step, transform = item.step, self.describe(item.step)
        sides, channels = self.after(step, self.sides), transform.channels_after(self.channels)
        if (not step.always or item.guards) and (sides != self.sides or channels != self.channels):
            self.refuse_p(step, self.sides)
        if transform.geometric:
            self.add_geometry(item, transform.traits(), sides)
        elif (part := transform.part(item)) is not None:
            self.add_pointwise(part, channels)
        else:
            if transform.reads_others:
                self.check_mix(step, transform)
            why = transform.boundary or f"{step.op.name} is a boundary"
            self.start(why, transform.stage, item, sides)

    def add_geometry(self, item: Item, traits: Traits, sides: Sides) -> None:
        common = self.common(sides, self.channels, "")
        items: tuple[Item, ...] = (item,)
        try:
            if self.traits is not None:
                if any(step.keeps for step in item.steps):
                    raise Boundary("it keeps boxes, wherever they are by then")
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

    def check_mix(self, step: Step, transform: Transform) -> None:
        """Refuses a step that has no batch, as only `augment` has, whose batches have one size."""
        name, pointer = step.op.name, step.pointer
        if self.classes is None:
            raise self.policy.error(
                f'"{name}" mixes the samples of a batch: it works in "augment" only, and in no '
                "group whose branches change the size or the channels",
                pointer,
            )
        if not isinstance(transform, Mix):
            return
        if self.classes not in (0, transform.classes):
            raise self.policy.error(
                f'"{name}" mixes labels of {transform.classes} classes, and a step before mixes '
                f"labels of {self.classes}",
                f"{pointer}/classes",
            )
        self.classes = transform.classes

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
        if (changing := self.changes_shape(group)) is not None and not (sequence and group.always):
            self.add_branches(group, suffix, changing)
        else:
            for visit in group.visits():
                branch = None if sequence else visit.number
                guard = Guard(group, branch, visit.slot, suffix)
                own = guards if sequence and group.always else (*guards, guard)
                self.add(visit.branch, own, suffix + visit.suffix)
        self.traits = None

    def add_mixture(self, item: Item) -> None:
        group = item.group
        if self.changes_shape(group) is not None:
            said = "branches of a mixture keep size and channels" + sizes.remedy(self.sides)
            raise self.policy.error(said, group.pointer)
        branches = tuple(tuple(inner.stages) for inner in self.inner(group, item.suffix))
        self.start("a mixture", MixtureStage.of, item, self.sides, branches=branches)

    def add_branches(self, group: Group, suffix: str, changing: Step) -> None:
        if group.kind != "one_of" or not group.always:
            self.refuse_p(changing, self.sides)
        builders = self.inner(group, suffix)
        ends = [(inner.sides, inner.channels) for inner in builders]
        if len(set(ends)) > 1:
            self.refuse_ends("shapes", [f"{sizes.size_text(s)}x{c}" for s, c in ends], group)
        sides, channels = ends[0]
        branches = tuple(tuple(inner.stages) for inner in builders)
        why, item = "branches change the shape", Item(group, (), suffix)
        self.start(why, BranchStage.of, item, sides, channels, branches=branches)


def _geometry_stage(traits: Traits, **common: Any) -> LatticeStage | AffineStage:
    """A lattice stage, or an affine one where something fills; `common`: what every stage has."""
    if traits.fill is None:
        return LatticeStage(pads=traits.pads, **common)
    modes = dict(zip(("fill", "fill_value", "interpolation"), traits.fill, strict=True))
    return AffineStage(projective=traits.projective, displaced=traits.displaced, **modes, **common)
