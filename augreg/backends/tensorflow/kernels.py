"""The kernels of a plan's stages: what each stage does to a batch, or to one image of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import functions, lattice, ops
from augreg.backends.tensorflow.affine import warp, warp_active
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import (
    Packed,
    Pixels,
    Planar,
    byte_planes,
    interleaved,
    size_of,
    to_float,
    to_packed,
    to_planes,
    to_unit,
)
from augreg.backends.tensorflow.debug import checked
from augreg.backends.tensorflow.pointwise import pointwise_stage
from augreg.backends.tensorflow.repeats import Stages, Turns
from augreg.backends.tensorflow.resize import resize
from augreg.backends.tensorflow.xla import Scope, switch
from augreg.backends.walk import kernel_of
from augreg.errors import OpError
from augreg.families import (
    AffineStage,
    BranchStage,
    LatticeStage,
    MixStage,
    MixtureStage,
    MosaicStage,
    NeighborStage,
    PasteStage,
    PointwiseStage,
    Resize,
    ResizeStage,
    Size,
    Stage,
)
from augreg.families.functions import check_planes
from augreg.families.mix import mix_images
from augreg.families.mosaic import mosaic_images
from augreg.families.paste import paste_images
from augreg.images.decode import decode, decode_scaled, decode_window, shape
from augreg.lower import Lowering
from augreg.plan import Decode
from augreg.policy import Policy


@dataclass(frozen=True)
class Kernels:
    """The kernels of one batch.

    Attributes:
        lowering: the batch's draws.
        portable, debug: as in `Program`.
    """

    lowering: Lowering
    policy: Policy
    scope: Scope
    portable: bool = False
    debug: bool = False

    def decoded(self, how: Decode, contents: tf.Tensor) -> Pixels:
        """[1,H,W,3] uint8 out of a file's bytes; float32 where a window of it was resized."""
        if how.scaled is not None:
            return decode_scaled(contents, *how.scaled)[tf.newaxis]
        if how.stage is None:
            return decode(contents)[tf.newaxis]
        size = ops.unstack(shape(contents))
        if isinstance(how.stage, ResizeStage):
            transform = self.lowering.transform(how.stage.items[0].step, size)
            window = decode_window(contents, *ops.unstack(transform.box[0]))[tf.newaxis]
            return self.resized(replace(transform, box=None), window)
        height, width = self.lowering.size_after_stage(how.stage, size)
        left, top = ops.unstack(how.stage.lower(self.lowering, size).offset[0])
        return decode_window(contents, top, left, height, width)[tf.newaxis]

    def stages(self, stages: Sequence[Stage], pixels: Pixels) -> Pixels:
        """The pixels after all stages, each behind a barrier but the last."""
        return self.run(stages, self.lowered(stages, size_of(pixels)), pixels)

    def lowered(self, stages: Sequence[Stage], size: Size) -> list[Any]:
        """What the stages need besides pixels, kept from what they do with it."""
        inner = replace(self.lowering, known={}, draws=self.lowering.draws.within())
        return self.scope.barrier(lambda: inner.stages(stages, size))

    def run(self, stages: Sequence[Stage], lowered: list[Any], pixels: Pixels) -> Pixels:
        """The stages with their arguments; those of `Turns` in a loop."""
        left = tuple(stages)
        for i, arguments in enumerate(lowered):
            turns = isinstance(arguments, Turns)
            length = len(arguments.needed) if turns else 1
            own, left = left[:length], left[length * (arguments.count if turns else 1) :]
            exact = self.scope.exact or functions.stepped(lowered[i + 1 :])
            kernels = replace(self, scope=replace(self.scope, exact=exact, last=not left))
            if turns:
                pixels = kernels._in_turns(own, arguments, pixels)
            else:
                pixels = kernels._one(own[0], arguments, pixels)
        return pixels

    def _in_turns(self, stages: Stages, turns: Turns, pixels: Pixels) -> Pixels:
        def once(i: tf.Tensor, planes: list[tf.Tensor]) -> list[tf.Tensor]:
            return list(to_planes(self.run(stages, turns.turn(i), Planar(tuple(planes)))))

        planes = self.scope.barrier(lambda: list(to_planes(pixels)))
        return Planar(tuple(turns.loop(once, planes)))

    def _one(self, stage: Stage, arguments: Any, pixels: Pixels) -> Pixels:
        try:
            kernel = kernel_of(KERNELS, stage, "TensorFlow")
            made = kernel(self, stage, arguments, pixels)
            if self.debug:
                again = stage.lower(self.lowering, size_of(pixels))
                other = kernel(self, stage, again, pixels)
                after = self.size_after(stage, pixels)
                made = checked(self.policy, stage, arguments, pixels, made, other, after)
        except OpError as error:
            raise self.policy.located(error, stage.pointer_of(error.op)) from error
        return made

    def size_after(self, stage: Stage, pixels: Pixels) -> Any:
        """The height and width of the pixels after a stage."""
        return self.lowering.size_after_stage(stage, size_of(pixels))

    def resized(self, transform: Resize, pixels: Pixels) -> Pixels:
        return resize(pixels, transform, xla=self.scope.xla, portable=self.portable)


def _lattice(run: Kernels, stage: LatticeStage, lowered: Any, pixels: Pixels) -> Pixels:
    source, size = to_packed(run.scope, pixels, stage), size_of(pixels)
    after = run.size_after(stage, pixels)
    return run.scope.barrier(lambda: lattice.lattice(source, lowered, size, after, stage.pads))


