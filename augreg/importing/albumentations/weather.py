"""Albumentations' fog, rain and shadows: other models of the same, made as strong on average.

Formulas: https://albumentations.ai/docs/api-reference/albumentations/augmentations/pixel/transforms/
"""

from __future__ import annotations

import math

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, tidy

# Fog hides a fraction of 1 - exp(-5.5 alpha * intensity**2) of an image on average: measured with
# intensities of 0.3 to 1 on squares of 128 and 256 pixels.
_FOG = 5.5
_DROPS = {"drizzle": 1 / 4, "heavy": 1, "torrential": 2, "default": 1 / 3}  # for each row
_SHORTEST = 0.02  # streak, in shorter sides
# Polygons of five random corners cover 0.137 of their region on average, those of `shadow` as much
# of an image where `extent` is this.
_EXTENT = 0.31
_CORNERS = 5
_MOST_SHADOWS = 16


def _fog(given: Given) -> list[Step]:
    given.differs("fog is smooth, there of circles, mostly in the middle, and blurs the image")
    alpha = max(0.0, given.number("alpha_coef", default=0.08))
    low = given.number("fog_coef_lower", default=0.3)
    high = given.number("fog_coef_upper", default=1)
    ends = given.pair("fog_coef_range", default=[low, high])
    densities = (1 - math.exp(-_FOG * alpha * end**2) for end in ends)
    return [{"op": "fog", "density": drawn(*densities), "light": 1}]


def _rain(given: Given) -> list[Step]:
    """Lines of `drop_width` pixels, blurred and added, before the image is darkened."""
    given.differs("streaks are sharp and cover what is behind them, there blurred and added")
    given.differs("slants are degrees, there pixels")
    given.ignore("blur_value")
    size = given.state.size
    if size is None:
        given.differs("as on a square image")
    row = size[0] / size[1] if size else 1.0
    length, shorter = 1 / 8, min(row, 1.0)  # in heights; the shorter side, in widths
    if given.has("drop_length"):
        if size is None:
            raise NotSayableError("drop_length needs a known size; import with --size HEIGHTxWIDTH")
        length = given.number("drop_length") / size[0]
    drops = given.option(("rain_type",), _DROPS, "default")
    covered = drops * length * row * given.number("drop_width", default=1)
    # of two layers, each gives a quarter of its fraction of places as light
    amount, relative = 2 * covered, length * row / shorter
    if amount > 1 or not _SHORTEST <= relative <= 1:
        given.differs("there are fewer drops, or of another length")
    color = given.channels("drop_color", default=200)
    slants = [given.number(f"slant_{end}", default=d) for end, d in (("lower", -10), ("upper", 10))]
    steps: list[Step] = [
        {
            "op": "rain",
            "amount": tidy(min(1.0, amount)),
            "length": tidy(min(max(relative, _SHORTEST), 1.0)),
            "degrees": drawn(*given.pair("slant_range", default=slants)),
            "light": tidy(sum(color) / len(color) / 255),
        }
    ]
    darker = given.number("brightness_coefficient", default=0.7)
    if darker != 1:
        steps.append({"op": "enhance", "kind": "brightness", "factor": darker})
    return steps


def _shadow(given: Given) -> list[Step]:
    given.differs("polygons are convex, and anywhere, there of random corners in shadow_roi")
    if given.number("shadow_dimension", default=_CORNERS) != _CORNERS:
        given.differs(f"they have {_CORNERS} edges")
    roi = given.raw("shadow_roi", default=[0, 0.5, 1, 1])
    if not (
        isinstance(roi, list) and len(roi) == 4 and all(isinstance(x, int | float) for x in roi)
    ):
        raise NotSayableError(f"shadow_roi is {roi!r}, where four numbers are expected")
    area = (roi[2] - roi[0]) * (roi[3] - roi[1])
    if not area > 0:
        raise NotSayableError("a shadow_roi without an area can't be said")
    few = given.number("num_shadows_lower", default=1)
    many = given.number("num_shadows_upper", default=2)
    low, high = (int(end) for end in given.pair("num_shadows_limit", default=[few, many]))
    if not 1 <= low <= high <= _MOST_SHADOWS:
        raise NotSayableError(f"{low} to {high} shadows can't be said, 1 to {_MOST_SHADOWS} can")
    strength = drawn(*given.pair("shadow_intensity_range", default=0.5))
    step: Step = {"op": "shadow", "strength": strength, "extent": tidy(_EXTENT * math.sqrt(area))}
    if low == high:
        return [dict(step) for _ in range(high)]
    return [{"some_of": [dict(step) for _ in range(high)], "n": [low, high]}]


TABLE: Table = {"RandomFog": _fog, "RandomRain": _rain, "RandomShadow": _shadow}
