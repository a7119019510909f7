"""The closed families: how elements of each compose, and are chosen among, sample by sample."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial, reduce
from itertools import zip_longest
from typing import Any, Protocol, TypeVar

from augreg import families
from augreg.families import Size
from augreg.xp import Array, Namespace

Composed = TypeVar("Composed")


class Family(Protocol[Composed]):
    """Elements of one kind, [B] or [1] of each, closed under composing and choosing."""

    def unit(self, size: Size) -> Composed:
        """What leaves images of `size` as they are."""

    def lift(self, made: Any, size: Size, after: Size) -> Composed:
        """What an op `made` for images of `size`, as an element; `after` is the size it gives."""

    def compose(self, first: Composed, then: Composed) -> Composed:
        """One element for `first`, then `then`."""

    def select(self, condition: Array, chosen: Composed, other: Composed) -> Composed:
        """`chosen` where the condition (bool [B]) holds, `other` elsewhere."""


@dataclass(frozen=True)
class Lattice:
    """A composed lattice map [B]: where output pixels come from, and which of them exist.

    window: int32 [B,4], (left, top, right, bottom) in the source, right and bottom exclusive.
    """

    linear: Array
    offset: Array
    window: Array


@dataclass(frozen=True)
class LatticeFamily:
    """Lattice maps, each with the window of the source that it may read."""

    xp: Namespace

    def unit(self, size: Size) -> Lattice:
        xp = self.xp
        eye = xp.reshape(xp.cast(xp.eye(2), "int32"), (1, 2, 2))
        return Lattice(eye, xp.array([[0, 0]], "int32"), self._bounds(size))

    def lift(self, made: families.LatticeMap, size: Size, after: Size) -> Lattice:
        return Lattice(made.linear, made.offset, self._bounds(size))

    def _bounds(self, size: Size) -> Array:
        xp = self.xp
        height, width = (xp.array(side, "int32") for side in size)
        zero = xp.zeros_like(width)
        return xp.reshape(xp.stack([zero, zero, width, height]), (1, 4))

    def compose(self, first: Lattice, then: Lattice) -> Lattice:
        xp = self.xp
        linear, offset = families.compose_lattice(xp, first, then)
        near = families.move_points(xp, first, then.window[:, :2])
        far = families.move_points(xp, first, then.window[:, 2:] - xp.array([[1, 1]], "int32"))
        low = xp.maximum(xp.minimum(near, far), first.window[:, :2])
        one = xp.array([[1, 1]], "int32")
        high = xp.minimum(xp.maximum(near, far) + one, first.window[:, 2:])
        # an empty window's edges have changed places: mapped, they would open it again
        extent = then.window[:, 2:] - then.window[:, :2]
        empty = xp.min(extent, axis=1, keepdims=True) <= xp.array(0, "int32")
        high = xp.where(empty, low, high)
        return Lattice(linear, offset, xp.concat([low, high], axis=1))

    def select(self, condition: Array, chosen: Lattice, other: Lattice) -> Lattice:
        return families.select(self.xp, condition, chosen, other)


@dataclass(frozen=True)
class AffineFamily:
    """Centred output→input matrices [B,2,3]; lattice maps are converted exactly."""

    xp: Namespace

    def unit(self, size: Size) -> Array:
        return self.xp.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])

    def lift(self, made: Any, size: Size, after: Size) -> Array:
        if isinstance(made, families.AffineMap):
            return made.matrix
        return families.lattice_to_affine(self.xp, made, size, after)

    def compose(self, first: Array, then: Array) -> Array:
        return families.compose_affine(self.xp, first, then)

    def select(self, condition: Array, chosen: Array, other: Array) -> Array:
        return self.xp.where(self.xp.reshape(condition, (-1, 1, 1)), chosen, other)


@dataclass(frozen=True)
class Projective:
    """A composed projective map [B], not scaled again, so that its depth keeps its sign.

    Attributes:
        matrix: float32 [B,3,3], centred, output→input; the last row gives the product of the depths
            of all maps, which is above 0 also where two of them are below.
        fronts: float32 [B,1,3], a row for each map that divides but the first: what its depth is.
        divides: some map in it may.
    """

    matrix: Array
    fronts: tuple[Array, ...] = ()
    divides: bool = False


@dataclass(frozen=True)
class ProjectiveFamily:
    """3x3 matrices: affine maps with a last row of (0, 0, 1), and projective ones."""

    xp: Namespace

    def unit(self, size: Size) -> Projective:
        return Projective(self.xp.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]))

    def lift(self, made: Any, size: Size, after: Size) -> Projective:
        if isinstance(made, families.ProjectiveMap):
            return Projective(made.matrix, divides=True)
        plain = AffineFamily(self.xp).lift(made, size, after)
        return Projective(families.to_projective(self.xp, plain))

    def compose(self, first: Projective, then: Projective) -> Projective:
        product = partial(families.small_matmul, self.xp)
        fronts = [product(row, then.matrix) for row in first.fronts] + [*then.fronts]
        if first.divides and then.divides:
            fronts.append(then.matrix[:, 2:])
        divides = first.divides or then.divides
        return Projective(product(first.matrix, then.matrix), tuple(fronts), divides)

    def select(self, condition: Array, chosen: Projective, other: Projective) -> Projective:
        taken = self.xp.reshape(condition, (-1, 1, 1))
        always = self.xp.array([[[0.0, 0.0, 1.0]]])
        pairs = zip_longest(chosen.fronts, other.fronts, fillvalue=always)
        return Projective(
            self.xp.where(taken, chosen.matrix, other.matrix),
            tuple(self.xp.where(taken, one, two) for one, two in pairs),
            chosen.divides or other.divides,
        )

    def stacked(self, element: Projective) -> Array:
        """float32 [B,3+n,3]: the matrix, and the fronts below it."""
        rows = [element.matrix, *element.fronts]
        total = reduce(operator.add, (self.xp.zeros_like(row[:, :1]) for row in rows))
        return self.xp.concat([row + total for row in rows], axis=1)


@dataclass(frozen=True)
class ColorFamily:
    """Colour maps, for images of `channels`."""

    xp: Namespace
    channels: int

    def unit(self, size: Size) -> families.ColorMap:
        xp, n = self.xp, self.channels
        return families.ColorMap(xp.reshape(xp.eye(n), (1, n, n)), xp.array([[0.0] * n]))

    def lift(self, made: families.ColorMap, size: Size, after: Size) -> families.ColorMap:
        return made if self.channels == 3 else _on_gray(self.xp, made)

    def compose(self, first: families.ColorMap, then: families.ColorMap) -> families.ColorMap:
        shape = self.xp.shape
        if shape(first.matrix)[-2] == 1 and shape(then.matrix)[-1] == 3:
            then = _on_gray(self.xp, then)
        return families.compose_color(self.xp, first, then)

    def select(
        self, condition: Array, chosen: families.ColorMap, other: families.ColorMap
    ) -> families.ColorMap:
        return families.select(self.xp, condition, chosen, other)


def _on_gray(xp: Namespace, element: families.ColorMap) -> families.ColorMap:
    """The map of an image with one channel, by an op that treats all channels alike.

    The one channel stands for three that are equal.
    """

    def summed(matrix: Array) -> Array:
        return xp.sum(matrix[:, :1], axis=2, keepdims=True)

    mean = None if element.mean is None else summed(element.mean)
    return families.ColorMap(summed(element.matrix), element.offset[:, :1], mean)
