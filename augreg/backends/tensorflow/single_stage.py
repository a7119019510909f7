"""One stage of a plan as a program of its own: to see what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import per_image
from augreg.backends.tensorflow.module import as_module
from augreg.backends.tensorflow.program import Program
from augreg.backends.tensorflow.vectors import widen
from augreg.families import Stage
from augreg.plan import Plan
from augreg.random.generator import SampleKey


def stage_program(
    planned: Plan, stage: Stage, images: np.ndarray[Any, Any]
) -> Callable[[SampleKey], np.ndarray[Any, Any]]:
    """A stage of a plan, compiled by XLA for the CPU, done to a batch that it holds already.

    images: [B,H,W,C] as the stage gets them, uint8 or float32 in 0..1. What it returns is float32.
    """
    alone = replace(
        planned,
        prepare=(),
        augment=(stage,),
        output=None,
        size_in=stage.size_in,
        size_prepared=stage.size_in,
        size_out=stage.size_out,
        channels_in=stage.channels_in,
        channels_out=stage.channels_out,
    )
    in_turns = images.shape[1] * images.shape[2] >= per_image.SMALLEST
    program = Program(alone, xla=True, in_turns=in_turns)
    spec, word = tf.TensorSpec(images.shape, images.dtype), tf.TensorSpec([], tf.uint32)
    key = SampleKey(word, word, tf.TensorSpec([len(images)], tf.uint32))
    widen()
    traced = tf.function(program, [spec, key], autograph=False, jit_compile=True)

    def run(key: SampleKey) -> np.ndarray[Any, Any]:
        with tf.device("CPU"):
            return np.asarray(compiled(batch, SampleKey(*map(tf.constant, key))))

    with tf.device("CPU"):
        compiled, batch = as_module(traced, spec, False) or traced, tf.constant(images)
    return run
