"""Debug mode: what every stage makes is checked, and a fault named by the pointers of its steps.

On where `AUGREG_DEBUG` is set to something other than 0 or `debug=True` is given. Policies then run
without optimisation and without XLA, every stage twice. Off, none of this is traced.
"""

from __future__ import annotations

import os

import tensorflow as tf

from augreg.backends.tensorflow.pixels import Pixels, to_float
from augreg.plan import BranchStage, Stage
from augreg.policy import Policy

VARIABLE = "AUGREG_DEBUG"


def wanted(debug: bool | None) -> bool:
    """The caller's word, or the environment's."""
    return os.environ.get(VARIABLE, "0") not in ("", "0") if debug is None else debug


def checked(policy: Policy, stage: Stage, pixels: Pixels, again: Pixels) -> Pixels:
    """The stage's pixels, once they are seen to be finite, and the same when made `again`."""
    images, other = to_float(pixels), to_float(again)
    nodes = [stage.group] if isinstance(stage, BranchStage) else [i.node for i in stage.items]
    names = ", ".join(node.pointer for node in nodes)

    def text(message: str) -> str:
        return str(policy.error(f"{names}: {message}", nodes[0].pointer))

    finite = tf.reduce_all(tf.math.is_finite(images))
    same = tf.reduce_all(tf.equal(images, other) | ~tf.math.is_finite(images))
    checks = [
        tf.debugging.Assert(finite, [text("NaN or infinite pixels")]),
        tf.debugging.Assert(same, [text("another result each time: it draws numbers of its own")]),
    ]
    with tf.control_dependencies([check for check in checks if check is not None]):
        return tf.identity(images)


def checked_input(images: tf.Tensor, input_range: tuple[float, float]) -> tf.Tensor:
    """Float images, once they are seen to be finite and inside of `input_range`."""
    lo, hi = input_range
    values = tf.cast(images, tf.float32)
    found = [tf.reduce_min(values), tf.reduce_max(values)]
    inside = tf.reduce_all(tf.math.is_finite(values)) & (found[0] >= lo) & (found[1] <= hi)
    message = f"the images leave their input_range ({lo}, {hi}), or hold NaN; least and most:"
    check = tf.debugging.Assert(inside, [message, *found])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(images)
