"""The way of each sample of a batch through a plan, for points in either direction.

Annotations only move forwards (`transform`). A prediction is made on the augmented image, and has
to come back: a point by the inverse, a mask by reading where each pixel of the image went. So the
maps of all stages are kept, with what each hides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.points import points_after, points_before
from augreg.annotations.transform import check_not_blended
from augreg.families import Stage
from augreg.families.matrices import determinant
from augreg.families.point_map import PointMap
from augreg.lower import Draws, Lowering
from augreg.plan import Plan
from augreg.random.generator import SampleKey
from augreg.xp import NUMPY

Points = NDArray[np.float64]
_EDGE = 1e-6  # of a pixel: rounding, where a point lies on an edge


@dataclass(frozen=True)
class Leg:
    """One stage of the way.

    Attributes:
        size: (height, width) after it.
        move: where it takes points; None: they stay.
        does: bool [B], the samples that it moves; None: all of them.
        hidden: bool [B,H,W], pixels that it hides; B may be 1. None: none.
        branches: in place of all this, of which each sample takes the one in `chosen`, int [B].
    """

    size: tuple[int, int]
    move: PointMap | None = None
    does: Any = None
    hidden: Any = None
    branches: tuple[tuple[Leg, ...], ...] = ()
    chosen: Any = None


@dataclass(frozen=True)
class Route:
    """The way of a batch of images; points are x and y, pixel centres at integers.

    Attributes:
        size_in, size_out: (height, width) of the images before and after.
    """

    legs: tuple[Leg, ...]
    size_in: tuple[int, int]
    size_out: tuple[int, int]

    def forwards(self, points: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Where points [B,N,2] of the images go, and which of them can be seen there, [B,N]."""
        return _forwards(self.legs, points, np.ones(points.shape[:2], bool))

    def back(self, points: Points) -> Points:
        """The points of the images that go to `points`, [B,N,2]; maybe outside of the images."""
        return _back(self.legs, points)

    def mirrored(self, batch: int) -> NDArray[np.bool_]:
        """Which images are mirrored, [B]."""
        return _mirrored(self.legs, np.zeros(batch, bool))


def route(planned: Plan, key: SampleKey, size: tuple[int, int]) -> Route:
    """The way of images of `size` through a plan that mixes no samples.

    Raises:
        DataError: a step blends several warps of one image.
    """
    lowering = Lowering(NUMPY, Draws.make(NUMPY, planned.draws, key))
    legs = _legs(lowering, (*planned.prepare, *planned.augment), size)
    return Route(legs, size, legs[-1].size if legs else size)


def _legs(lowering: Lowering, stages: tuple[Stage, ...], size: tuple[int, int]) -> tuple[Leg, ...]:
    made = []
    for stage in stages:
        made.append(_leg(lowering, stage, size))
        size = made[-1].size
    return tuple(made)


def _leg(lowering: Lowering, stage: Stage, size: tuple[int, int]) -> Leg:
    height, width = lowering.size_after_stage(stage, size)
    after = int(height), int(width)
    if stage.keeps_one:
        (item,) = stage.items
        branches = tuple(_legs(lowering, branch, size) for branch in stage.branches)
        return Leg(after, branches=branches, chosen=lowering.chosen(item.group, item.suffix))
    check_not_blended(stage)
    if stage.hides:
        return Leg(after, hidden=stage.hidden(lowering, size))
    if not stage.geometric:
        return Leg(after)
    move, does = stage.point_map(NUMPY, stage.lower(lowering, size), size, after)
    return Leg(after, move, does)


def _forwards(
    legs: tuple[Leg, ...], points: Points, seen: NDArray[np.bool_]
) -> tuple[Points, NDArray[np.bool_]]:
    for leg in legs:
        if leg.branches:
            ends = [_forwards(branch, points, seen) for branch in leg.branches]
            points, seen = (_kept(leg, [end[i] for end in ends]) for i in range(2))
        elif leg.hidden is not None:
            seen = seen & ~_at(leg.hidden, points)
        elif leg.move is not None:
            there = points_after(NUMPY, leg.move, points)
            visible = seen & _within(there, np.array([[0, 0, *leg.size[::-1]]]))
            if leg.move.window is not None:
                visible = visible & _within(points, leg.move.window)
            points, seen = _does(leg, there, points), _does(leg, visible, seen)
    return points, seen


def _back(legs: tuple[Leg, ...], points: Points) -> Points:
    for leg in reversed(legs):
        if leg.branches:
            points = _kept(leg, [_back(branch, points) for branch in leg.branches])
        elif leg.move is not None:
            points = _does(leg, points_before(NUMPY, leg.move, points), points)
    return points


def _mirrored(legs: tuple[Leg, ...], mirrored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    for leg in legs:
        if leg.branches:
            mirrored = _kept(leg, [_mirrored(branch, mirrored) for branch in leg.branches])
        elif leg.move is not None:
            turned = determinant(NUMPY, leg.move.matrix) < 0
            mirrored = _does(leg, mirrored ^ turned, mirrored)
    return mirrored


def _kept(leg: Leg, ends: list[Any]) -> Any:
    """For each sample what its branch gives: arrays [B,...]."""
    return _by_sample(lambda i: leg.chosen == i, ends)


def _does(leg: Leg, done: Any, left: Any) -> Any:
    """`done` for the samples that do the stage, else `left`: arrays [B,...]."""
    return done if leg.does is None else _by_sample(lambda _: leg.does, [left, done])


def _by_sample(takes: Callable[[int], Any], ends: list[Any]) -> Any:
    total = ends[0]
    for i, end in enumerate(ends[1:], start=1):
        condition = np.reshape(takes(i), (-1, *(1,) * (np.ndim(end) - 1)))
        total = np.where(condition, end, total)
    return total


def _within(points: Points, window: Any) -> Any:
    """bool [B,N]: whether points lie between edges [B,4]; an edge `e` lies at the pixel e - 0.5."""
    low, high = (np.reshape(window[:, i : i + 2], (-1, 1, 2)) - 0.5 for i in (0, 2))
    return ((points >= low - _EDGE) & (points <= high + _EDGE)).all(axis=-1)


def _at(hidden: Any, points: Points) -> Any:
    """bool [B,N]: whether the pixel that a point lies in is hidden."""
    height, width = hidden.shape[1:]
    nearest = np.clip(np.floor(points + 0.5), 0, (width - 1, height - 1)).astype(int)
    x, y = nearest[..., 0], nearest[..., 1]
    rows = np.arange(len(hidden))[:, None]  # one row may stand for all samples
    return hidden[rows, y, x]
