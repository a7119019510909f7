"""Ops that change tones pixel by pixel, some of them by a statistic of the image.

Values are 0..1. An op that is defined on a bounded domain clips its input and says so. 8-bit levels
are those of `augreg.to_levels`.
"""

from __future__ import annotations

from typing import Any

import augreg

Array = Any
Planes = tuple[Array, ...]


def _unit(xp: Any, plane: Array) -> Array:
    return xp.clip(plane, 0.0, 1.0)


def shift_hue(xp: Any, planes: Planes, delta: Array) -> Planes:
    """Planes whose hue is turned by `delta` full turns in HSV."""
    r, g, b = planes
    top = xp.maximum(xp.maximum(r, g), b)
    low = xp.minimum(xp.minimum(r, g), b)
    chroma = top - low
    scale = 1.0 / xp.where(chroma > 0.0, chroma, 1.0)
    turned = xp.where(
        r >= top,
        (g - b) * scale,
        xp.where(g >= top, (b - r) * scale + 2.0, (r - g) * scale + 4.0),
    )
    h = turned + delta * 6.0
    h = h - 6.0 * xp.floor(h / 6.0)
    red = xp.abs(h - 3.0) - 1.0
    green, blue = 2.0 - xp.abs(h - 2.0), 2.0 - xp.abs(h - 4.0)
    return tuple(low + chroma * _unit(xp, share) for share in (red, green, blue))


@augreg.op(
    "hue",
    delta=augreg.Range(-1.0, 1.0),
    example={"delta": [-0.1, 0.1]},
    strengths=[{"delta": d} for d in (0.05, 0.15, 0.4)],
)
def hue(xp: Any, delta: Array) -> augreg.PixelFunction:
    """Hue: rotated in HSV by `delta` full turns.

    delta: float32 [B], the turn, -1 to 1; 0 (and 1) is the identity. With h in 0..6:
    h' = (h + 6 delta) mod 6; the largest and the smallest value do not change. Nothing is clipped.
    As `tf.image.adjust_hue` (https://www.tensorflow.org/api_docs/python/tf/image/adjust_hue).
    """
    return augreg.PixelFunction(shift_hue, (delta,))


def _power(xp: Any, planes: Planes, gamma: Array, gain: Array) -> Planes:
    return tuple(xp.power(_unit(xp, plane), gamma) * gain for plane in planes)


@augreg.op(
    "gamma",
    gray=True,
    gamma=augreg.Range(0.01, 100.0),
    gain=augreg.Range(0.0, 10.0, default=1.0),
    example={"gamma": [0.7, 1.5]},
    strengths=[{"gamma": g} for g in (1.3, 1.8, 3)],
)
def gamma(xp: Any, gamma: Array, gain: Array) -> augreg.PixelFunction:
    """Gamma correction: gain * x ** gamma; its input is clipped to 0..1.

    gamma: above 1 darkens, below 1 brightens; 1 is the identity, if the gain is 1. gain: what the
    result is multiplied by. As `tf.image.adjust_gamma`
    (https://www.tensorflow.org/api_docs/python/tf/image/adjust_gamma).
    """
    return augreg.PixelFunction(_power, (gamma, gain))


def _bend(xp: Any, planes: Planes, low_y: Array, high_y: Array) -> Planes:
    return tuple(_bezier(_unit(xp, plane), low_y, high_y) for plane in planes)


def _bezier(x: Array, low_y: Array, high_y: Array) -> Array:
    rest = 1.0 - x
    return x * (3.0 * rest * (rest * low_y + x * high_y) + x * x)


@augreg.op(
    "tone_curve",
    gray=True,
    low_y=augreg.Range(0.0, 1.0, default=1 / 3),
    high_y=augreg.Range(0.0, 1.0, default=2 / 3),
    example={"low_y": [0.15, 0.4], "high_y": [0.6, 0.85]},
    strengths=[{"low_y": low, "high_y": 1 - low} for low in (0.25, 0.125, 0)],
)
def tone_curve(xp: Any, low_y: Array, high_y: Array) -> augreg.PixelFunction:
    """Tone curve: a cubic Bezier curve from 0 to 1; its input is clipped to 0..1.

    low_y, high_y: float32 [B], 0 to 1, the heights of the two inner control points, at a third and
    two thirds of the way: x' = 3 (1-x)**2 x low_y + 3 (1-x) x**2 high_y + x**3. 1/3 and 2/3 is the
    identity; lower and higher than that raises the contrast, the reverse lowers it. As
    Albumentations' RandomToneCurve (https://albumentations.ai/explore/transform/RandomToneCurve/),
    which draws both normally about 0.25 and 0.75; not rounded to levels.
    """
    return augreg.PixelFunction(_bend, (low_y, high_y))


def _keep_bits(xp: Any, planes: Planes, step: Array) -> Planes:
    return tuple(
        xp.floor(augreg.to_levels(xp, plane) / step) * step * (1 / 255) for plane in planes
    )


