"""XLA is told to use 512-bit vectors where the processor is made for them."""

import os
import subprocess
import sys

import pytest

RUN = """
import os
import numpy as np
from augreg.backends.tensorflow import vectors

{before}
vectors.is_made_for_it = lambda: {made_for_it}
vectors.FLAGS += " --xla_dump_to={folder}"
given = dict(os.environ)
import augreg
images = np.zeros((2, 8, 8, 3), np.uint8)
policy = {{"version": 1, "augment": [{{"op": "brightness", "delta": 0.1}}]}}
fn = augreg.map_fn(policy, batched=True)
{call}
assert os.environ == given
"""
CALLS = {
    "eagerly": "fn(np.arange(2), images)",
    "in a dataset": "import tensorflow as tf\n"
    "next(iter(tf.data.Dataset.from_tensors(images).map(lambda x: fn(np.arange(2), x))))",
    "in a function that XLA compiles": "import tensorflow as tf\n"
    "layer = augreg.AugmentationLayer(policy)\n"
    "tf.function(lambda x: layer(x, training=True), jit_compile=True)(images)",
}


def _widths(tmp_path, call="eagerly", made_for_it=True, before="", **variables):
    """What XLA was told when it compiled."""
    folder = tmp_path / "made"
    code = RUN.format(folder=folder, call=CALLS[call], made_for_it=made_for_it, before=before)
    others = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env={**others, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    texts = [path.read_text() for path in tmp_path.glob("*/*.ir-with-opt*.ll")]
    return {w for w in (256, 512) for text in texts if f'"prefer-vector-width"="{w}"' in text}


@pytest.mark.parametrize("call", CALLS)
def test_xla_is_told_to_use_the_whole_width_and_the_environment_stays(tmp_path, call):
    assert _widths(tmp_path, call) == {512}


def test_whoever_sets_flags_decides(tmp_path):
    assert _widths(tmp_path, XLA_FLAGS=f"--xla_dump_to={tmp_path / 'own'}") == {256}


@pytest.mark.parametrize(
    ("made_for_it", "before"),
    [(False, ""), (True, "vectors.tensorflow_version = lambda: '2.99.0'")],
    ids=["another processor", "another TensorFlow"],
)
def test_nothing_is_told_where_it_would_not_help(tmp_path, made_for_it, before):
    assert _widths(tmp_path, made_for_it=made_for_it, before=before) == set()
    assert not (tmp_path / "made").exists()
