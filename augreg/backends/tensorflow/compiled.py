"""Batches in, batches out: keeps a program for each size, number of channels and dtype."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import tensorflow as tf

from augreg.backends.options import RunOptions
from augreg.backends.tensorflow import per_image
from augreg.backends.tensorflow.assertions import under_xla
from augreg.backends.tensorflow.debug import checked_input, wanted
from augreg.backends.tensorflow.inputs import (
    UNIT,
    finite,
    in_unit_range,
    poison_of,
    to_unit_range,
    warn_of_poison,
)
from augreg.backends.tensorflow.module import as_module
from augreg.backends.tensorflow.program import Program
from augreg.checks import DEEP_UNIT
from augreg.errors import PolicyError
from augreg.lower import Answers
from augreg.plan.passes import optimize
from augreg.random.generator import SampleKey

SHAPES = 8  # of eager batches that get a program of their own, before one serves all others
SHARED = 16  # programs that stay in memory for whoever runs the same policy next


@dataclass
class Functions:
    """Functions by the shapes of their batches; each stays in memory.

    Attributes:
        made: those that are kept.
        seen: the shapes that eager calls came with.
    """

    made: dict[Any, Any] = field(default_factory=dict)
    seen: set[Any] = field(default_factory=set)

    def get(self, key: Any, any_key: Any, shape: Any, batch: Any, make: Callable[..., Any]) -> Any:
        """`make(shape)` for batches [batch, *shape], kept under the key.

        Beyond `SHAPES` eager ones, `make((None, None, C), many=True)`, kept under `any_key`; or
        `make(shape, kept=False)`, where a step can't do without a known size.
        """
        any_size = (None, None, shape[2])
        if shape == any_size or self._may_keep((key, batch, shape)):
            return self._kept((key, shape), lambda: make(shape))
        try:
            return self._kept((any_key, any_size, "many"), lambda: make(any_size, many=True))
        except PolicyError:
            return make(shape, kept=False)

    def _may_keep(self, key: Any) -> bool:
        """Whether something may be kept for this key: always where a graph around it is kept."""
        if not tf.executing_eagerly() or key in self.seen:
            return True
        if len(self.seen) >= SHAPES:
            return False
        self.seen.add(key)
        return True

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


@dataclass
class Compiled:
    """A policy's sections as functions of batches.

    Attributes:
        options: what runs, and how.
        portable: a model around it may be compiled by XLA. prepare then keeps to ops that XLA has;
            otherwise it runs as TensorFlow's own ops. Either takes images of any size.
        longest: of batches whose length only the data shows. XLA compiles for each length, and the
            last batch of an epoch has one of its own: it is filled up instead.
        restarted: it is for a dataset that each epoch is a new iteration of, so that what starts
            one has to be small (see `as_module`); such a dataset has a state anyway.
        debug: checks every stage (see `checked`).
    """

    options: RunOptions
    portable: bool = False
    longest: int | None = None
    restarted: bool = False
    debug: bool = field(init=False)
    _programs: Functions = field(default_factory=Functions)
    _warned: bool = False

    def __post_init__(self) -> None:
        self.debug = wanted(self.options.debug)

    def to_input_form(
        self, images: tf.Tensor, index: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """A batch that was checked, in what sections take: uint8, or float32 in 0..1.

        And what to add to the result: NaN for images that can't be told, and that could not be
        stopped for; None for nothing.
        """
        if images.dtype == tf.uint8:
            return images, None
        if images.dtype == tf.uint16:
            return tf.cast(images, tf.float32) * DEEP_UNIT, None
        images, poison = tf.cast(images, tf.float32), None
        if self.options.input_range is not None:
            images = finite(images, index)
        elif under_xla():
            poison = poison_of(images)
            if not self._warned:
                self._warned = True
                warn_of_poison()
        else:
            images = in_unit_range(images, index)
        if self.debug:
            images = checked_input(images, self.options.input_range or UNIT)
        return to_unit_range(images, self.options.input_range or UNIT), poison

    def parts(self, encoded: bool) -> list[tuple[str, ...]]:
        """Sections that share a function."""
        first = ("prepare",) if "prepare" in self.options.sections else ()
        if not encoded and not (first and self.options.policy.prepare(self.options.training)):
            return [self.options.sections]
        rest = tuple(name for name in self.options.sections if name != "prepare")
        return [first, rest] if rest else [first]

    def program(
        self,
        sections: tuple[str, ...],
        images: tf.Tensor,
        key: SampleKey,
        count: int | None = 1,
        answers: Answers | None = None,
    ) -> Any:
        """The function of these sections for batches like `images`, of samples like the key's.

        Call it with the images and the key; and with the answers, if there are any, which are what
        steps ask of annotations. count: of images of one sample; None where only the data shows it.
        """
        encoded = images.dtype == tf.string
        shape = (None, None, 3) if encoded else tuple(images.shape[1:])
        epochs = key.epoch.shape.rank == 1
        batch = images.shape[0] if self._as_module(images) else None
        asked = _specs(answers or {})
        form = (sections, images.dtype, epochs, asked, batch, count)

        def make(shape: tuple[Any, ...], many: bool = False, kept: bool = True) -> Any:
            if self.debug:
                planned = self.options.plan(shape, sections, encoded=encoded, unfused=True)
                return Program(planned, xla=False, portable=self.portable, debug=True)
            made_of = (self.options.shared(sections), shape, images.dtype, self._in_turns(shape))
            program = shared_program(*made_of, epochs, asked) if kept else _program(*made_of)
            if isinstance(program, Program):  # XLA, which compiles the others, has all their ops
                program = replace(program, portable=self.portable)
            elif not asked:
                program = self._of_one_length(program, images, epochs, count)
            if not many:
                return program
            return tf.function(
                program, _signature(single, shape, images.dtype, epochs, asked), autograph=False
            )

        length = tuple(images.shape[:1])
        single = 1 if length == (1,) else None
        return self._programs.get(form, (*form[:4], single, count), shape, length, make)

    def _as_module(self, images: tf.Tensor) -> bool:
        """Whether a module does a batch of a known length.

        In a dataset, and called eagerly: such a call is not saved, and bytes have no gradient,
        which a module would not give. It runs on the CPU only.
        """
        eager = tf.executing_eagerly() and images.dtype == tf.uint8
        return self.restarted or (eager and not tf.config.list_physical_devices("GPU"))

    def _of_one_length(
        self, program: Any, images: tf.Tensor, epochs: bool, count: int | None
    ) -> Any:
        """The program for batches of the length that is known, or filled up to the longest."""
        length, last = images.shape[0], None
        if length is None and self.longest and count and not program.python_function.plan.mixes:
            length = last = self.longest * count
        if length is not None and self._as_module(images):
            spec = tf.TensorSpec([length, *images.shape[1:]], images.dtype)
            program = as_module(program, spec, epochs) or program
        return partial(_filled_up, program, last) if last else program

    def _in_turns(self, shape: tuple[Any, ...]) -> bool:
        """Whether images are done one after another: on the CPU, where tf.data always is."""
        height, width, _ = shape
        if height is None or width is None:
            eager = tf.executing_eagerly()
            return not (tf.config.list_physical_devices("GPU") if eager else self.portable)
        if height * width < per_image.SMALLEST:
            return False
        return not (self.portable and tf.config.list_physical_devices("GPU"))


@lru_cache(SHARED)
def shared_program(
    options: RunOptions,
    shape: tuple[Any, ...],
    dtype: tf.DType,
    in_turns: bool,
    epochs: bool,
    asked: tuple[tuple[tuple[str, str], tf.TensorSpec], ...] = (),
) -> Any:
    """The program of batches [B, *shape] for all that run the policy; `epochs`: one per sample.

    asked: what its answers are, by what they are answers to.

    Seed, epoch and index are its arguments, so layers, datasets and functions share it. At static
    sizes it is traced and compiled once.
    """
    program = _program(options, shape, dtype, in_turns)
    planned = program.plan
    static = None not in (*planned.size_in, *planned.size_prepared, *planned.size_out)
    if not static or options.sections == ("prepare",) or planned.decode is not None:
        # Without XLA it is traced in its caller: tf.data would take a call of a function that holds
        # an assertion for stateful, and not save the iterator.
        return program
    signature = _signature(None, shape, dtype, epochs, asked)  # one trace for all lengths
    return tf.function(replace(program, xla=True), signature, autograph=False, jit_compile=True)


def _signature(
    batch: int | None,
    shape: tuple[Any, ...],
    dtype: tf.DType,
    epochs: bool,
    asked: tuple[tuple[tuple[str, str], tf.TensorSpec], ...],
) -> list[Any]:
    """What a program is called with; see `shared_program`. batch: of that length; None: of any."""
    number, word = tf.TensorSpec([batch], tf.uint32), tf.TensorSpec([], tf.uint32)
    key = SampleKey(word, number if epochs else word, number)
    answers = [dict(asked)] if asked else []
    return [tf.TensorSpec([batch, *shape], dtype), key, *answers]


def _program(
    options: RunOptions, shape: tuple[Any, ...], dtype: tf.DType, in_turns: bool
) -> Program:
    planned, _ = optimize(options.plan(shape, encoded=dtype == tf.string))
    return Program(planned, xla=False, in_turns=in_turns)


def _specs(answers: Answers) -> tuple[tuple[tuple[str, str], tf.TensorSpec], ...]:
    """What answers are, for a batch of any length."""
    specs = ((k, tf.TensorSpec([None, *a.shape[1:]], a.dtype)) for k, a in answers.items())
    return tuple(sorted(specs, key=lambda one: one[0]))


def _filled_up(program: Any, longest: int, images: tf.Tensor, key: SampleKey) -> tf.Tensor:
    """What the program makes of a batch of any length up to `longest`, of which each is its own."""
    count = tf.shape(images)[0]

    def filled(x: tf.Tensor) -> tf.Tensor:
        """TensorFlow's `pad` copies nothing where nothing is missing."""
        whole = tf.pad(x, [[0, longest - count], *[[0, 0]] * (len(x.shape) - 1)])
        return tf.ensure_shape(whole, [longest, *x.shape[1:]])

    numbers = {name: filled(x) for name, x in key._asdict().items() if x.shape.rank}
    return program(filled(images), key._replace(**numbers))[:count]
