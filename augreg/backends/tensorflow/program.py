"""Runs a plan in TensorFlow: all tiny arithmetic first, then one kernel per stage.

Static sizes make one XLA function of it all, in which barriers keep the stages apart (XLA would
recompute a warp inside each of its consumers). Before a size is fixed, stages run as plain ops.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import tensorflow as tf

from augreg import algebra, mixing, resampling
from augreg.backends.tensorflow import functions, geometry, planar, pointwise, sparse
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.checked import CheckedLowering, Done, checked, checked_output
from augreg.backends.tensorflow.decode import decode, decode_scaled, decode_window, shape
from augreg.backends.tensorflow.pixels import (
    UNIT,
    Packed,
    Pixels,
    Planes,
    barrier,
    channels_of,
    interleave,
    never_folded,
    pack,
    size_of,
    to_float,
    to_planes,
    to_unit,
)
from augreg.errors import OpError
from augreg.lower import Draws, Lowering
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
    Plan,
    PointwiseStage,
    ResizeStage,
    Stage,
    pointer_in,
    statistics_of,
)
from augreg.policy import Output, Policy


class Program:
    """The TensorFlow form of a plan, for batches of one dtype.

    Call it with images [B,H,W,C] (uint8, or float32 in 0..1; or one scalar string, where the plan
    decodes), index uint32 [B], and the scalars seed and epoch, uint32.

    Attributes:
        xla: it is compiled by XLA, at static sizes, with barriers between the stages.
        portable: it runs as plain ops, but a model around it may be compiled: XLA has its ops.
        debug: it checks what every stage makes, and names the stage's steps.
    """

    def __init__(self, plan: Plan, xla: bool, portable: bool = False, debug: bool = False) -> None:
        self.plan, self.xla, self.portable, self.debug = plan, xla, portable, debug

    def __call__(
        self, images: tf.Tensor, index: tf.Tensor, seed: tf.Tensor, epoch: tf.Tensor
    ) -> tf.Tensor:
        plan = self.plan
        words = Draws.make(TENSORFLOW, plan, seed, epoch, index)
        lowering = Lowering(TENSORFLOW, words)
        if self.debug:
            lowering = CheckedLowering(TENSORFLOW, words, plan.policy)
        go = never_folded(index) if self.xla else None
        run = _Run(lowering, plan.policy, go, self.portable, self.debug)
        pixels: Pixels = run.decoded(plan.decode, images) if plan.decode else images
        came_as_uint8 = images.dtype in (tf.uint8, tf.string)
        if plan.prepare or plan.decode:
            pixels = run.stages(plan.prepare, pixels)
            pixels = quantize(pixels) if came_as_uint8 else to_float(pixels)
        if plan.augment:
            pixels = run.stages(plan.augment, pixels)
        if plan.output is not None:
            result = finish(pixels, plan.output)
            return checked_output(plan.policy, result, plan.output) if self.debug else result
        keeps = came_as_uint8 and not plan.augment
        return pixels if keeps else to_float(pixels)


def finish(pixels: Pixels, output: Output) -> tf.Tensor:
    """The end of a policy: clip, range, dtype, interleaved."""
    if isinstance(pixels, tf.Tensor):
        if pixels.dtype == tf.uint8 and output.dtype == "uint8":
            return pixels
        if len(output.scale) == 1 or pixels.shape[-1] == 1:
            return pointwise.finish((to_unit(pixels),), output)[0]
    if isinstance(pixels, Packed) and not pixels.bits and output.dtype == "uint8":
        return interleave(tuple(tf.cast(pixels.channel(c), tf.uint8) for c in range(3)))
    return interleave(pointwise.finish(to_planes(pixels), output))


def quantize(pixels: Pixels) -> tf.Tensor:
    """uint8 between prepare and what follows; uint8 stays as it is."""
    return finish(pixels, Output("uint8", (255.0,), (0.0,)))


class _Run:
    """The stages of one batch. `go` is what barriers hang on; None outside of XLA."""

    def __init__(
        self,
        lowering: Lowering,
        policy: Policy,
        go: tf.Tensor | None,
        portable: bool,
        debug: bool,
    ) -> None:
        self.lowering, self.policy = lowering, policy
        self.go, self.portable, self.debug = go, portable, debug

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
        sizes, channels = [size_of(pixels)], channels_of(pixels)
        for stage in stages:
            sizes.append(self.size_after(stage, sizes[-1]))

        def lower_all() -> list[Any]:
            return [
                self.lower(stage, before, _channels(stage, channels))
                for stage, before in zip(stages, sizes, strict=False)
            ]

        lowered = barrier(self.go, lower_all)
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
                return self.lowering.chosen(stage.group, stage.suffix)
            case MixtureStage():
                return self.lowering.mixture(stage.item)

    def lower_part(self, part: Any, size: Any, channels: int) -> Any:
        if isinstance(part, ColorPart):
            return self.lowering.color(part.items, channels)
        return self.lowering.function(part.items, size)

    def stage(self, stage: Stage, arguments: Any, pixels: Pixels, after: Any, last: bool) -> Pixels:
        size = size_of(pixels)
        match stage:
            case LatticeStage():
                self.check_fits(stage, size)
                source = self.packed(pixels)
                return self.kept(
                    lambda: geometry.lattice(source, arguments, size, after, stage.pads)
                )
            case AffineStage():
                modes = (stage.fill, stage.fill_value, stage.interpolation)
                matrix, few = arguments
                if few is not None:  # a loop is a barrier by itself
                    keep = functools.partial(barrier, self.go)
                    return _warped_few(pixels, matrix, few, size, modes, keep)
                source = self.packed(pixels)
                return self.kept(lambda: geometry.affine(source, matrix, size, after, *modes))
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
                return self.branches(stage, arguments, pixels)
            case MixtureStage():
                return self.kept(lambda: self.mixture(stage, arguments[0], arguments[1], pixels))

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

    def packed(self, pixels: Pixels) -> Pixels:
        """Bytes in one integer a pixel, where XLA's gathers or sums will read them."""
        if self.go is None or not isinstance(pixels, tf.Tensor):
            return pixels
        rgb = pixels.dtype == tf.uint8 and pixels.shape[-1] == 3
        return barrier(self.go, lambda: pack(pixels)) if rgb else pixels

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
            pixels = self.packed(pixels)
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
            active = tf.constant([True]) if condition is None else condition

            def compute(mine: Any, own: Any) -> Any:
                stats = functions.statistics(Planes(mine), own.statistics)
                return pointwise.pointwise(mine, [(own, None)], stats).planes

            pixels = Planes(sparse.for_those(active, planes, element, compute))
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
            return Planes(sparse.for_those(condition, to_planes(pixels), element, compute))

        def compute_all() -> Planes:
            planes = to_planes(pixels)
            return Planes(functions.choose(condition, compute(planes, element), planes))

        return self.kept(compute_all)

    def mixture(
        self, stage: MixtureStage, weights: tf.Tensor, together: tf.Tensor, pixels: Pixels
    ) -> Pixels:
        planes = to_planes(pixels)
        shares = [tf.reshape(together * weights[:, i], (-1, 1, 1)) for i in range(weights.shape[1])]
        rest = tf.reshape(1.0 - together, (-1, 1, 1))
        total = [rest * plane for plane in planes]
        for share, branch in zip(shares, stage.branches, strict=True):
            result = to_planes(self.stages(branch, pixels))
            total = [t + share * plane for t, plane in zip(total, result, strict=True)]
        return Planes(tuple(total))

    def branches(self, stage: BranchStage, chosen: tf.Tensor, pixels: Pixels) -> Pixels:
        results = [to_float(self.stages(branch, pixels)) for branch in stage.branches]
        total = results[0]
        for i, result in enumerate(results[1:], start=1):
            total = tf.where(tf.reshape(chosen == i, (-1, 1, 1, 1)), result, total)
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


def _warped_few(
    pixels: Pixels,
    matrix: tf.Tensor,
    few: tf.Tensor,
    size: Any,
    modes: tuple[Any, ...],
    keep: planar.Keep,
) -> Planes:
    """A warp of the samples that a choice gave it, one after another."""

    def compute(mine: Any, own: tf.Tensor) -> Any:
        fill, fill_value, interpolation = modes
        if interpolation == "bilinear" and fill != "wrap" and min(size) > 1:
            return planar.affine(mine, own, size, fill, fill_value, keep)
        return to_planes(geometry.affine(Planes(mine), own, size, size, *modes))

    return Planes(sparse.for_those(few, to_planes(pixels), matrix, compute))


def _channels(stage: Stage, channels: int) -> int:
    return stage.channels_in if isinstance(stage, PointwiseStage) else channels


def _channels_after(stage: Stage, channels: int) -> int:
    if isinstance(stage, BranchStage):
        for inner in stage.branches[0]:
            channels = _channels_after(inner, channels)
        return channels
    return stage.channels_out if isinstance(stage, PointwiseStage) else channels
