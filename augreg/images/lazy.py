"""What most images don't need, as one node of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Tensor = Any


def seldom(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A function of a file's contents, string [], that stays one node in any graph.

    TensorFlow copies the nodes of a branch into the graph around it, and each costs 0.3 µs an image
    in tf.data (more on a busy machine) even where the branch is not taken: the hundred nodes that
    read a GIF's frame took 100 µs of CPU for each JPEG. A function that may not be inlined costs
    what one node does.
    """
    return tf.function(
        function,
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
