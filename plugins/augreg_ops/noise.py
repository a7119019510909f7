"""Ops that draw for every pixel, or depend on a pixel's position."""

from __future__ import annotations

import math
from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]
MAX_HOLES = 16


def _add_noise(xp: Any, planes: Planes, std: Array, noise: Any) -> Planes:
    pairs = zip(planes, noise[0], strict=True)
    return tuple(plane + std * _normal(xp, u, v) for plane, (u, v) in pairs)


def _normal(xp: Any, u: Array, v: Array) -> Array:
    """Box-Muller (https://doi.org/10.1214/aoms/1177706645); half a step keeps the log finite."""
    radius = xp.sqrt(xp.log(u + 2.0**-25) * -2.0)
    return radius * xp.cos(v * (2 * math.pi))


@augreg.op(
    "gaussian_noise",
    gray=True,
    std=augreg.Range(0.0, 1.0),
    key=augreg.Key(),
    example={"std": [0.0, 0.1]},
    strengths=[{"std": s} for s in (0.05, 0.15, 0.4)],
)
def gaussian_noise(xp: Any, std: Array, key: Array) -> augreg.PixelFunction:
    """Gaussian noise: x' = x + std * n, n standard normal per pixel and channel.

    std: float32 [B], 0..1 units; 0 is the identity. Nothing is clipped before the end.
    """
    return augreg.PixelFunction(_add_noise, (std,), noise=(key,))


def _hidden(xp: Any, boxes: Array, given: dict[str, Any]) -> Array:
    """bool [B,H,W]: inside one of the boxes, (top, left, bottom, right) each."""
    y, x = (xp.cast(given[axis], "float32") for axis in ("y", "x"))
    hidden = None
    for i in range(xp.shape(boxes)[1] // 4):
        top, left, bottom, right = (boxes[:, 4 * i + side] for side in range(4))
        inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        hidden = inside if hidden is None else hidden | inside
    return hidden


def _erase_mean(xp: Any, planes: Planes, boxes: Array, mean: Planes, **given: Any) -> Planes:
    hidden = _hidden(xp, boxes, given)
    return tuple(xp.where(hidden, m, plane) for m, plane in zip(mean, planes, strict=True))


def _erase_noise(xp: Any, planes: Planes, boxes: Array, noise: Any, **given: Any) -> Planes:
    hidden = _hidden(xp, boxes, given)
    return tuple(xp.where(hidden, n, plane) for (n, _), plane in zip(noise[0], planes, strict=True))


def _erase_level(xp: Any, planes: Planes, boxes: Array, level: Array, **given: Any) -> Planes:
    hidden = _hidden(xp, boxes, given)
    return tuple(xp.where(hidden, level[:, i], plane) for i, plane in enumerate(planes))


@augreg.op(
    "erase",
    gray=True,
    count=augreg.Integer(1, MAX_HOLES, default=1, static=True),
    area=augreg.Range(0.0001, 1.0, default=[0.02, 0.33]),
    ratio=augreg.Range(0.05, 20.0, default={"log_uniform": [0.3, 3.3]}),
    place=augreg.Option("inside", "anywhere"),
    fill=augreg.Option("constant", "mean", "noise"),
    fill_value=augreg.Fill(),
    x=augreg.Uniform01(MAX_HOLES),
    y=augreg.Uniform01(MAX_HOLES),
    key=augreg.Key(),
    example={"area": [0.05, 0.2]},
    strengths=[{"area": a, "ratio": 1} for a in (0.05, 0.15, 0.4)],
)
def erase(
    xp: Any,
    size: Any,
    count: int,
    area: Array,
    ratio: Array,
    place: str,
    fill: str,
    fill_value: Any,
    x: Array,
    y: Array,
    key: Array,
) -> augreg.PixelFunction:
    """Random erasing (cutout): fills rectangles at random places.

    count: the number of rectangles, all of one size, each at its own position. area: a rectangle's
    fraction of the image; ratio: its width over its height. Its sides are sqrt(area*H*W*ratio) and
    sqrt(area*H*W/ratio), rounded, at least 1 and at most the image's. place: inside keeps it in the
    image; anywhere centres it on a pixel, so that it may extend outside. fill: constant is
    `fill_value`, mean is the image's mean per channel, noise is uniform in 0..1 per pixel and
    channel. Random erasing (Zhong et al., https://arxiv.org/abs/1708.04896) is `"fill": "noise"`,
    with `"area": [0.02, 0.4], "ratio": [0.3, 3.33]` in the paper; the defaults are those of
    torchvision's `RandomErasing`
    (https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomErasing.html).
    Cutout (DeVries and Taylor, https://arxiv.org/abs/1708.04552) with a side of half the image is
    `"area": 0.25, "ratio": 1, "place": "anywhere"`.
    """
    h, w = map(xp.array, size)
    pixels = area * h * w
    wide = xp.clip(xp.floor(xp.sqrt(pixels * ratio) + 0.5), 1.0, w)
    high = xp.clip(xp.floor(xp.sqrt(pixels / ratio) + 0.5), 1.0, h)
    sides: list[Array] = []
    for i in range(count):
        left, top = (
            xp.floor(u[:, i] * (side - length + 1.0))
            if place == "inside"
            else xp.floor(u[:, i] * side) - xp.floor(length * 0.5)
            for u, side, length in ((x, w, wide), (y, h, high))
        )
        sides += [top, left, top + high, left + wide]
    boxes = xp.stack(sides, axis=-1)
    if fill == "noise":
        return augreg.PixelFunction(_erase_noise, (boxes,), coordinates=True, noise=(key,))
    if fill == "mean":
        return augreg.PixelFunction(_erase_mean, (boxes,), ("mean",), coordinates=True)
    levels = fill_value if isinstance(fill_value, tuple) else (fill_value,)
    level = xp.array([list(levels) * (3 // len(levels))])
    return augreg.PixelFunction(_erase_level, (boxes, level), coordinates=True)
