"""Whether masks, boxes and keypoints can follow: maps have an inverse, functions move nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from augreg import families
from augreg.families.splines import folds
from augreg.testing.cases import BATCH, INDEX, SEED, Case
from augreg.testing.transforms import made_of_planes, transform_of_case
from augreg.xp import NUMPY

_FLAT = 1e-6  # of determinants: what shrinks each side to a thousandth of it
_NEAR = 1  # pixels; a filter may read a neighbour alone, as a blend with one does at its end


def check_places(case: Case) -> None:
    """Masks, boxes and keypoints can follow what the op returns.

    A resample has an inverse; a pixel function reads its own pixel alone, and hides what it says; a
    neighbourhood does not rearrange pixels.
    """
    transform = transform_of_case(case, NUMPY, INDEX, case.size)
    if isinstance(transform, families.PixelFunction):
        _check_pointwise(case, transform)
        _check_hidden(case, transform)
    elif isinstance(transform, families.Neighborhood):
        _check_unmoved(case, transform)
    elif isinstance(transform, families.Displacement):
        _check_unfolded(case, transform)
    elif isinstance(transform, families.AffineMap | families.ProjectiveMap):
        _check_invertible(case, transform)


def _check_invertible(case: Case, transform: families.AffineMap | families.ProjectiveMap) -> None:
    square = transform.matrix[:, :2, :2].astype(np.float64)
    if isinstance(transform, families.ProjectiveMap):
        square = transform.matrix.astype(np.float64)
    if (np.abs(np.linalg.det(square)) < _FLAT).any():
        raise case.fail(
            "its matrix has no inverse: the image becomes a line or a point, and masks, boxes and "
            "keypoints have no place; keep its determinant away from 0"
        )


def _check_unfolded(case: Case, transform: families.Displacement) -> None:
    if folds(NUMPY, transform.offsets, transform.spline, case.size).any():
        raise case.fail(
            "its offsets fold the image, so that masks, boxes and keypoints have no one place; "
            "keep them below 0.48 of a cell with a cubic spline, 0.25 with a linear one"
        )


def _check_hidden(case: Case, transform: families.PixelFunction) -> None:
    """Pixels that are said to be hidden do not depend on what was there."""
    if transform.hidden is None:
        return
    rng = np.random.default_rng(SEED)
    images = rng.uniform(0, 1, (2, case.channels, BATCH, *case.size)).astype(np.float32)
    one, other = (
        np.stack(made_of_planes(case, NUMPY, transform, list(image), list(images[0])))
        for image in images
    )
    hidden = np.broadcast_to(transform.hidden_pixels(NUMPY, case.size), one.shape[1:])
    if (seen := (one != other).any(axis=0) & hidden).any():
        raise case.fail(
            f"{seen.sum() / hidden.sum():.0%} of the pixels that `hidden` names still show the "
            "image, so masks and boxes lose what can be seen; let both functions use one condition"
        )


def _check_pointwise(case: Case, transform: families.PixelFunction) -> None:
    """Half of the pixels change, and the statistics that the function is given do not."""
    rng = np.random.default_rng(SEED)
    planes = rng.uniform(0, 1, (case.channels, BATCH, *case.size)).astype(np.float32)
    others = rng.uniform(0, 1, planes.shape).astype(np.float32)
    changed = rng.uniform(0, 1, case.size) < 0.5
    given = np.where(changed, others, planes)
    before, after = (
        np.stack(made_of_planes(case, NUMPY, transform, list(each), list(planes)))
        for each in (planes, given)
    )
    if (before != after)[..., ~changed].any():
        raise case.fail(
            "its pixel function reads other pixels than the one it makes; return a Neighborhood, "
            "or ask for what it has to know of the whole image by statistics=(...)"
        )


def _check_unmoved(case: Case, transform: families.Neighborhood) -> None:
    """Two images, each without two equal values, tell where each pixel comes from.

    It was moved if both times it has the value of the same pixel, further away. A filter that picks
    values by their order, as a median, picks others in the other image; one that repeats a pixel
    over a block takes few.
    """
    one, two = (_sources(case, transform, seed) for seed in (SEED, SEED + 1))
    own = np.arange(one[0].size).reshape(case.size)
    for first, second in zip(one, two, strict=True):
        found = (first == second) & (first >= 0)
        far = np.stack(np.divmod(first, case.size[1])) - np.stack(np.divmod(own, case.size[1]))
        moved = found & (np.abs(far).max(axis=0) > _NEAR)
        distinct = len(np.unique(first[moved]))
        if moved.mean() > 0.5 and distinct > moved.sum() / 2:
            raise case.fail(
                f"it moves pixels ({moved.mean():.0%} of them), and masks, boxes and keypoints do "
                "not move with a Neighborhood; return a LatticeMap, AffineMap or ProjectiveMap"
            )


def _sources(case: Case, transform: families.Neighborhood, seed: int) -> NDArray[np.int_]:
    """int [B,H,W]: which pixel of an image without equal values each has the value of; -1: none."""
    count = int(np.prod(case.size))
    order = np.random.default_rng(seed).permutation(count)
    image = ((order + 0.5) / count).astype(np.float32).reshape(case.size)
    planes = [np.broadcast_to(image, (BATCH, *case.size))] * case.channels
    made = made_of_planes(case, NUMPY, transform, planes, planes)
    by_value = np.argsort(image, axis=None)
    values = image.ravel()[by_value]
    place = np.clip(np.searchsorted(values, made[0]), 0, len(values) - 1)
    same = np.all([plane == values[place] for plane in made], axis=0)
    return np.where(same, by_value[place], -1)
