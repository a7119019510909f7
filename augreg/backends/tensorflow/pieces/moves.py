"""Stages that move pixels: where those of a piece come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import lattice, ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.pieces.image import Image
from augreg.backends.tensorflow.xla import PlaneTuple
from augreg.families import AffineStage, LatticeStage, displacement, positions
from augreg.families.positions import Piece

OfPiece = Callable[[Piece], PlaneTuple]  # planes, float32 [1,1,n] in 0..1


def moved(image: Image, stage: LatticeStage, lowered: Any) -> OfPiece:
    """Whole pixels; those from outside are 0."""
    read, unit = image.reader()

    def planes(piece: Piece) -> PlaneTuple:
        index, inside = lattice.source(lowered, (image.height, image.width), piece, stage.pads)
        found = tuple(plane * unit for plane in read(index))
        return found if inside is None else tuple(ops.where(inside, p, 0.0) for p in found)

    return planes


def resampled(image: Image, stage: AffineStage, how: Any) -> OfPiece:
    """A resample; `how` as in `displacement.source`."""
    size, levels = (image.height, image.width), np.asarray(stage.fill_value, np.float32)
    levels = np.broadcast_to(levels, image.channels)
    of_kind = _nearest if stage.interpolation == "nearest" else _bilinear
    made = of_kind(image, stage.fill, levels)
    return lambda piece: made(displacement.source(TENSORFLOW, how, size, piece))


def _nearest(image: Image, fill: str, levels: Any) -> Callable[[Any], PlaneTuple]:
    read, unit = image.reader()

    def planes(at: Any) -> PlaneTuple:
        x, y, inside = positions.nearest_pixel(TENSORFLOW, at, (image.height, image.width), fill)
        found = tuple(plane * unit for plane in read(y * image.width + x))
        if inside is None:
            return found
        return tuple(ops.where(inside, p, v) for p, v in zip(found, levels, strict=True))

    return planes


def _bilinear(image: Image, fill: str, levels: Any) -> Callable[[Any], PlaneTuple]:
    read, unit = image.reader()

    def planes(at: Any) -> PlaneTuple:
        sides = zip(at, (image.width, image.height), strict=True)
        # kept apart: XLA would work them out for each channel
        across, down = image.scope.barrier(lambda: [_taps(*side, fill) for side in sides])
        total, weighed = [ops.constant(0.0)] * image.channels, ops.constant(0.0)
        for y, above in down:
            for x, left in across:
                weight, pixels = above * left, read(y * image.width + x)
                total = [t + pixel * weight for t, pixel in zip(total, pixels, strict=True)]
                weighed = weighed + weight
        made = tuple(t * unit for t in total)
        if fill != "constant":
            return made
        missing = 1.0 - weighed
        return tuple(p + missing * level for p, level in zip(made, levels, strict=True))

    return planes


def _taps(position: tf.Tensor, side: tf.Tensor, fill: str) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """The two pixels along an axis that a position lies between, and their weights.

    Where there is none, the nearest one, which weighs nothing.
    """
    last, position = side - 1, positions.folded(TENSORFLOW, position, side, fill)
    before = ops.floor(position)
    first, weight = ops.cast(before, tf.int32), position - before
    places, weights = [first, first + 1], [1.0 - weight, weight]
    if fill == "wrap":
        inner = [ops.where(place > last, place - side, place) for place in places]
    else:
        inner = [ops.clip_by_value(place, 0, last) for place in places]
    if fill == "constant":
        kept = zip(weights, places, inner, strict=True)
        weights = [ops.where(place == near, w, 0.0) for w, place, near in kept]
    return list(zip(inner, weights, strict=True))
