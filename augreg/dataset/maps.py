"""Dataset's own maps, kept from autograph, which would turn our errors into errors of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def parallel_map(ds: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    """`ds.map`, as many elements at once as pay."""
    plain = tf.autograph.experimental.do_not_convert(function)
    return ds.map(plain, num_parallel_calls=tf.data.AUTOTUNE)


def plain_map(ds: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    """`ds.map`, one element after another: for what costs less than handing it to a thread."""
    return ds.map(tf.autograph.experimental.do_not_convert(function))


def flat_map(ds: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    """`ds.flat_map`."""
    return ds.flat_map(tf.autograph.experimental.do_not_convert(function))


def scan(ds: tf.data.Dataset, start: Any, function: Callable[..., Any]) -> tf.data.Dataset:
    """`ds.scan` from the state `start`."""
    return ds.scan(start, tf.autograph.experimental.do_not_convert(function))


def always(value: Any) -> tf.data.Dataset:
    """The value again and again."""
    return tf.data.Dataset.from_tensors(value).repeat()
