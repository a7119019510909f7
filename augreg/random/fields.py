"""Fields of draws: two uniform numbers for every pixel of every plane, over `xp`."""

from __future__ import annotations

from typing import Any

from augreg.random import generator
from augreg.xp import Array, Namespace

PlanePairs = tuple[tuple[Array, Array], ...]


def uniform_planes(
    xp: Namespace, key: Array, size: tuple[Any, Any], channels: int, number: Array | None = None
) -> PlanePairs:
    """For each channel two float32 [B,H,W] in [0, 1), from the two words of each element.

    Args:
        key: uint32 [B,2], a sample's words of one draw.
        size: (H, W). Element j of a sample's draws is pixel j in row-major order of [H,W,C].
        number: int32 [1,H,W], of the pixels in an image, where they are not all of one.
    """
    first, second = (xp.reshape(key[:, i], (-1, 1, 1)) for i in range(2))
    if number is None:
        y = xp.reshape(xp.cast(xp.arange(size[0]), "uint32"), (1, -1, 1))
        x = xp.reshape(xp.cast(xp.arange(size[1]), "uint32"), (1, 1, -1))
        place = y * xp.cast(xp.array(size[1], "int32"), "uint32") + x
    else:
        place = xp.cast(number, "uint32")
    place = place * channels
    planes = []
    for channel in range(channels):
        j = place + channel
        u, v = generator.threefry2x32(xp, (first, second), (j, xp.zeros_like(j)))
        planes.append((generator.uniform(xp, u), generator.uniform(xp, v)))
    return tuple(planes)
