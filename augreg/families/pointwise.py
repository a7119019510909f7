"""Pointwise stages: colour matrices and pixel functions on planes, one read and one write."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, ClassVar

from augreg.families.call import transform_of
from augreg.families.color import ColorMap, ColorPart
from augreg.families.functions import aligned, checked_function, checked_hidden, coordinates
from augreg.families.positions import column
from augreg.families.stage import Item, Size, Stage, SupportsLowering, never_both
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class PixelFunction(Transform):
    """A pointwise function that no matrix expresses.

    Attributes:
        function: called as `function(xp, planes, *arguments)`; `planes` is a tuple of three float32
            arrays [B,H,W] in RGB (one for a grey image), arguments broadcast against them. Returns
            as many planes.
        arguments: float32 [B] arrays, or arrays with more dimensions after B ([B,n]).
        statistics: of the image as it reaches the function: mean, min, max (float32 [B,1,1] for
            each plane) or histogram (int32 [B,256], how often each level, as in `augreg.to_levels`,
            occurs). Each is passed by its name, a tuple with one for each plane.
        coordinates: passes `y` and `x`, int32 [1,H,1] and [1,1,W], and `size`, (H, W).
        noise: uint32 [B,2] keys (a parameter `Key`). Passed as `noise`: for each key, for each
            plane, two float32 [B,H,W] planes of uniform draws in [0, 1).
        stepped: the function is discontinuous, for example because it reads levels; implied by a
            histogram. Warps before it are then computed in floats throughout.
        hidden: which pixels show nothing of the scene afterwards. Called as
            `hidden(xp, *arguments, y=y, x=x, size=size)`, places as of `coordinates`; returns
            bool [B,H,W], where each of the three may be 1. Masks become 0 there, and boxes lose
            that part of their visible area. None: masks and boxes stay.
    """

    colored: ClassVar[bool] = True

    function: Callable[..., tuple[Array, ...]] = field(metadata={"static": True})
    arguments: tuple[Array, ...] = ()
    statistics: tuple[str, ...] = field(default=(), metadata={"static": True})
    coordinates: bool = field(default=False, metadata={"static": True})
    noise: tuple[Array, ...] = ()
    stepped: bool = field(default=False, metadata={"static": True})
    hidden: Callable[..., Array] | None = field(default=None, metadata={"static": True})

    def part(self, item: Item) -> PixelPart:
        placed = self.coordinates or bool(self.noise) or self.hidden is not None
        return PixelPart((item,), self.statistics, placed, self.hidden is not None)

    def checked(self, op: str) -> PixelFunction:
        hidden = self.hidden and checked_hidden(op, self.hidden)
        return replace(self, function=checked_function(op, self.function), hidden=hidden)

    def hidden_pixels(self, xp: Namespace, size: Size) -> Array:
        """bool [B,H,W] (B may be 1): what it hides of images of `size`."""
        assert self.hidden is not None
        arguments = [aligned(xp, xp.array(argument)) for argument in self.arguments]
        places = coordinates(xp, size)
        everywhere = places["y"] + places["x"] >= 0  # spreads a side of 1
        return self.hidden(xp, *arguments, **places) & everywhere

    def form(self) -> Hashable:
        """What two functions share whose arguments may be chosen among, per sample."""
        shapes = tuple(tuple(argument.shape[1:]) for argument in self.arguments)
        extra = (self.statistics, self.coordinates, len(self.noise))
        own = (getattr(f, "__wrapped__", f) for f in (self.function, self.hidden))
        return *own, shapes, extra


@dataclass(frozen=True)
class PixelPart:
    """One pixel function.

    `items`: the step, and those with the same function in other branches of one choice.
    `statistics` of the image as it reaches the function; `placed`: where a pixel lies matters;
    `hides`: masks and boxes lose what it hides.
    """

    items: tuple[Item, ...]
    statistics: tuple[str, ...] = ()
    placed: bool = False
    hides: bool = False
    on_pixels: ClassVar[bool] = True

    def lower(
        self, lowering: SupportsLowering, channels: int, size: Size
    ) -> tuple[PixelFunction, Any]:
        """The function with each sample's own arguments, and who takes part."""
        return lowering.function(self.items, size)

    def hidden(self, lowering: SupportsLowering, size: Size) -> Array:
        """bool [B,H,W] (B may be 1): what the function hides of those who take part."""
        transform, condition = lowering.function(self.items, size)
        hidden = transform.hidden_pixels(lowering.xp, size)
        return hidden if condition is None else hidden & column(lowering.xp, condition)

    def merge_key(self) -> Hashable:
        return transform_of(self.items[0].step, (None, None)).form()

    def merged(self, other: PixelPart) -> PixelPart:
        return replace(self, items=self.items + other.items)

    def describe(self) -> str:
        asked = f" (needs {' and '.join(self.statistics)})" if self.statistics else ""
        hides = ", hidden in masks and boxes, too" if self.hides else ""
        return self.items[0].step.op.name + asked + hides


