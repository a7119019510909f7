"""The kernels of a plan's stages: what each stage does to a batch, or to one image of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from augreg import algebra, mixing, resampling
from augreg.backends.tensorflow import functions, geometry, planar, pointwise, sparse
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.checked import Done, checked
from augreg.backends.tensorflow.decode import decode, decode_scaled, decode_window, shape
from augreg.backends.tensorflow.pixels import (
    UNIT,
    Packed,
    Pixels,
    Planes,
    barrier,
    channels_of,
    only_one,
    pack,
    size_of,
    to_float,
    to_planes,
)
from augreg.errors import OpError
from augreg.lower import Lowering
from augreg.operation import check_planes
from augreg.plan import (
    AffineStage,
    BranchStage,
    ColorPart,
    Decode,
    LatticeStage,
    MixStage,
    MixtureStage,
    NeighborStage,
    PixelPart,
    PointwiseStage,
    ResizeStage,
    Stage,
    pointer_in,
    statistics_of,
)
from augreg.policy import Policy

PlaneTuple = tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class Kernels:
    """The kernels of one batch.

    Attributes:
        lowering: the batch's draws.
        go: bool [B], what barriers hang on; None outside of XLA.
        portable, debug: as in `Program`.
        alone: the batch is one image, so that what it does not take part in can be skipped.
    """

    lowering: Lowering
    policy: Policy
    go: tf.Tensor | None
    portable: bool = False
    debug: bool = False
    alone: bool = False

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
            return self.resize(replace(element, box=None), window)
        self.check_fits(how.stage, size)
        height, width = self.size_after(how.stage, size)
        left, top = tf.unstack(self.lowering.lattice(how.stage, size).offset[0])
        return decode_window(contents, top, left, height, width)[tf.newaxis]

    def stages(self, stages: Sequence[Stage], pixels: Pixels) -> Pixels:
        """The pixels after all stages, each behind a barrier but the last."""
        size, channels = size_of(pixels), channels_of(pixels)
        lowered = barrier(self.go, lambda: self.lowered(stages, size, channels))
        return self.run(stages, lowered, pixels)

    def lowered(self, stages: Sequence[Stage], size: Any, channels: int) -> list[Any]:
        """The stages' arguments: tiny arrays, and those of stages inside of stages."""
        sizes = self.sizes(stages, size)
        return [
            self.lower(stage, before, _channels(stage, channels))
            for stage, before in zip(stages, sizes, strict=False)
        ]

    def run(self, stages: Sequence[Stage], lowered: list[Any], pixels: Pixels) -> Pixels:
        """The stages with their arguments."""
        sizes, channels = self.sizes(stages, size_of(pixels)), channels_of(pixels)
        for i, (stage, arguments) in enumerate(zip(stages, lowered, strict=True)):
            after, last = sizes[i + 1], i + 1 == len(stages)
            try:
                made = self.stage(stage, arguments, pixels, after, last)
                if self.debug:
                    again = self.lower(stage, sizes[i], _channels(stage, channels))
                    other = self.stage(stage, again, pixels, after, True)
                    channels = _channels_after(stage, channels)
                    done = Done(stage, arguments, pixels, made, other, after, channels)
                    made = checked(self.policy, done)
            except OpError as error:
                raise self.policy.located(error, pointer_in(stage, error.op)) from error
            pixels = made
        return pixels

    def sizes(self, stages: Sequence[Stage], size: Any) -> list[Any]:
        """The size before the first stage, and after each."""
        found = [size]
        for stage in stages:
            found.append(self.size_after(stage, found[-1]))
        return found

    def size_after(self, stage: Stage, size: Any) -> Any:
        """The planned size; worked out from the actual one where the plan could not know it."""
        if isinstance(stage, PointwiseStage | NeighborStage | MixtureStage):
            return size
        if isinstance(stage, BranchStage):
            for inner in stage.branches[0]:
                size = self.size_after(inner, size)
            return size
        if None not in stage.size_out:
            return stage.size_out
        for item in stage.items:
            size = self.lowering.size_after_node(item.node, size)
        return size

    def lower(self, stage: Stage, size: Any, channels: int) -> Any:
        """A stage's arguments: tiny arrays, no pixels."""
        match stage:
            case LatticeStage():
                return self.lowering.lattice(stage, size)
            case AffineStage():
                few = self.lowering.chosen_few(stage.items) if self.go is not None else None
                return self.lowering.affine(stage, size), few
            case ResizeStage():
                (item,) = stage.items
                return self.lowering.element(item.step, size, item.suffix)
            case PointwiseStage():
                return [self.lower_part(part, size, channels) for part in stage.parts]
            case MixStage():
                return mixing.lower_mix(self.lowering, stage, size)
            case NeighborStage():
                return self.lowering.function(stage.items, size)
            case BranchStage():
                chosen = self.lowering.chosen(stage.group, stage.suffix)
                return chosen, self.lowered_branches(stage, size, channels)
            case MixtureStage():
                branches = self.lowered_branches(stage, size, channels)
                return *self.lowering.mixture(stage.item), branches

    def lowered_branches(
        self, stage: BranchStage | MixtureStage, size: Any, channels: int
    ) -> list[list[Any]]:
        return [self.lowered(branch, size, channels) for branch in stage.branches]

    def lower_part(self, part: Any, size: Any, channels: int) -> Any:
        if isinstance(part, ColorPart):
            return self.lowering.color(part.items, channels)
        return self.lowering.function(part.items, size)

    def stage(self, stage: Stage, arguments: Any, pixels: Pixels, after: Any, last: bool) -> Pixels:
        size = size_of(pixels)
        match stage:
            case LatticeStage():
                self.check_fits(stage, size)
                source = self.packed(pixels, stage)
                return self.kept(
                    lambda: geometry.lattice(source, arguments, size, after, stage.pads)
                )
            case AffineStage():
                matrix, few = arguments
                if few is not None:
                    return self.warped_few(stage, matrix, few, pixels)
                return self.warped(stage, matrix, pixels, after, last)
            case ResizeStage():
                return self.resize(arguments, pixels)
            case PointwiseStage():
                return self.pointwise(stage, arguments, pixels, last)
            case MixStage():
                images = barrier(self.go, lambda: to_float(pixels))
                return self.kept(lambda: mixing.mix_images(TENSORFLOW, images, arguments))
            case NeighborStage():
                name = stage.item.step.op.name
                return self.neighborhood(name, arguments[0], arguments[1], pixels)
            case BranchStage():
                chosen, inner = arguments
                return self.branches(stage, chosen, inner, pixels)
            case MixtureStage():
                return self.kept(lambda: self.mixture(stage, arguments, pixels))

    def kept(self, compute: Callable[[], Pixels]) -> Pixels:
        """A stage's pixels, kept from being recomputed by what reads them."""
        return barrier(self.go, compute)

    def check_fits(self, stage: LatticeStage, size: Any) -> None:
        """Refuses a crop larger than an image whose size only the data shows."""
        if stage.pads or None in stage.size_out or None not in stage.size_in:
            return
        wanted = "x".join(map(str, stage.size_out))
        error = self.policy.error(
            f"a crop of {wanted} is larger than an image; resize before, or use pad_or_crop",
            stage.items[0].node.pointer,
        )
        tf.debugging.assert_less_equal(stage.size_out, size, message=str(error))

    def entered(self, images: tf.Tensor, first: Stage) -> Pixels:
        """A batch in the form that the stage reads fastest.

        Under XLA, bytes go into one integer a pixel where gathers or sums will read them.
        """
        gathers = isinstance(first, LatticeStage | AffineStage)
        sums = isinstance(first, PointwiseStage) and first.statistics
        rgb = images.dtype == tf.uint8 and images.shape[-1] == 3
        if self.go is None or not rgb or not (gathers or sums):
            return images
        if not isinstance(first, AffineStage):
            return pack(images)
        modes = (first.fill, first.fill_value, first.interpolation)
        return pack(images, wide=True) if geometry.packs(size_of(images), *modes) else images

    def packed(self, pixels: Pixels, stage: Stage) -> Pixels:
        """`entered` behind a barrier, where it was not done before."""
        if not isinstance(pixels, tf.Tensor):
            return pixels
        return barrier(self.go, lambda: self.entered(pixels, stage))

    def resize(self, element: algebra.Resize, pixels: Pixels) -> Pixels:
        images = pixels if isinstance(pixels, tf.Tensor) else to_float(pixels)
        own_kernel = element.method in ("bilinear", "nearest") and not element.antialias
        if self.go is not None or (self.portable and not (own_kernel and element.box is None)):
            return resampling.resize(TENSORFLOW, to_float(images), element, size_of(pixels))
        return _resize_each(images, element)

    def pointwise(self, stage: PointwiseStage, parts: Any, pixels: Pixels, last: bool) -> Pixels:
        stats: functions.Statistics = {}
        pixels, stage, parts = self.by_sample(stage, parts, pixels)
        names = stage.statistics
        if names:
            pixels = self.packed(pixels, stage)
            found = barrier(self.go, lambda: list(functions.statistics(pixels, names).values()))
            stats = dict(zip(names, found, strict=True))
            parts = [
                pointwise.absorb_mean(part, stats["mean"])
                if isinstance(part, algebra.ColorMap) and part.mean is not None
                else part
                for part in parts
            ]

        def compute() -> Planes:
            return pointwise.pointwise(to_planes(pixels), parts, stats)

        return compute() if last else self.kept(compute)

    def by_sample(
        self, stage: PointwiseStage, parts: Any, pixels: Pixels
    ) -> tuple[Pixels, PointwiseStage, Any]:
        """Does parts whose statistic is dear or asked for few, and returns the stage of the others.

        No part before changes their samples, so that they may come first.
        """
        if self.go is None:
            return pixels, stage, parts
        rest = []
        for part, lowered in zip(stage.parts, parts, strict=True):
            asked = statistics_of(part) if isinstance(part, PixelPart) else ()
            if not asked or ("histogram" not in asked and lowered[1] is None):
                rest.append((part, lowered))
                continue
            planes, (element, condition) = to_planes(pixels), lowered

            def compute(mine: Any, own: Any) -> Any:
                stats = functions.statistics(Planes(mine), own.statistics)
                return pointwise.pointwise(mine, [(own, None)], stats).planes

            pixels = Planes(self.for_those(condition, planes, element, compute))
        kept = replace(stage, parts=tuple(part for part, _ in rest))
        return pixels, kept, [lowered for _, lowered in rest]

    def neighborhood(
        self,
        name: str,
        element: algebra.Neighborhood,
        condition: tf.Tensor | None,
        pixels: Pixels,
    ) -> Pixels:
        keep = functools.partial(barrier, self.go)

        def compute(mine: Any, own: Any) -> Any:
            made = functions.neighborhood(mine, own, None, keep)
            check_planes(name, mine, made)
            return made

        if self.go is not None and condition is not None:
            return Planes(self.for_those(condition, to_planes(pixels), element, compute))

        def compute_all() -> Planes:
            planes = to_planes(pixels)
            return Planes(functions.choose(condition, compute(planes, element), planes))

        return self.kept(compute_all)

    def for_those(
        self, active: tf.Tensor | None, planes: PlaneTuple, arguments: Any, compute: Any
    ) -> PlaneTuple:
        """`compute(planes, arguments)` of the samples where `active` (bool [B]) holds."""
        if self.go is not None and self.alone:
            if active is None:
                return tuple(compute(planes, arguments))
            done = [lambda: list(compute(planes, arguments)), lambda: list(planes)]
            return tuple(only_one(tf.cast(~active[0], tf.int32), done, self.go))
        active = tf.constant([True]) if active is None else active
        return sparse.for_those(active, planes, arguments, compute)

    def warped(
        self, stage: AffineStage, matrix: tf.Tensor, pixels: Pixels, after: Any, last: bool
    ) -> Pixels:
        size, modes = size_of(pixels), (stage.fill, stage.fill_value, stage.interpolation)
        source = self.packed(pixels, stage)
        moved = self.kept(lambda: geometry.affine(source, matrix, size, after, *modes))
        if not self.alone or last or not isinstance(moved, Packed):
            return moved
        # the next kernel works on twice as many floats at a time where no int64 is in it
        return self.kept(lambda: Planes(to_planes(moved)))

    def warped_few(
        self, stage: AffineStage, matrix: tf.Tensor, few: tf.Tensor, pixels: Pixels
    ) -> Planes:
        """A warp of the samples that a choice gave it."""
        size, keep = size_of(pixels), functools.partial(barrier, self.go)

        def compute(mine: PlaneTuple, own: tf.Tensor) -> PlaneTuple:
            if stage.interpolation == "bilinear" and stage.fill != "wrap" and min(size) > 1:
                return planar.affine(mine, own, size, stage.fill, stage.fill_value, keep)
            modes = (stage.fill, stage.fill_value, stage.interpolation)
            return to_planes(geometry.affine(Planes(mine), own, size, size, *modes))

        return Planes(self.for_those(few, to_planes(pixels), matrix, compute))

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

        if self.go is not None and self.alone:
            made = [functools.partial(lambda i: [result(i)], i) for i in range(len(lowered))]
            return only_one(chosen[0], made, self.go)[0]
        total = result(0)
        for i in range(1, len(lowered)):
            total = tf.where(tf.reshape(chosen == i, (-1, 1, 1, 1)), result(i), total)
        return total


