"""Batches in, batches out: keeps a program for each size, number of channels and dtype."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import turns
from augreg.backends.tensorflow.checked import checked_input, wanted
from augreg.backends.tensorflow.program import Program
from augreg.checks import as_uint32, check_images, check_input_range
from augreg.optimize import optimize
from augreg.plan import Plan, check_sections, plan
from augreg.policy import Policy

Range = tuple[float, float] | None
UNIT = (0.0, 1.0)


@dataclass
class Compiled:
    """A policy's sections as functions of batches.

    Attributes:
        seed: uint32.
        sections: which of prepare, augment and output to run.
        input_range: what floats mean; None where nobody stated it: 0..1, and looked at.
        portable: a model around it may be compiled by XLA. prepare then keeps to ops that XLA has;
            otherwise it runs as TensorFlow's own ops. Either takes images of any size.
        debug: checks every stage (see `checked`); None asks the environment.
    """

    policy: Policy
    seed: int
    training: bool
    sections: tuple[str, ...]
    input_range: Range = None
    portable: bool = False
    debug: bool | None = None
    _programs: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sections = check_sections(self.sections)
        self.input_range = check_input_range(self.input_range)
        self.seed = int(as_uint32(self.seed, "seed"))
        self.debug = wanted(self.debug)

    def __call__(self, images: tf.Tensor, index: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """images [B,H,W,C], or one encoded image; index integers [B]; epoch an integer scalar."""
        if images.dtype != tf.string:
            images = self.entered(images, index)
        index, epoch = tf.cast(index, tf.uint32), tf.cast(epoch, tf.uint32)
        seed = tf.constant(self.seed, tf.uint32)
        for part in self.parts(images.dtype == tf.string):
            images = self.program(part, images)(images, index, seed, epoch)
        return images

    def entered(self, images: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """A batch that was checked, in what sections take: uint8, or float32 in 0..1."""
        check_images(tuple(images.shape), images.dtype.name)
        if images.dtype == tf.uint8:
            return images
        images = finite(tf.cast(images, tf.float32), index)
        if self.debug:
            images = checked_input(images, self.input_range or UNIT)
        return to_unit_range(images, self.input_range or UNIT)

    def parts(self, encoded: bool) -> list[tuple[str, ...]]:
        """Sections that share a function."""
        first = ("prepare",) if "prepare" in self.sections else ()
        if not encoded and not (first and self.policy.prepare(self.training)):
            return [self.sections]
        rest = tuple(name for name in self.sections if name != "prepare")
        return [first, rest] if rest else [first]

    def program(self, sections: tuple[str, ...], images: tf.Tensor) -> Any:
        """The function of these sections for batches like `images`."""
        encoded = images.dtype == tf.string
        height, width, channels = (None, None, 3) if encoded else images.shape[1:]
        key = (sections, height, width, channels, images.dtype)
        if key not in self._programs:
            planned = plan(
                self.policy,
                training=self.training,
                sections=sections,
                size=(height, width),
                channels=channels,
                encoded=encoded,
                apart=bool(self.debug),
            )
            self._programs[key] = self._traceable(planned, sections)
        return self._programs[key]

    def _traceable(self, planned: Plan, sections: tuple[str, ...]) -> Any:
        if self.debug:
            return Program(planned, xla=False, portable=self.portable, debug=True)
        planned, _ = optimize(planned)
        static = None not in (*planned.size_in, *planned.size_prepared, *planned.size_out)
        xla = static and sections != ("prepare",) and planned.decode is None
        program = Program(planned, xla, self.portable, in_turns=self._in_turns(planned))
        # Without XLA it is traced in its caller: tf.data would take a call of a function that holds
        # an assertion for stateful, and not save the iterator.
        return tf.function(program, autograph=False, jit_compile=True) if xla else program

    def _in_turns(self, planned: Plan) -> bool:
        """Whether images are done one after another: on the CPU, where tf.data always is."""
        height, width = planned.size_in
        if height is None or width is None or height * width < turns.SMALLEST:
            return False
        return not (self.portable and tf.config.list_physical_devices("GPU"))


def finite(images: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Float images [B,H,W,C], once none is seen to hold NaN or infinity; `index` [B] names them.

    By their sums, 21 µs for 180x180x3 where `is_finite` took 34. Where XLA compiles a model around
    the layer, it leaves assertions out.
    """
    fine = tf.math.is_finite(tf.reduce_sum(images, axis=(1, 2, 3)))
    which = tf.argmin(tf.cast(tf.concat([fine, [False]], 0), tf.int32))  # a batch may be empty
    named = tf.gather(tf.concat([tf.cast(index, tf.int64), [-1]], 0), which)
    rest = " holds NaN or infinite values; mend it or leave it out"
    said = tf.strings.join(["the image at index ", tf.strings.as_string(named), rest])
    check = tf.debugging.Assert(tf.reduce_all(fine), [said])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(images)


def to_unit_range(images: tf.Tensor, input_range: tuple[float, float]) -> tf.Tensor:
    """float32 images in 0..1."""
    lo, hi = input_range
    return images if (lo, hi) == (0, 1) else (images - lo) * np.float32(1 / (hi - lo))
