"""How a batch of pixels is held between two kernels, and the barrier that keeps kernels apart.

A batch is interleaved (uint8 or float32 [B,H,W,C]), planes (a tuple of float32 [B,H,W]) or packed
(three channels in one integer: uint8 bytes, or the fixed-point sums of a warp). Kernels
take what is at hand, so that pixels are read once as uint8 and written once as floats.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import tensorflow as tf

UNIT = np.float32(1 / 255)
T = TypeVar("T")
BYTE, WIDE = 8, 21  # bits that a channel gets in an int32 and in an int64


@dataclass(frozen=True)
class Planes:
    """float32 [B,H,W] for each channel, 0..1."""

    planes: tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class Packed:
    """[B,H,W]: three fields, each 255 * 2**bits times the channel's value.

    int32 with fields of 8 bits (the bytes of a pixel, bits = 0), or int64 with fields of 21.
    """

    values: tf.Tensor
    bits: int = 0

    @property
    def field(self) -> int:
        """How many bits a channel gets."""
        return BYTE if self.values.dtype == tf.int32 else WIDE

    def channel(self, c: int) -> tf.Tensor:
        """int32 [B,H,W]: the field of channel `c`."""
        kept = self._masked(tf.bitwise.right_shift(self.values, self._constant(self.field * c)))
        return tf.cast(kept, tf.int32)

    def widened(self) -> tf.Tensor:
        """int64 [B,H,W] with fields of 21 bits."""
        if self.field == WIDE:
            return self.values
        wide = tf.cast(self.values, tf.int64)
        spread = [
            tf.bitwise.left_shift(
                tf.bitwise.bitwise_and(wide, tf.constant(0xFF << BYTE * c, tf.int64)),
                tf.constant((WIDE - BYTE) * c, tf.int64),
            )
            for c in range(3)
        ]
        return spread[0] + spread[1] + spread[2]

    def _masked(self, values: tf.Tensor) -> tf.Tensor:
        return tf.bitwise.bitwise_and(values, self._constant(2**self.field - 1))

    def _constant(self, value: int) -> tf.Tensor:
        return tf.constant(value, self.values.dtype)


Pixels: TypeAlias = Any  # tf.Tensor (interleaved) | Planes | Packed


def channels_of(pixels: Pixels) -> int:
    """How many channels the batch has."""
    if isinstance(pixels, Packed):
        return 3
    return len(pixels.planes) if isinstance(pixels, Planes) else int(pixels.shape[-1])


def size_of(pixels: Pixels) -> tuple[Any, Any]:
    """(H, W): ints where static, int32 scalars elsewhere."""
    if isinstance(pixels, Packed):
        some, axis = pixels.values, 1
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
        return tuple(tf.cast(pixels.channel(c), tf.float32) * unit for c in range(3))
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


def pack(images: tf.Tensor, wide: bool = False) -> Packed:
    """uint8 [B,H,W,3] as one integer for each pixel: int32, or int64 where a warp will read it."""
    field, dtype = (WIDE, tf.int64) if wide else (BYTE, tf.int32)
    places = tf.constant([1, 1 << field, 1 << 2 * field], dtype)
    return Packed(tf.reduce_sum(tf.cast(images, dtype) * places, axis=-1))


def mean_of(pixels: Pixels) -> tf.Tensor:
    """float32 [B,C]: the mean of each channel, by columns first, which XLA vectorizes.

    Columns of packed pixels are summed as integers. They fit: a warp has fewer bits the longer the
    sides are, 22 with those of a side's length.
    """
    if not isinstance(pixels, Packed):
        columns = [tf.reduce_mean(plane, axis=1) for plane in to_planes(pixels)]
        return tf.stack([tf.reduce_mean(column, axis=1) for column in columns], axis=-1)
    height, width = pixels.values.shape[1:3]
    unit = np.float32(1 / (255 * 2**pixels.bits * height * width))
    sums = [tf.reduce_sum(pixels.channel(c), axis=1) for c in range(3)]
    return tf.stack([tf.reduce_sum(tf.cast(s, tf.float32), axis=1) * unit for s in sums], axis=-1)


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

    branch = tf.cast(~tf.reduce_any(go), tf.int32)
    kept = iter(only_one(branch, [tensors, zeros], go))
    return cast("T", map_tensors(lambda _: next(kept), made[0]))


def only_one(
    chosen: tf.Tensor, branches: Sequence[Callable[[], list[tf.Tensor]]], go: tf.Tensor
) -> list[tf.Tensor]:
    """What the branch that `chosen` (int32 scalar) numbers makes; XLA does no other.

    XLA turns a conditional of elementwise operations, slices and sums into a select and fuses it,
    draws and all, into every pixel of what follows: minutes of compilation. It leaves a conditional
    alone that holds a loop whose result is used; so each branch adds a zero that only a loop of one
    turn shows.
    """

    def looped(branch: Callable[[], list[tf.Tensor]]) -> list[tf.Tensor]:
        values = branch()
        turns = tf.reduce_max(tf.cast(go, tf.int32))
        zero = tf.while_loop(lambda i: i < turns, lambda i: [i + 1], [tf.constant(0)])[0] - turns
        return [_plus(values[0], zero), *values[1:]] if values else []

    traced = [functools.partial(looped, branch) for branch in branches]
    if len(traced) == 2:
        return list(tf.nest.flatten(tf.cond(tf.equal(chosen, 0), *traced)))
    return list(tf.nest.flatten(tf.switch_case(chosen, traced)))


def _plus(value: tf.Tensor, zero: tf.Tensor) -> tf.Tensor:
    if value.dtype == tf.bool:
        return value | (zero > 0)
    return value + tf.cast(zero, value.dtype)


def map_tensors(function: Callable[[tf.Tensor], Any], value: Any) -> Any:
    """Applies `function` to every tensor in dataclasses, dicts, lists and tuples; rebuilds them."""
    if isinstance(value, tf.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: map_tensors(function, part) for key, part in value.items()}
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
