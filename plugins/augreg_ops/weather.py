"""Fog, rain and shadows: cheap models of what they do to the light, not of the scene's depth.

Positions are pixels; lengths in policies are fractions of the image's shorter side, so that an
image and its enlargement look alike.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]


def _shorter(xp: Any, size: Any) -> Array:
    return xp.minimum(*map(xp.array, size))


def _lit(planes: Planes, light: Array, share: Array) -> Planes:
    return tuple(plane + (light - plane) * share for plane in planes)


# --- fog

_GRIDS = (3, 7)  # values along a side of the coarse and the fine grid that fog is drawn on


def _smooth(xp: Any, values: Array, n: int, y: Array, x: Array, size: Any) -> Array:
    """float32 [B,H,W]: n x n values [B,n*n,1,1], spread over the image and smoothly joined."""

    def weights(place: Array, side: Any) -> Array:
        step = (n - 1.0) / xp.maximum(xp.array(side) - 1.0, 1.0)
        at = xp.reshape(xp.cast(place, "float32"), (1, -1, 1)) * step
        near = xp.clip(1.0 - xp.abs(at - xp.cast(xp.arange(n), "float32")), 0.0, 1.0)
        return near * near * (3.0 - 2.0 * near)

    grid = xp.reshape(values, (-1, n, n))
    rows = xp.matmul(weights(y, size[0]), grid)
    return xp.matmul(rows, xp.transpose(weights(x, size[1]), (0, 2, 1)))


def _veil(xp: Any, planes: Planes, density: Array, light: Array, drawn: Array, **at: Any) -> Planes:
    coarse, fine = _GRIDS
    wide = _smooth(xp, drawn[:, : coarse**2], coarse, **at)
    small = _smooth(xp, drawn[:, coarse**2 :], fine, **at)
    field = wide * (2 / 3) + small * (1 / 3)
    return _lit(planes, light, xp.clip(density * (0.7 + 0.6 * field), 0.0, 1.0))


@augreg.op(
    "fog",
    gray=True,
    density=augreg.Range(0.0, 1.0),
    light=augreg.Range(0.0, 1.0, default=0.9),
    drawn=augreg.Uniform01(sum(n * n for n in _GRIDS)),
    example={"density": [0.2, 0.6]},
    strengths=[{"density": d} for d in (0.25, 0.5, 0.8)],
)
def fog(xp: Any, density: Array, light: Array, drawn: Array) -> augreg.PixelFunction:
    """Fog: scatters light into every pixel, more in some places than in others.

    x' = x t + light (1 - t), with 1 - t = density (0.7 + 0.6 f), at most 1; f is in 0..1 and varies
    smoothly over the image (values on two grids, drawn uniformly). density: float32 [B], 0 to 1,
    the mean of 1 - t; 0 is the identity. light: what the fog itself looks like. It is Koschmieder's
    law for a scene without depth (Narasimhan and Nayar, https://doi.org/10.1023/A:1016328200723).
    """
    return augreg.PixelFunction(_veil, (density, light, drawn), coordinates=True)


# --- rain

_TABLE = 256  # draws that the drops of a sample share
_LAYERS = (1.0, 0.6)  # how large drops look, near and further away


def _streak(xp: Any, drops: Array, drawn: Array, far: float, y: Array, x: Array) -> Array:
    """float32 [B,H,W]: how much of a pixel's light is a drop's, 0..1."""
    amount, length, width, cosine, sine = (drops[:, i] for i in range(5))
    across = (cosine * x - sine * y) * (1.0 / (width * far))
    column = xp.floor(across)
    table = xp.reshape(drawn, (-1, _TABLE))
    first = xp.lookup(table, xp.cast(column, "int32") & (_TABLE - 1))
    down = (sine * x + cosine * y) * (1.0 / (length * far)) + first * _TABLE
    place = xp.floor(down)
    drop = xp.lookup(table, xp.cast(place, "int32") & (_TABLE - 1))
    across, down = across - column, down - place
    profile = xp.minimum(across, 1.0 - across) * down * (1.0 - down) * 8.0
    return xp.where(drop < amount, profile * (1.0 - 0.5 * drop / xp.maximum(amount, 1e-6)), 0.0)


def _wet(xp: Any, planes: Planes, drops: Array, light: Array, drawn: Array, **at: Any) -> Planes:
    y, x = (xp.cast(at[axis], "float32") for axis in ("y", "x"))
    for far in _LAYERS:
        planes = _lit(planes, light, _streak(xp, drops, drawn, far, y, x))
    return planes


@augreg.op(
    "rain",
    gray=True,
    amount=augreg.Range(0.0, 1.0),
    length=augreg.Range(0.02, 1.0, default=0.15),
    degrees=augreg.Range(-60.0, 60.0, default=[-15, 15]),
    light=augreg.Range(0.0, 1.0, default=0.8),
    drawn=augreg.Uniform01(_TABLE),
    example={"amount": [0.0, 0.2]},
    strengths=[{"amount": a} for a in (0.03, 0.1, 0.3)],
)
def rain(
    xp: Any, size: Any, amount: Array, length: Array, degrees: Array, light: Array, drawn: Array
) -> augreg.PixelFunction:
    """Rain: thin bright streaks, each a drop that falls while the shutter is open.

    amount: float32 [B], the fraction of places with a drop, 0 to 1; 0 is the identity. length: of a
    streak, as a fraction of the image's shorter side, at least 4 pixels; a second layer of drops is
    further away and 0.6 times as large. degrees: what the streaks are turned by, counter-clockwise;
    0 falls straight down. light: the brightness of a drop, which is that of the sky, whatever is
    behind it: x' = x + (light - x) a, a from 0 at a streak's edges to at most 1 (Garg and Nayar,
    "Vision and Rain", https://doi.org/10.1007/s11263-006-0028-6).
    """
    shorter = _shorter(xp, size)
    angle = degrees * (math.pi / 180)
    width = xp.maximum(shorter * (1 / 100), 1.5)
    amount = amount + xp.zeros_like(drawn[:, 0])  # one for each table, also where it is constant
    parts = [amount, xp.maximum(length * shorter, 4.0), width, xp.cos(angle), xp.sin(angle)]
    return augreg.PixelFunction(_wet, (xp.stack(parts, axis=-1), light, drawn), coordinates=True)


# --- shadows

_EDGES = 5


def _darken(xp: Any, planes: Planes, strength: Array, shape: Array, **at: Any) -> Planes:
    y, x = (xp.cast(at[axis], "float32") for axis in ("y", "x"))

    def beyond(i: int) -> Array:
        """How far a pixel lies beyond an edge, in widths of the edge."""
        cosine, sine, offset = (shape[:, j, i] for j in range(3))
        return cosine * x + sine * y - offset

    furthest = reduce(xp.maximum, map(beyond, range(_EDGES)))
    share = strength * xp.clip(0.5 - furthest, 0.0, 1.0)
    return tuple(plane - plane * share for plane in planes)


@augreg.op(
    "shadow",
    gray=True,
    strength=augreg.Range(0.0, 1.0),
    extent=augreg.Range(0.05, 2.0, default=[0.3, 0.8]),
    softness=augreg.Range(0.0, 1.0, default=0.02),
    x=augreg.Uniform01(),
    y=augreg.Uniform01(),
    turns=augreg.Uniform01(_EDGES),
    reach=augreg.Uniform01(_EDGES),
    example={"strength": [0.2, 0.6]},
    strengths=[{"strength": s, "extent": 0.6} for s in (0.25, 0.5, 0.75)],
)
def shadow(
    xp: Any,
    size: Any,
    strength: Array,
    extent: Array,
    softness: Array,
    x: Array,
    y: Array,
    turns: Array,
    reach: Array,
) -> augreg.PixelFunction:
    """Shadow: darkens a random convex polygon, x' = x (1 - strength).

    strength: float32 [B], 0 to 1, the fraction of the light that is missing; 0 is the identity.
    extent: how far the polygon's five edges lie from its centre at most, as a fraction of the
    image's shorter side (at least 0.4 times as far); the centre is uniform over the image.
    softness: the width of its edge, as a fraction of the shorter side, at least 1 pixel. After
    Albumentations' RandomShadow (https://albumentations.ai/explore/transform/RandomShadow/).
    """
    shorter = _shorter(xp, size)
    centre_x, centre_y = (
        xp.reshape(u * xp.array(side), (-1, 1)) for u, side in ((x, size[1]), (y, size[0]))
    )
    edge = xp.reshape(1.0 / xp.maximum(softness * shorter, 1.0), (-1, 1))
    angle = (xp.cast(xp.arange(_EDGES), "float32") + turns * 0.8) * (2 * math.pi / _EDGES)
    far = xp.reshape(extent * shorter, (-1, 1)) * (0.4 + 0.6 * reach)
    cosine, sine = xp.cos(angle) * edge, xp.sin(angle) * edge
    offset = centre_x * cosine + centre_y * sine + far * edge
    shape = xp.stack([cosine, sine, offset], axis=1)
    return augreg.PixelFunction(_darken, (strength, shape), coordinates=True)
