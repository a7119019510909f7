"""What every family is made of: guarded items, the stage that holds them, and how maps compose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from augreg.policy import Group, Node, Step, steps_in, walk
from augreg.xp import Array, Namespace

if TYPE_CHECKING:
    from augreg.families.pasted import Pasted
    from augreg.families.point_map import PointMap

Size = tuple[Any, Any]  # (height, width): ints, or a backend's scalars where they are not static
StaticSize = tuple[int | None, int | None]
Composed = TypeVar("Composed")


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

    @property
    def choice(self) -> Hashable:
        """What tells one choice from another."""
        return self.group.pointer, self.slot, self.suffix


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

    @property
    def group(self) -> Group:
        """The node, of an item that is one."""
        assert isinstance(self.node, Group)
        return self.node

    @property
    def always(self) -> bool:
        """Whether every sample does it, and all steps in it."""
        return not self.guards and all(node.always for node in walk((self.node,)))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The step, or all steps of the group."""
        return steps_in((self.node,))


def never_both(one: Item, two: Item) -> bool:
    """Whether no sample does both items: somewhere, they are different branches of one choice."""
    return any(
        mine.exclusive and mine.choice == other.choice and mine.branch != other.branch
        for mine in one.guards
        for other in two.guards
        if other.exclusive
    )


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """What one kernel does.

    Attributes:
        items: the steps and pure groups that it does, in order.
        size_in, size_out: (height, width) before and after; None for a side that is not known.
        channels_in, channels_out: 1 or 3; any number of what only moves pixels.
        why: what ended the stage before it; empty for the first of a section.
        branches: stages inside of this one, which its kernel runs.
    """

    title: ClassVar[str]
    geometric: ClassVar[bool] = False  # whether pixels end up in other places
    in_order: ClassVar[bool] = False  # whether pixels are read in order, once or a few times
    reads_others: ClassVar[bool] = False  # whether a sample's pixels come from others, too
    keeps_one: ClassVar[bool] = False  # whether a sample keeps what one of its branches makes
    averages: ClassVar[bool] = False  # whether what it gives lies between values that it read

    items: tuple[Item, ...]
    size_in: StaticSize
    size_out: StaticSize
    channels_in: int
    channels_out: int
    why: str = ""
    branches: tuple[tuple[Stage, ...], ...] = ()

    @classmethod
    def of(cls, item: Item, **more: Any) -> Self:
        """The stage of one item."""
        return cls(items=(item,), **more)

    @property
    def pointer(self) -> str:
        """Where its first step or group stands in the policy."""
        return self.items[0].node.pointer

    @property
    def pointers(self) -> tuple[str, ...]:
        """Where all of them stand."""
        return tuple(item.node.pointer for item in self.items)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step in it."""
        return tuple(step for item in self.items for step in item.steps)

    def pointer_of(self, op: str) -> str:
        """The pointer of the first step that uses `op`; that of the first node for none."""
        return next((step.pointer for step in self.steps if step.op.name == op), self.pointer)

    # --- what it does, on tiny arrays

    @abstractmethod
    def lower(self, lowering: SupportsLowering, size: Size) -> Any:
        """What its kernel needs besides pixels: tiny arrays, for images of `size`."""

    def point_map(
        self, xp: Namespace, lowered: Any, size_in: Size, size_out: Size
    ) -> tuple[PointMap | None, Array | None]:
        """Where it takes points and where masks read, and the samples that it does so to.

        None for the map: points stay. None for the samples (bool [B]): all of them.
        """
        return None, None

    def inside(self, lowering: SupportsLowering, size_in: Size, size_out: Size) -> Array | None:
        """bool [B,h,w]: the pixels that it reads inside of its image, whatever its fill is.

        None: all of them.
        """
        return None

    @property
    def hides(self) -> bool:
        """Whether masks and boxes lose what it hides, in place.

        A mixture's do not: the image shows through what one of its branches hides.
        """
        return False

    def hidden(self, lowering: SupportsLowering, size: Size) -> Array:
        """bool [B,H,W] (B may be 1): the pixels that it hides, of a stage that `hides`."""
        raise NotImplementedError(f"{type(self).__name__} hides nothing")

    def pasted(self, xp: Namespace, lowered: Any, size: Size) -> tuple[Pasted, ...]:
        """Whose boxes and points its images of `size` hold, of a stage that reads others."""
        raise NotImplementedError(f"{type(self).__name__} reads no other samples")

    def mix_masks(self, xp: Namespace, masks: Array, lowered: Any) -> Array | None:
        """Masks [B,H,W,C] of its images, of a stage that reads others; None where it blends."""
        raise NotImplementedError(f"{type(self).__name__} reads no other samples")

    def bounds(self, lowered: Any, low: Any, high: Any) -> tuple[Any, Any] | None:
        """Where values lie afterwards that were in `low` to `high`; None: it is not known.

        Of weights that add up to 1, they stay; of branches, whose own stages were looked at,
        anywhere.
        """
        if self.branches:
            return -float("inf"), float("inf")
        return (low, high) if self.averages else None

    # --- what it shares a kernel with

    def merge_key(self) -> Hashable:
        """Equal for stages that can be one, where no sample takes part in both."""
        return id(self)

    def merged(self, other: Self) -> Self:
        """One stage for both, of one `merge_key`."""
        return replace(self, items=self.items + other.items)

    def followed_by(self, later: Stage) -> tuple[Stage | None, str]:
        """One stage for this and the next, and what is to be said of it; None and why not."""
        return None, ""

    def without(self, never: list[Item]) -> Stage | None:
        """The stage with some items left out; None where none is left."""
        items = tuple(item for item in self.items if item not in never)
        return replace(self, items=items) if items else None

    @property
    def decoded_size(self) -> tuple[int, int] | None:
        """The size that a JPEG may be decoded down to before it; None where it may not."""
        return None

    def why_no_window(self) -> str:
        """Why it cuts no window that a decoder could read, if all do it; empty where it does."""
        return "it is no crop"

    # --- how it shows itself

    def selects(self, item: Item) -> bool:
        """Whether an item's p and choices select between pixels, and not between arguments."""
        return False

    @abstractmethod
    def describe(self, shared: str) -> str:
        """What its kernel does, for `explain`; `shared`: how many steps share it, if several."""


