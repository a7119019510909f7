"""How a batch of pixels is held between two kernels, and the barrier that keeps kernels apart.

A batch is interleaved (uint8 or float32 [B,H,W,C]), planes (a tuple of float32 [B,H,W]) or packed
(the fixed-point sums of a warp: three channels in one int64). Kernels take what is at hand, so that
pixels are read once as uint8 and written once as floats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import tensorflow as tf

UNIT = np.float32(1 / 255)
T = TypeVar("T")
FIELD = 21  # bits of an int64 that each channel gets


@dataclass(frozen=True)
class Planes:
    """float32 [B,H,W] for each channel, 0..1."""

    planes: tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class Packed:
    """int64 [B,H,W]: three fields of 21 bits, each 255 * 2**bits times the channel's value."""

    sums: tf.Tensor
    bits: int


Pixels: TypeAlias = Any  # tf.Tensor (interleaved) | Planes | Packed


def channels_of(pixels: Pixels) -> int:
    """How many channels the batch has."""
    if isinstance(pixels, Packed):
        return 3
    return len(pixels.planes) if isinstance(pixels, Planes) else int(pixels.shape[-1])


def size_of(pixels: Pixels) -> tuple[Any, Any]:
    """(H, W): ints where static, int32 scalars elsewhere."""
    if isinstance(pixels, Packed):
        some, axis = pixels.sums, 1
    elif isinstance(pixels, Planes):
        some, axis = pixels.planes[0], 1
    else:
        some, axis = pixels, 1
    static = some.shape[axis : axis + 2]
    dynamic = tf.shape(some)
    sides = [int(s) if s is not None else dynamic[axis + i] for i, s in enumerate(static)]
    return sides[0], sides[1]


def to_planes(pixels: Pixels) -> tuple[tf.Tensor, ...]:
    """float32 [B,H,W] planes in 0..1."""
    if isinstance(pixels, Planes):
        return pixels.planes
    if isinstance(pixels, Packed):
        unit = np.float32(1 / (255 * 2**pixels.bits))
        fields = (field_of(pixels.sums, c) for c in range(3))
        return tuple(tf.cast(field, tf.float32) * unit for field in fields)
    planes = tuple(pixels[..., c] for c in range(pixels.shape[-1]))
    return tuple(to_unit(plane) for plane in planes)


def to_float(pixels: Pixels) -> tf.Tensor:
    """float32 [B,H,W,C] in 0..1."""
    if isinstance(pixels, tf.Tensor):
        return to_unit(pixels)
    return interleave(to_planes(pixels))


def to_unit(values: tf.Tensor) -> tf.Tensor:
    """uint8 times float32(1/255); floats are in 0..1 already."""
    return tf.cast(values, tf.float32) * UNIT if values.dtype == tf.uint8 else values


def interleave(planes: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """[B,H,W,C] from planes. A select over a channel index stores vectors; `tf.stack` does not."""
    if len(planes) == 1:
        return planes[0][..., tf.newaxis]
    channel = tf.reshape(tf.range(3), (1, 1, 1, 3))
    r, g, b = (plane[..., tf.newaxis] for plane in planes)
    return tf.where(channel == 0, r, tf.where(channel == 1, g, b))


def field_of(sums: tf.Tensor, channel: int) -> tf.Tensor:
    """int32: one channel's field of packed sums."""
    shifted = tf.bitwise.right_shift(sums, tf.constant(FIELD * channel, tf.int64))
    return tf.cast(tf.bitwise.bitwise_and(shifted, tf.constant(2**FIELD - 1, tf.int64)), tf.int32)


def mean_of(pixels: Pixels) -> tf.Tensor:
    """float32 [B,C]: the mean of each channel, by rows first, which keeps float32 sums short."""
    if isinstance(pixels, tf.Tensor) and pixels.dtype == tf.uint8:
        area = tf.cast(tf.reduce_prod(tf.shape(pixels)[1:3]), tf.float32)
        sums = tf.reduce_sum(tf.cast(pixels, tf.int32), axis=(1, 2))
        return tf.cast(sums, tf.float32) * UNIT / area
    planes = to_planes(pixels)
    return tf.stack([tf.reduce_mean(tf.reduce_mean(p, axis=2), axis=1) for p in planes], axis=-1)


def barrier(go: tf.Tensor | None, compute: Callable[[], T]) -> T:
    """`compute()` behind a runtime predicate, so that XLA does not recompute it in its consumers.

    `go` (bool [B]) is always true, but XLA can't know: a conditional is not fused into what
    follows, where an `optimization_barrier` was. Outside of XLA (`go` is None) there is nothing to
    keep apart.
    """
    if go is None:
        return compute()
    batch = tf.shape(go)[0]
    made: list[Any] = []  # the true branch is traced first and leaves its form here

    def tensors() -> list[tf.Tensor]:
        made.append(compute())
        return tensors_of(made[0])

    def zeros() -> list[tf.Tensor]:
        shapes = [[batch if s is None else s for s in x.shape] for x in tensors_of(made[0])]
        return [tf.zeros(s, x.dtype) for s, x in zip(shapes, tensors_of(made[0]), strict=True)]

    kept = iter(tf.nest.flatten(tf.cond(tf.reduce_any(go), tensors, zeros)))
    return cast("T", map_tensors(lambda _: next(kept), made[0]))


def map_tensors(function: Callable[[tf.Tensor], Any], value: Any) -> Any:
    """Applies `function` to every tensor in dataclasses, lists and tuples, and rebuilds them."""
    if isinstance(value, tf.Tensor):
        return function(value)
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(function, part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: map_tensors(function, getattr(value, f.name)) for f in fields(value)}
        return replace(value, **parts)
    return value


def tensors_of(value: Any) -> list[tf.Tensor]:
    """Every tensor in `value`, in order."""
    found: list[tf.Tensor] = []

    def keep(tensor: tf.Tensor) -> tf.Tensor:
        found.append(tensor)
        return tensor

    map_tensors(keep, value)
    return found


def never_folded(index: tf.Tensor) -> tf.Tensor:
    """bool [B], all true in a way that only the data shows: what `barrier` hangs on."""
    return tf.not_equal(tf.bitwise.bitwise_or(index, tf.constant(1, index.dtype)), 0)
