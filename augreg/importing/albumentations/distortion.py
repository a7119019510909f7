"""Albumentations' curved distortions.

Formulas: https://albumentations.ai/docs/api-reference/albumentations/augmentations/geometric/distortion/
"""

from __future__ import annotations

import math
from statistics import NormalDist

from augreg.importing.albumentations.geometry import modes
from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.elastic import like_blurred_noise
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, tidy

_FEWEST_CELLS, _MOST_CELLS = 2, 10
_MOST_SQUEEZED = 0.9
_LEAST_K, _MOST_K = -0.3, 1.0


def _elastic(given: Given) -> list[Step]:
    """Noise of single pixels, blurred by `sigma` pixels and multiplied by `alpha` pixels."""
    given.ignore("keypoint_remapping_method")
    if given.state.size is None:
        raise NotSayableError(
            "alpha and sigma are in pixels, and need a known size; import with --size HEIGHTxWIDTH"
        )
    if given.raw("alpha_affine", default=0):
        given.differs("there an affine map, too; write rotate, zoom and shear before it")
    if given.raw("same_dxdy", default=False):
        given.differs("x and y move apart, there alike")
    if given.raw("approximate", default=False):
        given.differs("sigma is not cut to a kernel of 17 pixels")
    height, width = given.state.size
    sigma = max(1.0, given.number("sigma", default=50))
    noise = _noise_deviation(given, 2 * height * width)
    moved = given.number("alpha", default=1) * noise / (2 * math.sqrt(math.pi) * sigma)
    side = math.sqrt(height * width)
    return [{**like_blurred_noise(given, sigma / side, (moved / side,) * 2), **modes(given)}]


def _noise_deviation(given: Given, count: int) -> float:
    """Of noise in -1..1: uniform, or normal and divided by the largest of `count` draws."""
    kind = given.raw("noise_distribution", default="uniform")
    if kind == "gaussian":
        return 1 / NormalDist().inv_cdf((1 + 0.5 ** (1 / count)) / 2)
    return 1 / math.sqrt(3)


def _grid(given: Given) -> list[Step]:
    """Widths of cells are multiplied by 1 plus a draw, and then, if normalized, fill the image."""
    given.ignore("keypoint_remapping_method")
    given.differs("there each cell also reads the first pixel of the next one")
    if not given.raw("normalized", default=False):
        given.differs("the image's edges stay, there the last ones move")
    low, high = given.pair("distort_limit", default=[-0.3, 0.3])
    mean = 1 + (low + high) / 2
    if mean <= 0:
        raise NotSayableError(f"distort_limit of {low:g} to {high:g} leaves no cell a width")
    amount = abs(high - low) / 2 / mean
    if amount > _MOST_SQUEEZED:
        given.differs(f"amount is {_MOST_SQUEEZED} at most")
    steps = given.number("num_steps", default=5)
    cells = int(min(max(steps, _FEWEST_CELLS), _MOST_CELLS))
    if cells != steps:
        given.differs(f"{_FEWEST_CELLS} to {_MOST_CELLS} cells along each side")
    amount = tidy(min(amount, _MOST_SQUEEZED))
    return [{"op": "grid_distortion", "amount": amount, "cells": cells, **modes(given)}]


def _optical(given: Given) -> list[Step]:
    """`fisheye` is r * (1 + k r**2), r 1 in the corners; `camera` has two terms of OpenCV's model.

    With fractions of the sides as units, these are r * (1 + k * (r**2 + r**4)), r**2 0.5 in the
    corners; on a square, the least squares are those of one term with 0.65 k.
    """
    given.ignore("keypoint_remapping_method")
    given.differs("the centre lies half a pixel further up and to the left")
    if given.raw("shift_limit", default=0) not in (0, [0, 0]):
        given.differs("the centre does not move")
    ends = given.pair("distort_limit", default=[-0.05, 0.05])
    if given.raw("mode", default="camera") == "camera":
        given.differs("one radial term that fits best, there two")
        ends = (tidy(0.65 * ends[0]), tidy(0.65 * ends[1]))
    low, high = (min(max(end, _LEAST_K), _MOST_K) for end in ends)
    if (low, high) != ends:
        given.differs(f"k is {_LEAST_K} to {_MOST_K:g}, so that corners do not fold")
    return [{"op": "optical_distortion", "k": drawn(low, high), **modes(given)}]


TABLE: Table = {
    "ElasticTransform": _elastic,
    "GridDistortion": _grid,
    "OpticalDistortion": _optical,
}
