"""Ops that hide parts of an image. With `"targets": "hide"`, masks and boxes lose them, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]
MAX_HOLES = 16
MANY_HOLES = 30  # each has a bit of an int32

_FILL: dict[str, Any] = {
    "fill": augreg.Option(
        *("constant", "mean", "noise"),
        doc="constant is `fill_value`, mean the image's mean per channel, noise is uniform in 0..1 "
        "per pixel and channel",
    ),
    "fill_value": augreg.Fill(doc="the level of the fill constant, 0..1, or one per channel"),
    "targets": augreg.Option(
        *("keep", "hide"),
        doc="keep leaves masks and boxes as they are; hide sets masks to 0 there, and boxes lose "
        "that part of their visible area",
    ),
    "key": augreg.Key(),
}


# --- what is hidden, and what is there instead


def _in_boxes(xp: Any, boxes: Array, *_: Array, y: Array, x: Array, size: Any) -> Array:
    """bool [B,H,W]: inside one of n boxes; tops, lefts, bottoms and rights [B,4,n,1,1].

    Each box has a bit, so that a pixel costs one operation for all: it is inside where its row and
    its column share one.
    """
    bits = xp.reshape(xp.array([2**i for i in range(xp.shape(boxes)[2])], "int32"), (1, -1, 1, 1))

    def crossed(place: Array, first: Array, end: Array) -> Array:
        place = xp.cast(place, "float32")[None]
        return xp.sum(xp.cast((place >= first) & (place < end), "int32") * bits, axis=1)

    rows, columns = (crossed(axis, boxes[:, i], boxes[:, i + 2]) for i, axis in enumerate((y, x)))
    return (rows & columns) != 0


# A pixel is looked up at its middle, where no edge lies; moved a little, because turned by 90
# degrees it may lie half a pixel off.
_MIDDLE = 0.5 + 2.0**-10


def _in_grid(xp: Any, grid: Array, *_: Array, y: Array, x: Array, size: Any) -> Array:
    """bool [B,H,W]: in the upper left corner of its cell in a turned grid."""
    cells, share, left, top, cosine, sine = (grid[:, i] for i in range(6))
    half_w, half_h = ((xp.array(side) - 1.0) * 0.5 for side in (size[1], size[0]))
    x, y = xp.cast(x, "float32") - half_w, xp.cast(y, "float32") - half_h

    def covered(turned: Array, start: Array) -> Array:
        cell = (turned + (start + _MIDDLE)) * cells
        return cell - xp.floor(cell) < share

    return covered(cosine * x - sine * y, left + half_w) & covered(
        sine * x + cosine * y, top + half_h
    )


def _fills(hidden: Callable[..., Array]) -> dict[str, Callable[..., Planes]]:
    """The pixel functions that fill what `hidden` says, by the option `fill`."""

    def constant(xp: Any, planes: Planes, where: Array, level: Array, **place: Any) -> Planes:
        hides = hidden(xp, where, **place)
        return tuple(xp.where(hides, level[:, i], plane) for i, plane in enumerate(planes))

    def mean(xp: Any, planes: Planes, where: Array, mean: Planes, **place: Any) -> Planes:
        hides = hidden(xp, where, **place)
        return tuple(xp.where(hides, m, plane) for m, plane in zip(mean, planes, strict=True))

    def noise(xp: Any, planes: Planes, where: Array, noise: Any, **place: Any) -> Planes:
        hides, pairs = hidden(xp, where, **place), zip(noise[0], planes, strict=True)
        return tuple(xp.where(hides, u, plane) for (u, _), plane in pairs)

    return {"constant": constant, "mean": mean, "noise": noise}


_FUNCTIONS = {hidden: _fills(hidden) for hidden in (_in_boxes, _in_grid)}


def _filled(
    xp: Any,
    hidden: Callable[..., Array],
    where: Array,
    fill: str,
    fill_value: Any,
    targets: str,
    key: Array,
) -> augreg.PixelFunction:
    arguments: tuple[Array, ...] = (where,)
    if fill == "constant":
        levels = fill_value if isinstance(fill_value, tuple) else (fill_value,)
        arguments = (where, xp.array([list(levels) * (3 // len(levels))]))
    return augreg.PixelFunction(
        _FUNCTIONS[hidden][fill],
        arguments,
        ("mean",) if fill == "mean" else (),
        coordinates=True,
        noise=(key,) if fill == "noise" else (),
        hidden=hidden if targets == "hide" else None,
    )


# --- rectangles


def _start(xp: Any, u: Array, side: Array, length: Array, place: str) -> Array:
    if place == "inside":
        return xp.floor(u * (side - length + 1.0))
    return xp.floor(u * side) - xp.floor(length * 0.5)


def _boxes(xp: Any, size: Any, sides: Any, starts: Any, place: str = "inside") -> Array:
    """float32 [B,4,n]: tops, lefts, bottoms, rights; all pairs are (vertical, horizontal)."""
    first = [_start(xp, *each, place) for each in zip(starts, size, sides, strict=True)]
    ends = [start + side for start, side in zip(first, sides, strict=True)]
    return xp.stack([*first, *ends], axis=1)


@augreg.op(
    "erase",
    gray=True,
    count=augreg.Integer(1, MAX_HOLES, default=1, static=True),
    area=augreg.Range(0.0001, 1.0, default=[0.02, 0.33]),
    ratio=augreg.Range(0.05, 20.0, default={"log_uniform": [0.3, 3.3]}),
    place=augreg.Option("inside", "anywhere"),
    x=augreg.Uniform01(MAX_HOLES),
    y=augreg.Uniform01(MAX_HOLES),
    **_FILL,
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
    x: Array,
    y: Array,
    **filling: Any,
) -> augreg.PixelFunction:
    """Random erasing (cutout): fills rectangles at random places.

    count: the number of rectangles, all of one size, each at its own position. area: a rectangle's
    fraction of the image; ratio: its width over its height. Its sides are sqrt(area*H*W*ratio) and
    sqrt(area*H*W/ratio), rounded, at least 1 and at most the image's. place: inside keeps it in the
    image; anywhere centres it on a pixel, so that it may extend outside. Random erasing (Zhong et
    al., https://arxiv.org/abs/1708.04896) is `"fill": "noise"`, with
    `"area": [0.02, 0.4], "ratio": [0.3, 3.33]` in the paper; the defaults are those of
    torchvision's `RandomErasing`
    (https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomErasing.html).
    Cutout (DeVries and Taylor, https://arxiv.org/abs/1708.04552) with a side of half the image is
    `"area": 0.25, "ratio": 1, "place": "anywhere"`.
    """
    h, w = map(xp.array, size)
    pixels = area * h * w
    wide = xp.clip(xp.floor(xp.sqrt(pixels * ratio) + 0.5), 1.0, w)
    high = xp.clip(xp.floor(xp.sqrt(pixels / ratio) + 0.5), 1.0, h)
    sides = [xp.reshape(side, (-1, 1)) for side in (high, wide)]
    boxes = _boxes(xp, (h, w), sides, (y[:, :count], x[:, :count]), place)
    return _filled(xp, _in_boxes, boxes, **filling)


@augreg.op(
    "coarse_dropout",
    gray=True,
    count=augreg.Integer(1, MANY_HOLES, default=[4, 12]),
    hole_height=augreg.Range(0.0, 1.0, default=[0.05, 0.15], count=MANY_HOLES),
    hole_width=augreg.Range(0.0, 1.0, default=[0.05, 0.15], count=MANY_HOLES),
    x=augreg.Uniform01(MANY_HOLES),
    y=augreg.Uniform01(MANY_HOLES),
    **_FILL,
    example={"count": [4, 12]},
    strengths=[{"count": c, "hole_height": 0.12, "hole_width": 0.12} for c in (3, 10, 30)],
)
def coarse_dropout(
    xp: Any,
    size: Any,
    count: Array,
    hole_height: Any,
    hole_width: Any,
    x: Array,
    y: Array,
    **filling: Any,
) -> augreg.PixelFunction:
    """Coarse dropout: fills a random number of small rectangles, each of its own size.

    count: int32 [B], the number of rectangles. hole_height, hole_width: their sides as fractions of
    the image's height and width, drawn for each of them and rounded to pixels; 0 is the identity.
    They lie inside of the image and may overlap. As Albumentations' CoarseDropout
    (https://albumentations.ai/explore/transform/CoarseDropout/).
    """
    h, w = map(xp.array, size)
    there = xp.reshape(xp.arange(MANY_HOLES), (1, -1)) < xp.reshape(count, (-1, 1))
    high = xp.floor(hole_height.draws * h + 0.5) * xp.cast(there, "float32")
    wide = xp.floor(hole_width.draws * w + 0.5)
    boxes = _boxes(xp, (h, w), (high, wide), (y, x))
    return _filled(xp, _in_boxes, boxes, **filling)


# --- a grid


@augreg.op(
    "grid_mask",
    gray=True,
    unit=augreg.Range(0.01, 1.0, default=[0.3, 0.6]),
    ratio=augreg.Range(0.0, 1.0, default=0.5),
    degrees=augreg.Range(-360.0, 360.0, default=0.0),
    x=augreg.Uniform01(),
    y=augreg.Uniform01(),
    **_FILL,
    example={"unit": [0.2, 0.5], "ratio": 0.5},
    strengths=[{"unit": 0.3, "ratio": r} for r in (0.3, 0.5, 0.7)],
)
def grid_mask(
    xp: Any,
    size: Any,
    unit: Array,
    ratio: Array,
    degrees: Array,
    x: Array,
    y: Array,
    **filling: Any,
) -> augreg.PixelFunction:
    """GridMask: fills squares in a regular grid.

    unit: float32 [B], the side of the grid's cells as a fraction of the image's shorter side, at
    least 2 pixels. ratio: the side of each square as a fraction of its cell's, 0 to 1, so that the
    square of it is hidden; 0 is the identity. Both are rounded to pixels, and the grid's place is
    uniform over whole pixels. degrees: turns the grid about the centre, counter-clockwise. Chen et
    al., "GridMask Data Augmentation" (https://arxiv.org/abs/2001.04086), whose r is 1 - ratio.
    """
    h, w = map(xp.array, size)
    side = xp.maximum(xp.floor(unit * xp.minimum(h, w) + 0.5), 2.0)
    share = xp.floor(ratio * side + 0.5) / side
    left, top = (xp.floor(u * side) for u in (x, y))
    angle = degrees * (math.pi / 180)
    parts = [1.0 / side, share, left, top, xp.cos(angle), xp.sin(angle)]
    return _filled(xp, _in_grid, xp.stack(parts, axis=-1), **filling)
