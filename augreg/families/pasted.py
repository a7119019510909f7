"""What an image that is made of several shows of one of them: where its boxes and points go."""

from __future__ import annotations

from dataclasses import dataclass

from augreg.families.stage import Size
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Pasted:
    """The part of each new image that shows one sample of the batch.

    Attributes:
        owner: int32 [B], the position of that sample in the batch.
        window: float64 [B,4], the edges left, top, right, bottom of the part, in the new image; a
            window without area shows nothing.
        offset: float64 [B,2], x and y, how far the sample is moved; None where it stays.
        hole: float64 [B,4], what is hidden within the window, or None.
    """

    owner: Array
    window: Array
    offset: Array | None = None
    hole: Array | None = None


def edges(xp: Namespace, left: Array, top: Array, right: Array, bottom: Array) -> Array:
    """float64 [B,4] of edges, numbers or arrays [B] of any dtype."""
    return xp.stack([xp.cast(edge, "float64") for edge in (left, top, right, bottom)], axis=-1)


def whole(xp: Namespace, size: Size, batch: Array) -> Array:
    """float64 [B,4]: the edges of images of `size`, for each row of int32 [B]."""
    zero = xp.zeros_like(batch)
    height, width = (zero + xp.array(side, "int32") for side in size)
    return edges(xp, zero, zero, width, height)