def _resize_each(images: tf.Tensor, element: algebra.Resize) -> tf.Tensor:
    """Outside of XLA, TensorFlow's own kernels are the fastest; boxes are cut image by image."""
    target = element.inner or element.size

    def one(image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
        cut = image[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
        return _resized(cut[tf.newaxis], target, element)[0]

    if element.box is None:
        result = _resized(images, target, element)
    else:
        boxes = tf.broadcast_to(tf.convert_to_tensor(element.box), (tf.shape(images)[0], 4))
        spec = tf.TensorSpec((None, None, images.shape[-1]), tf.float32)
        result = tf.map_fn(lambda pair: one(*pair), (images, boxes), fn_output_signature=spec)
    if element.inner is not None:
        top, left = ((element.size[i] - target[i]) // 2 for i in range(2))
        result = tf.image.pad_to_bounding_box(result, top, left, *element.size)
    result.set_shape((None, *element.size, images.shape[-1]))
    return result


def _resized(images: tf.Tensor, target: Any, element: algebra.Resize) -> tf.Tensor:
    levels = tf.cast(images, tf.float32)
    resized = tf.image.resize(levels, target, element.method, antialias=element.antialias)
    return resized * UNIT if images.dtype == tf.uint8 else resized


def _channels(stage: Stage, channels: int) -> int:
    return stage.channels_in if isinstance(stage, PointwiseStage) else channels


def _channels_after(stage: Stage, channels: int) -> int:
    if isinstance(stage, BranchStage):
        for inner in stage.branches[0]:
            channels = _channels_after(inner, channels)
        return channels
    return stage.channels_out if isinstance(stage, PointwiseStage) else channels
