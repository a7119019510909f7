"""Albumentations' transforms that hide parts of an image.

Formulas: https://albumentations.ai/docs/api-reference/albumentations/augmentations/dropout/
"""

from __future__ import annotations

import math

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, tidy

_MOST_HOLES = 30
_MOST_SQUARES = 16
_NEEDS_SIZE = "rectangles in pixels need a known size; import with --size HEIGHTxWIDTH"
_ROUNDED = "sides are rounded to pixels, there truncated"


def _fill(given: Given) -> Step:
    value = given.raw("fill", "fill_value", default=0)
    if value in ("random", "random_uniform"):
        if value == "random_uniform":
            given.differs("each pixel has a colour of its own, there each rectangle")
        return {"fill": "noise"}
    if isinstance(value, str):
        raise NotSayableError(f"no op fills by {value}")
    level = given.level(value)
    return {"fill_value": level} if level != 0 else {}


def _targets(given: Given) -> Step:
    """Masks are filled only where a level for them is given."""
    level = given.raw("fill_mask", "mask_fill_value")
    if level == 0:
        return {"targets": "hide"}
    if level is not None:
        given.differs("masks do not change")
    return {}


def _coarse_dropout(given: Given) -> list[Step]:
    height, width = given.state.size or (None, None)
    return [
        {
            "op": "coarse_dropout",
            "count": _count(given),
            "hole_height": _side(given, _ends(given, "height"), height),
            "hole_width": _side(given, _ends(given, "width"), width),
            **_fill(given),
            **_targets(given),
        }
    ]


def _ends(given: Given, axis: str) -> tuple[float, float]:
    """The range of a side; version 1 had `min_height` and `max_height`."""
    if given.has(f"max_{axis}"):
        most = given.number(f"max_{axis}")
        return given.number(f"min_{axis}", default=most), most
    return given.pair(f"hole_{axis}_range", default=[0.1, 0.2])


def _side(given: Given, ends: tuple[float, float], side: int | None) -> object:
    """Sides as fractions of the image's, which `coarse_dropout` rounds to whole pixels.

    Albumentations draws whole pixels, or truncates fractions: with a known size, half a pixel more
    or less makes the same of both.
    """
    pixels = ends[1] >= 1
    if side is None and pixels:
        raise NotSayableError(_NEEDS_SIZE)
    if side is None:
        given.differs(_ROUNDED)
        return drawn(*ends)
    low, high = (min(int(end), side) if pixels else end * side for end in ends)
    if low == high:
        return tidy(int(low) / side)
    high = high + 1 if pixels else high
    if low < 0.5 or high > side + 0.5:
        given.differs("the least and the largest sides are drawn a little less often")
    return drawn(*(min(max((end - 0.5) / side, 0.0), 1.0) for end in (low, high)))


def _count(given: Given) -> object:
    """The number of rectangles; version 1 had `max_holes`."""
    if given.has("max_holes"):
        most = given.number("max_holes")
        few, many = given.number("min_holes", default=most), most
    else:
        few, many = given.pair("num_holes_range", default=[1, 2])
    if many > _MOST_HOLES:
        given.differs(f"{_MOST_HOLES} rectangles at most")
    return drawn(*(min(int(end), _MOST_HOLES) for end in (few, many)))


def _cutout(given: Given) -> list[Step]:
    """Squares of one size about any pixel, of which the image may cut off a part."""
    if given.state.size is None:
        raise NotSayableError(_NEEDS_SIZE)
    given.differs("centred on a pixel, there also on the row and the column after the last ones")
    height, width = given.state.size
    high, wide = (2 * (int(given.number(f"max_{axis}_size", default=8)) // 2) for axis in "hw")
    if not (0 < high <= height and 0 < wide <= width):
        raise NotSayableError(f"a rectangle of {high}x{wide} can't be said for {height}x{width}")
    count = int(given.number("num_holes", default=8))
    if count > _MOST_SQUARES:
        given.differs(f"{_MOST_SQUARES} rectangles at most")
    step: Step = {"op": "erase", "count": min(count, _MOST_SQUARES), "place": "anywhere"}
    step["area"] = tidy(high * wide / (height * width))
    step["ratio"] = tidy(wide / high)
    return [{**step, **_fill(given), **_targets(given)}]


def _grid_dropout(given: Given) -> list[Step]:
    given.differs("cells are squares of one size")
    if given.raw("random_offset", default=True):
        given.differs("the grid has a random place, there each square within its cell")
    else:
        given.differs("the grid has a random place, there a fixed one")
    given.ignore("shift_xy", "shift_x", "shift_y")
    ratio = given.number("ratio", default=0.5)
    step: Step = {"op": "grid_mask", "unit": _unit(given), "ratio": ratio}
    return [{**step, **_fill(given), **_targets(given)}]


def _unit(given: Given) -> object:
    """The cells' side as a fraction of the shorter side; by default a tenth of each side."""
    size = given.state.size
    given.ignore("holes_number_xy", "holes_number_x", "holes_number_y", "unit_size_max")
    if given.has("unit_size_range") or given.has("unit_size_min"):
        if size is None:
            raise NotSayableError(_NEEDS_SIZE)
        low = given.number("unit_size_min", default=2)
        high = given.number("unit_size_max", default=low)
        low, high = given.pair("unit_size_range", default=[low, high])
        return drawn(low / min(size), high / min(size))
    rows, columns = given.pair("holes_number_xy", default=[10, 10])
    if given.has("holes_number_x"):
        columns = given.number("holes_number_x")
        rows = given.number("holes_number_y", default=columns)
    if min(rows, columns) < 1:
        raise NotSayableError("a grid without cells can't be said")
    longer = max(size) / min(size) if size else 1
    return tidy(min(1.0, math.sqrt(longer / (rows * columns))))


def _erasing(given: Given) -> list[Step]:
    given.differs("area and ratio are not narrowed to what fits")
    area, ratio = (drawn(*given.pair(name)) for name in ("scale", "ratio"))
    step: Step = {"op": "erase", "area": area, "ratio": ratio}
    return [{**step, **_fill(given), **_targets(given)}]


TABLE: Table = {
    "CoarseDropout": _coarse_dropout,
    "Cutout": _cutout,
    "GridDropout": _grid_dropout,
    "Erasing": _erasing,
}
