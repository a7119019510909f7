"""The reference's interpreter: the stages of a plan, one after another, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.backends.reference import kernels
from augreg.backends.walk import kernel_of
from augreg.errors import OpError
from augreg.families import (
    AffineStage,
    BranchStage,
    ColorMap,
    Displaced,
    LatticeStage,
    MixStage,
    MixtureStage,
    MosaicStage,
    NeighborStage,
    PasteStage,
    PixelFunction,
    PointwiseStage,
    ResizeStage,
    Stage,
)
from augreg.families.functions import aligned, check_planes, coordinates
from augreg.families.mix import mix_images
from augreg.families.mosaic import mosaic_images
from augreg.families.paste import paste_images
from augreg.lower import Lowering
from augreg.policy import Policy
from augreg.random import fields
from augreg.xp import NUMPY

Images = NDArray[Any]


@dataclass(frozen=True)
class Interpreter:
    """Does the stages of a plan to one batch, one after another, under one batch's draws."""

    policy: Policy
    lowering: Lowering

    def stages(self, stages: Iterable[Stage], images: Images, lowered: Any = None) -> Images:
        """Images [B,H,W,C], uint8 or float32 in 0..1, after stages; `lowered`: what each needs."""
        for i, stage in enumerate(stages):
            images = self.stage(stage, images, lowered[i] if lowered else None)
        return images

    def stage(self, stage: Stage, images: Images, lowered: Any = None) -> Images:
        """After one stage; raises `OpError` with the place of the step whose op is at fault."""
        try:
            if lowered is None:
                lowered = stage.lower(self.lowering, images.shape[1:3])
            return kernel_of(KERNELS, stage, "the reference")(self, stage, lowered, images)
        except OpError as error:
            raise self.policy.located(error, stage.pointer_of(error.op)) from error

    def size_after(self, stage: Stage, images: Images) -> Any:
        """The height and width of the images after a stage."""
        return self.lowering.size_after_stage(stage, images.shape[1:3])


def _lattice(run: Interpreter, stage: LatticeStage, lowered: Any, images: Images) -> Images:
    return kernels.lattice(images, lowered, run.size_after(stage, images))


def _affine(run: Interpreter, stage: AffineStage, lowered: Any, images: Images) -> Images:
    after, how, offsets = run.size_after(stage, images), lowered[0], None
    if isinstance(how, Displaced):
        how, offsets = how.matrix, kernels.offsets(how, after)
    return kernels.affine(kernels.to_unit(images), how, after, *stage.modes, offsets)


def _pointwise(run: Interpreter, stage: PointwiseStage, lowered: Any, images: Images) -> Images:
    images = kernels.to_unit(images)
    for part in lowered:
        images = (
            kernels.color(images, part) if isinstance(part, ColorMap) else _pixel(images, *part)
        )
    return images


def _pixel(images: Images, transform: PixelFunction, condition: Any) -> Images:
    def made() -> Images:
        size, planes = images.shape[1:3], tuple(np.moveaxis(images, -1, 0))
        given: dict[str, Any] = dict(kernels.statistics(images, transform.statistics))
        if transform.coordinates:
            given |= coordinates(NUMPY, size)
        if transform.noise:
            noise = (fields.uniform_planes(NUMPY, k, size, len(planes)) for k in transform.noise)
            given["noise"] = tuple(noise)
        arguments = [aligned(NUMPY, argument) for argument in transform.arguments]
        return np.stack(transform.function(NUMPY, planes, *arguments, **given), axis=-1)

    return _choose(condition, made, images)


def _neighborhood(run: Interpreter, stage: NeighborStage, lowered: Any, images: Images) -> Images:
    transform, condition = lowered
    images = kernels.to_unit(images)

    def made() -> Images:
        arguments = [aligned(NUMPY, argument) for argument in transform.arguments]
        given = planes = tuple(np.moveaxis(images, -1, 0))
        for function in transform.functions:
            planes = tuple(function(NUMPY, planes, *arguments))
        check_planes(stage.op, given, planes)
        return np.stack(planes, axis=-1)

    return _choose(condition, made, images)


def _resize(run: Interpreter, stage: ResizeStage, lowered: Any, images: Images) -> Images:
    transform, condition = lowered
    return _choose(condition, lambda: kernels.resize(images, transform), kernels.to_unit(images))


def _mix(run: Interpreter, stage: MixStage, lowered: Any, images: Images) -> Images:
    return np.asarray(mix_images(NUMPY, kernels.to_unit(images), lowered))


def _mosaic(run: Interpreter, stage: MosaicStage, lowered: Any, images: Images) -> Images:
    return np.asarray(mosaic_images(NUMPY, kernels.to_unit(images), lowered))


def _paste(run: Interpreter, stage: PasteStage, lowered: Any, images: Images) -> Images:
    return np.asarray(paste_images(NUMPY, images, *lowered))


def _branches(run: Interpreter, stage: BranchStage, lowered: Any, images: Images) -> Images:
    chosen, inner = np.broadcast_to(lowered[0], len(images)), lowered[1]
    results = [
        kernels.to_unit(run.stages(branch, images, own))
        for branch, own in zip(stage.branches, inner, strict=True)
    ]
    return np.stack([results[branch][b] for b, branch in enumerate(chosen)])


def _mixture(run: Interpreter, stage: MixtureStage, lowered: Any, images: Images) -> Images:
    weights, together, inner = lowered
    images = kernels.to_unit(images)
    total = np.reshape(1 - together, (-1, 1, 1, 1)) * images
    for i, branch in enumerate(stage.branches):
        share = np.reshape(together * weights[:, i], (-1, 1, 1, 1))
        total = total + share * kernels.to_unit(run.stages(branch, images, inner[i]))
    return np.asarray(total, np.float32)


# (interpreter, stage, what it needs, images [B,H,W,C]) -> images
KERNELS: dict[type[Stage], Callable[..., Images]] = {
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


def _choose(condition: Any, made: Callable[[], Images], old: Images) -> Images:
    """`made()` for the samples that have drawn a step, and not called where none has."""
    if condition is None:
        return made()
    if not np.any(condition):
        return old
    return np.where(np.reshape(condition, (-1, 1, 1, 1)), made(), old)
