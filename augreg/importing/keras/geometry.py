"""Keras's layers that move pixels or change the size."""

from __future__ import annotations

import math
from typing import Any

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.elastic import like_blurred_noise
from augreg.importing.keras.ranges import Pair, factor, probability, ranged, with_p
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled

_FILLS = {name: name for name in ("reflect", "nearest", "wrap", "constant")}
_METHODS = {
    **{name: name for name in ("bilinear", "nearest", "bicubic", "area")},
    **{"lanczos3": "bicubic", "lanczos5": "bicubic"},
}
_LEAST_ZOOM = -0.95  # a zoom of 20, the most that `zoom` takes
_AXES = {"horizontal": "horizontal", "vertical": "vertical", "horizontal_and_vertical": "both"}


def modes(given: Given) -> Step:
    """Fill and interpolation of a warp."""
    found: Step = {}
    fill = given.option(("fill_mode",), _FILLS, "reflect")
    if fill != "reflect":
        found["fill"] = fill
    if fill == "wrap":
        given.differs("there, pixels between the last column and the first are not interpolated")
    level = given.level(given.raw("fill_value", default=0))
    if fill == "constant" and level != 0:
        found["fill_value"] = level
    interpolation = given.option(
        ("interpolation",), {"bilinear": "bilinear", "nearest": "nearest"}, "bilinear"
    )
    return found if interpolation == "bilinear" else {**found, "interpolation": interpolation}


def _flip(given: Given) -> list[Step]:
    axis = given.option(("mode",), _AXES, "horizontal_and_vertical")
    return [{"op": "flip", "axis": axis, "p": 0.5}]


def _rotation(given: Given) -> list[Step]:
    return [{"op": "rotate", "degrees": scaled(factor(given), 360), **modes(given)}]


def _zoom(given: Given) -> list[Step]:
    """Keras's factor f scales coordinates by 1 + f."""
    step: Step = {"op": "zoom"}
    names = {"factor": "height_factor", "factor_x": "width_factor"}
    for name, theirs in names.items():
        if given.has(theirs):
            low, high = factor(given, theirs)
            step[name] = drawn(1 / (1 + high), 1 / (1 + max(low, _LEAST_ZOOM)))
            if low < _LEAST_ZOOM:
                given.differs("zooms in 20 times at most")
            if low < high:
                given.differs("drawn uniformly in the zoom 1 / (1 + factor), there in the factor")
    return [{**step, **modes(given)}]


def _translation(given: Given) -> list[Step]:
    y, x = (drawn(*factor(given, f"{side}_factor")) for side in ("height", "width"))
    return [{"op": "translate", "x": x, "y": y, **modes(given)}]


def _shear(given: Given) -> list[Step]:
    """One sign is drawn for both axes."""
    given.differs("shears about the centre, there about the top left corner")
    warp, steps = modes(given), []
    for sign in (1, -1):
        step: Step = {"op": "shear", **warp}
        for axis in ("x", "y"):
            ends = factor(given, f"{axis}_factor")
            if ends != (0, 0):
                step[f"{axis}_degrees"] = _degrees(ends, sign)
        steps.append(step)
    sheared = steps[0].keys() & {"x_degrees", "y_degrees"}
    if not sheared:
        return []
    if len(sheared) == 2:
        given.differs("x and y are sheared one after the other")
    return [steps[0]] if steps[0] == steps[1] else [{"one_of": steps}]


def _degrees(ends: Pair, sign: int) -> Any:
    return drawn(*(sign * math.degrees(math.atan(end)) for end in ends))


def _resizing(given: Given) -> list[Step]:
    height, width = int(given.number("height")), int(given.number("width"))
    step: Step = {"op": "resize", "height": height, "width": width}
    method = given.option(("interpolation",), _METHODS, "bilinear")
    if str(given.raw("interpolation")).startswith("lanczos"):
        given.differs("Lanczos becomes bicubic")
    if method != "bilinear":
        step["method"] = method
    if given.raw("antialias", default=False):
        step["antialias"] = True
    if given.raw("crop_to_aspect_ratio", default=False):
        step["fit"] = "crop"
    if given.raw("pad_to_aspect_ratio", default=False):
        step["fit"] = "pad"
        given.differs("is resized and then padded, there padded and then resized")
        fill = given.raw("fill_mode", default="constant")
        if fill != "constant" or given.level(given.raw("fill_value", default=0)) != 0:
            given.differs("padding is black")
    given.ignore("fill_mode", "fill_value")
    return [step]


def _center_crop(given: Given) -> list[Step]:
    return [_crop(given, position="center")]


def _crop(given: Given, **more: str) -> Step:
    height, width = (int(given.number(side)) for side in ("height", "width"))
    return {"op": "crop", "height": height, "width": width, **more}


def _random_crop(given: Given) -> list[Step]:
    given.differs("each image has a position of its own, there all of a batch have one")
    step = _crop(given)
    sides = {side: step[side] for side in ("height", "width")}
    given.evaluation = ({"op": "resize", **sides, "fit": "crop"},)
    return [step]


def _erasing(given: Given) -> list[Step]:
    """Sides are the square roots of two draws, as fractions of the image's sides."""
    low, high = factor(given, "scale", low=0)
    given.differs("sides are drawn by area and ratio")
    given.ignore("value_range")
    fill: Step = {"fill": "noise"}
    if given.has("fill_value"):
        fill = {"fill_value": given.level(given.raw("fill_value"))}
    else:
        given.differs("noise is uniform, there normal and clipped")
    if not 0 < low <= high:
        raise NotSayableError("a rectangle without an area can't be said")
    size = given.state.size
    aspect = size[1] / size[0] if size else 1
    if size is None:
        given.differs("rectangles are in proportion as on a square image")
    ratio = drawn(aspect * math.sqrt(low / high), aspect * math.sqrt(high / low))
    step: Step = {"op": "erase", "area": drawn(low, high)}
    step["ratio"] = {"log_uniform": ratio} if isinstance(ratio, list) else ratio
    return [with_p({**step, **fill}, probability(given))]


def _elastic(given: Given) -> list[Step]:
    """Blurred normal noise, of 0.05 scale and 0.1 scale of the image's side.

    Its deviation is sigma, so that the blurred noise has one of 1 / (2 sqrt(pi)).
    """
    ranged(given)
    given.differs("each image has its own scale, there a batch has one")
    given.differs("x and y move apart, there alike")
    low, high = factor(given, "scale", low=0)
    moved = [0.1 * scale / (2 * math.sqrt(math.pi)) for scale in (low, high)]
    step = like_blurred_noise(given, 0.05 * (low + high) / 2, (moved[0], moved[1]))
    return [with_p({**step, **modes(given)}, probability(given))]


TABLE: Table = {
    "RandomFlip": _flip,
    "RandomRotation": _rotation,
    "RandomZoom": _zoom,
    "RandomTranslation": _translation,
    "RandomShear": _shear,
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    "RandomCrop": _random_crop,
    "RandomErasing": _erasing,
    "RandomElasticTransform": _elastic,
}
