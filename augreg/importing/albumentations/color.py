"""Albumentations' transforms of colours and tones, pixel by pixel, and what they do to values.

Albumentations works on 8-bit levels and clips after each transform; augreg works on floats and
clips at the end. Formulas: https://albumentations.ai/docs/api-reference/pixel/transforms/
"""

from __future__ import annotations

from typing import Any

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled

_HUE = "OpenCV holds hues in steps of 2 degrees"


def _plain(op: str) -> Any:
    def entry(given: Given) -> list[Step]:
        return [{"op": op}]

    return entry


def _brightness_contrast(given: Given) -> list[Step]:
    """x' = x * (1 + contrast) + brightness."""
    given.only("brightness_by_max", True, why="no op adds a multiple of the mean")
    if given.raw("ensure_safe_range", default=False):
        given.differs("strengths are not reduced where values would leave their range")
    contrast = given.pair("contrast_limit", default=[-0.2, 0.2])
    brightness = given.pair("brightness_limit", default=[-0.2, 0.2])
    steps: list[Step] = []
    if contrast != (0, 0):
        factor = scaled(contrast, 1, 1)
        steps.append({"op": "enhance", "kind": "brightness", "factor": factor})
    if brightness != (0, 0):
        steps.append({"op": "brightness", "delta": drawn(*brightness)})
    return steps


def _color_jitter(given: Given) -> list[Step]:
    steps: list[Step] = []
    for name, kind in (
        ("brightness", "brightness"),
        ("contrast", "contrast"),
        ("saturation", "color"),
    ):
        ends = given.pair(name, default=[0.8, 1.2])
        if ends != (1, 1):
            steps.append({"op": "enhance", "kind": kind, "factor": drawn(*ends)})
    hue = given.pair("hue", default=[-0.5, 0.5])
    if hue != (0, 0):
        given.differs(_HUE)
        steps.append({"op": "hue", "delta": drawn(*hue)})
    return steps if len(steps) < 2 else [{"random_order": steps}]


def _hue_saturation_value(given: Given) -> list[Step]:
    """Hues are in units of 2 degrees, the others in levels."""
    limits = {"hue": 20, "sat": 30, "val": 20}
    hue, saturation, value = (
        given.pair(f"{name}_shift_limit", default=[-most, most]) for name, most in limits.items()
    )
    steps: list[Step] = []
    if hue != (0, 0):
        given.differs(_HUE)
        steps.append({"op": "hue", "delta": scaled(hue, 1 / 180)})
    if saturation != (0, 0):
        given.differs("adds to the saturation, here it is scaled: equal where it is one half")
        ends = tuple(max(0.0, 1 + end / 127.5) for end in saturation)
        steps.append({"op": "saturation", "factor": drawn(*ends)})
    if value != (0, 0):
        given.differs("adds to the HSV value, here to every channel: equal for the largest one")
        steps.append({"op": "brightness", "delta": scaled(value, 1 / 255)})
    return steps


def _gamma(given: Given) -> list[Step]:
    given.ignore("eps")  # of version 1, where it was not used
    return [{"op": "gamma", "gamma": scaled(given.pair("gamma_limit"), 1 / 100)}]


def _posterize(given: Given) -> list[Step]:
    bits = given.raw("num_bits", default=4)
    if isinstance(bits, list) and (len(bits) != 2 or any(isinstance(b, list) for b in bits)):
        raise NotSayableError("num_bits differs between channels; one number of bits can be said")
    return [{"op": "posterize", "bits": drawn(*given.pair("num_bits", default=4))}]


def _solarize(given: Given) -> list[Step]:
    """`threshold_range` is in 0..1; version 1 had `threshold`, in levels."""
    if given.has("threshold"):
        return [{"op": "solarize", "threshold": scaled(given.pair("threshold"), 1 / 255)}]
    ends = given.pair("threshold_range", default=0.5)
    return [{"op": "solarize", "threshold": drawn(*ends)}]


def _equalize(given: Given) -> list[Step]:
    given.only("by_channels", True, why="only the channels' own histograms can be equalized")
    given.only("mask", why="no op equalizes under a mask")
    given.ignore("mask_params")
    kind = given.option(("mode",), {"cv": "OpenCV", "pil": "Albumentations"}, "cv")
    given.differs(f"levels as Pillow's, {kind}'s also count the pixels at a level itself")
    return [{"op": "equalize"}]


def _clahe(given: Given) -> list[Step]:
    tiles = given.pair("tile_grid_size", default=[8, 8])
    if tiles[0] != tiles[1]:
        raise NotSayableError("tile_grid_size has two numbers; one for both sides can be said")
    given.differs("equalizes the luminance, there the lightness of CIELAB")
    limits = drawn(*given.pair("clip_limit", default=[1, 4]))
    return [{"op": "clahe", "clip_limit": limits, "tiles": tiles[0]}]


