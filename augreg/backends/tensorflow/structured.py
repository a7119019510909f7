"""Programs that are kept by a policy's structure: its numbers are arguments.

`shared_program` keeps one for each policy, which is right for training. Someone who moves a slider
makes a new policy each time. So here draws, p, choices and composition are worked out in NumPy, and
the tiny arrays that come out are given to a program of the kernels alone: it is the same for every
policy of the same stages.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from augreg.backends.tensorflow import per_image
from augreg.backends.tensorflow.arrays import map_tensors, tensors_of
from augreg.backends.tensorflow.forms import Formless, form_of, stage_form
from augreg.backends.tensorflow.kernels import Kernels
from augreg.backends.tensorflow.module import module_of
from augreg.backends.tensorflow.pointwise import finish
from augreg.backends.tensorflow.program import BYTES, augmented, runs_of
from augreg.backends.tensorflow.repeats import LoweringInTurns
from augreg.backends.tensorflow.xla import Scope, opaque_true
from augreg.checks import InputRange
from augreg.errors import OpError
from augreg.families import Stage
from augreg.lower import Draws, Lowering
from augreg.plan import Plan
from augreg.plan.passes import optimize
from augreg.xp import NUMPY

Images = NDArray[Any]
Run = Callable[[Sequence[Any]], tf.Tensor]  # of images, an index for each, and arrays

KEPT = 32  # programs; each takes some 17 MB


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
        """All arrays in what is needed: [count or 1, ...] each."""
        return tensors_of(self.needed, _is_array)

    def sample(self, b: int) -> list[Any]:
        """The arrays of one sample: [1, ...] each."""
        return [array[b : b + 1] if len(array) > 1 else array for array in self.arrays]

    def batch(self) -> list[Any]:
        """The arrays of all samples, [count, ...] each: a constant and a draw are one form."""
        return [np.broadcast_to(a, (self.count, *a.shape[1:])) for a in self.arrays]

    def form(self, arrays: list[Any]) -> Hashable:
        """What a program is made of, of such arrays; None where that can't be told."""
        left = iter(arrays)
        given = map_tensors(lambda _: next(left), self.needed, _is_array)
        try:
            stages = tuple(map(stage_form, self.plan.augment))
            return stages, form_of(given), form_of(self.plan.output)
        except Formless:
            return None


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
    return finish(kernels.run(planned.prepare, needed, tf.constant(images)), BYTES).numpy()


@dataclass
class Programs:
    """The last `KEPT` programs, for whoever renders; threads may share them."""

    _made: OrderedDict[Hashable, _Program] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(os.cpu_count() or 1)
    )

    lowered = staticmethod(Lowered.of)

    def is_ready(self, lowered: Lowered, images: Images) -> bool:
        """Whether `run` would compile nothing."""
        with self._lock:
            program = self._made.get(_key(lowered, images))
        return program is not None and program.run is not None

    def run(self, lowered: Lowered, images: Images) -> Images | None:
        """uint8 [B,H,W,C] after `augment` and `output`; None where no program can be kept for it.

        Raises:
            OpError: an op's function fails, or returns no planes.
        """
        key = _key(lowered, images)
        if key is None:
            return None
        with self._lock:
            program = self._made.setdefault(key, _Program())
            self._made.move_to_end(key)
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        if lowered.plan.mixes:
            return program(lowered, images, lowered.batch()).numpy()
        program.compiled(lowered, images[:1], lowered.sample(0))

        def one(b: int) -> Images:
            return program(lowered, images[b : b + 1], lowered.sample(b)).numpy()

        return np.concatenate(list(self._threads.map(one, range(len(images)))))


def _key(lowered: Lowered, images: Images) -> Hashable:
    together = lowered.plan.mixes
    form = lowered.form(lowered.batch() if together else lowered.sample(0))
    shape = images.shape if together else images.shape[1:]
    return form and (form, shape, images.dtype.str)


@dataclass
class _Program:
    """One program, which the first to call it compiles."""

    run: Run | None = None
    lock: Lock = field(default_factory=Lock)

    def __call__(self, lowered: Lowered, images: Images, arrays: list[Any]) -> tf.Tensor:
        run = self.compiled(lowered, images, arrays)
        return run([tf.constant(x) for x in (images, np.zeros(len(images), np.uint32), *arrays)])

    def compiled(self, lowered: Lowered, images: Images, arrays: list[Any]) -> Run:
        with self.lock:
            if self.run is None:
                self.run = _compiled(lowered, images, arrays)
            return self.run


def _compiled(lowered: Lowered, images: Images, arrays: list[Any]) -> Run:
    """A program for whatever has the form of these."""
    plan, needed = lowered.plan, lowered.needed
    in_turns = images.shape[1] * images.shape[2] >= per_image.SMALLEST

    def program(images: tf.Tensor, index: tf.Tensor, *arrays: tf.Tensor) -> tf.Tensor:
        left = iter(arrays)
        given = map_tensors(lambda _: next(left), needed, _is_array)
        scope = Scope(opaque_true(index))
        kernels = Kernels(Lowering(NUMPY, Draws({})), plan.policy, scope)
        return augmented(kernels, plan, images, in_turns, given)

    index = tf.TensorSpec([len(images)], tf.uint32)
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in (images, *arrays)]
    specs.insert(1, index)
    module = module_of(program, tuple(specs))
    if module is not None:
        return module
    traced = tf.function(program, specs, autograph=False, jit_compile=True)
    return lambda tensors: traced(*tensors)
