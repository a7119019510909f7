"""Whole-pixel moves: flips, quarter turns, crops, padding. Integer arithmetic, exact."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from augreg.families.call import transform_of
from augreg.families.matrices import apply, small_matmul, to_projective
from augreg.families.point_map import PointMap
from augreg.families.positions import column, grid
from augreg.families.stage import Family, Size, Stage, SupportsLowering
from augreg.families.traits import Traits
from augreg.families.transform import Transform
from augreg.plugin.params import Uniform01
from augreg.policy import Group, Step, walk
from augreg.xp import NUMPY, Array, Namespace


@dataclass(frozen=True)
class LatticeMap(Transform):
    """Moves whole pixels: flips, quarter turns, crops, padding. Exact.

    Attributes:
        linear: int32 [B,2,2], output→input, a signed permutation of (x, y).
        offset: int32 [B,2], (x, y) of the input pixel that output pixel (0, 0) comes from.
        cuts: may hide input pixels at some size. It decides whether a later resample can be shared,
            which must not depend on whether the size is known.
        pads: may read outside of the input, which gives 0.
    """

    arrays: ClassVar[Mapping[str, tuple[int, ...]]] = {"linear": (2, 2), "offset": (2,)}
    dtype: ClassVar[str] = "int32"
    geometric: ClassVar[bool] = True

    linear: Array
    offset: Array
    cuts: bool = field(default=True, metadata={"static": True})
    pads: bool = field(default=True, metadata={"static": True})

    def traits(self) -> Traits:
        return Traits(None, self.cuts, self.pads)


def move_points(xp: Namespace, lattice: Any, points: Array) -> Array:
    """int32 [B,2]: the input pixels that the output pixels `points` (x, y) come from."""
    return apply(xp, lattice.linear, points) + lattice.offset


@dataclass(frozen=True)
class Lattice:
    """A composed lattice map [B]: where output pixels come from, and which of them exist.

    window: int32 [B,4], (left, top, right, bottom) in the source, right and bottom exclusive.
    """

    linear: Array
    offset: Array
    window: Array


@dataclass(frozen=True)
class LatticeFamily(Family[Lattice]):
    """Lattice maps, each with the window of the source that it may read."""

    def unit(self, size: Size) -> Lattice:
        xp = self.xp
        eye = xp.reshape(xp.cast(xp.eye(2), "int32"), (1, 2, 2))
        return Lattice(eye, xp.array([[0, 0]], "int32"), self._bounds(size))

    def lift(self, made: LatticeMap, size: Size, after: Size) -> Lattice:
        return Lattice(made.linear, made.offset, self._bounds(size))

    def _bounds(self, size: Size) -> Array:
        height, width = (self.xp.array(side, "int32") for side in size)
        zero = self.xp.zeros_like(width)
        return self.xp.reshape(self.xp.stack([zero, zero, width, height]), (1, 4))

    def compose(self, first: Lattice, then: Lattice) -> Lattice:
        xp = self.xp
        linear = small_matmul(xp, first.linear, then.linear)
        near = move_points(xp, first, then.window[:, :2])
        far = move_points(xp, first, then.window[:, 2:] - 1)
        low = xp.maximum(xp.minimum(near, far), first.window[:, :2])
        high = xp.minimum(xp.maximum(near, far) + 1, first.window[:, 2:])
        # an empty window's edges have changed places: mapped, they would open it again
        extent = then.window[:, 2:] - then.window[:, :2]
        high = xp.where(xp.min(extent, axis=1, keepdims=True) <= 0, low, high)
        offset = move_points(xp, first, then.offset)
        return Lattice(linear, offset, xp.concat([low, high], axis=1))


@dataclass(frozen=True, kw_only=True)
class LatticeStage(Stage):
    """Moves whole pixels. `pads`: some output pixels may lie outside of the source."""

    title: ClassVar[str] = "whole-pixel moves"
    geometric: ClassVar[bool] = True
    in_order: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    pads: bool

    def lower(self, lowering: SupportsLowering, size: Size) -> Lattice:
        """The composed map, for sources of `size`."""
        return lowering.composed(self.items, LatticeFamily(lowering.xp), size)

    def point_map(
        self, xp: Namespace, lowered: Lattice, size_in: Size, size_out: Size
    ) -> tuple[PointMap, None]:
        """The inverse of a signed permutation is its transpose."""
        linear = xp.cast(xp.transpose(lowered.linear, (0, 2, 1)), "float64")
        window = xp.cast(lowered.window, "float64")

        def source() -> tuple[Array, Array, Array]:
            x, y = grid(xp, size_out)

            def at(row: int) -> Array:
                a, b = (column(xp, lowered.linear[:, row, i]) for i in range(2))
                return a * x + (b * y + column(xp, lowered.offset[:, row]))

            sx, sy = at(0), at(1)
            left, top, right, bottom = (column(xp, lowered.window[:, i]) for i in range(4))
            return sx, sy, (sx >= left) & (sx < right) & (sy >= top) & (sy < bottom)

        start = xp.cast(lowered.offset, "float64")
        return PointMap(
            to_projective(xp, linear), start, xp.zeros_like(start), source, window
        ), None

    def inside(self, lowering: SupportsLowering, size_in: Size, size_out: Size) -> Array | None:
        move, _ = self.point_map(lowering.xp, self.lower(lowering, size_in), size_in, size_out)
        return move.source()[2]

    def merge_key(self) -> Hashable:
        return "lattice", self.size_in, self.size_out

    def merged(self, other: LatticeStage) -> LatticeStage:
        return replace(self, items=self.items + other.items, pads=self.pads or other.pads)

    @property
    def keeps_all(self) -> bool:
        """Whether it hides no pixel and adds none."""
        transforms = [transform_of(step, (None, None)) for step in self.steps]
        return not any(transform.cuts or transform.pads for transform in transforms)

    def why_no_window(self) -> str:
        nodes = walk(tuple(item.node for item in self.items))
        return "" if all(map(_cuts_only, nodes)) else "it does more than cut"

    def describe(self, shared: str) -> str:
        return f"{shared}one exact copy of pixels" + (", 0 outside" if self.pads else "")


def _cuts_only(node: Step | Group) -> bool:
    """Whether a step only cuts a window: its place may be drawn, nothing else."""
    if isinstance(node, Group) or node.op.output_size is None:
        return False
    transform = transform_of(node, (None, None))
    assert isinstance(transform, LatticeMap)
    placed = all(isinstance(node.op.params[name], Uniform01) for name, *_ in node.drawn())
    straight = (transform.linear == NUMPY.eye(2)).all()
    return bool(placed and straight and not transform.pads)
