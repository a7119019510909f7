"""From a policy to a plan: stages in document order, with sizes, channels and boundaries.

A stage is what one kernel does. Which geometric steps share a resample is decided here and not in
`optimize`, because it is the meaning of a policy and no optimisation (DESIGN, section 3).

A group whose branches all belong to one closed family (geometry, colour maps) is one item of a
stage: choosing happens on its matrices. A group of mixed families is taken apart into guarded
items: a sample that a guard does not select gets the identity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from augreg import algebra, params
from augreg.errors import ParameterError
from augreg.policy import Group, Node, Output, Policy, Step, walk
from augreg.xp import NUMPY

Size = tuple[int | None, int | None]
SECTIONS = ("prepare", "augment", "output")
_PLACEHOLDER = 64  # a side to ask an op's family with, where the real one is not known yet


@dataclass(frozen=True)
class Guard:
    """Whether a sample takes part: `group`'s own p, and its choice of `branch` in `slot`."""

    group: Group
    branch: int | None = None  # None: the group's p alone
    slot: int | None = None  # for some_of with replacement, and for random_order
    suffix: str = ""

    @property
    def exclusive(self) -> bool:
        """A sample that takes this branch takes no other of the same choice."""
        return self.branch is not None and (self.group.kind == "one_of" or self.slot is not None)


@dataclass(frozen=True)
class Item:
    """A step or a pure group in a stage. `suffix` ends the paths of its draws (`#k` of a slot)."""

    node: Node
    guards: tuple[Guard, ...] = ()
    suffix: str = ""

    @property
    def step(self) -> Step:
        """The node, of an item that is no group."""
        assert isinstance(self.node, Step)
        return self.node


@dataclass(frozen=True)
class Traits:
    """What decides whether geometry shares a resample. `fill` is None for lattice maps."""

    fill: tuple[str, Any, str] | None = None
    cuts: bool = False
    pads: bool = False
    projective: bool = False


@dataclass(frozen=True)
class LatticeStage:
    """Moves whole pixels. `pads`: some output pixels may lie outside of the source."""

    items: tuple[Item, ...]
    size_in: Size
    size_out: Size
    pads: bool
    why: str = ""


@dataclass(frozen=True)
class AffineStage:
    """One resample for all of its items. `projective`: one of them divides, so matrices are 3x3."""

    items: tuple[Item, ...]
    size_in: Size
    size_out: Size
    fill: str
    fill_value: Any
    interpolation: str
    why: str = ""
    projective: bool = False


@dataclass(frozen=True)
class ColorPart:
    """Colour maps that multiply to one matrix. `mean`: one of them asks for the image's mean."""

    items: tuple[Item, ...]
    mean: bool


@dataclass(frozen=True)
class PixelPart:
    """One pixel function.

    `statistics` of the image as it reaches the function; `placed`: where a pixel lies matters.
    """

    item: Item
    statistics: tuple[str, ...] = ()
    placed: bool = False
    others: tuple[Item, ...] = ()  # the same function in other branches of one choice

    @property
    def items(self) -> tuple[Item, ...]:
        return (self.item, *self.others)


@dataclass(frozen=True)
class PointwiseStage:
    """Parts done one after another on planes.

    Statistics are of the stage's input: a part that asks for one is the first, or no sample that
    it acts on is changed by a part before it (branches of one choice).
    """

    parts: tuple[ColorPart | PixelPart, ...]
    channels_in: int
    channels_out: int
    why: str = ""

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(item for part in self.parts for item in part.items)

    @property
    def mean(self) -> bool:
        return "mean" in self.statistics

    @property
    def statistics(self) -> tuple[str, ...]:
        """What has to be known of the stage's input."""
        names = [name for part in self.parts for name in statistics_of(part)]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class NeighborStage:
    """One neighbourhood op."""

    item: Item
    why: str = ""
    others: tuple[Item, ...] = ()  # the same function in other branches of one choice

    @property
    def items(self) -> tuple[Item, ...]:
        return (self.item, *self.others)


@dataclass(frozen=True)
class ResizeStage:
    """One resize or resized crop."""

    items: tuple[Item, ...]
    size_in: Size
    size_out: Size
    why: str = ""


@dataclass(frozen=True)
class MixStage:
    """Mixes the samples of a batch, and their labels."""

    items: tuple[Item, ...]
    size_in: Size
    size_out: Size
    classes: int
    why: str = ""


