"""A pointwise stage: colour matrices and pixel functions on planes, one read and one write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import (
    Packed,
    Pixels,
    Planar,
    interleave,
    to_float,
    to_packed,
    to_planes,
    to_unit,
)
from augreg.backends.tensorflow.functions import arguments_of, choose, keywords, of_one_size
from augreg.backends.tensorflow.lattice import columns
from augreg.backends.tensorflow.statistics import Statistics, statistics
from augreg.backends.tensorflow.xla import PlaneTuple, Scope
from augreg.families import ColorMap, PixelFunction, PixelPart, PointwiseStage
from augreg.families.color import is_factor, mapped
from augreg.families.positions import Piece
from augreg.policy import Output

# What a part needs: a colour map, or a pixel function and who takes part (bool [B] or None).
PartArguments = ColorMap | tuple[PixelFunction, Any]


def pointwise_stage(scope: Scope, stage: PointwiseStage, parts: Any, pixels: Pixels) -> Pixels:
    """A pointwise stage with its lowered parts."""
    stats: Statistics = {}
    pixels, stage, parts = _by_sample(scope, stage, parts, pixels)
    names = stage.statistics
    if names:
        pixels = to_packed(scope, pixels, stage)
        found = scope.barrier(lambda: list(statistics(pixels, names).values()))
        stats = dict(zip(names, found, strict=True))
        parts = [absorb_mean(part, stats) for part in parts]

    def compute() -> Planar:
        return pointwise(to_planes(pixels), parts, stats)

    return compute() if scope.last else scope.barrier(compute)


def _by_sample(
    scope: Scope, stage: PointwiseStage, parts: Any, pixels: Pixels
) -> tuple[Pixels, PointwiseStage, Any]:
    """Does parts whose statistic is dear or asked for few, and returns the stage of the others.

    No part before changes their samples, so that they may come first.
    """
    if not scope.xla:
        return pixels, stage, parts
    rest = []
    for part, lowered in zip(stage.parts, parts, strict=True):
        asked = part.statistics if isinstance(part, PixelPart) else ()
        if not asked or ("histogram" not in asked and lowered[1] is None):
            rest.append((part, lowered))
            continue
        planes, (transform, condition) = to_planes(pixels), lowered

        def compute(mine: Any, own: Any) -> Any:
            stats = statistics(Planar(mine), own.statistics)
            return pointwise(mine, [(own, None)], stats).planes

        pixels = Planar(scope.map_active(condition, planes, transform, compute))
    kept = replace(stage, parts=tuple(part for part, _ in rest))
    return pixels, kept, [lowered for _, lowered in rest]


def absorb_mean(part: PartArguments, stats: Statistics) -> PartArguments:
    """A colour map with its mean term worked out; other parts as they are."""
    if not isinstance(part, ColorMap) or part.mean is None:
        return part
    return ColorMap(part.matrix, part.offset + mapped(TENSORFLOW, part.mean, stats["mean"]))


def pointwise(
    planes: PlaneTuple, parts: list[PartArguments], stats: Statistics, piece: Piece | None = None
) -> Planar:
    """Does the parts in order on float32 planes [B,H,W].

    stats: of what the planes are. piece: of an image that the planes are.
    """
    for part in parts:
        if isinstance(part, ColorMap):
            planes = _map(planes, part)
        else:
            planes = _function(planes, *part, stats, piece)
    return Planar(planes)


def _map(planes: PlaneTuple, transform: ColorMap) -> PlaneTuple:
    offsets = columns(transform.offset)
    if is_factor(transform.matrix):
        return tuple(o + transform.matrix * p for o, p in zip(offsets, planes, strict=True))
    rows = []
    of_rows = ops.unstack(ops.convert_to_tensor(transform.matrix), axis=1)
    for total, row in zip(offsets, of_rows, strict=True):
        for number, plane in zip(columns(row), planes, strict=True):
            total = total + number * plane
        rows.append(total)
    return tuple(rows)


def _function(
    planes: PlaneTuple,
    transform: PixelFunction,
    condition: Any,
    stats: Statistics,
    piece: Piece | None,
) -> PlaneTuple:
    given = keywords(transform, planes, stats, piece)
    result = transform.function(TENSORFLOW, planes, *arguments_of(transform), **given)
    return choose(condition, of_one_size(transform.function, tuple(result), planes), planes)


def dtype_after(output: Output | None) -> tf.DType:
    """Of what `finish` makes."""
    return tf.float32 if output is None else tf.dtypes.as_dtype(output.dtype)


def finish(pixels: Pixels, output: Output | None) -> tf.Tensor:
    """The end of a policy: clip, range, dtype, interleaved [B,H,W,C]. None: float32 in 0..1."""
    if output is None:
        return to_float(pixels)
    if ops.is_array(pixels):
        if pixels.dtype == tf.uint8 and output.dtype == "uint8":
            return pixels
        if len(output.scale) == 1 or pixels.shape[-1] == 1:
            return _finished((to_unit(pixels),), output)[0]
    if isinstance(pixels, Packed) and not pixels.bits and output.dtype == "uint8":
        return interleave(tuple(ops.cast(pixels.channel(c), tf.uint8) for c in range(3)))
    return interleave(_finished(to_planes(pixels), output))


def _finished(planes: PlaneTuple, output: Output) -> PlaneTuple:
    """Clips to 0..1 and maps to the output's range; uint8 is rounded half up."""
    clipped = [ops.clip_by_value(plane, 0.0, 1.0) for plane in planes]
    if output.dtype == "uint8":
        return tuple(ops.cast(ops.floor(plane * 255.0 + 0.5), tf.uint8) for plane in clipped)
    result = []
    for c, plane in enumerate(clipped):
        scale = np.float32(output.scale[c % len(output.scale)])
        offset = np.float32(output.offset[c % len(output.offset)])
        mapped = plane if scale == 1 and offset == 0 else plane * scale + offset
        result.append(ops.cast(mapped, output.dtype))
    return tuple(result)
