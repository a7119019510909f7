"""Ops that change colours, pixel by pixel. Values are 0..1; an op that clips says so."""

from __future__ import annotations

from typing import Any

import augreg

Array = Any
# ITU-R BT.601: the digits that tf.image.rgb_to_grayscale uses, and those of Pillow's "L"
TF_LUMA = (0.2989, 0.5870, 0.1140)
PILLOW_LUMA = (0.299, 0.587, 0.114)
# the matrix that Microsoft published and CSS's filter took over
_SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _factor(xp: Any, factor: Array) -> Array:
    return xp.reshape(factor, (-1, 1, 1))


def _scaled_eye(xp: Any, factor: Array) -> Array:
    return xp.reshape(xp.eye(3), (1, 3, 3)) * _factor(xp, factor)


def _levels(xp: Any, level: Array) -> Array:
    return xp.stack([level, level, level], axis=-1)


@augreg.op("grayscale", channels=augreg.Option(3, 1), example={"p": 0.2})
def grayscale(xp: Any, channels: int) -> augreg.ColorMap:
    """Converts to grayscale: 0.2989 R + 0.5870 G + 0.1140 B.

    channels: 3 gives three equal channels; 1 gives one channel, as `tf.image.rgb_to_grayscale`
    (https://www.tensorflow.org/api_docs/python/tf/image/rgb_to_grayscale), and takes no p below 1.
    """
    return augreg.ColorMap(xp.array([TF_LUMA] * channels), xp.array([0.0] * channels))


@augreg.op(
    "sepia",
    strength=augreg.Range(0.0, 1.0, default=1.0),
    example={"strength": [0.3, 1.0]},
    strengths=[{"strength": s} for s in (0.3, 0.6, 1)],
)
def sepia(xp: Any, strength: Array) -> augreg.ColorMap:
    """Sepia: brown tones, as of an old photograph.

    strength: float32 [B], 0 is the identity, 1 is x' = M x with the rows (0.393, 0.769, 0.189),
    (0.349, 0.686, 0.168), (0.272, 0.534, 0.131); in between, both are blended. As CSS's `sepia()`
    (https://www.w3.org/TR/filter-effects-1/#sepiaEquivalent); 1 is the ToSepia of Albumentations.
    White becomes brighter than 1 in red and green; nothing is clipped before the end.
    """
    part = xp.reshape(strength, (-1, 1, 1))
    matrix = _scaled_eye(xp, 1.0 - strength) + xp.array([_SEPIA]) * part
    return augreg.ColorMap(matrix, _levels(xp, xp.zeros_like(strength)))


@augreg.op(
    "brightness",
    gray=True,
    delta=augreg.Range(-1.0, 1.0),
    example={"delta": [-0.2, 0.2]},
    strengths=[{"delta": d} for d in (0.1, 0.25, 0.5)],
)
def brightness(xp: Any, delta: Array) -> augreg.ColorMap:
    """Brightness: adds `delta` (0..1 units) to every channel.

    delta: what is added, 0..1 units; 0 is the identity. As `tf.image.adjust_brightness` on floats
    (https://www.tensorflow.org/api_docs/python/tf/image/adjust_brightness): nothing is clipped
    before the end.
    """
    return augreg.ColorMap(xp.array([[1.0]]), _levels(xp, delta))


@augreg.op(
    "contrast",
    gray=True,
    factor=augreg.Range(0.0, 10.0),
    example={"factor": [0.7, 1.3]},
    strengths=[{"factor": f} for f in (1.3, 1.8, 3)],
)
def contrast(xp: Any, factor: Array) -> augreg.ColorMap:
    """Contrast: scales every channel about its mean over the image, (x - mean) * factor + mean.

    factor: 1 is the identity, 0 gives the mean, above 1 raises the contrast. As
    `tf.image.adjust_contrast`
    (https://www.tensorflow.org/api_docs/python/tf/image/adjust_contrast).
    """
    offset = _levels(xp, xp.zeros_like(factor))
    return augreg.ColorMap(_factor(xp, factor), offset, _factor(xp, 1.0 - factor))


@augreg.op("invert", gray=True, example={"p": 0.5})
def invert(xp: Any) -> augreg.ColorMap:
    """Inverts the image: 1 - x."""
    return augreg.ColorMap(xp.array([[-1.0]]), xp.array([1.0, 1.0, 1.0]))