@dataclass(frozen=True)
class BranchStage:
    """Branches that change size or channels in different families: all are done, one is kept."""

    group: Group
    branches: tuple[tuple[Stage, ...], ...]
    suffix: str
    why: str = ""


@dataclass(frozen=True)
class MixtureStage:
    """All branches are done on the same image, and their results and it are mixed convexly.

    `item` is the group; its guards, p and draws are as any item's.
    """

    item: Item
    branches: tuple[tuple[Stage, ...], ...]
    why: str = ""

    @property
    def items(self) -> tuple[Item, ...]:
        return (self.item,)


Stage = (
    LatticeStage
    | AffineStage
    | PointwiseStage
    | NeighborStage
    | ResizeStage
    | MixStage
    | BranchStage
    | MixtureStage
)


def statistics_of(part: ColorPart | PixelPart) -> tuple[str, ...]:
    """The statistics that a part asks for."""
    if isinstance(part, PixelPart):
        return part.statistics
    return ("mean",) if part.mean else ()


@dataclass(frozen=True)
class Decode:
    """How encoded images are read.

    stage: cut or cut and resized while decoding: only its window is read. None: the whole image.
    scaled: (height, width) that a JPEG may be decoded down to, by 2, 4 or 8.
    """

    stage: LatticeStage | ResizeStage | None = None
    scaled: tuple[int, int] | None = None


@dataclass(frozen=True)
class Plan:
    """Stages by section. `size_prepared` is the size between prepare and augment.

    decode: None where images come as arrays.
    """

    prepare: tuple[Stage, ...]
    augment: tuple[Stage, ...]
    output: Output | None
    draws: tuple[tuple[str, str], ...]
    size_in: Size
    size_prepared: Size
    size_out: Size
    channels_in: int
    channels_out: int
    policy: Policy = field(repr=False)
    decode: Decode | None = None


def plan(
    policy: Policy,
    *,
    training: bool = True,
    sections: Iterable[str] = SECTIONS,
    size: Size = (None, None),
    channels: int = 3,
    encoded: bool = False,
) -> Plan:
    """Plans `sections` of a policy for images of `size` (height, width; None: not known).

    `encoded`: images come as the bytes of a file.

    Raises:
        PolicyError: a step can't work at this size or with this number of channels.
    """
    chosen = check_sections(sections)
    prepare = policy.prepare(training) if "prepare" in chosen else ()
    augment = policy.augment if training and "augment" in chosen else ()
    builder = _Builder(policy, tuple(size), channels)  # type: ignore[arg-type]
    prepare_stages = builder.section(prepare)
    size_prepared = builder.size
    builder.classes = 0
    augment_stages = builder.section(augment)
    output = policy.output if "output" in chosen else None
    if output and len(output.scale) > builder.channels:
        raise policy.error(
            f"{len(output.scale)} levels, and the image has one channel here; give one number",
            "/output/normalize",
        )
    return Plan(
        prepare_stages,
        augment_stages,
        output,
        tuple(dict.fromkeys(_draws([*prepare, *augment]))),
        tuple(size),  # type: ignore[arg-type]
        size_prepared,
        builder.size,
        channels,
        builder.channels,
        policy,
        Decode() if encoded else None,
    )


def check_sections(sections: Iterable[str]) -> tuple[str, ...]:
    """The sections in their order; raises `ValueError` for an unknown one."""
    wanted = {sections} if isinstance(sections, str) else set(sections)
    if unknown := wanted - set(SECTIONS):
        raise ValueError(f"unknown sections {sorted(unknown)}; allowed are {list(SECTIONS)}")
    return tuple(name for name in SECTIONS if name in wanted)


def output_size(policy: Policy, step: Step, size: Size) -> Size:
    """The size after `step`; raises `PolicyError` at the step's parameter where it can't work."""
    if step.op.output_size is None:
        return size
    sides = [math.nan if side is None else side for side in size]
    arguments = {name: step.arguments[name] for name in step.op.settable}
    try:
        result = step.op.output_size(*sides, **arguments)
    except ParameterError as error:
        raise policy.error(error.message, step.pointer + error.pointer) from error
    return tuple(None if math.isnan(side) else int(side) for side in result)  # type: ignore[return-value]


