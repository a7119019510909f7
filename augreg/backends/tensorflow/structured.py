"""Programs that are kept by a policy's structure: its numbers are arguments.

`shared_program` keeps one for each policy, which is right for training. Someone who moves a slider
makes a new policy each time. So here draws, p, choices and composition are worked out in NumPy, and
the tiny arrays that come out are given to a program of the kernels alone: it is the same for every
policy of the same stages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from augreg.backends.tensorflow import per_image
from augreg.backends.tensorflow.arrays import tensors_of, with_tensors
from augreg.backends.tensorflow.forms import Formless, form_of, stage_form
from augreg.backends.tensorflow.kernels import Kernels
from augreg.backends.tensorflow.module import module_of
from augreg.backends.tensorflow.pointwise import finish
from augreg.backends.tensorflow.program import augmented, runs_of
from augreg.backends.tensorflow.repeats import LoweringInTurns
from augreg.backends.tensorflow.vectors import widen
from augreg.backends.tensorflow.xla import Scope, opaque_true
from augreg.checks import InputRange
from augreg.errors import OpError
from augreg.families import Stage
from augreg.lower import Draws, Lowering
from augreg.plan import Plan
from augreg.plan.passes import optimize
from augreg.policy import BYTES
from augreg.xp import NUMPY

Images = NDArray[Any]
Run = Callable[[Sequence[Any]], tf.Tensor]  # of images, an index for each, and arrays

KEPT = 32  # programs; each takes some 17 MB
_DEVICE = "CPU"  # where tf.data is, also beside a GPU


class Failed:
    """In place of a program that can't be made."""


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


@dataclass(frozen=True)
class Lowered:
    """A plan's `augment`, worked out for one batch.

    Attributes:
        count: of the batch.
        needed: what the stages of each of `runs_of` need besides pixels.
    """

    plan: Plan
    count: int
    needed: tuple[list[Any], ...]

    @classmethod
    def of(cls, planned: Plan, draws: Draws, count: int) -> Lowered:
        """Of a plan at static sizes, under draws made in NumPy.

        Raises:
            OpError: an op fails, with the place of its step.
        """
        planned, _ = optimize(planned)
        lowering = LoweringInTurns(NUMPY, draws, None, sparse=True)
        size, needed = planned.size_prepared, []
        for stages in runs_of(planned.augment):
            needed.append(_lowered(lowering, planned, stages, size))
            size = stages[-1].size_out
        return cls(planned, count, tuple(needed))

    @cached_property
    def arrays(self) -> list[Any]:
        """All arrays in what is needed, [count or 1, ...] each."""
        return tensors_of(self.needed, _is_array)

    def sample(self, b: int) -> list[Any]:
        """The arrays of one sample: [1, ...] each."""
        return [array[b : b + 1] if len(array) > 1 else array for array in self.arrays]

    def batch(self) -> list[Any]:
        """The arrays of all samples, [count, ...] each: a constant and a draw are one form."""
        return [np.broadcast_to(a, (self.count, *a.shape[1:])) for a in self.arrays]

    def form(self) -> Hashable:
        """What a program of it is made of.

        Raises:
            Formless: that can't be told; or an array is of no batch, as a plugin's may be.
        """
        if any(array.shape[:1] not in ((1,), (self.count,)) for array in self.arrays):
            raise Formless("an array of no batch")
        stages = tuple(map(stage_form, self.plan.augment))
        return stages, form_of(self.needed), form_of(self.plan.output)


def _lowered(lowering: Lowering, planned: Plan, stages: tuple[Stage, ...], size: Any) -> list[Any]:
    try:
        return lowering.stages(stages, size)
    except OpError as error:
        places = [step.pointer for stage in stages for step in stage.steps]
        named = [s.pointer for stage in stages for s in stage.steps if s.op.name == error.op]
        raise planned.policy.located(error, (named or places)[0]) from error


