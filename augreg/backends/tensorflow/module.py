"""A program as one node of a graph: what XLA is given for it, instead of the ops that it came from.

Whoever starts an iterator has TensorFlow copy and search all functions that the dataset's functions
call, several times: 0.3 s for a policy of six steps, 1.1 s for RandAugment. A StableHLO module is a
string to it: 0.03 and 0.05 s. XLA compiles the same either way.

TensorFlow counts a module as stateful, so that an iterator that runs one can't be saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import tensorflow as tf

from augreg import compilation_cache
from augreg.plan import Plan
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

    def lowered() -> tuple[dict[str, Any], bytes]:
        traced = tf.function(flat, autograph=False, jit_compile=True)
        made = traced.get_concrete_function(*specs).structured_outputs
        lower = traced.experimental_get_compiler_ir(*specs)
        text = lower("stablehlo_serialized", platform_name=_CPU)
        version = xla.call_module_maximum_supported_version()
        return {"dtype": made.dtype.name, "shape": made.shape.as_list(), "version": version}, text

    with tf.init_scope():
        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return None
    try:
        from tensorflow.compiler.tf2xla.python import xla
    except ImportError:
        return None
    kept_as = _key(program.python_function.plan, images, epochs)
    found = compilation_cache.read(kept_as)
    if found is None:
        # TensorFlow writes Python's stack down at each op: in a thread it is short, a third faster
        with ThreadPoolExecutor(max_workers=1) as thread:
            try:
                found = thread.submit(lowered).result()
            except (AttributeError, ValueError):  # TensorFlow promises none of it
                return None
        compilation_cache.write(kept_as, *found)
    made, text = found
    form = {"Tout": [tf.as_dtype(made["dtype"])], "Sout": [made["shape"]], "platforms": [_CPU]}

    @tf.function(autograph=False, jit_compile=True)
    def module(images: tf.Tensor, *key: tf.Tensor) -> tf.Tensor:
        return xla.call_module([images, *key], version=made["version"], module=text, **form)[0]

    try:
        named = _named(module.get_concrete_function(*specs), hashlib.sha256(text).hexdigest()[:16])
    except (ImportError, AttributeError, TypeError):  # nor of this
        return lambda images, key: module(images, *key)
    return lambda images, key: named([images, *key])


def _named(function: Any, name: str) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """A concrete function whose name says what it is, and not how many were made before it.

    XLA's cache between processes goes by it.
    """
    from tensorflow.python.eager.polymorphic_function.atomic_function import from_function_def

    definition = type(function.function_def)()
    definition.CopyFrom(function.function_def)
    definition.signature.name = f"augreg_{name}"
    made: Callable[[list[tf.Tensor]], tf.Tensor] = from_function_def(
        definition, function.function_type
    ).call_preflattened
    return made


def _key(plan: Plan, images: tf.TensorSpec, epochs: bool) -> str | None:
    """What the module of a plan is kept under."""
    sections = plan.prepare, plan.augment
    stages = [[(type(stage).__name__, stage.pointers) for stage in part] for part in sections]
    sizes = plan.size_in, plan.size_prepared, plan.size_out, plan.channels_in, plan.channels_out
    ops = [step.op for part in sections for stage in part for step in stage.steps]
    form = plan.output, images, epochs
    return compilation_cache.key_of(ops, plan.policy.hash, stages, sizes, form)