class SupportsLowering(Protocol):
    """What a stage asks of one batch's draws to lower itself (`augreg.lower.Lowering`)."""

    @property
    def xp(self) -> Namespace: ...
    @property
    def sparse(self) -> bool: ...  # kernels can leave samples out, so stages say who takes part

    def transform(self, step: Step, size: Size, suffix: str = "") -> Any: ...
    def function(self, items: tuple[Item, ...], size: Size) -> tuple[Any, Array | None]: ...
    def composed(
        self, items: tuple[Item, ...], family: Family[Composed], size: Size
    ) -> Composed: ...
    def stages(self, stages: Iterable[Stage], size: Size) -> list[Any]: ...
    def branches(self, branches: tuple[tuple[Stage, ...], ...], size: Size) -> list[Any]: ...
    def condition(self, item: Item) -> Array | None: ...
    def active_mask(self, items: tuple[Item, ...]) -> Array | None: ...
    def chosen(self, group: Group, suffix: str) -> Array: ...
    def mixture(self, item: Item) -> tuple[Array, Array]: ...
    def answer(self, item: Item, name: str) -> Array | None: ...


@dataclass(frozen=True)
class Family(ABC, Generic[Composed]):
    """Maps of one kind, [B] or [1] of each, closed under composing and choosing."""

    xp: Namespace

    @abstractmethod
    def unit(self, size: Size) -> Composed:
        """What leaves images of `size` as they are."""

    @abstractmethod
    def lift(self, made: Any, size: Size, after: Size) -> Composed:
        """What an op `made` for images of `size`, in the family; `after` is the size it gives."""

    @abstractmethod
    def compose(self, first: Composed, then: Composed) -> Composed:
        """One map for `first`, then `then`."""

    def select(self, condition: Array, chosen: Composed, other: Composed) -> Composed:
        """`chosen` where the condition (bool [B]) holds, `other` elsewhere."""
        return select(self.xp, condition, chosen, other)


def select(xp: Namespace, condition: Array, chosen: Any, other: Any) -> Any:
    """`chosen` where `condition` (bool [B]) holds, `other` elsewhere: a choice among maps.

    Works on arrays with a leading dimension of B or 1, on tuples of them, and on dataclasses, whose
    static parts are `chosen`'s; where only one of two has an optional part, that of the other
    counts as 0.
    """
    if isinstance(chosen, tuple):
        pairs = zip(chosen, other, strict=True)
        return tuple(select(xp, condition, one, two) for one, two in pairs)
    if is_dataclass(chosen) and not isinstance(chosen, type):
        names = [part.name for part in fields(chosen) if not part.metadata.get("static")]
        mine, theirs = (tuple(getattr(each, name) for name in names) for each in (chosen, other))
        parts = select(xp, condition, mine, theirs)
        return replace(chosen, **dict(zip(names, parts, strict=True)))
    if chosen is None and other is None:
        return None
    chosen = xp.zeros_like(other) if chosen is None else chosen
    other = xp.zeros_like(chosen) if other is None else other
    ones = (1,) * (len(xp.shape(chosen)) - 1)
    return xp.where(xp.reshape(condition, (-1, *ones)), chosen, other)
