"""Doing all stages of an image before the next image's, in a loop inside of one XLA function.

Done stage by stage, a batch of 32 photographs of 180x180 leaves 8 MB behind each stage, which the
next one reads from the cache that all cores share: a warp, which reads in no order, then waits for
memory two thirds of its time. An image's share of that fits into the cache of one core. And one
image can skip what its draws leave out, where a batch computes and selects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.batch import Pixels, to_input_form
from augreg.backends.tensorflow.kernels import Kernels
from augreg.backends.tensorflow.pointwise import dtype_after, finish
from augreg.backends.tensorflow.xla import Scope, row
from augreg.families import Stage
from augreg.policy import Output

SMALLEST = 128 * 128  # pixels of an image; a turn costs about 10 us, which smaller ones don't save


def is_worthwhile(stages: tuple[Stage, ...]) -> bool:
    """Whether turns save anything.

    Not where a batch's pixels are read in order, once or a few times: moves of whole pixels and
    pointwise kernels wait for no memory, and a turn has a cost of its own.
    """
    return not all(stage.in_order for stage in stages)


def map_images(
    kernels: Kernels,
    stages: tuple[Stage, ...],
    arguments: list[Any],
    images: tf.Tensor,
    output: Output | None,
) -> tf.Tensor:
    """The batch [B,H,W,C] after the stages and `output` (None: float32 in 0..1).

    arguments: what the stages need besides pixels.
    """
    scope = kernels.scope
    results = ops.TensorArray(
        dtype_after(output),
        size=ops.shape(images)[0],
        element_shape=(*stages[-1].size_out, stages[-1].channels_out),
    )

    def one(i: tf.Tensor, results: Any) -> tuple[tf.Tensor, Any]:
        own, flag, image = row((arguments, scope.predicate, images), i)
        single = Scope(flag, single=True)
        mine = single.barrier(lambda: to_input_form(single, image, stages[0]))
        pixels: Pixels = replace(kernels, scope=single).run(stages, own, mine)
        return i + 1, results.write(i, finish(pixels, output)[0])

    count = ops.shape(images)[0]
    _, done = ops.while_loop(lambda i, _: i < count, one, (ops.constant(0), results))
    return done.stack()