def element_of(step: Step, size: Size) -> algebra.Element:
    """What `step` returns for its arguments' first values: tells the family and static fields."""
    zero = NUMPY.array([0], "uint32")
    arguments = dict(step.arguments)
    for name, distribution, dtype in step.drawn():
        arguments[name] = distribution.sample(NUMPY, (zero, zero), dtype)
    # no Python int: an op that knows its size by that must not take the placeholder for it
    unknown = NUMPY.array(_PLACEHOLDER, "int32")
    height, width = (unknown if side is None else side for side in size)
    return step.op.lower(NUMPY, arguments, (height, width))


class _Builder:
    """Walks a section's nodes, keeping size and channels, and starts a stage at each boundary."""

    def __init__(self, policy: Policy, size: Size, channels: int) -> None:
        self.policy, self.size, self.channels = policy, size, channels
        self.stages: list[Stage] = []
        self.traits: Traits | None = None  # of the last stage while geometry may still join it
        self.scope: tuple[Guard, ...] = ()
        self.classes: int | None = None  # of the labels that are mixed; None: nothing may mix here

    def section(self, nodes: Iterable[Node]) -> tuple[Stage, ...]:
        self.stages, self.traits = [], None
        for node in nodes:
            self.add(node, (), "")
        return tuple(self.stages)

    def add(self, node: Node, guards: tuple[Guard, ...], suffix: str) -> None:
        if isinstance(node, Step):
            self.add_step(node, guards, suffix)
        elif node.kind == "mixture":
            self.add_mixture(Item(node, guards, suffix))
        elif isinstance(traits := self.geometry(node, self.size), Traits):
            self.add_geometry(Item(node, guards, suffix), traits, self.group_size(node, self.size))
        elif self.is_color(node):
            mean = any(_mean(element_of(leaf, self.size)) for leaf in _steps(node))
            self.add_pointwise(ColorPart((Item(node, guards, suffix),), mean), self.channels)
        else:
            self.add_mixed(node, guards, suffix)

    def add_step(self, step: Step, guards: tuple[Guard, ...], suffix: str) -> None:
        item = Item(step, guards, suffix)
        element = self.describe(step)
        size = output_size(self.policy, step, self.size)
        channels = _channels_after(element, self.channels)
        if (step.p < 1 or guards) and (size != self.size or channels != self.channels):
            self.refuse_p(step)
        if isinstance(element, algebra.GEOMETRIC):
            self.add_geometry(item, _traits(element), size)
        elif isinstance(element, algebra.Resize):
            self.close(f"{step.op.name} is a boundary", ResizeStage((item,), self.size, size), size)
        elif isinstance(element, algebra.ColorMap):
            self.add_pointwise(ColorPart((item,), _mean(element)), channels)
        elif isinstance(element, algebra.Mix):
            self.add_mix(item, element)
        elif isinstance(element, algebra.Neighborhood):
            self.close("reads neighbours", NeighborStage(item), self.size)
        else:
            placed = element.coordinates or bool(element.noise)
            self.add_pointwise(PixelPart(item, element.statistics, placed), channels)

    def refuse_p(self, step: Step) -> None:
        raise self.policy.error(
            f'"{step.op.name}" changes the size or the channels here, so neither it nor a group '
            'around it takes "p" below 1, and branches have to agree on the result',
            step.pointer,
        )

    def describe(self, step: Step) -> algebra.Element:
        element = self.element(step, self.size)
        colored = isinstance(
            element, algebra.ColorMap | algebra.PixelFunction | algebra.Neighborhood
        )
        if colored and self.channels == 1 and not step.op.gray:
            raise self.policy.error(
                f'"{step.op.name}" needs three channels, and the image has one here', step.pointer
            )
        return element

    def element(self, step: Step, size: Size) -> algebra.Element:
        element = element_of(step, size)
        levels = getattr(element, "fill_value", 0.0)
        if isinstance(levels, tuple) and len(levels) > self.channels:
            raise self.policy.error(
                f"{len(levels)} levels, and the image has one channel here; give one number",
                f"{step.pointer}/fill_value",
            )
        return element

    def add_geometry(self, item: Item, traits: Traits, size: Size) -> None:
        joined: Traits | str = traits if self.traits is None else chain(self.traits, traits)
        fresh = self.traits is None or item.guards != self.scope
        if fresh or isinstance(joined, str):
            why = joined if isinstance(joined, str) else ""
            stage = _geometry_stage((item,), self.size, size, traits, why)
            self.stages.append(stage)
            self.traits = traits
        else:
            last = self.stages[-1]
            assert isinstance(last, LatticeStage | AffineStage)
            items = (*last.items, item)
            self.stages[-1] = _geometry_stage(items, last.size_in, size, joined, last.why)
            self.traits = joined
        self.size, self.scope = size, item.guards

    def add_pointwise(self, part: ColorPart | PixelPart, channels: int) -> None:
        stage = PointwiseStage((part,), self.channels, channels)
        self.close("another family", stage, self.size)
        self.channels = channels

    def add_mix(self, item: Item, element: algebra.Mix) -> None:
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
        stage = MixStage((item,), self.size, self.size, element.classes)
        self.close("mixes samples of a batch: the result depends on the batch", stage, self.size)

    def close(self, why: str, stage: Stage, size: Size) -> None:
        self.stages.append(replace(stage, why=why if len(self.stages) else ""))
        self.traits, self.size = None, size

    def add_mixed(self, group: Group, guards: tuple[Guard, ...], suffix: str) -> None:
        self.traits = None
        if self.changes_shape(group):
            self.add_branches(group, suffix)
        else:
            for branch, guard, tail in _guarded(group, suffix):
                self.add(branch, guards + guard, tail)
        self.traits = None

    def add_mixture(self, item: Item) -> None:
        group = item.node
        assert isinstance(group, Group)
        if self.changes_shape(group):
            raise self.policy.error("branches of a mixture keep size and channels", group.pointer)
        branches = []
        for branch in group.branches:
            inner = _Builder(self.policy, self.size, self.channels)
            inner.add(branch, (), item.suffix)
            branches.append(tuple(inner.stages))
        self.close("a mixture", MixtureStage(item, tuple(branches)), self.size)

    def changes_shape(self, group: Group) -> bool:
        for step in _steps(group):
            element = self.describe(step)
            if isinstance(element, algebra.Resize) or _channels_after(element, 3) != 3:
                return True
            if step.op.output_size and output_size(self.policy, step, self.size) != self.size:
                return True
        return False

    def add_branches(self, group: Group, suffix: str) -> None:
        if group.kind == "sequence" and group.p == 1:
            for branch in group.branches:
                self.add(branch, (), suffix)
            return
        if group.kind != "one_of" or group.p < 1:
            self.refuse_p(next(_steps(group)))
        start, ends, branches = (self.size, self.channels), [], []
        for branch in group.branches:
            inner = _Builder(self.policy, *start)
            inner.add(branch, (), suffix)
            branches.append(tuple(inner.stages))
            ends.append((inner.size, inner.channels))
        if len(set(ends)) > 1:
            shapes = ", ".join(str((*size, channels)) for size, channels in ends)
            raise self.policy.error(f"branches end in different shapes: {shapes}", group.pointer)
        size, self.channels = ends[0]
        self.close("branches change the shape", BranchStage(group, tuple(branches), suffix), size)

    # --- pure groups

    def geometry(self, node: Node, size: Size) -> Traits | str:
        """The traits of a node that is geometry throughout, or why it is none."""
        if isinstance(node, Step):
            element = self.element(node, size)
            return _traits(element) if isinstance(element, algebra.GEOMETRIC) else "another family"
        if node.kind == "mixture":
            return "a mixture"
        every: list[Traits | str] = []
        total: Traits | str = Traits()
        for branch in node.branches:
            traits = self.geometry(branch, size)
            if isinstance(traits, Traits) and node.kind == "sequence":
                size = self.group_size(branch, size)
            every.append(traits)
            total = chain(total, traits) if isinstance(total, Traits) else total
        if node.kind == "random_order":
            return _any_order(every)
        return _union(every) if node.kind == "one_of" else total

    def group_size(self, node: Node, size: Size) -> Size:
        """The size after a geometric node; refuses branches that disagree and p below 1."""
        if isinstance(node, Step):
            result = output_size(self.policy, node, size)
        elif node.kind == "sequence":
            result = size
            for branch in node.branches:
                result = self.group_size(branch, result)
        else:
            ends = {self.group_size(branch, size) for branch in node.branches}
            if len(ends) > 1 or (node.kind != "one_of" and ends != {size}):
                shapes = ", ".join(str(end) for end in sorted(ends, key=str))
                raise self.policy.error(f"branches end in different sizes: {shapes}", node.pointer)
            result = ends.pop()
        if node.p < 1 and result != size:
            self.refuse_p(next(_steps(node)))
        return result

    def is_color(self, group: Group) -> bool:
        if any(isinstance(n, Group) and n.kind == "mixture" for n in walk((group,))):
            return False
        elements = [self.describe(step) for step in _steps(group)]
        return all(isinstance(e, algebra.ColorMap) and _channels_after(e, 3) == 3 for e in elements)


