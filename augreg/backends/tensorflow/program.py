"""Runs a plan in TensorFlow: all tiny arithmetic first, then one kernel per stage.

Static sizes make one XLA function of it all, in which barriers keep the stages apart (XLA would
recompute a warp inside each of its consumers). Before a size is fixed, stages run as plain ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import per_image
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.assertions import check_fit, under_xla
from augreg.backends.tensorflow.batch import Pixels, size_of, to_float
from augreg.backends.tensorflow.debug import CheckedLowering, checked_output
from augreg.backends.tensorflow.kernels import Kernels
from augreg.backends.tensorflow.pieces.run import augmented as in_pieces
from augreg.backends.tensorflow.pointwise import finish
from augreg.backends.tensorflow.repeats import LoweringInTurns, Stages
from augreg.backends.tensorflow.xla import Scope, opaque_true
from augreg.lower import Answers, Draws, Lowering
from augreg.plan import Plan
from augreg.policy import BYTES
from augreg.random.generator import SampleKey


@dataclass(frozen=True, eq=False)  # a function: `tf.function` hashes it
class Program:
    """The TensorFlow form of a plan, for batches of one dtype.

    Call it with images [B,H,W,C] (uint8, or float32 in 0..1; or one scalar string, where the plan
    decodes) and the key of their samples.

    Attributes:
        xla: it is compiled by XLA, at static sizes, with barriers between the stages.
        portable: it runs as plain ops, but a model around it may be compiled: XLA has its ops.
        debug: it checks what every stage makes, and names the stage's steps.
        in_turns: all stages of an image are done before the next image's. Outside of XLA: images
            that came as bytes, a piece at a time (`pieces`).
    """

    plan: Plan
    xla: bool
    portable: bool = False
    debug: bool = False
    in_turns: bool = False

    def __call__(
        self, images: tf.Tensor, key: SampleKey, answers: Answers | None = None
    ) -> tf.Tensor:
        """answers: what annotations say of what the plan's stages ask; see `Draws`."""
        plan = self.plan
        scope = Scope(opaque_true(key.index) if self.xla else None)
        words = Draws.make(TENSORFLOW, plan.draws, key).kept(scope.barrier)
        words = replace(words, answers=answers or {})
        fits = partial(check_fit, plan.policy)
        lowering = (LoweringInTurns if self.xla else Lowering)(TENSORFLOW, words, fits, self.xla)
        if self.debug:
            lowering = CheckedLowering(TENSORFLOW, words, fits, self.xla, plan.policy)
        kernels = Kernels(lowering, plan.policy, scope, self.portable, self.debug)
        pixels: Pixels = kernels.decoded(plan.decode, images) if plan.decode else images
        came_as_uint8 = images.dtype in (tf.uint8, tf.string)
        if plan.prepare or plan.decode:
            pixels = kernels.stages(plan.prepare, pixels)
            pixels = finish(pixels, BYTES) if came_as_uint8 else to_float(pixels)
        if plan.augment:
            in_turns = self.in_turns and (self.xla or (came_as_uint8 and not under_xla()))
            pixels = augmented(kernels, plan, pixels, in_turns)
        elif plan.output is not None or not came_as_uint8:
            pixels = finish(pixels, plan.output)
        if self.debug and plan.output is not None:
            return checked_output(plan.policy, pixels, plan.output)
        return pixels


def runs_of(stages: Stages) -> list[Stages]:
    """The stages of `augment` in runs: a stage that mixes samples has the whole batch at once."""
    return [tuple(run) for _, run in groupby(stages, lambda stage: stage.reads_others)]


def augmented(
    kernels: Kernels,
    plan: Plan,
    pixels: Pixels,
    in_turns: bool,
    given: Sequence[list[Any]] | None = None,
) -> tf.Tensor:
    """The batch after a plan's `augment` and `output`.

    in_turns: as of `Program`. given: what the stages of each run need, where that is known.
    """
    runs = runs_of(plan.augment)
    for i, stages in enumerate(runs):
        output = plan.output if i + 1 == len(runs) else None
        if in_turns and not kernels.scope.xla and not stages[0].reads_others:
            pixels = in_pieces(kernels, stages, pixels, output)
            continue
        needed = given[i] if given else kernels.lowered(stages, size_of(pixels))
        if in_turns and per_image.is_worthwhile(stages):
            pixels = per_image.map_images(kernels, stages, needed, pixels, output)
        else:
            pixels = finish(kernels.run(stages, needed, pixels), output)
    return pixels