def _affine(run: Kernels, stage: AffineStage, lowered: Any, pixels: Pixels) -> Pixels:
    how, active = lowered
    if active is not None:
        return warp_active(run.scope, stage, how, active, pixels)
    return warp(run.scope, stage, how, pixels, run.size_after(stage, pixels))


def _resize(run: Kernels, stage: ResizeStage, lowered: Any, pixels: Pixels) -> Pixels:
    """The pixels of those that take part resized; the others are of that size."""
    transform, condition = lowered

    def compute() -> tf.Tensor:
        resized = run.resized(transform, pixels)
        if condition is None:
            return resized
        return ops.where(ops.reshape(condition, (-1, 1, 1, 1)), resized, to_float(pixels))

    return compute() if run.scope.last else run.scope.barrier(compute)


def _pointwise(run: Kernels, stage: PointwiseStage, lowered: Any, pixels: Pixels) -> Pixels:
    return pointwise_stage(run.scope, stage, lowered, pixels)


def _neighborhood(run: Kernels, stage: NeighborStage, lowered: Any, pixels: Pixels) -> Pixels:
    (transform, condition), keep = lowered, run.scope.barrier

    # kept apart: XLA would read interleaved pixels wherever a function reads planes, one by one
    source = keep(lambda: (transform.rank and byte_planes(pixels)) or to_planes(pixels))

    def compute(mine: Any, own: Any) -> Any:
        made = functions.neighborhood(mine, own, keep)
        check_planes(stage.op, mine, made)
        return made

    def fits(made: Any) -> Any:
        return functions.of_one_size(transform.functions[-1], made, source)

    if run.scope.xla and (condition is not None or transform.single):
        made = run.scope.map_active(condition, source, transform, compute)
    elif not run.scope.xla and condition is not None and source[0].shape[0] == 1:
        made = fits(tf.cond(condition[0], lambda: compute(source, transform), lambda: source))
    else:
        made = keep(lambda: functions.choose(condition, fits(compute(source, transform)), source))
    return Planar(tuple(map(to_unit, made)))


def _mix(run: Kernels, stage: MixStage, lowered: Any, pixels: Pixels) -> Pixels:
    images = run.scope.barrier(lambda: to_float(pixels))
    return run.scope.barrier(lambda: mix_images(TENSORFLOW, images, lowered))


def _mosaic(run: Kernels, stage: MosaicStage, lowered: Any, pixels: Pixels) -> Pixels:
    source = to_packed(run.scope, pixels, stage)

    def compute() -> Pixels:
        if isinstance(source, Packed):
            values = mosaic_images(TENSORFLOW, source.values[..., tf.newaxis], lowered)
            return replace(source, values=values[..., 0])
        return mosaic_images(TENSORFLOW, interleaved(source), lowered)

    return run.scope.barrier(compute)


def _paste(run: Kernels, stage: PasteStage, lowered: Any, pixels: Pixels) -> Pixels:
    images = pixels if ops.is_array(pixels) else run.scope.barrier(lambda: to_float(pixels))
    return run.scope.barrier(lambda: paste_images(TENSORFLOW, images, *lowered))


def _branches(run: Kernels, stage: BranchStage, lowered: Any, pixels: Pixels) -> Pixels:
    chosen, inner = lowered

    def result(i: int) -> list[tf.Tensor]:
        return [to_float(run.run(stage.branches[i], inner[i], pixels))]

    if run.scope.xla and run.scope.single:
        made = [functools.partial(result, i) for i in range(len(inner))]
        return switch(chosen[0], made, run.scope.predicate)[0]
    (total,) = result(0)
    for i in range(1, len(inner)):
        total = ops.where(ops.reshape(chosen == i, (-1, 1, 1, 1)), *result(i), total)
    return total


def _mixture(run: Kernels, stage: MixtureStage, lowered: Any, pixels: Pixels) -> Pixels:
    weights, together, inner = lowered

    def compute() -> Planar:
        planes = to_planes(pixels)
        rest = ops.reshape(1.0 - together, (-1, 1, 1))
        total = [rest * plane for plane in planes]
        turns = inner[0] if isinstance(inner[0], Turns) else None

        def add(i: Any, own: Any, total: list[tf.Tensor]) -> list[tf.Tensor]:
            share = ops.reshape(together * ops.gather(weights, i, axis=1), (-1, 1, 1))
            result = to_planes(run.run(stage.branches[0 if turns else i], own, pixels))
            return [t + share * plane for t, plane in zip(total, result, strict=True)]

        if turns is not None:
            total = turns.loop(lambda i, total: add(i, turns.turn(i), total), total)
        else:
            for i, own in enumerate(inner):
                total = add(i, own, total)
        return Planar(tuple(total))

    return run.scope.barrier(compute)


# (kernels, stage, what it needs, pixels) -> pixels
KERNELS: dict[type[Stage], Callable[..., Pixels]] = {
    LatticeStage: _lattice,
    AffineStage: _affine,
    PointwiseStage: _pointwise,
    NeighborStage: _neighborhood,
    ResizeStage: _resize,
    MixStage: _mix,
    MosaicStage: _mosaic,
    PasteStage: _paste,
    BranchStage: _branches,
    MixtureStage: _mixture,
}