@augreg.op(
    "posterize",
    gray=True,
    version=2,
    bits=augreg.Integer(1, 8),
    example={"bits": [2, 5]},
    strengths=[{"bits": b} for b in (4, 2, 1)],
)
def posterize(xp: Any, bits: Array) -> augreg.PixelFunction:
    """Posterizes: keeps the highest `bits` of each 8-bit level; its input is clipped to 0..1.

    bits: int32, the bits that are kept, 1 to 8; 8 only rounds to levels.
    level' = floor(level / 2**(8-bits)) * 2**(8-bits). As Pillow's `ImageOps.posterize`
    (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html).
    """
    steps = xp.array([256.0, 128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0])
    return augreg.PixelFunction(_keep_bits, (xp.take(steps, bits),), stepped=True)


_SLACK = 2.0**-12  # a level counts as reached where float arithmetic left it a little below


def _invert_above(xp: Any, planes: Planes, threshold: Array) -> Planes:
    inner = [_unit(xp, plane) for plane in planes]
    edge = threshold - _SLACK
    return tuple(xp.where(plane >= edge, 1.0 - plane, plane) for plane in inner)


@augreg.op(
    "solarize",
    gray=True,
    threshold=augreg.Range(0.0, 1.1),
    example={"threshold": [0.3, 0.8]},
    strengths=[{"threshold": t} for t in (0.8, 0.5, 0.2)],
)
def solarize(xp: Any, threshold: Array) -> augreg.PixelFunction:
    """Solarizes: inverts values at or above `threshold`, x >= threshold becomes 1 - x.

    threshold: float32, the least value that is inverted, 0 (inverts all) to 1.1; above 1 is the
    identity. Its input is clipped to 0..1. Values up to 1/4096 below the threshold count as at it.
    As Pillow's `ImageOps.solarize`, whose threshold of 128 is 128/255 here.
    """
    return augreg.PixelFunction(_invert_above, (threshold,))


def _add_below(xp: Any, planes: Planes, addition: Array, threshold: Array) -> Planes:
    edge = threshold - _SLACK
    inner = [_unit(xp, plane) for plane in planes]
    return tuple(xp.where(x < edge, _unit(xp, x + addition), x) for x in inner)


@augreg.op(
    "solarize_add",
    gray=True,
    addition=augreg.Range(-1.0, 1.0),
    threshold=augreg.Range(0.0, 1.1, default=128 / 255),
    example={"addition": [0.0, 0.4]},
    strengths=[{"addition": a} for a in (0.1, 0.25, 0.4)],
)
def solarize_add(xp: Any, addition: Array, threshold: Array) -> augreg.PixelFunction:
    """Solarize-add: where x is below `threshold`, x becomes x + addition, clipped to 0..1.

    addition: float32, what is added, -1 to 1; 0 is the identity. threshold: values below it are
    changed. Its input is clipped to 0..1. From Cubuk et al., "RandAugment"
    (https://arxiv.org/abs/1909.13719), whose code has it beside `solarize`.
    """
    return augreg.PixelFunction(_add_below, (addition, threshold))


def _equalized(xp: Any, planes: Planes, histogram: Planes) -> Planes:
    return tuple(_equalize_plane(xp, p, h) for p, h in zip(planes, histogram, strict=True))


def _equalize_plane(xp: Any, plane: Array, counts: Array) -> Array:
    levels = xp.arange(256)
    present = xp.where(counts > 0, levels, 0)
    last = xp.max(present, axis=1, keepdims=True)
    top = xp.sum(xp.where(levels == last, counts, 0), axis=1, keepdims=True)
    step = (xp.sum(counts, axis=1, keepdims=True) - top) // 255
    before = xp.cumsum(counts) - counts
    spread = (step // 2 + before) // xp.maximum(step, 1)
    table = xp.where(step > 0, xp.minimum(spread, 255), levels)
    values = xp.cast(table, "float32") * (1 / 255)
    return xp.lookup(values, xp.cast(augreg.to_levels(xp, plane), "int32"))


@augreg.op("equalize", gray=True, version=2, example={"p": 0.5})
def equalize(xp: Any) -> augreg.PixelFunction:
    """Equalizes the histogram of each channel, so that all levels occur about equally often.

    With `step` the number of pixels below the highest level that occurs, divided by 255: level' =
    (step // 2 + number of pixels of lower levels) // step; if step is 0, nothing changes. Its input
    is clipped to 0..1 and rounded to levels. As Pillow's `ImageOps.equalize`
    (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html).
    """
    return augreg.PixelFunction(_equalized, statistics=("histogram",))


def _stretched(xp: Any, planes: Planes, min: Planes, max: Planes) -> Planes:
    return tuple(_stretch(xp, *of_one) for of_one in zip(planes, min, max, strict=True))


def _stretch(xp: Any, plane: Array, low: Array, high: Array) -> Array:
    low, high = _unit(xp, low), _unit(xp, high)
    flat = high - low < _SLACK
    span = xp.where(flat, 1.0, high - low)
    return (_unit(xp, plane) - xp.where(flat, 0.0, low)) / span


@augreg.op("autocontrast", gray=True, version=2, example={"p": 0.5})
def autocontrast(xp: Any) -> augreg.PixelFunction:
    """Autocontrast: stretches each channel so that its darkest value becomes 0, its brightest 1.

    x' = (x - min) / (max - min); a channel whose values differ by less than 1/4096 does not change,
    because such differences are rounding errors of earlier steps. Its input is clipped to 0..1. As
    Pillow's `ImageOps.autocontrast`, without rounding to levels.
    """
    return augreg.PixelFunction(_stretched, statistics=("min", "max"))
