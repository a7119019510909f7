"""Albumentations' blurs, and sharpening."""

from __future__ import annotations

import math
from typing import Any

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, scaled, tidy

_EDGES = "edges are mirrored with the outermost pixel, there without"
_MOST_KERNEL = 65
_LONGEST_LINE = 21
_MOST_MEDIAN = 5


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


def _kernels(given: Given) -> range:
    """The sizes that a kernel may have, all equally often."""
    low, high = _odd(given, "blur_limit", default=[3, 7])
    return range(max(3, low), max(3, high) + 1, 2)


def _box_blur(given: Given) -> list[Step]:
    """A box of k pixels has the variance (k * k - 1) / 12."""
    given.differs("a Gaussian of the box's variance instead of a box")
    sigmas = [tidy(math.sqrt((k * k - 1) / 12)) for k in _kernels(given)]
    drawn_sigma = sigmas[0] if len(sigmas) == 1 else {"choice": sigmas}
    return _gaussian(given, drawn_sigma, 2 * math.ceil(3 * sigmas[-1]) + 1)


def _motion_blur(given: Given) -> list[Step]:
    """Angles turn clockwise; a `direction` above 0 cuts off a part of the line that lies behind."""
    given.differs(_EDGES)
    given.differs("points of the line are interpolated, there rounded to pixels")
    if given.raw("allow_shifted", default=True):
        given.differs("lines go through their pixel, there up to a quarter of their length aside")
    sizes = _kernels(given)
    if sizes[-1] > _LONGEST_LINE:
        given.differs(f"lines are {_LONGEST_LINE} pixels long at most")
    lengths = sorted({min(size, _LONGEST_LINE) for size in sizes})
    step: Step = {"op": "motion_blur", "kernel_size": lengths[-1]}
    step["degrees"] = scaled(given.pair("angle_range", default=[0, 360]), -1)
    if len(lengths) > 1:
        step["length"] = {"choice": lengths}
    direction = given.pair("direction_range", default=0)
    if direction != (0, 0):
        given.differs("direction weighs the line's pixels, there it shortens the line")
        step["direction"] = drawn(*direction)
    return [step]


def _median_blur(given: Given) -> list[Step]:
    sizes = _kernels(given)
    if sizes[-1] > 3:
        given.differs("the outermost pixels are mirrored, there repeated")
    if sizes[-1] > _MOST_MEDIAN:
        given.differs(f"windows have {_MOST_MEDIAN} pixels at most")
    small, large = ({"op": "median_blur", "kernel_size": size} for size in (3, _MOST_MEDIAN))
    if sizes[0] > 3:
        return [large]
    return [{"one_of": [small, large], "weights": [1, len(sizes) - 1]}] if sizes[1:] else [small]


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


TABLE: Table = {
    "Blur": _box_blur,
    "MotionBlur": _motion_blur,
    "MedianBlur": _median_blur,
    "GaussianBlur": _gaussian_blur,
    "Sharpen": _sharpen,
}
