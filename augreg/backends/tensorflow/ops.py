"""The functions that kernels call: TensorFlow's, or their namesakes while a module is written."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.backends.stablehlo.functions import FUNCTIONS
from augreg.backends.stablehlo.writer import Value, writing

_OF_TENSORFLOW = {
    "bitwise_and": tf.bitwise.bitwise_and,
    "bitwise_or": tf.bitwise.bitwise_or,
    "bitwise_xor": tf.bitwise.bitwise_xor,
    "floormod": tf.math.floormod,
    "left_shift": tf.bitwise.left_shift,
    "log": tf.math.log,
    "right_shift": tf.bitwise.right_shift,
    "unsorted_segment_sum": tf.math.unsorted_segment_sum,
}


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    if writing() and name in FUNCTIONS:
        return FUNCTIONS[name]
    return _OF_TENSORFLOW.get(name) or getattr(tf, name)


def is_array(value: Any) -> bool:
    """Whether it is a tensor, or what stands for one in a module."""
    return isinstance(value, tf.Tensor | Value)
