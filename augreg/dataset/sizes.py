"""What is known of a source's images before they are read, and what has to hold of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg.elements import Indexed, Parts, image_of

_MEND = '; add a "resize" to the policy\'s "prepare"'


def of_one_size(
    ds: tf.data.Dataset, batch_size: int, image: Callable[[Any], Any]
) -> tf.data.Dataset:
    """Has two sizes in one batch end the data with how to mend it, where sizes are not known.

    A number is read from our words, which fails with them: an assertion would make the dataset
    stateful, and its iterator could not be saved.
    """
    shape = image(ds.element_spec).shape
    if shape.rank != 3 or None not in shape[:2]:
        return ds

    def check(state: tuple[tf.Tensor, tf.Tensor], element: Any) -> Any:
        number, first = state
        size = tf.shape(image(element))[:2]
        first = tf.where(number % batch_size == 0, size, first)
        sides = [tf.strings.reduce_join(tf.as_string(s), separator="x") for s in (size, first)]
        words = ["images of one batch differ in size: ", sides[0], " after ", sides[1], _MEND]
        failed = tf.cond(
            tf.reduce_all(size == first),
            lambda: tf.constant(0, tf.int64),
            lambda: tf.strings.to_number(tf.strings.join(words), tf.int64),
        )
        return (number + 1 + failed, first), element

    start = (tf.constant(0, tf.int64), tf.constant([0, 0]))
    return ds.scan(start, tf.autograph.experimental.do_not_convert(check))


def length(ds: tf.data.Dataset | Indexed) -> int | None:
    """How many elements there are; None where it is not known, or there is no end."""
    if isinstance(ds, Indexed):
        return ds.size
    count = int(ds.cardinality())
    return count if count >= 0 else None


def is_encoded(spec: Any, parts: Parts | None = None) -> bool:
    """Whether elements hold the bytes of a file."""
    return bool(image_of(spec, parts).dtype == tf.string)
