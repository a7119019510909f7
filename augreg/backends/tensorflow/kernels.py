"""The kernels of a plan's stages: what each stage does to a batch, or to one image of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from augreg import families
from augreg.annotations import mixing
from augreg.backends.tensorflow import functions, lattice
from augreg.backends.tensorflow.affine import warp, warp_active
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import (
    Pixels,
    Planes,
    size_of,
    to_float,
    to_packed,
    to_planes,
)
from augreg.backends.tensorflow.debug import StageResult, checked
from augreg.backends.tensorflow.pointwise import pointwise_stage
from augreg.backends.tensorflow.resize import resize
from augreg.backends.tensorflow.xla import Scope, switch
from augreg.errors import OpError
from augreg.images.decode import decode, decode_scaled, decode_window, shape
from augreg.lower import Lowering
from augreg.plan import (
    AffineStage,
    BranchStage,
    ColorPart,
    Decode,
    LatticeStage,
    MixStage,
    MixtureStage,
    NeighborStage,
    PointwiseStage,
    ResizeStage,
    Stage,
    pointer_in,
)
from augreg.plugin.op import check_planes
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
        size = tf.unstack(shape(contents))
        if isinstance(how.stage, ResizeStage):
            element = self.lowering.element(how.stage.items[0].step, size)
            window = decode_window(contents, *tf.unstack(element.box[0]))[tf.newaxis]
            return self.resized(replace(element, box=None), window)
        height, width = self.lowering.size_after_stage(how.stage, size)
        left, top = tf.unstack(self.lowering.lattice(how.stage, size).offset[0])
        return decode_window(contents, top, left, height, width)[tf.newaxis]

    def stages(self, stages: Sequence[Stage], pixels: Pixels) -> Pixels:
        """The pixels after all stages, each behind a barrier but the last."""
        size = size_of(pixels)
        lowered = self.scope.barrier(lambda: self.lowered(stages, size))
        return self.run(stages, lowered, pixels)

    def lowered(self, stages: Sequence[Stage], size: Any) -> list[Any]:
        """The stages' arguments: tiny arrays, and those of stages inside of stages."""
        sizes = self.sizes(stages, size)
        return [self.lower(stage, before) for stage, before in zip(stages, sizes, strict=False)]

    def run(self, stages: Sequence[Stage], lowered: list[Any], pixels: Pixels) -> Pixels:
        """The stages with their arguments."""
        sizes = self.sizes(stages, size_of(pixels))
        for i, (stage, arguments) in enumerate(zip(stages, lowered, strict=True)):
            after, last = sizes[i + 1], i + 1 == len(stages)
            exact = self.scope.exact or functions.stepped(lowered[i + 1 :])
            kernels = replace(self, scope=replace(self.scope, exact=exact))
            try:
                made = kernels.stage(stage, arguments, pixels, after, last)
                if self.debug:
                    again = self.lower(stage, sizes[i])
                    other = self.stage(stage, again, pixels, after, True)
                    done = StageResult(stage, arguments, pixels, made, other, after)
                    made = checked(self.policy, done)
            except OpError as error:
                raise self.policy.located(error, pointer_in(stage, error.op)) from error
            pixels = made
        return pixels

    def sizes(self, stages: Sequence[Stage], size: Any) -> list[Any]:
        """The size before the first stage, and after each."""
        found = [size]
        for stage in stages:
            found.append(self.lowering.size_after_stage(stage, found[-1]))
        return found

    def lower(self, stage: Stage, size: Any) -> Any:
        """A stage's arguments: tiny arrays, no pixels."""
        match stage:
            case LatticeStage():
                return self.lowering.lattice(stage, size)
            case AffineStage():
                active = self.lowering.active_mask(stage.items) if self.scope.xla else None
                return self.lowering.affine(stage, size), active
            case ResizeStage():
                return self.lowering.resize(stage, size)
            case PointwiseStage():
                return self.lower_parts(stage, size)
            case MixStage():
                return mixing.lower_mix(self.lowering, stage, size)
            case NeighborStage():
                return self.lowering.function(stage.items, size)
            case BranchStage():
                chosen = self.lowering.chosen(stage.group, stage.items[0].suffix)
                return chosen, [self.lowered(branch, size) for branch in stage.branches]
            case MixtureStage():
                branches = [self.lowered(branch, size) for branch in stage.branches]
                return *self.lowering.mixture(stage.items[0]), branches

    def lower_parts(self, stage: PointwiseStage, size: Any) -> list[Any]:
        """What the parts need, each at the number of channels that those before it leave."""
        made: list[Any] = []
        channels = stage.channels_in
        for part in stage.parts:
            if isinstance(part, ColorPart):
                made.append(self.lowering.color(part.items, channels, size))
                channels = int(made[-1].matrix.shape[1])
            else:
                made.append(self.lowering.function(part.items, size))
        return made

    def stage(self, stage: Stage, arguments: Any, pixels: Pixels, after: Any, last: bool) -> Pixels:
        size = size_of(pixels)
        match stage:
            case LatticeStage():
                source = to_packed(self.scope, pixels, stage)
                return self.scope.barrier(
                    lambda: lattice.lattice(source, arguments, size, after, stage.pads)
                )
            case AffineStage():
                matrix, active = arguments
                if active is not None:
                    return warp_active(self.scope, stage, matrix, active, pixels)
                return warp(self.scope, stage, matrix, pixels, after, last)
            case ResizeStage():
                resize, condition = arguments
                return self.resized_some(resize, condition, pixels)
            case PointwiseStage():
                return pointwise_stage(self.scope, stage, arguments, pixels, last)
            case MixStage():
                images = self.scope.barrier(lambda: to_float(pixels))
                return self.scope.barrier(lambda: mixing.mix_images(TENSORFLOW, images, arguments))
            case NeighborStage():
                name = stage.items[0].step.op.name
                return self.neighborhood(name, arguments[0], arguments[1], pixels)
            case BranchStage():
                chosen, inner = arguments
                return self.branches(stage, chosen, inner, pixels)
            case MixtureStage():
                return self.scope.barrier(lambda: self.mixture(stage, arguments, pixels))

    def resized(self, element: families.Resize, pixels: Pixels) -> Pixels:
        return resize(pixels, element, xla=self.scope.xla, portable=self.portable)

    def resized_some(
        self, element: families.Resize, condition: tf.Tensor | None, pixels: Pixels
    ) -> Pixels:
        """The pixels of those that take part (None: all) resized; the others are of that size."""
        resized = self.resized(element, pixels)
        if condition is None:
            return resized
        return tf.where(tf.reshape(condition, (-1, 1, 1, 1)), resized, to_float(pixels))

    def neighborhood(
        self,
        name: str,
        element: families.Neighborhood,
        condition: tf.Tensor | None,
        pixels: Pixels,
    ) -> Pixels:
        keep = self.scope.barrier

        def compute(mine: Any, own: Any) -> Any:
            made = functions.neighborhood(mine, own, None, keep)
            check_planes(name, mine, made)
            return made

        if self.scope.xla and condition is not None:
            return Planes(self.scope.map_active(condition, to_planes(pixels), element, compute))

        def compute_all() -> Planes:
            planes = to_planes(pixels)
            return Planes(functions.choose(condition, compute(planes, element), planes))

        return self.scope.barrier(compute_all)

    def mixture(self, stage: MixtureStage, arguments: tuple[Any, ...], pixels: Pixels) -> Pixels:
        weights, together, lowered = arguments
        planes = to_planes(pixels)
        shares = [tf.reshape(together * weights[:, i], (-1, 1, 1)) for i in range(weights.shape[1])]
        rest = tf.reshape(1.0 - together, (-1, 1, 1))
        total = [rest * plane for plane in planes]
        for share, branch, inner in zip(shares, stage.branches, lowered, strict=True):
            result = to_planes(self.run(branch, inner, pixels))
            total = [t + share * plane for t, plane in zip(total, result, strict=True)]
        return Planes(tuple(total))

    def branches(
        self, stage: BranchStage, chosen: tf.Tensor, lowered: list[list[Any]], pixels: Pixels
    ) -> Pixels:
        def result(i: int) -> tf.Tensor:
            return to_float(self.run(stage.branches[i], lowered[i], pixels))

        def results(i: int) -> list[tf.Tensor]:
            return [result(i)]

        if self.scope.xla and self.scope.single:
            made = [functools.partial(results, i) for i in range(len(lowered))]
            return switch(chosen[0], made, self.scope.predicate)[0]
        total = result(0)
        for i in range(1, len(lowered)):
            total = tf.where(tf.reshape(chosen == i, (-1, 1, 1, 1)), result(i), total)
        return total
