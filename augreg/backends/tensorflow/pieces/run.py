"""Stages of a plan for a batch whose size only the data shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import tensors_of, with_tensors
from augreg.backends.tensorflow.batch import Pixels, interleaved, size_of
from augreg.backends.tensorflow.kernels import Kernels
from augreg.backends.tensorflow.pieces.image import LENGTH, Image
from augreg.backends.tensorflow.pieces.passes import can_do, passes_of
from augreg.backends.tensorflow.pointwise import dtype_after, finish
from augreg.backends.tensorflow.xla import Scope, opaque_true, row
from augreg.errors import OpError
from augreg.families import Stage
from augreg.policy import Output

Stages = tuple[Stage, ...]


def augmented(
    kernels: Kernels, stages: Sequence[Stage], pixels: Pixels, output: Output | None
) -> tf.Tensor:
    """The batch [B,H,W,C] after the stages and `output` (None: float32 in 0..1).

    Those that can't be done in pieces run as TensorFlow's own ops.
    """
    runs = [(can, tuple(run)) for can, run in groupby(stages, can_do)]
    for i, (can, run) in enumerate(runs):
        last = i + 1 == len(runs)
        made = _in_pieces(kernels, run, pixels, output if last else None) if can else None
        if made is None:
            made = kernels.run(run, kernels.lowered(run, size_of(pixels)), pixels)
            made = finish(made, output) if last else made
        pixels = made
    return pixels


def _in_pieces(
    kernels: Kernels, stages: Stages, pixels: Pixels, output: Output | None
) -> tf.Tensor | None:
    """The batch after the stages, as XLA's program makes it; None where an op's function fails."""
    images = interleaved(pixels)
    sparse = replace(kernels, lowering=replace(kernels.lowering, sparse=True))
    height, width = map(tf.convert_to_tensor, size_of(images))
    needed = sparse.lowered(stages, (height, width))
    program = tf.function(_Program(stages, needed, output), autograph=False, jit_compile=True)
    channels = images.shape[-1], stages[-1].channels_out
    count = height * width
    pieces = _power_of_two((count + LENGTH - 1) // LENGTH)

    def one(image: tf.Tensor, tensors: list[tf.Tensor]) -> tf.Tensor:
        """[H,W,C] of an image of as many numbers."""
        missing = tf.zeros([(pieces * LENGTH - count) * channels[0]], image.dtype)
        filled = tf.concat([tf.reshape(image, (-1,)), missing], 0)
        rows = tf.reshape(filled, (pieces, LENGTH, channels[0]))
        made = tf.reshape(program(rows, height, width, *tensors), (-1,))
        return tf.reshape(made[: count * channels[1]], (height, width, channels[1]))

    tensors = tensors_of(needed)
    try:
        if images.shape[0] == 1:
            return one(images, tensors)[tf.newaxis]
        return tf.map_fn(
            lambda b: one(images[b], row(tensors, b)),
            tf.range(tf.shape(images)[0]),
            fn_output_signature=tf.TensorSpec((None, None, channels[1]), dtype_after(output)),
        )
    except OpError:
        return None


def _power_of_two(count: tf.Tensor) -> tf.Tensor:
    """The first that is not less: for each, XLA compiles once."""
    powers = tf.constant([2**i for i in range(31)], tf.int32)
    return tf.reduce_min(tf.where(powers < count, tf.int32.max, powers))


@dataclass(frozen=True, eq=False)  # a function: `tf.function` hashes it
class _Program:
    """What XLA compiles: stages, and a policy's `output` (None: float32 in 0..1).

    needed: what the stages need besides pixels, of which the tensors are arguments.
    """

    stages: Stages
    needed: list[Any]
    output: Output | None

    def __call__(
        self, rows: tf.Tensor, height: tf.Tensor, width: tf.Tensor, *tensors: tf.Tensor
    ) -> tf.Tensor:
        """[K,LENGTH,C] of rows [K,LENGTH,C], uint8 or float32 in 0..1, of height * width pixels.

        tensors: those of one image in what the stages need.
        """
        needed = with_tensors(self.needed, tensors)
        predicate = opaque_true(ops.cast(ops.reshape(height, (1,)), tf.uint32))
        image = Image(Scope(predicate, single=True), height, width, rows)
        *first, last = passes_of(self.stages, needed)
        for one in first:
            image = one.to_planes(image)
        return last.to_output(image, self.output)
