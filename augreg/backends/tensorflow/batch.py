"""How a batch of pixels is held between two kernels, and in which form each kernel reads it.

A batch is interleaved (uint8 or float32 [B,H,W,C]), planes (a tuple of float32 [B,H,W]) or packed
(three channels in one integer: uint8 bytes, or the fixed-point sums of a warp). Kernels
take what is at hand, so that pixels are read once as uint8 and written once as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW, tensors_of
from augreg.backends.tensorflow.xla import Scope
from augreg.families import AffineStage, LatticeStage, MosaicStage, PointwiseStage, Stage

UNIT = np.float32(1 / 255)
BYTE, WIDE = 8, 21  # bits that a channel gets in an int32 and in an int64
_PACKED_SIDE = 4096  # beyond, too few bits are left for the weights


@dataclass(frozen=True)
class Planar:
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
        dtype = self.values.dtype
        lowest = ops.right_shift(self.values, ops.constant(self.field * c, dtype))
        kept = ops.bitwise_and(lowest, ops.constant(2**self.field - 1, dtype))
        return ops.cast(kept, tf.int32)

    def widened(self) -> tf.Tensor:
        """int64 [B,H,W] with fields of 21 bits."""
        if self.field == WIDE:
            return self.values
        wide = ops.cast(self.values, tf.int64)
        spread = [
            ops.left_shift(
                ops.bitwise_and(wide, ops.constant(0xFF << BYTE * c, tf.int64)),
                ops.constant((WIDE - BYTE) * c, tf.int64),
            )
            for c in range(3)
        ]
        return spread[0] + spread[1] + spread[2]


Pixels: TypeAlias = Any  # tf.Tensor (interleaved) | Planar | Packed


def channels_of(pixels: Pixels) -> int:
    """How many channels the batch has."""
    if isinstance(pixels, Packed):
        return 3
    return len(pixels.planes) if isinstance(pixels, Planar) else int(pixels.shape[-1])


def size_of(pixels: Pixels) -> tuple[Any, Any]:
    """(H, W): ints where static, int32 scalars elsewhere."""
    _, height, width, *_ = TENSORFLOW.shape(tensors_of(pixels)[0])
    return height, width


def to_planes(pixels: Pixels) -> tuple[tf.Tensor, ...]:
    """float32 [B,H,W] planes in 0..1."""
    if isinstance(pixels, Planar):
        return pixels.planes
    if isinstance(pixels, Packed):
        unit = np.float32(1 / (255 * 2**pixels.bits))
        return tuple(ops.cast(pixels.channel(c), tf.float32) * unit for c in range(3))
    return tuple(to_unit(plane) for plane in ops.unstack(pixels, axis=-1))


def byte_planes(pixels: Pixels) -> tuple[tf.Tensor, ...] | None:
    """uint8 [B,H,W] planes, None where the pixels are no bytes."""
    if isinstance(pixels, Packed) and not pixels.bits:
        return tuple(ops.cast(pixels.channel(c), tf.uint8) for c in range(3))
    if ops.is_array(pixels) and pixels.dtype == tf.uint8:
        return tuple(ops.unstack(pixels, axis=-1))
    return None


def interleaved(pixels: Pixels) -> tf.Tensor:
    """[B,H,W,C]: uint8 or float32 as it came, else float32 in 0..1."""
    return pixels if ops.is_array(pixels) else to_float(pixels)


def to_float(pixels: Pixels) -> tf.Tensor:
    """float32 [B,H,W,C] in 0..1."""
    return to_unit(pixels) if ops.is_array(pixels) else interleave(to_planes(pixels))


def to_unit(values: tf.Tensor) -> tf.Tensor:
    """uint8 times float32(1/255); floats are in 0..1 already."""
    return ops.cast(values, tf.float32) * UNIT if values.dtype == tf.uint8 else values


def interleave(planes: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """[B,H,W,C] from planes. A select over a channel index stores vectors; `ops.stack` does not."""
    if len(planes) == 1:
        return planes[0][..., tf.newaxis]
    if len(planes) != 3:
        return ops.stack(planes, axis=-1)
    channel = ops.reshape(ops.range(3), (1, 1, 1, 3))
    r, g, b = (plane[..., tf.newaxis] for plane in planes)
    return ops.where(channel == 0, r, ops.where(channel == 1, g, b))


def pack(images: tf.Tensor, wide: bool = False) -> Packed:
    """uint8 [B,H,W,3] as one integer for each pixel: int32, or int64 where a warp will read it."""
    field, dtype = (WIDE, tf.int64) if wide else (BYTE, tf.int32)
    places = ops.constant([1, 1 << field, 1 << 2 * field], dtype)
    return Packed(ops.reduce_sum(ops.cast(images, dtype) * places, axis=-1))


def to_input_form(scope: Scope, images: tf.Tensor, first: Stage) -> Pixels:
    """A batch in the form that the stage reads fastest.

    Under XLA, bytes go into one integer a pixel where gathers or sums will read them.
    """
    return pack(images, isinstance(first, AffineStage)) if _packs(scope, images, first) else images


def to_packed(scope: Scope, pixels: Pixels, stage: Stage) -> Pixels:
    """`to_input_form` behind a barrier, where it was not done before and changes anything."""
    if not ops.is_array(pixels) or not _packs(scope, pixels, stage):
        return pixels
    return scope.barrier(lambda: to_input_form(scope, pixels, stage))


def _packs(scope: Scope, images: tf.Tensor, stage: Stage) -> bool:
    if not scope.xla or images.dtype != tf.uint8 or images.shape[-1] != 3:
        return False
    if isinstance(stage, AffineStage):
        return not scope.exact and can_pack(size_of(images), *stage.modes)
    return isinstance(stage, LatticeStage | MosaicStage) or (
        isinstance(stage, PointwiseStage) and "histogram" in stage.statistics
    )


def can_pack(size_in: tuple[Any, Any], fill: str, fill_value: Any, interpolation: str) -> bool:
    """Whether three 8-bit channels of a known size can be resampled packed into one integer."""
    level = np.asarray(fill_value, np.float64) * 255
    return (
        interpolation == "bilinear"
        and all(isinstance(side, int) and 2 <= side < _PACKED_SIDE for side in size_in)
        and (fill != "constant" or bool(np.all(np.abs(level - np.round(level)) < 1e-6)))
    )