def chain(first: Traits | str, then: Traits | str) -> Traits | str:
    """The traits of doing `first`, then `then` in one resample, or why that needs two."""
    if isinstance(first, str) or isinstance(then, str):
        return first if isinstance(first, str) else then
    if first.fill is None and then.fill is None:
        return Traits(None, first.cuts or then.cuts, first.pads or then.pads)
    if then.fill is None:
        if then.pads:
            return "padding after a resample that fills otherwise"
        return replace(first, cuts=first.cuts or then.cuts)
    if first.cuts or first.pads:
        return "a window cut before could come back through this fill"
    if first.fill not in (None, then.fill):
        return "another fill or interpolation"
    return replace(then, projective=first.projective or then.projective)


def _any_order(every: list[Traits | str]) -> Traits | str:
    """The traits of doing all in any order, or why that needs more than one resample."""
    for i, first in enumerate(every):
        for j, then in enumerate(every):
            if i != j and isinstance(joined := chain(first, then), str):
                return joined
    return _union(every)


def _union(every: list[Traits | str]) -> Traits | str:
    for traits in every:
        if isinstance(traits, str):
            return traits
    branches = [traits for traits in every if isinstance(traits, Traits)]
    fills = {str(b.fill): b.fill for b in branches if b.fill is not None}
    cuts, pads = any(b.cuts for b in branches), any(b.pads for b in branches)
    if len(fills) > 1 or (fills and pads):
        return "another fill or interpolation"
    projective = any(b.projective for b in branches)
    return Traits(next(iter(fills.values()), None), cuts, pads, projective)


