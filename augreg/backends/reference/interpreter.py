"""The reference's interpreter: the stages of a plan, one after another, in NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg import families
from augreg.annotations import mixing
from augreg.backends.reference import kernels
from augreg.errors import OpError
from augreg.lower import Lowering
from augreg.plan import (
    AffineStage,
    BranchStage,
    ColorPart,
    LatticeStage,
    MixStage,
    MixtureStage,
    NeighborStage,
    PixelPart,
    PointwiseStage,
    ResizeStage,
    Stage,
    pointer_in,
)
from augreg.plugin.op import check_planes
from augreg.policy import Policy
from augreg.random import fields
from augreg.xp import NUMPY

Images = NDArray[Any]


@dataclass(frozen=True)
class Interpreter:
    """Does the stages of a plan to one batch, one after another, under one batch's draws."""

    policy: Policy
    lowering: Lowering

    def stages(self, stages: Iterable[Stage], images: Images) -> Images:
        """Images [B,H,W,C], uint8 or float32 in 0..1, after stages."""
        for stage in stages:
            images = self.stage(stage, images)
        return images

    def stage(self, stage: Stage, images: Images) -> Images:
        """After one stage; raises `OpError` with the place of the step whose op is at fault."""
        try:
            return self._stage(stage, images)
        except OpError as error:
            raise self.policy.located(error, pointer_in(stage, error.op)) from error

    def _stage(self, stage: Stage, images: Images) -> Images:
        size = (images.shape[1], images.shape[2])
        match stage:
            case LatticeStage():
                element = self.lowering.lattice(stage, size)
                return kernels.lattice(images, element, self.lowering.size_after_stage(stage, size))
            case AffineStage():
                matrix = self.lowering.affine(stage, size)
                after = self.lowering.size_after_stage(stage, size)
                modes = (stage.fill, stage.fill_value, stage.interpolation)
                return kernels.affine(kernels.to_unit(images), matrix, after, *modes)
            case PointwiseStage():
                images = kernels.to_unit(images)
                for part in stage.parts:
                    images = self.part(part, images)
                return images
            case ResizeStage():
                resize, condition = self.lowering.resize(stage, size)
                resized = kernels.resize(images, resize)
                return _choose(condition, resized, kernels.to_unit(images))
            case MixStage():
                mix = mixing.lower_mix(self.lowering, stage, size)
                return np.asarray(mixing.mix_images(NUMPY, kernels.to_unit(images), mix))
            case NeighborStage():
                return self.neighborhood(stage, kernels.to_unit(images))
            case BranchStage():
                return self.branches(stage, images)
            case MixtureStage():
                return self.mixture(stage, kernels.to_unit(images))

    def part(self, part: ColorPart | PixelPart, images: Images) -> Images:
        size = (images.shape[1], images.shape[2])
        if isinstance(part, ColorPart):
            return kernels.color(images, self.lowering.color(part.items, images.shape[-1], size))
        element, condition = self.lowering.function(part.items, size)
        assert isinstance(element, families.PixelFunction)
        planes = tuple(np.moveaxis(images, -1, 0))
        given: dict[str, Any] = dict(kernels.statistics(images, element.statistics))
        if element.coordinates:
            given |= fields.coordinates(NUMPY, size)
        if element.noise:
            noise = (fields.uniform_planes(NUMPY, k, size, len(planes)) for k in element.noise)
            given["noise"] = tuple(noise)
        arguments = [fields.aligned(NUMPY, argument) for argument in element.arguments]
        result = np.stack(element.function(NUMPY, planes, *arguments, **given), axis=-1)
        return _choose(condition, result, images)

    def neighborhood(self, stage: NeighborStage, images: Images) -> Images:
        element, condition = self.lowering.function(stage.items, images.shape[1:3])
        arguments = [fields.aligned(NUMPY, argument) for argument in element.arguments]
        given = planes = tuple(np.moveaxis(images, -1, 0))
        for function in element.functions:
            planes = tuple(function(NUMPY, planes, *arguments))
        check_planes(stage.items[0].step.op.name, given, planes)
        return _choose(condition, np.stack(planes, axis=-1), images)

    def mixture(self, stage: MixtureStage, images: Images) -> Images:
        weights, together = self.lowering.mixture(stage.items[0])
        total = np.reshape(1 - together, (-1, 1, 1, 1)) * images
        for i, branch in enumerate(stage.branches):
            share = np.reshape(together * weights[:, i], (-1, 1, 1, 1))
            total = total + share * kernels.to_unit(self.stages(branch, images))
        return np.asarray(total, np.float32)

    def branches(self, stage: BranchStage, images: Images) -> Images:
        chosen = np.broadcast_to(
            self.lowering.chosen(stage.group, stage.items[0].suffix), len(images)
        )
        results = [kernels.to_unit(self.stages(branch, images)) for branch in stage.branches]
        return np.stack([results[branch][b] for b, branch in enumerate(chosen)])


def _choose(condition: Any, new: Images, old: Images) -> Images:
    return new if condition is None else np.where(np.reshape(condition, (-1, 1, 1, 1)), new, old)
