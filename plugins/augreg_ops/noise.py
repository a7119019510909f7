"""Ops that draw for every pixel."""

from __future__ import annotations

import math
from typing import Any

import augreg
from augreg_ops.tone import shift_hue

Array = Any
Planes = tuple[Array, ...]


def _normals(xp: Any, u: Array, v: Array) -> tuple[Array, Array]:
    """Box-Muller (https://doi.org/10.1214/aoms/1177706645); half a step keeps the log finite."""
    radius = xp.sqrt(xp.log(u + 2.0**-25) * -2.0)
    angle = v * (2 * math.pi)
    return radius * xp.cos(angle), radius * xp.sin(angle)


def _add_noise(xp: Any, planes: Planes, std: Array, noise: Any) -> Planes:
    pairs = zip(planes, noise[0], strict=True)
    return tuple(plane + std * _normals(xp, u, v)[0] for plane, (u, v) in pairs)


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

    std: float32 [B], the standard deviation, 0..1 units; 0 is the identity. Nothing is clipped
    before the end.
    """
    return augreg.PixelFunction(_add_noise, (std,), noise=(key,))


_FEW = 8.0  # up to this mean, counts are drawn exactly
_MOST = 27  # a count that a mean of `_FEW` exceeds once in 2**24 draws, the steps of a uniform draw


def _count_photons(xp: Any, planes: Planes, scale: Array, noise: Any) -> Planes:
    photon = xp.maximum(scale, 1e-12)
    rate = 1.0 / photon
    pairs = zip(planes, noise[0], strict=True)
    return tuple(
        _poisson(xp, xp.clip(plane, 0.0, 1.0) * rate, u, v) * photon for plane, (u, v) in pairs
    )


def _poisson(xp: Any, mean: Array, u: Array, v: Array) -> Array:
    few = xp.minimum(mean, _FEW)
    probability = total = xp.exp(-few)
    count = xp.cast(u >= total, "float32")
    for k in range(1, _MOST):
        probability = probability * few * (1 / k)
        total = total + probability
        count = count + xp.cast(u >= total, "float32")
    many, (n, _) = xp.maximum(mean, _FEW), _normals(xp, u, v)
    spread, square = xp.sqrt(many), n * n
    skewed = many + spread * n + (2.0 + square) * (1 / 6)
    found = xp.floor(skewed - n * (2.0 + square) * (1 / 72) * xp.reciprocal(spread))
    return xp.where(mean < _FEW, count, found)


@augreg.op(
    "shot_noise",
    gray=True,
    scale=augreg.Range(0.0, 1.0),
    key=augreg.Key(),
    example={"scale": [0.0, 0.1]},
    strengths=[{"scale": s} for s in (0.02, 0.08, 0.3)],
)
def shot_noise(xp: Any, scale: Array, key: Array) -> augreg.PixelFunction:
    """Shot noise: x' = scale * n, n a Poisson count with the mean x / scale; clips its input.

    scale: float32 [B], the value of one photon, 0 to 1: white is 1 / scale photons; 0 is the
    identity. Each pixel and channel counts for itself; the mean stays x, the variance is scale * x.
    Input is clipped to 0..1, output only at the end. Counts with a mean below 8 are drawn exactly,
    by inversion; above, a normal draw is bent by the Cornish-Fisher expansion (Giles,
    https://doi.org/10.1145/2699466), which is at most 0.0004 off in the distribution function. As
    in ImageNet-C (Hendrycks and Dietterich, https://arxiv.org/abs/1903.12261), whose five
    severities are 1/60, 1/25, 1/12, 1/5 and 1/3.
    """
    return augreg.PixelFunction(_count_photons, (scale,), noise=(key,), stepped=True)


def _sense(xp: Any, planes: Planes, luminance: Array, hue: Array, noise: Any) -> Planes:
    lighter, turns = _normals(xp, *noise[0][0])
    return tuple(plane + luminance * lighter for plane in shift_hue(xp, planes, hue * turns))


@augreg.op(
    "iso_noise",
    luminance=augreg.Range(0.0, 1.0),
    hue=augreg.Range(0.0, 0.5, default=0.02),
    key=augreg.Key(),
    example={"luminance": [0.0, 0.1], "hue": [0.0, 0.05]},
    strengths=[{"luminance": s, "hue": s / 2} for s in (0.05, 0.1, 0.25)],
)
def iso_noise(xp: Any, luminance: Array, hue: Array, key: Array) -> augreg.PixelFunction:
    """ISO noise: a sensor's noise of luminance and of hue, normal per pixel.

    luminance: float32 [B], the standard deviation of HLS's lightness, 0..1 units. hue: that of the
    hue, in full turns. Both 0 is the identity. All channels of a pixel get the same lightness, so
    that grey stays grey; chroma does not change. Nothing is clipped before the end. After
    Albumentations' ISONoise (https://albumentations.ai/explore/transform/ISONoise/), whose noise of
    lightness only brightens.
    """
    return augreg.PixelFunction(_sense, (luminance, hue), noise=(key,))


def _replace(xp: Any, planes: Planes, amount: Array, salt: Array, noise: Any) -> Planes:
    u, v = noise[0][0]
    grain = xp.cast(v < salt, "float32")
    return tuple(xp.where(u < amount, grain, plane) for plane in planes)


@augreg.op(
    "salt_and_pepper",
    gray=True,
    amount=augreg.Range(0.0, 1.0),
    salt=augreg.Range(0.0, 1.0, default=0.5),
    key=augreg.Key(),
    example={"amount": [0.0, 0.1]},
    strengths=[{"amount": a} for a in (0.02, 0.1, 0.3)],
)
def salt_and_pepper(xp: Any, amount: Array, salt: Array, key: Array) -> augreg.PixelFunction:
    """Salt and pepper: random pixels become white or black, all channels together.

    amount: float32 [B], the probability that a pixel is replaced, 0 to 1; 0 is the identity. salt:
    the fraction of those that become white. The parameters are those of scikit-image's
    `random_noise`
    (https://scikit-image.org/docs/stable/api/skimage.util.html#skimage.util.random_noise), which
    replaces each channel for itself.
    """
    return augreg.PixelFunction(_replace, (amount, salt), noise=(key,))
