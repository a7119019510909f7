"""Ops that mix channels by a matrix (colour maps): they cost one matrix product together."""

from __future__ import annotations

from typing import Any

import augreg

Array = Any
PILLOW_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's conversion to "L"
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


@augreg.op("channel_shuffle", order=augreg.Uniform01(), example={"p": 0.5})
def channel_shuffle(xp: Any, order: Array) -> augreg.ColorMap:
    """Puts the channels into one of their six orders, each equally likely.

    One in six samples keeps its order.
    """
    permuted = [[[1.0 if j == i else 0.0 for j in range(3)] for i in row] for row in _ORDERS]
    picked = xp.cast(xp.floor(order * xp.array(6.0)), "int32")
    return augreg.ColorMap(xp.take(xp.array(permuted), picked), xp.array([0.0, 0.0, 0.0]))


_SHIFT = augreg.Range(-1.0, 1.0, default=0.0)


@augreg.op(
    "rgb_shift",
    red=_SHIFT,
    green=_SHIFT,
    blue=_SHIFT,
    example={"red": [-0.1, 0.1], "green": [-0.1, 0.1], "blue": [-0.1, 0.1]},
    strengths=[{"red": r, "blue": -r} for r in (0.1, 0.2, 0.4)],
)
def rgb_shift(xp: Any, red: Array, green: Array, blue: Array) -> augreg.ColorMap:
    """Adds a value of its own to each channel: x' = x + (red, green, blue).

    0..1 units, -1 to 1; 0 is the identity. Nothing is clipped before the end.
    """
    return augreg.ColorMap(xp.eye(3), xp.stack([red, green, blue], axis=-1))


@augreg.op(
    "enhance",
    kind=augreg.Option("brightness", "color", "contrast"),
    factor=augreg.Range(0.0, 10.0),
    example={"kind": "color", "factor": [0.2, 1.8]},
    strengths=[{"kind": "color", "factor": f} for f in (1.5, 2.5, 4)],
)
def enhance(xp: Any, kind: str, factor: Array) -> augreg.ColorMap:
    """Blends with a poorer image: x' = factor * x + (1 - factor) * poorer.

    kind: brightness blends with black, color with its own grey (0.299 R + 0.587 G + 0.114 B),
    contrast with the mean of that grey over the image. factor: 1 is the identity, 0 the poorer
    image, above 1 goes the other way. As Pillow's `ImageEnhance`
    (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html) and what torchvision's
    jitter and the automatic policies mean by these words; without rounding, and nothing is clipped
    before the end.
    """
    shape = (-1, 1, 1)
    scaled = xp.reshape(xp.eye(3), (1, 3, 3)) * xp.reshape(factor, shape)
    grey = xp.array([[PILLOW_LUMA] * 3]) * xp.reshape(xp.array(1.0) - factor, shape)
    zero = xp.zeros_like(factor)
    offset = xp.stack([zero, zero, zero], axis=-1)
    if kind == "contrast":
        return augreg.ColorMap(scaled, offset, grey)
    return augreg.ColorMap(scaled + grey if kind == "color" else scaled, offset)


OPS = [channel_shuffle, rgb_shift, enhance]
