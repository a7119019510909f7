"""Curved resamples: offsets on a coarse grid, which a spline spreads over the image.

An output pixel reads at its own position plus the offset there. Affine steps before a displacement
share its resample: their matrix is applied to the displaced position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from augreg.errors import OpError
from augreg.families import positions
from augreg.families.splines import MORE_POINTS, dense
from augreg.families.stage import Family, Size, select
from augreg.families.traits import Traits
from augreg.families.transform import ANY, Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Displacement(Transform):
    """Resamples by offsets on a coarse grid: elastic deformation, grid and lens distortion.

    A map that folds the image over has no inverse, so that masks, boxes and keypoints could not
    follow: an op keeps its offsets small enough (`augreg.testing.check_op` looks). With "cubic",
    less than 0.48 of a cell in x and in y is (Choi and Lee, Injectivity conditions of 2D and 3D
    uniform cubic B-spline functions, 2000, https://doi.org/10.1006/gmod.2000.0531).

    Attributes:
        offsets: float32 [B,gh,gw,2], (x, y) in pixels, output→input.
        spline: what lies between grid points. "linear": the first point is at the centre of the
            first pixel, the last at that of the last, and offsets are interpolated; 2 points or
            more. "cubic": they are the control points of a uniform cubic B-spline, whose second
            point is at the first pixel's centre and whose last but one is at the last's, so that g
            points have g - 3 cells; 4 points or more.
        fill, fill_value, interpolation: as in `AffineMap`.

    >>> import augreg, numpy as np
    >>> offsets = np.zeros((1, 4, 4, 2), np.float32)
    >>> augreg.Displacement(offsets, "cubic", fill="constant").offsets.shape
    (1, 4, 4, 2)
    """

    arrays: ClassVar[Mapping[str, tuple[int, ...]]] = {"offsets": (ANY, ANY, 2)}
    geometric: ClassVar[bool] = True

    offsets: Array
    spline: str = field(default="cubic", metadata={"static": True})
    fill: str = field(default="reflect", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})
    interpolation: str = field(default="bilinear", metadata={"static": True})

    def traits(self) -> Traits:
        modes = self.fill, self.fill_value, self.interpolation
        return Traits(modes, displaced=(*self.offsets.shape[1:3], self.spline))

    def checked(self, op: str) -> Displacement:
        if self.spline not in MORE_POINTS:
            said = f'has the spline "{self.spline}"; allowed are {", ".join(MORE_POINTS)}'
            raise OpError(f'op "{op}" {said}', op)
        least = MORE_POINTS[self.spline] + 1
        if min(found := self.offsets.shape[1:3]) < least:
            said = f"a {self.spline} spline takes {least} points or more along each axis"
            raise OpError(f'op "{op}" has {found[0]} x {found[1]} offsets; {said}', op)
        return self


@dataclass(frozen=True)
class Displaced:
    """A composed map [B]: the offsets of output pixels, then a matrix.

    matrix: as an `AffineStage` has it. offsets: float32 [B,gh,gw,2]; None: no offsets.
    """

    matrix: Any
    offsets: Array | None = None
    spline: str = field(default="cubic", metadata={"static": True})


@dataclass(frozen=True)
class DisplacedFamily(Family[Displaced]):
    """Maps of another family (`plain`), the last of which may be displaced."""

    plain: Family[Any]

    def unit(self, size: Size) -> Displaced:
        return Displaced(self.plain.unit(size))

    def lift(self, made: Any, size: Size, after: Size) -> Displaced:
        if isinstance(made, Displacement):
            return Displaced(self.plain.unit(size), made.offsets, made.spline)
        return Displaced(self.plain.lift(made, size, after))

    def compose(self, first: Displaced, then: Displaced) -> Displaced:
        assert first.offsets is None  # the plan ends a stage there
        return replace(then, matrix=self.plain.compose(first.matrix, then.matrix))

    def select(self, condition: Array, chosen: Displaced, other: Displaced) -> Displaced:
        matrix = self.plain.select(condition, chosen.matrix, other.matrix)
        offsets = select(self.xp, condition, chosen.offsets, other.offsets)
        known = other if chosen.offsets is None else chosen
        return Displaced(matrix, offsets, known.spline)


def source(xp: Namespace, how: Any, size_in: Size, size: Size) -> tuple[Array, Array]:
    """Positions x and y, float32 [B,H,W], that every output pixel reads.

    how: a matrix as in `positions.source`, or `Displaced`.
    """
    if not isinstance(how, Displaced):
        return positions.source(xp, how, size_in, size)
    if how.offsets is None:
        return positions.source(xp, how.matrix, size_in, size)
    offsets = dense(xp, how.offsets, how.spline, size)
    return positions.source(xp, how.matrix, size_in, size, offsets)
