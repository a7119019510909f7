"""Albumentations' blurs, noise and dropout."""

from __future__ import annotations

import math
from typing import Any

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled, tidy

_EDGES = "edges are mirrored with the outermost pixel, there without"
_MOST_KERNEL, _MOST_HOLES = 65, 16


def _odd(given: Given, *names: str, default: Any) -> tuple[int, int]:
    """The ends of a range of kernel sizes, made odd as Albumentations does."""
    low, high = (int(end) for end in sorted(given.pair(*names, default=default)))
    if not 0 <= low <= high <= _MOST_KERNEL:
        raise NotSayableError(f"{names[0]} goes beyond {_MOST_KERNEL} pixels")
    return low + (low % 2 == 0 and low > 0), high + (high % 2 == 0 and high > 0)


def _gaussian(given: Given, sigmas: Any, kernel: int) -> list[Step]:
    if kernel > _MOST_KERNEL:
        given.differs(f"the kernel is cut at {_MOST_KERNEL} pixels")
    size = min(max(3, kernel), _MOST_KERNEL)
    return [{"op": "gaussian_blur", "kernel_size": size, "sigma": sigmas}]


def _box_blur(given: Given) -> list[Step]:
    """A box of k pixels has the variance (k * k - 1) / 12."""
    given.differs("a Gaussian of the box's variance instead of a box")
    low, high = _odd(given, "blur_limit", default=[3, 7])
    sigmas = [tidy(math.sqrt((k * k - 1) / 12)) for k in range(max(3, low), max(3, high) + 1, 2)]
    drawn_sigma = sigmas[0] if len(sigmas) == 1 else {"choice": sigmas}
    return _gaussian(given, drawn_sigma, 2 * math.ceil(3 * sigmas[-1]) + 1)


def _gaussian_blur(given: Given) -> list[Step]:
    """Without a kernel's size, it reaches 3.5 sigma."""
    given.differs(_EDGES)
    low, high = _odd(given, "blur_limit", default=0)
    ends = given.pair("sigma_limit", default=[0.5, 3.0])
    if max(ends) == 0:  # OpenCV's rule
        ends = (0.3 * ((low - 1) * 0.5 - 1) + 0.8, 0.3 * ((high - 1) * 0.5 - 1) + 0.8)
    if low != high:
        given.differs("the kernel has its largest size")
    sigmas = drawn(*(max(0.05, end) for end in ends))
    return _gaussian(given, sigmas, high or 2 * int(3.5 * max(ends)) + 1)


def _sharpen(given: Given) -> list[Step]:
    """With a lightness of 1, the kernel is that of `sharpness` with a factor of 1 + 13 alpha."""
    given.only("method", "kernel", why="no op sharpens by a Gaussian")
    given.ignore("kernel_size", "sigma")
    given.differs("the outermost pixels do not change")
    if given.pair("lightness", default=[0.5, 1.0]) != (1, 1):
        given.differs("brightness is kept, which is a lightness of 1")
    return [{"op": "sharpness", "factor": scaled(given.pair("alpha", default=[0.2, 0.5]), 13, 1)}]


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


def _masks_stay(given: Given) -> None:
    if given.raw("fill_mask", "mask_fill_value") is not None:
        given.differs("masks do not change")


def _coarse_dropout(given: Given) -> list[Step]:
    """`erase` has an area and a ratio where Albumentations has two sides."""
    height, width = given.state.size or (None, None)
    high = _fraction(_holes(given, "height"), height)
    wide = _fraction(_holes(given, "width"), width)
    if height is None or width is None:
        given.differs("rectangles are in proportion as on a square image")
    if high[0] < high[1] or wide[0] < wide[1]:
        given.differs("all rectangles of an image have one size, drawn by area and ratio")
    _masks_stay(given)
    aspect = (width or 1) / (height or 1)
    area = drawn(high[0] * wide[0], high[1] * wide[1])
    ratio = drawn(aspect * wide[0] / high[1], aspect * wide[1] / high[0])
    step: Step = {"op": "erase", "count": _count(given), "area": area}
    step["ratio"] = {"log_uniform": ratio} if isinstance(ratio, list) else ratio
    return [{**step, **_fill(given)}]


def _fraction(ends: tuple[float, float], side: int | None) -> tuple[float, float]:
    """Of the side; from 1 on, lengths are in pixels. Albumentations truncates to whole pixels."""
    if ends[1] >= 1 and side is None:
        raise NotSayableError(
            "rectangles in pixels need a known size; import with --size HEIGHTxWIDTH"
        )
    if side is not None:
        low, high = (min(int(end if ends[1] >= 1 else end * side), side) for end in ends)
        ends = (low / side, high / side)
    if not 0 < ends[0] <= ends[1]:
        raise NotSayableError("a rectangle without an area can't be said")
    return ends


def _count(given: Given) -> int:
    """A constant number of rectangles; version 1 had `max_holes`."""
    if given.has("max_holes"):
        most = given.number("max_holes")
        few, many = given.number("min_holes", default=most), most
    else:
        few, many = given.pair("num_holes_range", "num_holes", default=[1, 2])
    if few < many:
        given.differs("the number of rectangles is constant, the middle of the range")
    count = round((few + many) / 2)
    if count > _MOST_HOLES:
        given.differs(f"{_MOST_HOLES} rectangles at most")
    return min(count, _MOST_HOLES)


def _holes(given: Given, axis: str) -> tuple[float, float]:
    """The range of a side; version 1 had `min_height` and `max_height`, or one size for all."""
    if given.has(f"max_{axis}"):
        most = given.number(f"max_{axis}")
        return given.number(f"min_{axis}", default=most), most
    if given.has(f"max_{axis[0]}_size"):
        return given.pair(f"max_{axis[0]}_size")
    return given.pair(f"hole_{axis}_range", default=[0.1, 0.2])


def _erasing(given: Given) -> list[Step]:
    given.differs("area and ratio are not narrowed to what fits")
    _masks_stay(given)
    area, ratio = (drawn(*given.pair(name)) for name in ("scale", "ratio"))
    return [{"op": "erase", "area": area, "ratio": ratio, **_fill(given)}]


TABLE: Table = {
    "Blur": _box_blur,
    "GaussianBlur": _gaussian_blur,
    "Sharpen": _sharpen,
    "GaussNoise": _gauss_noise,
    "CoarseDropout": _coarse_dropout,
    "Cutout": _coarse_dropout,
    "Erasing": _erasing,
}
