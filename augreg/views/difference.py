"""How far an image is from another, and how far points are moved: what 'strong' is measured by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.parts import KEYPOINTS
from augreg.backends.reference import kernels
from augreg.views.effects import filled_share
from augreg.views.trace import Trace

_WINDOW = 7
_POINTS = 9  # of a grid, along each side


@dataclass(frozen=True)
class Moved:
    """What geometry did to an image, each 0..1.

    Attributes:
        moved: how far points of it are from where they were, in its sides (mean of a grid).
        lost: the share of points that are not seen any more.
        filled: the share of pixels that show nothing of it, whatever fills them.
    """

    moved: float
    lost: float
    filled: float

    def beyond(self, other: Moved) -> float:
        """By how much it is more than another, in what differs the most; not below 0.

        An area counts as what it takes off the sides of a square, so that it compares with a way.
        """
        return float(max((self._in_sides - other._in_sides).max(), 0.0))

    @property
    def _in_sides(self) -> NDArray[np.float64]:
        areas = np.array([self.lost, self.filled])
        return np.array([self.moved, *(1 - np.sqrt(1 - areas))])


def changed(image: NDArray[Any], other: NDArray[Any]) -> float:
    """How different two images [1,H,W,C] are, 0 (equal) to 1: uint8 or float32 in 0..1, clipped.

    The larger of two: the mean absolute difference of their values, which sees light and colour,
    and (1 - SSIM) / 2 of their means over channels, which sees detail that is blurred or covered
    with noise. SSIM is of windows of 7x7 pixels with uniform weights (Wang et al., Image quality
    assessment: from error visibility to structural similarity, 2004,
    https://doi.org/10.1109/TIP.2003.819861).
    """
    one, two = (np.clip(kernels.to_unit(x)[0].astype(np.float64), 0, 1) for x in (image, other))
    if one.shape[-1] != two.shape[-1]:
        one, two = (x.mean(axis=-1, keepdims=True) for x in (one, two))
    absolute = float(np.abs(one - two).mean())
    return max(absolute, (1 - _ssim(one.mean(axis=-1), two.mean(axis=-1))) / 2)


def _ssim(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """The mean structural similarity of two planes in 0..1, of one window where they are small."""
    rows, columns = (min(side, _WINDOW) for side in one.shape)
    count = rows * columns

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.pad(plane.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        strips = sums[rows:] - sums[:-rows]
        return np.asarray((strips[:, columns:] - strips[:, :-columns]) / count)

    x, y = mean(one), mean(two)
    unbiased = count / max(count - 1, 1)
    xx, yy, xy = (
        unbiased * (mean(a * b) - m)
        for a, b, m in ((one, one, x * x), (two, two, y * y), (one, two, x * y))
    )
    light = (2 * x * y + 0.01**2) / (x * x + y * y + 0.01**2)
    structure = (2 * xy + 0.03**2) / (xx + yy + 0.03**2)
    return float((light * structure).mean())


def moved_by(trace: Trace) -> Moved:
    """What the geometry of a plan does to a sample whose only annotations are keypoints.

    No pixel is read. The keypoints are those of `grid`.
    """
    planned, size = trace.planned, trace.size
    stages = (*planned.prepare, *planned.augment)
    points = trace.moved("augment", planned.augment)[KEYPOINTS[0]][0]
    lowering = trace.interpreter().lowering
    own, after = 1.0, size  # type: float, Any
    for stage in stages:
        before, after = after, lowering.size_after_stage(stage, after)
        own *= 1 - filled_share(lowering, stage, before, after)
    sides = np.array([after[1], after[0]])
    places = (np.nan_to_num(points, nan=2.0 * sides.max()) + 0.5) / sides
    distance = np.linalg.norm(places - (grid(size) + 0.5) / [size[1], size[0]], axis=-1)
    outside = ((places < 0) | (places > 1)).any(axis=-1)
    return Moved(float(np.minimum(distance, 1).mean()), float(outside.mean()), 1 - own)


def grid(size: tuple[int, int]) -> NDArray[np.float32]:
    """float32 [81,2]: x and y of points that are spread over an image of (height, width)."""
    y, x = ((np.arange(_POINTS) + 0.5) / _POINTS * side - 0.5 for side in size)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
