"""An affine stage: the resample that its samples, its fill and what follows call for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import geometry, planar
from augreg.backends.tensorflow.forms import packed
from augreg.backends.tensorflow.pixels import Packed, Pixels, Planes, size_of, to_planes
from augreg.backends.tensorflow.scope import PlaneTuple, Scope
from augreg.plan import AffineStage


def warp(
    scope: Scope, stage: AffineStage, matrix: tf.Tensor, pixels: Pixels, after: Any, last: bool
) -> Pixels:
    """All samples, by `matrix` to the size `after`; `last`: no kernel follows."""
    size, modes = size_of(pixels), (stage.fill, stage.fill_value, stage.interpolation)
    floats = scope.exact and isinstance(pixels, Packed)
    source = Planes(to_planes(pixels)) if floats else packed(scope, pixels, stage)
    moved = scope.kept(lambda: geometry.affine(source, matrix, size, after, *modes))
    if not scope.alone or last or not isinstance(moved, Packed):
        return moved
    # the next kernel works on twice as many floats at a time where no int64 is in it
    return scope.kept(lambda: Planes(to_planes(moved)))


def warp_few(
    scope: Scope, stage: AffineStage, matrix: tf.Tensor, few: tf.Tensor, pixels: Pixels
) -> Planes:
    """A warp of the samples that a choice gave it."""
    size = size_of(pixels)

    def compute(mine: PlaneTuple, own: tf.Tensor) -> PlaneTuple:
        if stage.interpolation == "bilinear" and stage.fill != "wrap" and min(size) > 1:
            return planar.affine(mine, own, size, stage.fill, stage.fill_value, scope.kept)
        modes = (stage.fill, stage.fill_value, stage.interpolation)
        return to_planes(geometry.affine(Planes(mine), own, size, size, *modes))

    return Planes(scope.for_those(few, to_planes(pixels), matrix, compute))