def prepared(planned: Plan, draws: Draws, images: Images, _: InputRange = None) -> Images:
    """uint8 [B,H,W,C] after a plan's `prepare`, as uint8: TensorFlow's ops, one after another."""
    lowering = Lowering(NUMPY, draws)
    kernels = Kernels(lowering, planned.policy, Scope(None))
    needed = _lowered(lowering, planned, planned.prepare, images.shape[1:3])
    with tf.device(_DEVICE):
        return finish(kernels.run(planned.prepare, needed, tf.constant(images)), BYTES).numpy()


class Programs:
    """The last `KEPT` programs, for whoever renders; threads may share them."""

    lowered = staticmethod(Lowered.of)

    def __init__(self) -> None:
        self._made: dict[Hashable, Run | Failed] = {}
        self._lock = Lock()  # one is compiled at a time: XLA keeps all cores busy
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    def is_ready(self, lowered: Lowered, images: Images) -> bool:
        """Whether `run` compiles nothing."""
        key = _key(lowered, images)
        return key is None or key in self._made

    def run(self, lowered: Lowered, images: Images) -> Images | None:
        """[B,H,W,C] after `augment` and `output`, of uint8 images or floats in 0..1.

        None where the reference has to do it: an op fails, which that says best, or what it makes
        can't be told from others of its kind.
        """
        program = self._program(lowered, images)
        if isinstance(program, Failed):
            return None

        def done(images: Images, arrays: list[Any]) -> Images:
            index = np.zeros(len(images), np.uint32)
            with tf.device(_DEVICE):
                return program([tf.constant(x) for x in (images, index, *arrays)]).numpy()

        if lowered.plan.mixes:
            return done(images, lowered.batch())
        each = self._threads.map(
            lambda b: done(images[b : b + 1], lowered.sample(b)), range(len(images))
        )
        return np.concatenate(list(each))

    def _program(self, lowered: Lowered, images: Images) -> Run | Failed:
        key = _key(lowered, images)
        if key is None:
            return Failed()
        found = self._made.get(key)
        if found is None:
            with self._lock:
                if key not in self._made:
                    while len(self._made) >= KEPT:
                        del self._made[next(iter(self._made))]
                    self._made[key] = _compiled(lowered, images)
                found = self._made[key]
        return found


def _key(lowered: Lowered, images: Images) -> Hashable | None:
    """What tells programs apart; None where nothing does."""
    count = len(images) if lowered.plan.mixes else 1
    try:
        return lowered.form(), count, images.shape[1:], images.dtype.str
    except Formless:
        return None


def _given(lowered: Lowered, images: Images) -> tuple[Images, list[Any]]:
    """What a program is given at once: the batch where samples are mixed, else one of them."""
    if lowered.plan.mixes:
        return images, lowered.batch()
    return images[:1], lowered.sample(0)


def _compiled(lowered: Lowered, images: Images) -> Run | Failed:
    """A program for whatever has the form of these."""
    widen()
    images, arrays = _given(lowered, images)
    plan, needed = lowered.plan, lowered.needed
    in_turns = images.shape[1] * images.shape[2] >= per_image.SMALLEST

    def program(images: tf.Tensor, index: tf.Tensor, *arrays: tf.Tensor) -> tf.Tensor:
        given = with_tensors(needed, arrays, _is_array)
        kernels = Kernels(Lowering(NUMPY, Draws({})), plan.policy, Scope(opaque_true(index)))
        return augmented(kernels, plan, images, in_turns, given)

    specs = [tf.TensorSpec(x.shape, x.dtype) for x in (images, *arrays)]
    specs.insert(1, tf.TensorSpec(images.shape[:1], tf.uint32))
    try:
        with tf.device(_DEVICE):
            module = module_of(program, tuple(specs))
            if module is not None:
                return module
            traced = tf.function(program, autograph=False, jit_compile=True)
            concrete = traced.get_concrete_function(*specs)
    except OpError:
        return Failed()
    return lambda tensors: concrete(*tensors)
