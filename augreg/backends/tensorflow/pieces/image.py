"""An image as a row of pixels, and loops over its pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.batch import UNIT, Packed, pack, to_unit
from augreg.backends.tensorflow.xla import PlaneTuple, Scope
from augreg.families.positions import Piece

LENGTH = 16384  # pixels of a piece: its planes, 200 KB, stay in the cache of one core

Form = tuple[tuple[int, ...], Any]  # of what is made of each pixel: a shape and a dtype


@dataclass(frozen=True)
class Image:
    """An image of height * width pixels, which may be followed by others that mean nothing.

    Attributes:
        rows: [K,LENGTH,C], uint8 or float32 in 0..1; or its planes, float32 [K,LENGTH] each.
    """

    scope: Scope
    height: tf.Tensor
    width: tf.Tensor
    rows: tf.Tensor | PlaneTuple

    @property
    def channels(self) -> int:
        return len(self.rows) if isinstance(self.rows, tuple) else int(self.rows.shape[-1])

    # --- pixels

    def piece(self, i: tf.Tensor) -> Piece:
        """Where the pixels of piece `i` lie; behind the image's last one, places go on.

        XLA divides integers one by one: so floats, and a step where they are one off, which is all
        that they are up to four million rows.
        """
        number = i * LENGTH + ops.reshape(ops.range(LENGTH), (1, 1, -1))
        guess = (ops.cast(number, tf.float32) + 0.5) / ops.cast(self.width, tf.float32)
        y = ops.cast(ops.floor(guess), tf.int32)
        x = number - y * self.width
        off = ops.cast(x >= self.width, tf.int32) - ops.cast(x < 0, tf.int32)
        return Piece.of(number, x - off * self.width, y + off, (self.height, self.width))

    def planes(self, i: tf.Tensor) -> PlaneTuple:
        """Piece `i` as it lies: float32 [1,1,LENGTH] in 0..1 of each channel."""
        if isinstance(self.rows, tuple):
            return tuple(ops.reshape(ops.gather(row, i), (1, 1, LENGTH)) for row in self.rows)
        if self._is_bytes:
            packed = self.scope.barrier(lambda: ops.reshape(self._packed(i), (1, 1, LENGTH)))
            return tuple(plane * UNIT for plane in _levels(packed))
        pixels = ops.reshape(ops.gather(self.rows, i), (1, 1, LENGTH, -1))
        return tuple(map(to_unit, ops.unstack(pixels, axis=-1)))

    def reader(self) -> tuple[Callable[[tf.Tensor], PlaneTuple], Any]:
        """`read(index)`, float32 of the pixels int32 [...] of each channel; and what 1 stands for.

        An index may be that of no pixel: it gives anything.
        """
        if self._is_bytes:
            (packed,) = self.each(lambda i: [self._packed(i)], [((), tf.int32)])
            values = ops.reshape(packed, (-1,))
            return lambda index: _levels(ops.gather(values, index)), UNIT
        rows = self.rows if isinstance(self.rows, tuple) else ops.unstack(self.rows, axis=-1)
        flat = [ops.reshape(to_unit(row), (-1,)) for row in rows]
        return lambda index: tuple(ops.gather(plane, index) for plane in flat), np.float32(1)

    @property
    def _is_bytes(self) -> bool:
        """Whether a pixel is three bytes, which one integer holds."""
        rows = self.rows
        return not isinstance(rows, tuple) and rows.dtype == tf.uint8 and rows.shape[-1] == 3

    def _packed(self, i: tf.Tensor) -> tf.Tensor:
        return pack(ops.gather(self.rows, i)).values

    # --- loops

    def each(
        self, make: Callable[[tf.Tensor], list[tf.Tensor]], forms: Sequence[Form]
    ) -> list[tf.Tensor]:
        """What `make(i)` makes of each piece that holds pixels, [K,LENGTH,...] of each form."""
        first = self.rows[0] if isinstance(self.rows, tuple) else self.rows
        arrays = [
            ops.TensorArray(dtype, size=ops.shape(first)[0], element_shape=(LENGTH, *rest))
            for rest, dtype in forms
        ]

        def turn(i: tf.Tensor, arrays: list[Any]) -> tuple[tf.Tensor, list[Any]]:
            shaped = [
                ops.reshape(made, (LENGTH, *rest))
                for made, (rest, _) in zip(make(i), forms, strict=True)
            ]
            return i + 1, [a.write(i, made) for a, made in zip(arrays, shaped, strict=True)]

        _, arrays = ops.while_loop(lambda i, _: i < self._count, turn, (ops.constant(0), arrays))
        return [array.stack() for array in arrays]

    def joined(
        self,
        of_piece: Callable[[PlaneTuple, tf.Tensor], list[tf.Tensor]],
        join: Callable[[list[tf.Tensor], list[tf.Tensor]], list[tf.Tensor]],
        start: list[tf.Tensor],
    ) -> list[tf.Tensor]:
        """What `of_piece(planes, inside)` makes of all pieces, joined one after another.

        inside: bool [1,1,LENGTH], which pixels are the image's.
        """

        def turn(i: tf.Tensor, so_far: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            inside = self.piece(i).number < self.height * self.width
            return i + 1, join(so_far, of_piece(self.planes(i), inside))

        loop = ops.while_loop(lambda i, _: i < self._count, turn, (ops.constant(0), start))
        return list(loop[1])

    @property
    def _count(self) -> tf.Tensor:
        """How many pieces hold pixels."""
        return (self.height * self.width + LENGTH - 1) // LENGTH


def _levels(packed: tf.Tensor) -> PlaneTuple:
    """float32 in 0..255, of each byte."""
    pixels = Packed(packed)
    return tuple(ops.cast(pixels.channel(c), tf.float32) for c in range(3))
