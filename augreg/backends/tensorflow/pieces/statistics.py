"""Statistics of an image whose pieces come one after another, all of them in one loop."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.pieces.image import Image
from augreg.backends.tensorflow.statistics import LEVELS, Reduce, Statistics
from augreg.backends.tensorflow.xla import PlaneTuple
from augreg.families.levels import to_levels

_ROWS = 64  # that a piece is summed in, each by itself first


@dataclass(frozen=True)
class _Statistic:
    """A number for each channel, [C,...], of which those of two parts of an image can be joined.

    Attributes:
        start: that of no pixel.
        of_piece: of planes [1,1,n], and which of their pixels are the image's.
        end: of the whole image, [1,C,...].
    """

    start: Callable[[int], tf.Tensor]
    of_piece: Callable[[PlaneTuple, tf.Tensor], tf.Tensor]
    join: Reduce
    end: Callable[[tf.Tensor, Image], tf.Tensor]


def statistics(image: Image, names: tuple[str, ...]) -> Statistics:
    """The statistics `names` of an image."""
    found = [_STATISTICS[name] for name in names]

    def of_piece(planes: PlaneTuple, inside: tf.Tensor) -> list[tf.Tensor]:
        return [one.of_piece(planes, inside) for one in found]

    def join(so_far: list[tf.Tensor], more: list[tf.Tensor]) -> list[tf.Tensor]:
        return [one.join(a, b) for one, a, b in zip(found, so_far, more, strict=True)]

    start = [one.start(image.channels) for one in found]
    totals = image.joined(of_piece, join, start) if found else []
    pairs = zip(names, found, totals, strict=True)
    return {name: one.end(total, image) for name, one, total in pairs}


def _kept(planes: PlaneTuple, inside: tf.Tensor, other: float) -> tf.Tensor:
    """[C,n]: the image's own values, and `other`."""
    kept = ops.stack([ops.where(inside, plane, other) for plane in planes])
    return ops.reshape(kept, (len(planes), -1))


def _sums(planes: PlaneTuple, inside: tf.Tensor) -> tf.Tensor:
    """float64: pieces are summed in float32, and added up in more."""
    kept = ops.reshape(_kept(planes, inside, 0.0), (len(planes), _ROWS, -1))
    return ops.cast(ops.reduce_sum(ops.reduce_sum(kept, axis=1), axis=1), tf.float64)


def _per_pixel(total: tf.Tensor, image: Image) -> tf.Tensor:
    count = ops.cast(image.height, tf.float64) * ops.cast(image.width, tf.float64)
    return ops.cast(total / count, tf.float32)[tf.newaxis]


def _counts(planes: PlaneTuple, inside: tf.Tensor) -> tf.Tensor:
    """What is no pixel has a level of its own."""
    levels = tuple(ops.cast(to_levels(TENSORFLOW, plane), tf.int32) for plane in planes)
    return TENSORFLOW.counts(_kept(levels, inside, LEVELS), LEVELS + 1)


def _extreme(of_axis: Reduce, join: Reduce, none: float) -> _Statistic:
    def of_piece(planes: PlaneTuple, inside: tf.Tensor) -> tf.Tensor:
        return of_axis(_kept(planes, inside, none), axis=1)

    def start(channels: int) -> tf.Tensor:
        return ops.broadcast_to(ops.constant(none, tf.float32), (channels,))

    return _Statistic(start, of_piece, join, lambda total, _: total[tf.newaxis])


_STATISTICS = {
    "mean": _Statistic(
        lambda channels: ops.zeros((channels,), tf.float64), _sums, operator.add, _per_pixel
    ),
    "min": _extreme(TENSORFLOW.min, TENSORFLOW.minimum, np.inf),
    "max": _extreme(TENSORFLOW.max, TENSORFLOW.maximum, -np.inf),
    "histogram": _Statistic(
        lambda channels: ops.zeros((channels, LEVELS + 1), tf.int32),
        _counts,
        operator.add,
        lambda total, _: total[tf.newaxis, :, :LEVELS],
    ),
}