def _tone_curve(given: Given) -> list[Step]:
    """Heights of control points are normal about 0.25 and 0.75, and clipped to 0..1."""
    if given.raw("per_channel", default=False):
        given.differs("one curve for all channels")
    scale = given.number("scale", default=0.1)

    def around(mean: float) -> Any:
        return {"normal": [mean, scale], "min": 0, "max": 1} if scale > 0 else mean

    return [{"op": "tone_curve", "low_y": around(0.25), "high_y": around(0.75)}]


def _auto_contrast(given: Given) -> list[Step]:
    given.only("cutoff", 0, why="no op leaves out a part of the histogram")
    given.only("ignore", why="no op leaves out a level")
    if given.raw("method", default="cdf") != "pil":
        given.differs("stretches linearly, the method cdf by the histogram")
    return [{"op": "autocontrast"}]


def _to_gray(given: Given) -> list[Step]:
    channels = given.number("num_output_channels", default=3)
    kind = given.raw("method", default="weighted_average")
    if kind == "max" and channels == 3:
        return [{"op": "saturation", "factor": 0}]
    if kind != "weighted_average":
        given.differs(f"weighs the channels by luma, not by {kind}")
    return [{"op": "grayscale"} if channels == 3 else {"op": "grayscale", "channels": channels}]


def _rgb_shift(given: Given) -> list[Step]:
    """Limits beyond 1 are in levels, others in 0..1."""
    given.ignore("noise_type", "spatial_mode", "noise_params", "approximation")  # of its base class
    step: Step = {"op": "rgb_shift"}
    for channel in ("red", "green", "blue"):
        ends = given.pair(f"{channel[0]}_shift_limit", default=[-20, 20])
        if ends != (0, 0):
            step[channel] = scaled(ends, 1 / 255 if max(map(abs, ends)) > 1 else 1)
    return [step] if len(step) > 1 else []


def _multiplied(given: Given) -> list[Step]:
    for name in ("per_channel", "elementwise"):
        given.only(name, False, why="only one factor for the whole image can be said")
    ends = given.pair("multiplier", default=[0.9, 1.1])
    return [{"op": "enhance", "kind": "brightness", "factor": drawn(*ends)}]


def _always(given: Given) -> None:
    if not given.certain:
        raise NotSayableError("only what every image takes can be said in output")


def _normalize(given: Given) -> list[Step]:
    """x' = (x - mean * max_pixel_value) / (std * max_pixel_value)."""
    _always(given)
    given.only("normalization", "standard", why="no output depends on the image's own statistics")
    most = _most(given, "max_pixel_value")
    shifted = given.state.values.shifted([-mean * most for mean in given.channels("mean")])
    given.become(shifted.scaled([1 / max(std * most, 1e-12) for std in given.channels("std")]))
    given.state.normalized = True
    return []


def _most(given: Given, name: str) -> float:
    most = given.number(name, default=255)
    if not most > 0:
        raise NotSayableError(f"{name} is {most!r}, and has to be above 0")
    return most


def _to_float(given: Given) -> list[Step]:
    _always(given)
    given.become(given.state.values.scaled([1 / _most(given, "max_value")]))
    return []


def _from_float(given: Given) -> list[Step]:
    _always(given)
    given.only("dtype", "uint8", why="images are 8-bit or float")
    given.become(given.state.values.scaled([_most(given, "max_value")]))
    return []


def _nothing(given: Given) -> list[Step]:
    return []


def _to_tensor(given: Given) -> list[Step]:
    given.ignore("transpose_mask")
    given.differs("channels stay last, as TensorFlow has them")
    return []


TABLE: Table = {
    "RandomBrightnessContrast": _brightness_contrast,
    "ColorJitter": _color_jitter,
    "HueSaturationValue": _hue_saturation_value,
    "RandomGamma": _gamma,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "Equalize": _equalize,
    "CLAHE": _clahe,
    "RandomToneCurve": _tone_curve,
    "AutoContrast": _auto_contrast,
    "ToGray": _to_gray,
    "ToSepia": _plain("sepia"),
    "InvertImg": _plain("invert"),
    "ChannelShuffle": _plain("channel_shuffle"),
    "RGBShift": _rgb_shift,
    "MultiplicativeNoise": _multiplied,
    "Normalize": _normalize,
    "ToFloat": _to_float,
    "FromFloat": _from_float,
    "NoOp": _nothing,
    "ToTensorV2": _to_tensor,
}
