"""Keras's layers of colours and tones, and what they do to values."""

from __future__ import annotations

from typing import Any

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.keras.ranges import Pair, factor, probability, ranged, with_p
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled, tidy

_MOST_SATURATION = 4.0
_NO_LIMIT = 100  # of the contrast: a tile's levels would have to be a hundred times the mean


def brightness(ends: Pair) -> list[Step]:
    """Adds the factor, in 0..1 units."""
    return [{"op": "brightness", "delta": drawn(*ends)}]


def contrast(ends: Pair) -> list[Step]:
    """Keras draws from 1 - lower to 1 + upper."""
    return [{"op": "contrast", "factor": drawn(1 - ends[0], 1 + ends[1])}]


def saturation(given: Given, ends: Pair) -> list[Step]:
    """Keras multiplies the saturation by f / (1 - f)."""
    low, high = ends
    if high > 0.5 and given.state.values.range != (0, 1):
        given.differs("saturation is limited to 1, there only for a value_range of 0 to 1")
    if low < 0:
        given.differs("saturation is not scaled by negative numbers, which turn hues around")
    if high > _MOST_SATURATION / (1 + _MOST_SATURATION):
        given.differs(f"saturation is scaled by {_MOST_SATURATION:g} at most")
    if low < high:
        given.differs("saturation: drawn uniformly in f / (1 - f), there in the factor f")
    times = (max(0.0, end) / max(1 - end, 1e-7) for end in ends)
    factors = drawn(*(min(_MOST_SATURATION, x) for x in times))
    return [{"op": "saturation", "factor": factors}]


def hue(ends: Pair) -> list[Step]:
    """Either way by half of the factor, in full turns."""
    low, high = ends
    if low == high:
        return [{"op": "hue", "delta": {"choice": [-tidy(high / 2), tidy(high / 2)]}}]
    if low == 0:
        return [{"op": "hue", "delta": scaled((-high, high), 1 / 2)}]
    ways = [scaled(ends, sign / 2) for sign in (1, -1)]
    return [{"one_of": [{"op": "hue", "delta": way} for way in ways]}]


def _brightness(given: Given) -> list[Step]:
    ranged(given)
    return brightness(factor(given))


def _contrast(given: Given) -> list[Step]:
    ranged(given)
    return contrast(factor(given, low=0))


def _saturation(given: Given) -> list[Step]:
    ranged(given)
    return saturation(given, factor(given))


def _hue(given: Given) -> list[Step]:
    ranged(given)
    return hue(factor(given, low=0))


def _jitter(given: Given) -> list[Step]:
    ranged(given)
    steps: list[Step] = []
    if given.has("brightness_factor"):
        steps += brightness(factor(given, "brightness_factor"))
    if given.has("contrast_factor"):
        steps += contrast(factor(given, "contrast_factor", low=0))
    if given.has("saturation_factor"):
        steps += saturation(given, factor(given, "saturation_factor"))
    if given.has("hue_factor"):
        steps += hue(factor(given, "hue_factor", low=0))
    return steps


def _sharpness(given: Given) -> list[Step]:
    ranged(given)
    given.differs("the outermost pixels do not change, there they are darkened")
    return [{"op": "sharpness", "factor": scaled(factor(given, low=0), 2)}]


def _degeneration(given: Given) -> list[Step]:
    ranged(given)
    low, high = factor(given)
    return [{"op": "enhance", "kind": "color", "factor": drawn(1 - high, 1 - low)}]


def _posterization(given: Given) -> list[Step]:
    """The upper end of a range is never drawn."""
    ranged(given)
    low, high = (int(end) for end in factor(given, low=1))
    return [{"op": "posterize", "bits": drawn(low, max(low, high - 1))}]


