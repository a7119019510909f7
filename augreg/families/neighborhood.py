"""Neighbourhood ops, which read a window around each pixel: blur, sharpening. Never fused."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from augreg.families.call import transform_of
from augreg.families.functions import checked_function
from augreg.families.stage import Item, Size, Stage, SupportsLowering
from augreg.families.transform import Transform
from augreg.xp import Array


@dataclass(frozen=True)
class Neighborhood(Transform):
    """Reads a window around each pixel: blur, sharpening. A stage of its own, never fused.

    Attributes:
        function: called as `function(xp, planes, *arguments)`, planes a tuple of float32 [B,H,W],
            one for each channel; it reads neighbours by slicing, and returns as many. A tuple of
            functions runs in order, each as a separate kernel: XLA would otherwise recompute a
            separable filter's first pass inside its second. Between them planes may have any size;
            the last one returns the image's size.
        arguments: float32 [B] arrays, or arrays with more dimensions after B.
        stepped: as in `PixelFunction`.
        rank: the function only selects among the values that it reads, by their order, as a median
            does. So it may be given uint8 planes, four times as fast, where the pixels are bytes.
        single: each sample reads other places. Under XLA, it is then given one sample at a time.

    >>> import augreg
    >>> def mean(xp, planes):  # of each pixel and the one below it
    ...     return tuple((p + xp.concat([p[:, 1:], p[:, -1:]], axis=1)) / 2 for p in planes)
    >>> augreg.Neighborhood(mean).stepped
    False
    """

    colored: ClassVar[bool] = True
    boundary: ClassVar[str] = "reads neighbours"

    function: Callable[..., tuple[Array, ...]] | tuple[Callable[..., tuple[Array, ...]], ...] = (
        field(metadata={"static": True})
    )
    arguments: tuple[Array, ...] = ()
    stepped: bool = field(default=False, metadata={"static": True})
    rank: bool = field(default=False, metadata={"static": True})
    single: bool = field(default=False, metadata={"static": True})

    @property
    def functions(self) -> tuple[Callable[..., tuple[Array, ...]], ...]:
        return self.function if isinstance(self.function, tuple) else (self.function,)

    def stage(self, item: Item, **common: Any) -> NeighborStage:
        return NeighborStage.of(item, **common)

    def checked(self, op: str) -> Neighborhood:
        *first, last = self.functions
        inner = [checked_function(op, function, any_size=True) for function in first]
        return replace(self, function=(*inner, checked_function(op, last, any_size=bool(first))))

    def form(self) -> Hashable:
        """What two of them share whose arguments may be chosen among, per sample."""
        shapes = tuple(tuple(argument.shape[1:]) for argument in self.arguments)
        return tuple(getattr(f, "__wrapped__", f) for f in self.functions), shapes


@dataclass(frozen=True, kw_only=True)
class NeighborStage(Stage):
    """One neighbourhood op; several items are the same functions in branches of one choice."""

    title: ClassVar[str] = "neighbourhood"

    @property
    def op(self) -> str:
        """Its op's name."""
        return self.items[0].step.op.name

    def lower(self, lowering: SupportsLowering, size: Size) -> tuple[Neighborhood, Any]:
        """The functions with each sample's own arguments, and who takes part."""
        return lowering.function(self.items, size)

    def merge_key(self) -> Hashable:
        return "neighborhood", transform_of(self.items[0].step, (None, None)).form()

    def selects(self, item: Item) -> bool:
        return True

    def describe(self, shared: str) -> str:
        return f"{shared}one kernel that reads neighbours: {self.op}"
