"""A bilinear warp of float planes, for the few samples of a batch that a choice gave one.

Of positions outside, the nearest pixel is read and weighs nothing: so no plane needs a border, and
what is missing of the weights is the fill.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.families import positions

Planes = tuple[tf.Tensor, ...]
Keep = Callable[[Callable[[], Any]], Any]


def affine(
    planes: Planes, matrix: tf.Tensor, size: tuple[int, int], fill: str, value: Any, keep: Keep
) -> Planes:
    """Planes [1,H,W] resampled to the same size; `matrix` as in `geometry.affine`.

    fill: reflect, nearest or constant; sides of 2 and more.
    """
    sx, sy = keep(
        lambda: [tf.reshape(s, (-1,)) for s in positions.source(TENSORFLOW, matrix, size, size)]
    )
    (x, left, right), (y, above, below) = (
        _taps(s, side, fill) for s, side in ((sx, size[1]), (sy, size[0]))
    )
    index = y * size[1] + x
    levels = np.broadcast_to(
        np.asarray(value if fill == "constant" else 0, np.float32), len(planes)
    )
    result = []
    for plane, level in zip(planes, levels, strict=True):
        flat = tf.reshape(plane, (-1,))
        a, b, c, d = (
            tf.gather(flat, index + step) - level for step in (0, 1, size[1], size[1] + 1)
        )
        warped = (a * left + b * right) * above + (c * left + d * right) * below + level
        result.append(tf.reshape(warped, (1, *size)))
    return tuple(result)


def _taps(position: tf.Tensor, side: int, fill: str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first of the two pixels along an axis to read, and the weights of both."""
    if fill == "reflect":
        position = positions.reflect(TENSORFLOW, position, side)
    low, high = (-1.0, float(side)) if fill == "constant" else (0.0, float(side - 1))
    position = tf.clip_by_value(position, low, high)
    first = tf.clip_by_value(tf.floor(position), 0.0, float(side - 2))
    # how near a pixel is: beyond one away it weighs nothing
    weights = [tf.maximum(1 - tf.abs(position - first - step), 0.0) for step in (0.0, 1.0)]
    return tf.cast(first, tf.int32), *weights
