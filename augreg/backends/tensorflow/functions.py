"""Pixel functions and neighbourhoods: what they are given besides planes, and whom they change."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.assertions import after
from augreg.backends.tensorflow.repeats import Turns
from augreg.backends.tensorflow.statistics import Statistics
from augreg.backends.tensorflow.xla import Keep, PlaneTuple, at_run_time
from augreg.families import Neighborhood, PixelFunction
from augreg.families.functions import aligned, coordinates
from augreg.families.positions import Piece
from augreg.random import fields


def stepped(lowered: Any) -> bool:
    """Whether anything in the stages' lowered arguments is a function with steps."""
    if isinstance(lowered, PixelFunction):
        return lowered.stepped or "histogram" in lowered.statistics
    if isinstance(lowered, Neighborhood):
        return lowered.stepped
    if isinstance(lowered, Turns):
        return stepped(lowered.needed)
    return isinstance(lowered, list | tuple) and any(map(stepped, lowered))


def keywords(
    transform: PixelFunction, planes: PlaneTuple, stats: Statistics, piece: Piece | None = None
) -> dict[str, Any]:
    """What the function asks for, by name. piece: what the planes are of, where it is not all."""
    given: dict[str, Any] = {}
    size = TENSORFLOW.shape(planes[0])[1:] if piece is None else piece
    number = None if piece is None else piece.number
    for name in transform.statistics:
        parts = ops.unstack(stats[name], axis=1)
        given[name] = tuple(p if name == "histogram" else p[:, None, None] for p in parts)
    if transform.coordinates:
        given |= coordinates(TENSORFLOW, size)
    if transform.noise:
        given["noise"] = tuple(
            fields.uniform_planes(TENSORFLOW, ops.convert_to_tensor(key), size, len(planes), number)
            for key in transform.noise
        )
    return given


def arguments_of(transform: PixelFunction | Neighborhood) -> list[tf.Tensor]:
    """The arguments, each [B,1,1] or [B,n,1,1]."""
    return [aligned(TENSORFLOW, ops.convert_to_tensor(a)) for a in transform.arguments]


def choose(condition: tf.Tensor | None, new: PlaneTuple, old: PlaneTuple) -> PlaneTuple:
    """The new planes of those that take part (bool [B]; None for all)."""
    if condition is None:
        return tuple(new)
    taken = ops.reshape(condition, (-1, 1, 1))
    return tuple(ops.where(taken, x, y) for x, y in zip(new, old, strict=True))


def of_one_size(function: Callable[..., Any], new: PlaneTuple, old: PlaneTuple) -> PlaneTuple:
    """What an op's function made of planes, once it is seen to have their size.

    `check_planes` sees it where a size is static. Where it is not, planes of another size would
    become an image of another size, or be spread over this one.
    """
    if all(None not in plane.shape[1:] for plane in (*new, *old)):
        return tuple(new)
    size = ops.shape(old[0])[1:]
    same = ops.reduce_all([ops.reduce_all(ops.shape(plane)[1:] == size) for plane in new])
    name = getattr(function, "op", "?")
    said = f'op "{name}": its function made planes of another size than those that it was given'
    return after([tf.debugging.Assert(same, [said])], tuple(map(ops.convert_to_tensor, new)))


def neighborhood(planes: PlaneTuple, transform: Neighborhood, keep: Keep) -> PlaneTuple:
    """Does the transform's functions in order, each kept apart from the next by `keep`.

    Whether they keep the size, where that is not static, is for `of_one_size` to see.
    """
    arguments, current = arguments_of(transform), planes
    if planes[0].shape[0] == 1:  # whose windows are slices
        arguments = at_run_time(arguments)
    *first, last = transform.functions
    for function in first:
        current = tuple(keep(functools.partial(function, TENSORFLOW, current, *arguments)))
    return tuple(last(TENSORFLOW, current, *arguments))