Part = ColorPart | PixelPart


@dataclass(frozen=True, kw_only=True)
class PointwiseStage(Stage):
    """Parts done one after another on planes; their items are the stage's.

    Statistics are of the stage's input: a part that asks for one is the first, or no sample that
    it acts on is changed by a part before it (branches of one choice).
    """

    title: ClassVar[str] = "pointwise"
    in_order: ClassVar[bool] = True

    items: tuple[Item, ...] = field(init=False)
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        items = tuple(item for part in self.parts for item in part.items)
        object.__setattr__(self, "items", items)

    @property
    def statistics(self) -> tuple[str, ...]:
        """What has to be known of the stage's input."""
        names = [name for part in self.parts for name in part.statistics]
        return tuple(dict.fromkeys(names))

    @property
    def placed(self) -> bool:
        """Whether it asks where its pixels lie, or how large the image is."""
        return any(part.placed for part in self.parts) or any(s.op.wants_size for s in self.steps)

    def lower(self, lowering: SupportsLowering, size: Size) -> list[Any]:
        """What the parts need, each at the number of channels that those before it leave."""
        made: list[Any] = []
        channels = self.channels_in
        for part in self.parts:
            made.append(part.lower(lowering, channels, size))
            if isinstance(made[-1], ColorMap):
                channels = made[-1].channels_after(channels)
        return made

    @property
    def _hiding(self) -> list[PixelPart]:
        return [part for part in self.parts if isinstance(part, PixelPart) and part.hides]

    @property
    def hides(self) -> bool:
        return bool(self._hiding)

    def hidden(self, lowering: SupportsLowering, size: Size) -> Array:
        return reduce(operator.or_, (part.hidden(lowering, size) for part in self._hiding))

    def merge_key(self) -> Hashable:
        return "pointwise", self.channels_in, self.channels_out

    def merged(self, other: PointwiseStage) -> PointwiseStage:
        parts = list(self.parts)
        keys = [part.merge_key() for part in parts]
        for part in other.parts:
            if (key := part.merge_key()) in keys:
                i = keys.index(key)
                parts[i] = parts[i].merged(part)  # type: ignore[arg-type]  # of one key, one kind
            else:
                parts.append(part)
                keys.append(key)
        return replace(self, parts=tuple(parts))

    def followed_by(self, later: Stage) -> tuple[Stage | None, str]:
        """One kernel where every statistic stays that of what its samples are at that point."""
        if not isinstance(later, PointwiseStage):
            return None, ""
        into = self.pointer
        head, tail = later.parts[0], self.parts[-1]
        ways = [((*self.parts, *later.parts), f"one kernel with {into}")]
        if isinstance(head, ColorPart) and isinstance(tail, ColorPart):
            parts = (*self.parts[:-1], tail.merged(head), *later.parts[1:])
            ways.insert(0, (parts, f"one colour matrix with {into}"))
        for parts, message in ways:
            if _fresh(parts):
                return replace(self, parts=parts, channels_out=later.channels_out), message
        return None, f"needs the {' and '.join(later.statistics)} of what {into} makes"

    def without(self, never: list[Item]) -> PointwiseStage | None:
        left = [(part, tuple(i for i in part.items if i not in never)) for part in self.parts]
        parts = tuple(replace(part, items=items) for part, items in left if items)
        return replace(self, parts=parts) if parts else None

    def selects(self, item: Item) -> bool:
        return any(item in part.items for part in self.parts if part.on_pixels)

    def describe(self, shared: str) -> str:
        return shared + "one kernel: " + ", then ".join(part.describe() for part in self.parts)


def _fresh(parts: tuple[Part, ...]) -> bool:
    """Whether no sample for which a statistic is asked was changed by a part before.

    The statistics of a stage are of what comes in. A colour matrix with a mean works its own out.
    """
    return all(
        never_both(asking, other)
        for i, part in enumerate(parts)
        if part.statistics
        for before in parts[:i]
        for asking in part.items
        for other in before.items
    )
