"""A few of the training images, for learning from little data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.dataset.indexed import behind, in_order
from augreg.errors import RunError
from augreg.sources import Source, Split


def limited(source: Source, count: int, seed: int) -> Source:
    """The source with `count` of its training images, in their order.

    `seed` draws them, all equally likely; validation and test are whole.

    Raises:
        RunError: there are fewer.
    """
    train = source.splits["train"]
    if count > train.size:
        raise RunError(
            f"limit_train is {count}, and {source.name} has {train.size} training images; lower "
            "it, or leave it out"
        )
    drawn = np.random.default_rng(seed).permutation(train.size)[:count]
    few = Split(count, _picked(train, np.sort(drawn)))
    note = f"trains on {count} of {train.size} images, drawn by seed {seed}"
    return replace(source, splits={**source.splits, "train": few}, notes=(*source.notes, note))


def _picked(split: Split, positions: np.ndarray) -> tf.data.Dataset:
    access = behind(split.dataset)
    if access is not None:
        element, places = access.element, tf.constant(positions, tf.int64)
        return in_order(Indexed(len(positions), lambda i: element(tf.gather(places, i))))
    wanted = tf.constant(np.isin(np.arange(split.size), positions))
    kept = split.dataset.enumerate().filter(
        tf.autograph.experimental.do_not_convert(lambda i, _: tf.gather(wanted, i))
    )
    return kept.map(tf.autograph.experimental.do_not_convert(lambda _, element: element))
