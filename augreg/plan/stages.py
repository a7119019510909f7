"""What a plan is made of: guarded items, and the stages that hold them. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from augreg.policy import Group, Node, Step, walk

StaticSize = tuple[int | None, int | None]
SECTIONS = ("prepare", "augment", "output")


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
class LatticeStage:
    """Moves whole pixels. `pads`: some output pixels may lie outside of the source."""

    items: tuple[Item, ...]
    size_in: StaticSize
    size_out: StaticSize
    pads: bool
    why: str = ""


@dataclass(frozen=True)
class AffineStage:
    """One resample for all of its items. `projective`: one of them divides, so matrices are 3x3."""

    items: tuple[Item, ...]
    size_in: StaticSize
    size_out: StaticSize
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
    size_in: StaticSize
    size_out: StaticSize
    why: str = ""


@dataclass(frozen=True)
class MixStage:
    """Mixes the samples of a batch, and their labels."""

    items: tuple[Item, ...]
    size_in: StaticSize
    size_out: StaticSize
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


def pointers_of(stage: Stage) -> tuple[str, ...]:
    """The pointers of the steps and groups in a stage, in order."""
    nodes = [stage.group] if isinstance(stage, BranchStage) else [i.node for i in stage.items]
    return tuple(node.pointer for node in nodes)


def pointer_in(stage: Stage, op: str) -> str:
    """The pointer of the first step in a stage that uses `op`; that of the first node for none."""
    nodes = (stage.group,) if isinstance(stage, BranchStage) else (i.node for i in stage.items)
    steps = (node for node in walk(tuple(nodes)) if isinstance(node, Step))
    return next((s.pointer for s in steps if s.op.name == op), pointers_of(stage)[0])


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
