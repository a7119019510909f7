"""How wide XLA's vectors are on the CPU: all of AVX-512, on processors that are made for it.

XLA takes half of it by default, for processors before Ice Lake and Zen 4: those clock down for the
whole width. On others it gives the same pixels, bit for bit, in 0.74 to 0.94 of the time.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import tensorflow as tf

from augreg.versions import tensorflow_version

FLAGS = "--xla_cpu_prefer_vector_width=512"
_VARIABLE = "XLA_FLAGS"
_MADE_FOR_IT = {"avx512f", "avx512_vbmi2"}  # Ice Lake, Zen 4, and later
# TensorFlow's whose XLA knows the flag: it ends a process over one that it does not know
_FIRST, _LAST = (2, 18), (2, 21)


@cache
def widen() -> None:
    """Has XLA compile for the processor's whole width in this process, from now on.

    XLA reads its flags once, when it first compiles. They are there for that moment: programs that
    this one starts, and other libraries, find the variable as it was. Whoever has set it decides,
    and where XLA has compiled already, nothing changes.
    """
    version = tuple(map(int, re.findall(r"\d+", tensorflow_version())[:2]))
    if _VARIABLE in os.environ or not _FIRST <= version <= _LAST or not is_made_for_it():
        return
    os.environ[_VARIABLE] = FLAGS
    try:
        with tf.init_scope():
            if tf.executing_eagerly() and not tf.config.functions_run_eagerly():
                nothing = tf.function(lambda: tf.constant(0.0), autograph=False, jit_compile=True)
                nothing.experimental_get_compiler_ir()(stage="hlo", platform_name="CPU")
    finally:
        os.environ.pop(_VARIABLE, None)  # another thread may have come first


def is_made_for_it() -> bool:
    """Whether the processor keeps its clock with vectors of 512 bits, as far as Linux says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.split()) >= _MADE_FOR_IT
