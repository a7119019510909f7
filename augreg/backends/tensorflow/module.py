"""A program as one node of a graph: what XLA is given for it, instead of the ops that it came from.

Whoever starts an iterator has TensorFlow copy and search all functions that the dataset's functions
call, several times: 0.3 s for a policy of six steps, 1.1 s for RandAugment. A StableHLO module is a
string to it: 0.03 and 0.05 s. XLA compiles the same either way.

TensorFlow counts a module as stateful, so that an iterator that runs one can't be saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import tensorflow as tf

from augreg.backends.stablehlo.writer import written
from augreg.random.generator import SampleKey

_KEPT = 16  # modules that stay in memory, as programs do
_CPU = "CPU"  # where all of tf.data is

_functions: WeakValueDictionary[str, Any] = WeakValueDictionary()  # those in use, by name

Specs = tuple[tf.TensorSpec, ...]


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
    module = module_of(
        partial(_called, program), specs, write=partial(_called, program.python_function)
    )
    if module is None:
        return None
    return lambda images, key: module([images, *key])


def module_of(
    function: Callable[..., Any], specs: Specs, write: Callable[..., Any] | None = None
) -> Callable[[Sequence[Any]], tf.Tensor] | None:
    """A function of tensors, which makes one, as a module; call it with a list of them.

    write: what to write instead of the function, where TensorFlow has traced it already. None where
    there is no module, as of `as_module`.
    """
    with tf.init_scope():
        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return None
    try:
        from tensorflow.compiler.tf2xla.python import xla
    except ImportError:
        return None
    version = xla.call_module_maximum_supported_version()
    try:
        text, (shape, dtype) = _written(write or function, specs) or _traced(function, specs)
    except (AttributeError, ValueError):  # TensorFlow promises none of it
        return None
    form = {"Tout": [dtype], "Sout": [shape], "platforms": [_CPU], "version": version}

    @tf.function(autograph=False, jit_compile=True)
    def module(*tensors: tf.Tensor) -> tf.Tensor:
        return xla.call_module(tensors, module=text, **form)[0]

    try:
        return _named(module.get_concrete_function(*specs), hashlib.sha256(text).hexdigest()[:16])
    except (ImportError, AttributeError, TypeError):  # nor of this
        return lambda tensors: module(*tensors)


def _written(function: Callable[..., Any], specs: Specs) -> tuple[bytes, tuple[Any, Any]] | None:
    """The module of kernels that write StableHLO themselves, in a thirtieth of tracing's time.

    None where one calls TensorFlow by itself, as an op of someone else's may, or where this
    TensorFlow reads another text.
    """
    forms = [(tuple(spec.shape), np.dtype(spec.dtype.as_numpy_dtype)) for spec in specs]
    try:
        text, (shape, dtype) = written(function, forms)
        tf.mlir.experimental.run_pass_pipeline(text, "")
    except Exception:  # an op's function may raise anything; if it is its fault, tracing says so
        return None
    return text.encode(), (shape, tf.as_dtype(dtype))


def _traced(function: Callable[..., Any], specs: Specs) -> tuple[bytes, tuple[Any, Any]]:
    """The module that TensorFlow makes of its own operations."""

    def lowered() -> tuple[bytes, tuple[Any, Any]]:
        traced = tf.function(function, autograph=False, jit_compile=True)
        made = traced.get_concrete_function(*specs).structured_outputs
        lower = traced.experimental_get_compiler_ir(*specs)
        return lower("stablehlo_serialized", platform_name=_CPU), (made.shape, made.dtype)

    # TensorFlow writes Python's stack down at each op: in a thread it is short, a third faster
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lowered).result()


def _called(program: Any, images: Any, *key: Any) -> Any:
    return program(images, SampleKey(*key))


def _named(function: Any, name: str) -> Callable[[Sequence[Any]], tf.Tensor]:
    """A concrete function whose name says what it is, and not how many were made before it.

    XLA's cache between processes goes by it. TensorFlow takes a name once, so whoever wants the
    same module gets the same function.
    """
    from tensorflow.python.eager.polymorphic_function.atomic_function import from_function_def

    found = _functions.get(name)
    if found is None:
        definition = type(function.function_def)()
        definition.CopyFrom(function.function_def)
        definition.signature.name = f"augreg_{name}"
        found = _functions[name] = from_function_def(definition, function.function_type)
    call: Callable[[Sequence[Any]], tf.Tensor] = found.call_preflattened
    return call