def _solarization(given: Given) -> list[Step]:
    """Only the upper ends are scaled to levels."""
    ranged(given)
    threshold, addition = (
        factor(given, f"{name}_factor", low=0) for name in ("threshold", "addition")
    )
    steps: list[Step] = []
    if addition != (0, 0):
        steps.append({"op": "brightness", "delta": drawn(addition[0] / 255, addition[1])})
    return [*steps, {"op": "solarize", "threshold": drawn(threshold[0] / 255, threshold[1])}]


def _equalization(given: Given) -> list[Step]:
    ranged(given)
    given.only("bins", 256, why="levels are 256")
    given.differs(
        "as Pillow's and of each image, there of the batch; 30 levels apart on photographs"
    )
    return [{"op": "equalize"}]


def _clahe(given: Given) -> list[Step]:
    ranged(given)
    tiles = given.pair("tile_grid_size", default=[8, 8])
    if tiles[0] != tiles[1]:
        raise NotSayableError("tile_grid_size has two numbers; one for both sides can be said")
    given.differs("as OpenCV's, of the luminance; there of each channel, and some levels darker")
    limit = given.number("clip_limit", default=4)
    return [{"op": "clahe", "clip_limit": limit if limit > 0 else _NO_LIMIT, "tiles": tiles[0]}]


def _in_range(op: str) -> Any:
    def entry(given: Given) -> list[Step]:
        ranged(given)
        return [{"op": op}]

    return entry


def _grayscale(given: Given) -> list[Step]:
    return [with_p({"op": "grayscale"}, given.number("factor", default=0.5))]


def _invert(given: Given) -> list[Step]:
    ranged(given)
    return [with_p({"op": "invert"}, probability(given))]


def _blur(given: Given) -> list[Step]:
    ranged(given)
    kernel = given.pair("kernel_size", default=3)
    low, high = factor(given, "sigma", low=0)
    given.differs("each image has a sigma of its own, there a batch has one for each axis")
    given.differs("edges are mirrored")
    if kernel[0] != kernel[1]:
        given.differs("the kernel is square")
    step: Step = {"op": "gaussian_blur", "kernel_size": int(max(3, *kernel))}
    step["sigma"] = drawn(max(0.05, low), max(0.05, high))
    return [with_p(step, probability(given))]


def _noise(given: Given) -> list[Step]:
    scale = given.state.values.scale
    if len(set(scale)) > 1:
        raise NotSayableError("it stands after a normalization of each channel")
    return [{"op": "gaussian_noise", "std": tidy(given.number("stddev") / scale[0])}]


def _rescaling(given: Given) -> list[Step]:
    state = given.state
    state.start = state.start or (0, 255)
    given.become(state.values.scaled(given.channels("scale")).shifted(given.channels("offset")))
    return []


def _normalization(given: Given) -> list[Step]:
    """x' = (x - mean) / sqrt(variance)."""
    given.only("axis", -1, [-1], why="only channels have statistics")
    given.only("invert", False, why="output can't be the inverse of a normalization")
    if not given.has("mean") or not given.has("variance"):
        raise NotSayableError(
            "its statistics were adapted, and are in the weights; give mean and variance"
        )
    shifted = given.state.values.shifted([-mean for mean in given.channels("mean")])
    given.become(shifted.scaled([max(v, 1e-14) ** -0.5 for v in given.channels("variance")]))
    given.state.normalized = True
    return []


TABLE: Table = {
    "RandomBrightness": _brightness,
    "RandomContrast": _contrast,
    "RandomSaturation": _saturation,
    "RandomHue": _hue,
    "RandomColorJitter": _jitter,
    "RandomSharpness": _sharpness,
    "RandomColorDegeneration": _degeneration,
    "RandomPosterization": _posterization,
    "Solarization": _solarization,
    "Equalization": _equalization,
    "ContrastLimitedAdaptiveHistogramEqualization": _clahe,
    "AutoContrast": _in_range("autocontrast"),
    "RandomGrayscale": _grayscale,
    "RandomInvert": _invert,
    "RandomGaussianBlur": _blur,
    "GaussianNoise": _noise,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
}