def _saturate(xp: Any, planes: tuple[Array, ...], factor: Array) -> tuple[Array, ...]:
    r, g, b = (xp.clip(plane, 0.0, 1.0) for plane in planes)
    value = xp.maximum(xp.maximum(r, g), b)
    chroma = value - xp.minimum(xp.minimum(r, g), b)
    # S' = min(f S, 1) with S = chroma / value; a grey pixel has no chroma and stays
    scale = xp.minimum(factor, value * xp.reciprocal(xp.maximum(chroma, 1e-12)))
    return tuple(value - (value - plane) * scale for plane in (r, g, b))


@augreg.op(
    "saturation",
    factor=augreg.Range(0.0, 4.0),
    example={"factor": [0.5, 1.5]},
    strengths=[{"factor": f} for f in (1.5, 2.5, 4)],
)
def saturation(xp: Any, factor: Array) -> augreg.PixelFunction:
    """Saturation: scaled by `factor` and clipped in HSV; its input is clipped to 0..1.

    factor: 1 is the identity, above 1 makes colours stronger, 0 sets all channels to the value (the
    largest channel). As `tf.image.adjust_saturation`
    (https://www.tensorflow.org/api_docs/python/tf/image/adjust_saturation): with V the largest
    channel and m the smallest, x' = V - (V - x) * min(factor, V / (V - m)).
    """
    return augreg.PixelFunction(_saturate, (factor,))


def _clip(xp: Any, planes: tuple[Array, ...], low: Array, high: Array) -> tuple[Array, ...]:
    return tuple(xp.clip(plane, low, high) for plane in planes)


@augreg.op(
    "clip",
    gray=True,
    min=augreg.Range(0.0, 1.0, default=0.0, static=True),
    max=augreg.Range(0.0, 1.0, default=1.0, static=True),
    strengths=[{"min": m, "max": 1 - m} for m in (0.125, 0.25, 0.375)],
)
def clip(xp: Any, min: float, max: float) -> augreg.PixelFunction:
    """Clips every channel to `min`..`max`.

    min: the lowest value that is kept; max: the highest. The end of a policy clips to 0..1 anyway;
    this is for clipping in between.
    """
    return augreg.PixelFunction(_clip, (xp.array([min]), xp.array([max])))


@augreg.op("channel_shuffle", order=augreg.Uniform01(), example={"p": 0.5})
def channel_shuffle(xp: Any, order: Array) -> augreg.ColorMap:
    """Shuffles the channels: one of the six orders, all equally likely.

    On average one in six samples does not change.
    """
    permuted = [[[1.0 if j == i else 0.0 for j in range(3)] for i in row] for row in _ORDERS]
    picked = xp.cast(xp.floor(order * 6.0), "int32")
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
    """RGB shift: adds a separate value to each channel, x' = x + (red, green, blue).

    red, green, blue: what is added, -1 to 1, in 0..1 units; 0 is the identity. Nothing is clipped
    before the end.
    """
    return augreg.ColorMap(xp.array([[1.0]]), xp.stack([red, green, blue], axis=-1))


@augreg.op(
    "enhance",
    kind=augreg.Option("brightness", "color", "contrast"),
    factor=augreg.Range(0.0, 10.0),
    example={"kind": "color", "factor": [0.2, 1.8]},
    strengths=[{"kind": "color", "factor": f} for f in (1.5, 2.5, 4)],
)
def enhance(xp: Any, kind: str, factor: Array) -> augreg.ColorMap:
    """Enhances brightness, color or contrast, as Pillow does.

    x' = factor * x + (1 - factor) * degenerate. kind: what the degenerate image is: black for
    brightness, the grey 0.299 R + 0.587 G + 0.114 B for color, the mean of that grey for contrast.
    factor: 1 is the identity, 0 the degenerate image, above 1 extrapolates. As Pillow's
    `ImageEnhance` (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html),
    torchvision's jitter and the automatic policies; not rounded, and nothing is clipped before the
    end.
    """
    offset = _levels(xp, xp.zeros_like(factor))
    grey = xp.array([[PILLOW_LUMA] * 3]) * xp.reshape(1.0 - factor, (-1, 1, 1))
    if kind == "color":
        return augreg.ColorMap(_scaled_eye(xp, factor) + grey, offset)
    return augreg.ColorMap(_factor(xp, factor), offset, grey if kind == "contrast" else None)