def _geometry_stage(
    items: tuple[Item, ...], size_in: Size, size_out: Size, traits: Traits, why: str
) -> Stage:
    if traits.fill is None:
        return LatticeStage(items, size_in, size_out, traits.pads, why)
    return AffineStage(items, size_in, size_out, *traits.fill, why, traits.projective)


def _traits(element: algebra.Element) -> Traits:
    if isinstance(element, algebra.LatticeMap):
        return Traits(None, element.cuts, element.pads)
    assert isinstance(element, algebra.AffineMap | algebra.ProjectiveMap)
    modes = (element.fill, element.fill_value, element.interpolation)
    return Traits(modes, projective=isinstance(element, algebra.ProjectiveMap))


def _mean(element: algebra.Element) -> bool:
    return isinstance(element, algebra.ColorMap) and element.mean is not None


def _channels_after(element: algebra.Element, channels: int) -> int:
    if isinstance(element, algebra.ColorMap) and channels == 3:
        return int(element.matrix.shape[-2])
    return channels


def _steps(node: Node) -> Iterator[Step]:
    return (n for n in walk((node,)) if isinstance(n, Step))


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


def _draws(nodes: Iterable[Node], suffix: str = "") -> Iterator[tuple[str, str]]:
    """(path, name) of every draw that these nodes make, in document order."""
    for node in nodes:
        path = node.path + suffix
        if node.p < 1:
            yield path, "p"
        if isinstance(node, Step):
            for name, distribution, _ in node.drawn():
                if not isinstance(distribution, params.Constant):
                    yield path, name
            continue
        if node.n[0] != node.n[1]:
            yield path, "n"
        if not (node.kind == "some_of" and node.replace):
            if node.kind != "sequence":
                yield path, "choice"
            if node.kind == "mixture":
                yield path, "mix"
            yield from _draws(node.branches, suffix)
            continue
        for slot in range(node.n[1]):
            yield f"{path}#{slot}", "choice"
            yield from _draws(node.branches, f"{suffix}#{slot}")
