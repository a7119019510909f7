"""A bilinear warp of float planes, for the few samples of a batch that a choice gave one.

Positions and weights are worked out once, in vectors, and kept from being worked out again for each
plane. Constant fill is a border of one pixel around each plane, so that no read asks where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import geometry

Planes = tuple[tf.Tensor, ...]
Keep = Callable[[Callable[[], Any]], Any]


def affine(
    planes: Planes, matrix: tf.Tensor, size: tuple[int, int], fill: str, value: Any, keep: Keep
) -> Planes:
    """Planes [1,H,W] resampled to the same size; `matrix` as in `geometry.affine`.

    fill: reflect, nearest or constant; sides of 2 and more.
    """
    height, width = size
    border = 1 if fill == "constant" else 0
    inner = (height + 2 * border, width + 2 * border)
    index, wx, wy = keep(lambda: _positions(matrix, size, inner, fill))
    levels = np.broadcast_to(np.asarray(value, np.float32), len(planes))
    result = []
    for plane, level in zip(planes, levels, strict=True):
        flat = tf.reshape(_bordered(plane, level) if border else plane, (-1,))
        flat = keep(lambda f=flat: f) if border else flat  # type: ignore[misc]
        a, b = tf.gather(flat, index), tf.gather(flat, index + 1)
        c, d = tf.gather(flat, index + inner[1]), tf.gather(flat, index + inner[1] + 1)
        upper, lower = a + (b - a) * wx, c + (d - c) * wx
        result.append(tf.reshape(upper + (lower - upper) * wy, (1, height, width)))
    return tuple(result)


def _positions(
    matrix: tf.Tensor, size: tuple[int, int], inner: tuple[int, int], fill: str
) -> list[tf.Tensor]:
    """The upper left pixel's place in the flattened plane, and the weights of right and below."""
    sx, sy = (tf.reshape(s, (-1,)) for s in geometry.source(matrix, size, size))
    if fill == "reflect":
        sx, sy = geometry.reflect(sx, size[1]), geometry.reflect(sy, size[0])
    border = (inner[1] - size[1]) // 2
    sx, sy = (
        tf.clip_by_value(s + border, 0.0, float(side - 1))
        for s, side in ((sx, inner[1]), (sy, inner[0]))
    )
    x, y = (
        tf.minimum(tf.floor(s), float(side - 2)) for s, side in ((sx, inner[1]), (sy, inner[0]))
    )
    index = tf.cast(y, tf.int32) * inner[1] + tf.cast(x, tf.int32)
    return [index, sx - x, sy - y]


def _bordered(plane: tf.Tensor, level: Any) -> tf.Tensor:
    return tf.pad(plane, [[0, 0], [1, 1], [1, 1]], constant_values=level)
