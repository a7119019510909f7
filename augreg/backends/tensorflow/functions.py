"""What pixel functions and neighbourhoods are given besides planes: statistics, places, noise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg import fields
from augreg.algebra import Neighborhood, PixelFunction
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.pixels import Pixels, mean_of, to_planes

Statistics = dict[str, Any]  # float32 [B,C], histogram int32 [B,C,256]
LEVELS = 256


def statistics(pixels: Pixels, names: tuple[str, ...]) -> Statistics:
    """The statistics `names` of a batch."""
    found: Statistics = {}
    for name in names:
        if name == "mean":
            found[name] = mean_of(pixels)
        elif name == "histogram":
            found[name] = histogram(pixels)
        else:
            reduce = tf.reduce_min if name == "min" else tf.reduce_max
            planes = to_planes(pixels)
            rows = (reduce(plane, axis=1) for plane in planes)  # XLA vectorizes along a row
            found[name] = tf.stack([reduce(row, axis=1) for row in rows], axis=-1)
    return found


def histogram(pixels: Pixels) -> tf.Tensor:
    """int32 [B,C,256]: how often each level occurs.

    XLA counts one pixel after another, 2 ns each. Comparing with every level takes 70 ns, a product
    of one-hot nibbles 19 ns.
    """
    levels = tf.stack([_levels(plane) for plane in to_planes(pixels)], axis=1)
    batch, channels = tf.shape(levels)[0], levels.shape[1]
    places = LEVELS * tf.range(batch * channels)
    flat = tf.reshape(levels, (batch * channels, -1)) + places[:, tf.newaxis]
    flat = tf.reshape(flat, (-1,))
    sums = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, LEVELS * batch * channels)
    return tf.reshape(sums, (batch, channels, LEVELS))


def _levels(plane: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.floor(tf.clip_by_value(plane, 0.0, 1.0) * 255.0 + 0.5), tf.int32)


def keywords(
    element: PixelFunction, planes: tuple[tf.Tensor, ...], stats: Statistics
) -> dict[str, Any]:
    """What the function asks for, by name."""
    given: dict[str, Any] = {}
    size = TENSORFLOW.shape(planes[0])[1:]
    for name in element.statistics:
        parts = tf.unstack(stats[name], axis=1)
        given[name] = tuple(p if name == "histogram" else p[:, None, None] for p in parts)
    if element.coordinates:
        given |= fields.coordinates(TENSORFLOW, size)
    if element.noise:
        given["noise"] = tuple(
            fields.uniform_planes(TENSORFLOW, tf.convert_to_tensor(key), size, len(planes))
            for key in element.noise
        )
    return given


def arguments_of(element: PixelFunction | Neighborhood) -> list[tf.Tensor]:
    """The arguments, each [B,1,1] or [B,n,1,1]."""
    return [fields.aligned(TENSORFLOW, tf.convert_to_tensor(a)) for a in element.arguments]


def choose(
    condition: tf.Tensor | None, new: tuple[tf.Tensor, ...], old: tuple[tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    """The new planes of those that take part (bool [B]; None for all)."""
    if condition is None:
        return tuple(new)
    taken = tf.reshape(condition, (-1, 1, 1))
    return tuple(tf.where(taken, x, y) for x, y in zip(new, old, strict=True))


def neighborhood(
    planes: tuple[tf.Tensor, ...],
    element: Neighborhood,
    condition: tf.Tensor | None,
    keep: Callable[[Callable[[], Any]], Any],
) -> tuple[tf.Tensor, ...]:
    """Does the element's functions in order, each kept apart from the next by `keep`."""
    arguments, current = arguments_of(element), planes
    *first, last = element.functions
    for function in first:
        current = keep(functools.partial(_done, function, tuple(current), arguments))
    return choose(condition, last(TENSORFLOW, tuple(current), *arguments), planes)


def _done(
    function: Callable[..., Any], planes: tuple[tf.Tensor, ...], arguments: list[tf.Tensor]
) -> list[tf.Tensor]:
    return list(function(TENSORFLOW, planes, *arguments))
