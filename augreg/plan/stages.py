"""What a plan is made of: guarded items, and the stages that hold them. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

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


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one kernel does.

    Attributes:
        items: the steps and pure groups that it does, in order.
        size_in, size_out: (height, width) before and after; None for a side that is not known.
        channels_in, channels_out: 1 or 3.
        why: what ended the stage before it; empty for the first of a section.
    """

    items: tuple[Item, ...]
    size_in: StaticSize
    size_out: StaticSize
    channels_in: int
    channels_out: int
    why: str = ""
    branches: tuple[tuple[Stage, ...], ...] = ()
    geometric: ClassVar[bool] = False  # whether pixels end up in other places

    @property
    def pointer(self) -> str:
        """Where its first step or group stands in the policy."""
        return self.items[0].node.pointer


@dataclass(frozen=True, kw_only=True)
class LatticeStage(Stage):
    """Moves whole pixels. `pads`: some output pixels may lie outside of the source."""

    pads: bool
    geometric: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class AffineStage(Stage):
    """One resample for all of its items. `projective`: one of them divides, so matrices are 3x3."""

    fill: str
    fill_value: Any
    interpolation: str
    projective: bool = False
    geometric: ClassVar[bool] = True


@dataclass(frozen=True)
class ColorPart:
    """Colour maps that multiply to one matrix. `mean`: one of them asks for the image's mean."""

    items: tuple[Item, ...]
    mean: bool

    @property
    def statistics(self) -> tuple[str, ...]:
        return ("mean",) if self.mean else ()


@dataclass(frozen=True)
class PixelPart:
    """One pixel function.

    `items`: the step, and those with the same function in other branches of one choice.
    `statistics` of the image as it reaches the function; `placed`: where a pixel lies matters.
    """

    items: tuple[Item, ...]
    statistics: tuple[str, ...] = ()
    placed: bool = False

    @property
    def item(self) -> Item:
        return self.items[0]


Part = ColorPart | PixelPart


@dataclass(frozen=True, kw_only=True)
class PointwiseStage(Stage):
    """Parts done one after another on planes; their items are the stage's.

    Statistics are of the stage's input: a part that asks for one is the first, or no sample that
    it acts on is changed by a part before it (branches of one choice).
    """

    items: tuple[Item, ...] = field(init=False)
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        items = tuple(item for part in self.parts for item in part.items)
        object.__setattr__(self, "items", items)

    @property
    def mean(self) -> bool:
        return "mean" in self.statistics

    @property
    def statistics(self) -> tuple[str, ...]:
        """What has to be known of the stage's input."""
        names = [name for part in self.parts for name in part.statistics]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class NeighborStage(Stage):
    """One neighbourhood op; several items are the same function in branches of one choice."""


@dataclass(frozen=True, kw_only=True)
class ResizeStage(Stage):
    """One resize or resized crop."""

    geometric: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class MixStage(Stage):
    """Mixes the samples of a batch, and their labels."""

    classes: int
    geometric: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class BranchStage(Stage):
    """Branches that change size or channels in different families: all are done, one is kept.

    Its one item is the group.
    """

    @property
    def group(self) -> Group:
        """The choice among the branches."""
        return _group(self.items[0])


@dataclass(frozen=True, kw_only=True)
class MixtureStage(Stage):
    """All branches are done on the same image, and their results and it are mixed convexly.

    Its one item is the group; its guards, p and draws are as any item's.
    """

    @property
    def group(self) -> Group:
        """The mixture."""
        return _group(self.items[0])


def _group(item: Item) -> Group:
    assert isinstance(item.node, Group)
    return item.node


def pointers_of(stage: Stage) -> tuple[str, ...]:
    """The pointers of the steps and groups in a stage, in order."""
    return tuple(item.node.pointer for item in stage.items)


def pointer_in(stage: Stage, op: str) -> str:
    """The pointer of the first step in a stage that uses `op`; that of the first node for none."""
    steps = (node for node in walk(tuple(item.node for item in stage.items)) if isinstance(node, Step))
    return next((s.pointer for s in steps if s.op.name == op), stage.pointer)


@dataclass(frozen=True)
class Decode:
    """How encoded images are read.

    stage: cut or cut and resized while decoding: only its window is read. None: the whole image.
    scaled: (height, width) that a JPEG may be decoded down to, by 2, 4 or 8.
    """

    stage: LatticeStage | ResizeStage | None = None
    scaled: tuple[int, int] | None = None
