"""Debug mode: what every step makes is checked, and a fault named by the pointer of its step.

On where `AUGREG_DEBUG` is set to something other than 0 or `debug=True` is given. Policies then run
without optimisation and without XLA, every stage twice. Off, none of this is traced: the graph has
not one operation of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow.arrays import tensors_of
from augreg.backends.tensorflow.assertions import after, assert_that
from augreg.backends.tensorflow.batch import Packed, Pixels, Planar, channels_of, to_float
from augreg.checks import check_flag
from augreg.errors import OpError
from augreg.families import Stage
from augreg.lower import Lowering
from augreg.policy import Output, Policy, Step

VARIABLE = "AUGREG_DEBUG"
# What a step may make of the largest value that it gets: nothing clips between steps, and no op of
# ours gets beyond 20 (a contrast of 10 around a mean). What does took 0..1 for 0..255.
MOST = 32.0
_DICE = "it draws numbers of its own"
_WHY = "inside, 1 is white"
_SLACK = 1e-3  # of sums of weights that should add up to 1


def wanted(debug: bool | None) -> bool:
    """The caller's word, or the environment's."""
    if debug is None:
        return os.environ.get(VARIABLE, "0") not in ("", "0")
    return check_flag(debug, "debug")


@dataclass(frozen=True)
class CheckedLowering(Lowering):
    """A lowering that names the step whose op returned NaN, before it is composed with others."""

    policy: Policy | None = None

    def transform(self, step: Step, size: Any, suffix: str = "") -> Any:
        assert self.policy is not None
        try:
            transform = super().transform(step, size, suffix)
            again = super().transform(step, size, suffix)
        except OpError as error:
            raise self.policy.located(error, step.pointer) from error
        checks = []
        for (name, part), (_, other) in zip(_floats(transform), _floats(again), strict=True):
            faults = (
                (_finite(part), f"returned NaN or infinite values in its {name}"),
                (_same(part, other), f"returned another {name} each time: {_DICE}"),
            )
            for fine, message in faults:
                text = f'"{step.op.name}" {message}'
                if tf.is_tensor(fine):
                    checks.append(assert_that(fine, str(self.policy.error(text, step.pointer))))
                elif not fine:  # a step without draws is worked out while tracing
                    raise self.policy.located(OpError(text), step.pointer)
        return after(checks, transform)


def _finite(part: Any) -> Any:
    if tf.is_tensor(part):
        return tf.reduce_all(tf.math.is_finite(part))
    return bool(np.isfinite(part).all())


def _same(part: Any, other: Any) -> Any:
    if tf.is_tensor(part) or tf.is_tensor(other):
        return tf.reduce_all(tf.equal(part, other) | ~tf.math.is_finite(part))
    return np.array_equal(part, other, equal_nan=True)


def checked(
    policy: Policy, stage: Stage, lowered: Any, came: Pixels, made: Pixels, again: Pixels, size: Any
) -> Pixels:
    """What a stage made, as float32 [B,H,W,C], once it is seen to be right.

    lowered: what its kernel was given; came: the pixels before; made, again: those after, done
    twice; size: the planned one.

    It has to be float32 (or uint8 that was only moved), of the planned size and channels for as
    many samples as came in; finite; in the range that the stage's family allows; and the same when
    made again.

    Raises:
        OpError: while tracing, for a dtype or a static shape. All else fails when it runs.
    """
    pointer, *more = stage.pointers

    def text(message: str) -> str:
        others = f" (in one stage with {', '.join(more)})" if more else ""
        return str(policy.error(message + others, pointer))

    if fault := _wrong_kind(stage, made, size):
        raise policy.located(OpError(fault), pointer)
    before, images, other = (to_float(part) for part in (came, made, again))
    shape = tf.shape(images)
    due = tf.stack([tf.shape(before)[0], *size, stage.channels_out])
    low, high = _bounds(stage, lowered, before)
    out = text(f"values out of range: {{}} to {{}}, and {{}} to {{}} are allowed; {_WHY}")
    checks = [
        assert_that(tf.reduce_all(shape == due), text("images of {}; planned are {}"), shape, due),
        assert_that(_finite(images), text("NaN or infinite pixels")),
        _within(images, low, high, out, low, high),
        assert_that(_same(images, other), text(f"another result each time: {_DICE}")),
    ]
    return after(checks, images)


def checked_input(images: tf.Tensor, input_range: tuple[float, float]) -> tf.Tensor:
    """float32 images, once they are seen to be inside of `input_range`."""
    message = f"the images leave their input_range {input_range}: they hold {{}} to {{}}"
    return after([_within(images, *input_range, message)], images)


def checked_output(policy: Policy, images: tf.Tensor, output: Output) -> tf.Tensor:
    """What leaves a policy, once its values are seen to be in the stated range, and its dtype."""
    if images.dtype.name != output.dtype:
        raise policy.located(OpError(f"{images.dtype.name} left, not {output.dtype}"), "/output")
    ends = [(o, s + o) for s, o in zip(output.scale, output.offset, strict=True)]
    low, high = min(lo for lo, _ in ends), max(hi for _, hi in ends)
    slack = (high - low) * 2.0**-7  # bfloat16 keeps eight bits
    values = tf.cast(images, tf.float32)
    said = str(policy.error("values leave the range of the output: {} to {}", "/output"))
    return after([_within(values, low - slack, high + slack, said)], images)


def _within(values: tf.Tensor, low: Any, high: Any, message: str, *more: tf.Tensor) -> Any:
    """A check of the values' ends, which the message begins with."""
    least, most = tf.reduce_min(values), tf.reduce_max(values)
    return assert_that((least >= low) & (most <= high), message, least, most, *more)


def _floats(transform: Any) -> list[tuple[str, Any]]:
    """Float arrays and tensors of a transform, each with its field's name."""
    found = []
    for part in fields(transform) if is_dataclass(transform) else ():
        value = getattr(transform, part.name)
        for item in value if isinstance(value, tuple) else (value,):
            kind = getattr(getattr(item, "dtype", None), "name", "")
            found += [(part.name, item)] if kind.startswith("float") else []
    return found


def _wrong_kind(stage: Stage, made: Pixels, size: tuple[Any, Any]) -> str:
    """What is wrong with the dtype or the static shape of a stage's pixels; empty for nothing."""
    planned = tuple(side if isinstance(side, int) else None for side in size)
    allowed = ("float32",) if isinstance(made, Planar) else ("float32", "uint8")
    for tensor in [] if isinstance(made, Packed) else tensors_of(made):
        if tensor.dtype.name not in allowed:
            return f"it made pixels of {tensor.dtype.name}; they have to be float32"
        if not tensor.shape[1:3].is_compatible_with(planned):
            return f"it made images of {tuple(tensor.shape[1:3])}; planned are {planned}"
    if channels_of(made) != stage.channels_out:
        return f"it made {channels_of(made)} channels; planned are {stage.channels_out}"
    return ""


def _bounds(stage: Stage, lowered: Any, came: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the values of a stage's result have to lie, given what came in."""
    low = tf.minimum(tf.reduce_min(came), 0.0)
    high = tf.maximum(tf.reduce_max(came), 1.0)  # a fill is in 0..1
    bounds = stage.bounds(lowered, low, high)
    if bounds is not None:
        slack = _SLACK * (high - low)
        return bounds[0] - slack, bounds[1] + slack
    most = tf.maximum(-low, high) * np.float32(MOST ** min(len(stage.steps), 8))
    return -most, most
