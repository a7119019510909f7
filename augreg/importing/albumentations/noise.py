"""Albumentations' noise.

Formulas: https://albumentations.ai/docs/api-reference/albumentations/augmentations/pixel/transforms/
"""

from __future__ import annotations

import math

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled, tidy

# Deviation of shot noise in linear light, with values x**2.2, over that in stored values, at x 0.5.
_LINEAR = 0.5**-0.2 / (2.2**2 * 0.5)
_SPREAD = 0.2  # of the lightness in a photograph
_TURN = 360  # degrees


def _gauss_noise(given: Given) -> list[Step]:
    """`std_range` in 0..1; version 1 had `var_limit`, in squared levels."""
    if given.has("var_limit"):
        low, high = (math.sqrt(max(0, end)) for end in given.pair("var_limit"))
        std = scaled((low, high), 1 / 255)
        given.differs("the deviation is drawn uniformly, there the variance")
        mean = given.number("mean", default=0) / 255, given.number("mean", default=0) / 255
    else:
        std = drawn(*given.pair("std_range", default=[0.2, 0.44]))
        mean = given.pair("mean_range", default=0)
    if not given.raw("per_channel", default=True):
        given.differs("each channel has noise of its own")
    if given.number("noise_scale_factor", default=1) != 1:
        given.differs("noise is of single pixels")
    steps: list[Step] = [{"op": "gaussian_noise", "std": std}]
    if mean != (0, 0):
        steps.append({"op": "brightness", "delta": drawn(*mean)})
    return steps


def _shot_noise(given: Given) -> list[Step]:
    given.differs("photons are counted in stored values, there in linear light; equal at mid-grey")
    photons = given.pair("scale_range", default=[0.1, 0.3])
    return [{"op": "shot_noise", "scale": scaled(photons, _LINEAR)}]


def _iso_noise(given: Given) -> list[Step]:
    """Lightness l becomes l + intensity * (1 - l) * n, n Poisson with mean intensity * its spread.

    Hues move by normal draws of `color_shift * intensity` degrees.
    """
    given.differs(
        "noise of lightness is normal, there specks that brighten; as strong at mid-grey of a "
        "photograph"
    )
    low, high = (max(0.0, end) for end in given.pair("intensity", default=[0.1, 0.5]))
    shift = given.pair("color_shift", default=[0.01, 0.05])
    luminance = (0.5 * math.sqrt(_SPREAD) * end**1.5 for end in (low, high))
    hue = (degrees * end / _TURN for degrees, end in zip(shift, (low, high), strict=True))
    return [{"op": "iso_noise", "luminance": drawn(*luminance), "hue": drawn(*hue)}]


def _salt_and_pepper(given: Given) -> list[Step]:
    given.differs("each pixel is drawn for itself, there their number")
    amount = drawn(*given.pair("amount", default=[0.01, 0.06]))
    salt = drawn(*given.pair("salt_vs_pepper", default=[0.4, 0.6]))
    return [{"op": "salt_and_pepper", "amount": amount, "salt": salt}]


def _pixel_dropout(given: Given) -> list[Step]:
    """Pixels that all become black, or all white."""
    given.only("per_channel", False, why="only all channels of a pixel together can be dropped")
    if given.parameters.get("drop_value", 0) is None:
        raise NotSayableError("no op replaces pixels by random colours")
    level = given.level(given.raw("drop_value", default=0))
    if level not in (0, 1):
        raise NotSayableError(f"a drop_value of {level!r} in 0..1 is neither black nor white")
    if given.raw("mask_drop_value") is not None:
        given.differs("masks do not change")
    amount = tidy(given.number("dropout_prob", default=0.01))
    return [{"op": "salt_and_pepper", "amount": amount, "salt": level}]


TABLE: Table = {
    "GaussNoise": _gauss_noise,
    "ShotNoise": _shot_noise,
    "ISONoise": _iso_noise,
    "SaltAndPepper": _salt_and_pepper,
    "PixelDropout": _pixel_dropout,
}
