"""Albumentations' transforms that move pixels and keep the size.

Matrices as in `Affine` (https://albumentations.ai/docs/api-reference/geometric/transforms/): scale,
rotate, shear, then translate, about the centre; positive angles turn counter-clockwise.
"""

from __future__ import annotations

import math
from typing import Any

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled, tidy

# OpenCV's border modes; 4 is REFLECT_101
_FILLS = {0: "constant", 1: "nearest", 2: "reflect", 3: "wrap", 4: "reflect"}
_MOST_CHOICES = 101
Pair = tuple[float, float]


def modes(given: Given) -> Step:
    """Fill and interpolation of a warp."""
    names = ("border_mode", "mode", "pad_mode")
    border = given.raw(*names, default=0)
    fill = given.option(names, _FILLS, 0)
    if border == 4:
        given.differs("OpenCV's REFLECT_101 does not repeat the outermost pixel, reflect does")
    value = given.raw("fill", "value", "cval", "pad_val", default=0)
    found: Step = {"fill": fill}
    if fill == "constant" and (level := given.level(value)) != 0:
        found["fill_value"] = level
    interpolation = given.raw("interpolation", default=1)
    if interpolation == 0:
        found["interpolation"] = "nearest"
    elif interpolation != 1:
        given.differs("interpolation is bilinear")
    return found


def _boxes(given: Given) -> None:
    given.only("rotate_method", "largest_box", why="boxes are those of the rotated corners here")


def _flips(*axes: str) -> Any:
    def entry(given: Given) -> list[Step]:
        steps = [{"op": "flip", "axis": axis} for axis in axes]
        return steps if len(steps) == 1 else [{"one_of": steps}]

    return entry


def _rotate(given: Given) -> list[Step]:
    given.only("crop_border", False, why="no op crops by the angle")
    _boxes(given)
    return [{"op": "rotate", "degrees": drawn(*given.pair("limit")), **modes(given)}]


def _rotate90(given: Given) -> list[Step]:
    return [{"op": "rot90", "k": [0, 3]}]


def _transpose(given: Given) -> list[Step]:
    return [{"op": "transpose"}]


def _d4(given: Given) -> list[Step]:
    return [{"op": "rot90", "k": [0, 3]}, {"op": "flip", "p": 0.5}]


def _both(given: Given, name: str, default: Pair) -> tuple[Pair, Pair]:
    """The ranges of x and y."""
    value = given.raw(name, default=list(default))
    axes = value if isinstance(value, dict) else {"x": value, "y": value}
    inner = Given(axes, given.state)
    return inner.pair("x", default=list(default)), inner.pair("y", default=list(default))


def _zoom(x: Pair, y: Pair, together: bool) -> list[Step]:
    if x == y == (1, 1):
        return []
    step: Step = {"op": "zoom", "factor": drawn(*y)}
    return [step if together or (x == y and x[0] == x[1]) else {**step, "factor_x": drawn(*x)}]


def _rotation(ends: Pair) -> list[Step]:
    return [{"op": "rotate", "degrees": drawn(*ends)}] if ends != (0, 0) else []


def _shear(given: Given) -> list[Step]:
    x, y = _both(given, "shear", (0, 0))
    if x == y == (0, 0):
        return []
    if (0, 0) not in (x, y):
        given.differs("x and y are sheared at once, here one after the other")
    step: Step = {"op": "shear"}
    for name, ends in (("x_degrees", x), ("y_degrees", y)):
        if ends != (0, 0):
            step[name] = scaled(ends, -1)
    return [step]


def _translation(given: Given, x: Pair, y: Pair) -> list[Step]:
    if x == y == (0, 0):
        return []
    given.differs("moves by whole pixels, here by fractions of a pixel, too")
    return [{"op": "translate", "x": drawn(*x), "y": drawn(*y)}]


def _whole(given: Given, ends: Pair) -> Any:
    low, high = (int(end) for end in ends)
    if 0 < high - low < _MOST_CHOICES:
        return {"choice": list(range(low, high + 1))}
    if high > low:
        given.differs("moves by whole pixels, here by fractions of a pixel, too")
    return drawn(low, high)


def _moved(given: Given) -> list[Step]:
    given.ignore("translate_px")
    if given.has("translate_percent"):
        return _translation(given, *_both(given, "translate_percent", (0, 0)))
    x, y = _both(given, "translate_px", (0, 0))
    if x == y == (0, 0):
        return []
    return [{"op": "shift", "x": _whole(given, x), "y": _whole(given, y)}]


def _affine(given: Given) -> list[Step]:
    given.only("fit_output", False, why="the output's size would depend on what is drawn")
    _boxes(given)
    if given.raw("balanced_scale", default=False):
        given.differs("shrinks and enlarges equally often, here scales are uniform")
    x, y = _both(given, "scale", (1, 1))
    steps = [
        *_zoom(x, y, bool(given.raw("keep_ratio", default=False))),
        *_rotation(given.pair("rotate", default=0)),
        *_shear(given),
        *_moved(given),
    ]
    warp = modes(given)
    return [{**step, **warp} for step in steps]


def _shift_scale_rotate(given: Given) -> list[Step]:
    """Since version 1.4, x and y are scaled by a draw each."""
    _boxes(given)
    low, high = given.pair("scale_limit")
    zoom = (tidy(1 + low), tidy(1 + high))
    shift = given.pair("shift_limit", default=0)
    x, y = (given.pair(f"shift_limit_{axis}", default=list(shift)) for axis in ("x", "y"))
    steps = [
        *_zoom(zoom, zoom, together=given.state.version < (1, 4)),
        *_rotation(given.pair("rotate_limit")),
        *_translation(given, x, y),
    ]
    warp = modes(given)
    return [{**step, **warp} for step in steps]


def _perspective(given: Given) -> list[Step]:
    """Here corners move inwards, there outwards: what `zoom` adds makes up for it on average."""
    given.only("fit_output", False, why="the output's size would depend on what is drawn")
    given.only("keep_size", True, why="the output's size would depend on what is drawn")
    low, high = given.pair("scale")
    middle = (low + high) / 2
    # Albumentations reads a corner at |normal(0, scale)| of a side: mean 0.798 scale, deviation
    # 0.603 scale. Here one moves by distortion / 2 of a side times a number uniform in 0..1: mean
    # distortion / 4, deviation distortion / 2 / sqrt(12). Equal deviations give the distortion,
    # equal means of the size that is seen give the zoom.
    spread = 0.603 * 2 * math.sqrt(12)
    distortion = spread * middle
    if distortion >= 0.75:
        raise NotSayableError(
            f"a scale of {low:g} to {high:g} is too strong for the op perspective"
        )
    zoom = 1 / ((1 - 2 * 0.798 * middle) * (1 - distortion / 2))
    given.differs("corners are drawn uniformly and zoomed in, with the same mean and spread")
    warp = modes(given)
    return [
        {"op": "perspective", "distortion": scaled((low, high), spread), **warp},
        {"op": "zoom", "factor": tidy(round(zoom, 4)), **warp},
    ]


TABLE: Table = {
    "HorizontalFlip": _flips("horizontal"),
    "VerticalFlip": _flips("vertical"),
    "Flip": _flips("vertical", "horizontal", "both"),
    "Transpose": _transpose,
    "RandomRotate90": _rotate90,
    "D4": _d4,
    "SquareSymmetry": _d4,
    "Rotate": _rotate,
    "Affine": _affine,
    "ShiftScaleRotate": _shift_scale_rotate,
    "Perspective": _perspective,
}
