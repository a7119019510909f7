"""Ops that read a pixel's neighbours."""

from __future__ import annotations

from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]


def _smoothed(xp: Any, plane: Array) -> Array:
    """The inner pixels' mean over 3x3 with the centre five times: [B,H-2,W-2]."""
    across = plane[:, :, :-2] + plane[:, :, 1:-1] + plane[:, :, 2:]
    total = across[:, :-2] + across[:, 1:-1] + across[:, 2:]
    return (total + plane[:, 1:-1, 1:-1] * 4.0) * (1 / 13)


def _sharpen(xp: Any, planes: Planes, factor: Array) -> Planes:
    return tuple(_sharpen_plane(xp, plane, factor) for plane in planes)


def _sharpen_plane(xp: Any, plane: Array, factor: Array) -> Array:
    """A side below 3 has no inner pixels: of a side of 1, `plane[:, 1:][:, -1:]` is empty, too."""
    smooth = _smoothed(xp, plane)
    inner = smooth + (plane[:, 1:-1, 1:-1] - smooth) * factor
    rows = xp.concat([plane[:, 1:-1, :1], inner, plane[:, 1:-1, 1:][:, :, -1:]], axis=2)
    return xp.concat([plane[:, :1], rows, plane[:, 1:][:, -1:]], axis=1)


@augreg.op(
    "sharpness",
    gray=True,
    factor=augreg.Range(0.0, 10.0),
    example={"factor": [0.0, 3.0]},
    strengths=[{"factor": f} for f in (2, 4, 10)],
)
def sharpness(xp: Any, factor: Array) -> augreg.Neighborhood:
    """Sharpness: sharpens or softens, x' = factor * x + (1 - factor) * smooth.

    factor: float32, 0 to 10; 1 is the identity, 0 gives `smooth`, the mean over 3x3 pixels with the
    centre weighted five times; the outermost pixels do not change. As Pillow's
    `ImageEnhance.Sharpness` (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html),
    not rounded, and nothing is clipped before the end.
    """
    return augreg.Neighborhood(_sharpen, (factor,))


def _mirrored(xp: Any, plane: Array, radius: int, axis: int) -> Array:
    """With `radius` pixels mirrored at both ends of an axis: dcba|abcd|dcba, again where short."""
    side = xp.shape(plane)[axis]
    if not isinstance(side, int):  # known at run time only, so it may be short
        place = (xp.arange(side + 2 * radius) - radius) % (2 * side)
        return xp.take(plane, xp.minimum(place, 2 * side - 1 - place), axis=axis)
    while radius > 0:
        side = xp.shape(plane)[axis]
        taken = min(radius, side)
        if axis == 1:
            ends = plane[:, :taken][:, ::-1], plane[:, -taken:][:, ::-1]
        else:
            ends = plane[:, :, :taken][:, :, ::-1], plane[:, :, -taken:][:, :, ::-1]
        plane = xp.concat([ends[0], plane, ends[1]], axis=axis)
        radius -= taken
    return plane


def _convolve(xp: Any, plane: Array, weights: Array, axis: int) -> Array:
    taps = xp.shape(weights)[1]
    total = None
    for i in range(taps):
        end = i + 1 - taps or None
        part = plane[:, i:end] if axis == 1 else plane[:, :, i:end]
        term = part * weights[:, i]
        total = term if total is None else total + term
    return total


def _passes(axis: int) -> tuple[Any, Any]:
    def pad(xp: Any, planes: Planes, weights: Array) -> Planes:
        radius = xp.shape(weights)[1] // 2
        return tuple(_mirrored(xp, plane, radius, axis) for plane in planes)

    def blur(xp: Any, planes: Planes, weights: Array) -> Planes:
        return tuple(_convolve(xp, plane, weights, axis) for plane in planes)

    return pad, blur


_PASSES = (*_passes(2), *_passes(1))


def _fits(h: Any, w: Any, /, kernel_size: int, sigma: Any) -> tuple[Any, Any]:
    if kernel_size % 2 == 0:
        raise augreg.ParameterError(
            f"a kernel of {kernel_size} pixels has no centre; write {kernel_size + 1}",
            "/kernel_size",
        )
    return h, w


@augreg.op(
    "gaussian_blur",
    gray=True,
    output_size=_fits,
    kernel_size=augreg.Integer(3, 65, static=True),
    sigma=augreg.Range(0.05, 32.0),
    example={"kernel_size": 9, "sigma": [0.1, 2.0]},
    strengths=[{"kernel_size": 37, "sigma": s} for s in (1, 3, 6)],
)
def gaussian_blur(xp: Any, kernel_size: int, sigma: Array) -> augreg.Neighborhood:
    """Gaussian blur of `sigma` pixels with a kernel of `kernel_size` pixels.

    kernel_size: odd, 3 to 65, static. sigma: float32 [B], pixels; 0.05 is the identity in float32.
    Weights are exp(-d**2 / (2 sigma**2)) over their sum, one pass along each axis; edges are
    mirrored (dcba|abcd|dcba). As in SimCLR (Chen et al., https://arxiv.org/abs/2002.05709).
    """
    distance = xp.cast(xp.arange(kernel_size), "float32") - float(kernel_size // 2)
    ratio = xp.reshape(distance, (1, -1)) / xp.reshape(sigma, (-1, 1))
    weights = xp.exp(ratio * ratio * -0.5)
    return augreg.Neighborhood(_PASSES, (weights / xp.sum(weights, axis=1, keepdims=True),))
