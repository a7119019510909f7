"""Resamples along straight lines: affine maps, and projective ones, whose lines may converge."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import zip_longest
from typing import Any, ClassVar

from augreg.families import displacement, positions
from augreg.families.displacement import Displaced, DisplacedFamily
from augreg.families.matrices import inverse, small_matmul, to_projective
from augreg.families.point_map import PointMap
from augreg.families.positions import centre
from augreg.families.splines import displaced, solve
from augreg.families.stage import Family, Size, Stage, SupportsLowering, select
from augreg.families.traits import Traits
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class _Resample:
    """What both kinds of resample have; their own docstrings say what it is."""

    geometric: ClassVar[bool] = True
    projective: ClassVar[bool] = False

    matrix: Array
    fill: str = field(default="reflect", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})
    interpolation: str = field(default="bilinear", metadata={"static": True})

    def traits(self) -> Traits:
        modes = self.fill, self.fill_value, self.interpolation
        return Traits(modes, projective=self.projective)


@dataclass(frozen=True)
class AffineMap(_Resample, Transform):
    """Resamples along straight lines: rotation, zoom, shear, translation.

    Attributes:
        matrix: float32 [B,2,3], output→input, in pixels relative to the image's centre
            ((W-1)/2, (H-1)/2), so that an op needs no size unless it moves by a fraction of it.
        fill: pixels outside of the image: reflect, nearest, wrap or constant (scipy's `reflect`,
            `nearest`, `grid-wrap` and `grid-constant`).
        fill_value: 0..1, a number or one per channel, for constant.
        interpolation: bilinear or nearest.
    """

    arrays: ClassVar[Mapping[str, tuple[int, ...]]] = {"matrix": (2, 3)}


@dataclass(frozen=True)
class ProjectiveMap(_Resample, Transform):
    """Resamples by a projective map, which need not keep lines parallel: perspective.

    Attributes:
        matrix: float32 [B,3,3], output→input in homogeneous pixels relative to the image's centre;
            the last row gives the depth and is scaled to 1 at the centre. Positions with a depth
            below `HORIZON` (1/8) are read as if they had that. Composition does not scale it again:
            pixels behind the horizon stay there, however far the image is moved.
        fill, fill_value, interpolation: as in `AffineMap`.

    >>> import augreg, numpy as np
    >>> matrix = np.float32([[[1, 0, 0], [0, 1, 0], [0, 0.002, 1]]])  # deeper towards the bottom
    >>> augreg.ProjectiveMap(matrix, fill="constant").matrix.shape
    (1, 3, 3)
    """

    arrays: ClassVar[Mapping[str, tuple[int, ...]]] = {"matrix": (3, 3)}
    projective: ClassVar[bool] = True


@dataclass(frozen=True)
class AffineFamily(Family[Array]):
    """Centred output→input matrices [B,2,3]; lattice maps are converted, exact in float32."""

    def unit(self, size: Size) -> Array:
        return self.xp.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])

    def lift(self, made: Any, size: Size, after: Size) -> Array:
        if isinstance(made, AffineMap):
            return made.matrix
        xp, one, zero = self.xp, self.xp.array(1.0), self.xp.array(0.0)
        across, down = xp.split(xp.cast(made.linear, "float32"), 2)
        x, y = centre(xp, after)
        linear = across * xp.stack([one, zero, x]) + down * xp.stack([zero, one, y])
        offset = xp.cast(made.offset, "float32") - xp.stack(centre(xp, size))
        return linear + xp.reshape(offset, (-1, 2, 1)) * xp.array([0.0, 0.0, 1.0])

    def compose(self, first: Array, then: Array) -> Array:
        across, down, shift = self.xp.split(first, 2)
        upper, lower = self.xp.split(then, 1)
        return across * upper + down * lower + shift * self.xp.array([0.0, 0.0, 1.0])


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
class ProjectiveFamily(Family[Projective]):
    """3x3 matrices: affine maps with a last row of (0, 0, 1), and projective ones."""

    def unit(self, size: Size) -> Projective:
        return Projective(self.xp.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]))

    def lift(self, made: Any, size: Size, after: Size) -> Projective:
        if isinstance(made, ProjectiveMap):
            return Projective(made.matrix, divides=True)
        plain = AffineFamily(self.xp).lift(made, size, after)
        return Projective(to_projective(self.xp, plain))

    def compose(self, first: Projective, then: Projective) -> Projective:
        product = partial(small_matmul, self.xp)
        fronts = [product(row, then.matrix) for row in first.fronts] + [*then.fronts]
        if first.divides and then.divides:
            fronts.append(then.matrix[:, 2:])
        divides = first.divides or then.divides
        return Projective(product(first.matrix, then.matrix), tuple(fronts), divides)

    def select(self, condition: Array, chosen: Projective, other: Projective) -> Projective:
        always = self.xp.array([[[0.0, 0.0, 1.0]]])
        pairs = zip_longest(chosen.fronts, other.fronts, fillvalue=always)
        fronts = tuple(select(self.xp, condition, one, two) for one, two in pairs)
        matrix = select(self.xp, condition, chosen.matrix, other.matrix)
        return Projective(matrix, fronts, chosen.divides or other.divides)

    def stacked(self, transform: Projective) -> Array:
        """float32 [B,3+n,3]: the matrix, and the fronts below it."""
        rows = [transform.matrix, *transform.fronts]
        total = reduce(operator.add, (self.xp.zeros_like(row[:, :1]) for row in rows))
        return self.xp.concat([row + total for row in rows], axis=1)


@dataclass(frozen=True, kw_only=True)
class AffineStage(Stage):
    """One resample for all of its items.

    projective: one of them divides, so matrices are 3x3. displaced: the grid and spline of the
    offsets that the last of them has.
    """

    title: ClassVar[str] = "resample"
    geometric: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    fill: str
    fill_value: Any
    interpolation: str
    projective: bool = False
    displaced: tuple[int, int, str] | None = None

    @property
    def modes(self) -> tuple[str, Any, str]:
        """Its fill, fill value and interpolation."""
        return self.fill, self.fill_value, self.interpolation

    def lower(self, lowering: SupportsLowering, size: Size) -> tuple[Any, Array | None]:
        """The composed centred output→input map, and the samples that do any of it.

        float32 [B,2,3], or [B,3+n,3] of a projective one, in `Displaced` where it has offsets; bool
        [B], None where that is not asked for, or where all do.
        """
        active = lowering.active_mask(self.items) if lowering.sparse else None
        if self.displaced is not None:
            return self._displaced(lowering, size), active
        if not self.projective:
            return lowering.composed(self.items, AffineFamily(lowering.xp), size), active
        family = ProjectiveFamily(lowering.xp)
        return family.stacked(lowering.composed(self.items, family, size)), active

    def _displaced(self, lowering: SupportsLowering, size: Size) -> Displaced:
        xp, plain = lowering.xp, AffineFamily(lowering.xp)
        if not self.projective:
            return lowering.composed(self.items, DisplacedFamily(xp, plain), size)
        family = ProjectiveFamily(xp)
        made = lowering.composed(self.items, DisplacedFamily(xp, family), size)
        return replace(made, matrix=family.stacked(made.matrix))

    def point_map(
        self, xp: Namespace, lowered: Any, size_in: Size, size_out: Size
    ) -> tuple[PointMap, None]:
        """The inverse of the very map that pixels are read with."""
        how = lowered[0]
        bent = isinstance(how, Displaced)
        matrix = xp.array(how.matrix if bent else how)
        full, front = matrix[:, :3], None
        if xp.shape(matrix)[1] == 2:
            full = to_projective(xp, matrix)
        elif xp.shape(matrix)[1] > 3:
            front = xp.cast(matrix[:, 3:], "float64")
        back = inverse(xp, xp.cast(full, "float64"))

        def source() -> tuple[Array, Array, Array | None]:
            at = displacement.source(xp, how, size_in, size_out)
            return positions.nearest_pixel(xp, at, size_in, self.fill)

        start, end = (
            xp.reshape(xp.stack(centre(xp, size, "float64")), (1, 2))
            for size in (size_in, size_out)
        )
        then, before = (
            partial(bend, xp, how.offsets, how.spline, size_out) if bent else None
            for bend in (solve, displaced)
        )
        return PointMap(back, start, end, source, front=front, then=then, before=before), None

    def inside(self, lowering: SupportsLowering, size_in: Size, size_out: Size) -> Array:
        how, _ = self.lower(lowering, size_in)
        x, y = displacement.source(lowering.xp, how, size_in, size_out)
        bottom, right = (side - 0.5 for side in size_in)
        return (x >= -0.5) & (x < right) & (y >= -0.5) & (y < bottom)

    def merge_key(self) -> Hashable:
        return "affine", self.size_in, self.size_out, str(self.modes), self.displaced

    def merged(self, other: AffineStage) -> AffineStage:
        projective = self.projective or other.projective
        return replace(self, items=self.items + other.items, projective=projective)

    def describe(self, shared: str) -> str:
        fill = f"fill {self.fill}"
        if self.fill == "constant":
            fill += f" {self.fill_value}"
        offsets = (
            ""
            if self.displaced is None
            else " by offsets on {} x {} points".format(*self.displaced[:2])
        )
        return f"{shared}one {self.interpolation} resample{offsets}, {fill}"
