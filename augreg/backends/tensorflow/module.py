"""A program as one node of a graph: what XLA is given for it, instead of the ops that it came from.

Whoever starts an iterator has TensorFlow copy and search all functions that the dataset's functions
call, several times: 0.3 s for a policy of six steps, 1.1 s for RandAugment. A StableHLO module is a
string to it: 0.03 and 0.05 s. XLA compiles the same either way.

TensorFlow counts a module as stateful, so that an iterator that runs one can't be saved.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import tensorflow as tf

from augreg.random.generator import SampleKey

_KEPT = 16  # modules that stay in memory, as programs do
_CPU = "CPU"  # where all of tf.data is


@lru_cache(_KEPT)
def as_module(
    program: Any, images: tf.TensorSpec, epochs: bool
) -> Callable[[tf.Tensor, SampleKey], tf.Tensor] | None:
    """The program, which XLA compiles, as a module for batches of one shape, on the CPU.

    epochs: as in `shared_program`. None where there is no module: TensorFlow 2.21 makes them, 2.18
    does not; nor while functions run eagerly, or in a graph of TensorFlow 1.
    """
    word, words = tf.TensorSpec([], tf.uint32), tf.TensorSpec([images.shape[0]], tf.uint32)
    specs = (images, word, words if epochs else word, words)

    def flat(images: tf.Tensor, *key: tf.Tensor) -> tf.Tensor:
        return program(images, SampleKey(*key))

    def lowered() -> tuple[tf.TensorSpec, bytes, int]:
        from tensorflow.compiler.tf2xla.python import xla

        traced = tf.function(flat, autograph=False, jit_compile=True)
        made = traced.get_concrete_function(*specs).structured_outputs
        lower = traced.experimental_get_compiler_ir(*specs)
        text = lower("stablehlo_serialized", platform_name=_CPU)
        return made, text, xla.call_module_maximum_supported_version()

    with tf.init_scope():
        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return None
    # TensorFlow writes down Python's stack at each op: in a thread it is short, a quarter faster
    with ThreadPoolExecutor(max_workers=1) as thread:
        try:
            made, text, version = thread.submit(lowered).result()
        except (ImportError, AttributeError, ValueError):  # TensorFlow promises none of it
            return None

    @tf.function(autograph=False, jit_compile=True)
    def module(images: tf.Tensor, *key: tf.Tensor) -> tf.Tensor:
        from tensorflow.compiler.tf2xla.python import xla

        form = {"Tout": [made.dtype], "Sout": [made.shape], "platforms": [_CPU]}
        return xla.call_module([images, *key], version=version, module=text, **form)[0]

    return lambda images, key: module(images, *key)
