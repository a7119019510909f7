"""Holes and grids: where they lie, how large they are, what is in them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from samples import noise, policy
from scipy import ndimage, stats

import augreg

WHITE = np.full((40, 60, 80, 3), 255, np.uint8)


def _run(images: np.ndarray, **step: Any) -> np.ndarray:
    return augreg.augment(images, policy(step), seed=7)


def _hidden(images: np.ndarray, **step: Any) -> np.ndarray:
    """bool [B,H,W] of white images."""
    return (_run(images, **step) == 0).all(axis=-1)


# --- coarse dropout


def test_coarse_dropout_fills_as_many_rectangles_as_drawn() -> None:
    step = {"op": "coarse_dropout", "hole_height": 0.1, "hole_width": 0.05}
    seen = set()
    for mask in _hidden(WHITE, **step, count=[1, 3]):
        labels, found = ndimage.label(mask)
        assert mask.sum() <= 3 * 6 * 4
        shapes = [mask[place].shape for place in ndimage.find_objects(labels)]
        if mask.sum() == 6 * 4 * found:  # none touches another
            assert shapes == [(6, 4)] * found
            seen.add(found)
    assert seen == {1, 2, 3}


def test_sizes_of_holes_differ_within_an_image() -> None:
    step = {"op": "coarse_dropout", "count": 2, "hole_height": [0.1, 0.3], "hole_width": 0.05}
    pairs = 0
    for mask in _hidden(WHITE, **step):
        places = ndimage.find_objects(ndimage.label(mask)[0])
        if len(places) == 2:
            one, two = (mask[place].shape[0] for place in places)
            assert min(one, two) >= 6 and max(one, two) <= 18
            pairs += one != two
    assert pairs > 15


def test_holes_are_equally_likely_anywhere_they_fit() -> None:
    white = np.full((600, 12, 12, 3), 255, np.uint8)
    step = {"op": "coarse_dropout", "count": 1, "hole_height": 1, "hole_width": 0.5}
    firsts = [int(np.flatnonzero(mask[0])[0]) for mask in _hidden(white, **step)]
    counts = np.bincount(firsts, minlength=7)
    assert len(counts) == 7 and stats.chisquare(counts).pvalue > 1e-3


# --- GridMask


def _runs(line: np.ndarray) -> list[int]:
    """The lengths of runs of True that touch no end."""
    edges = np.flatnonzero(np.diff(line.astype(int)))
    return [int(b - a) for a, b in pairwise(edges) if line[a + 1]]


@pytest.mark.parametrize(("unit", "ratio", "cell", "hole"), [(0.2, 0.5, 12, 6), (0.3, 0.3, 18, 5)])
def test_grid_mask_is_a_grid_of_squares(unit: float, ratio: float, cell: int, hole: int) -> None:
    for mask in _hidden(WHITE, op="grid_mask", unit=unit, ratio=ratio):
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        np.testing.assert_array_equal(mask, np.outer(rows, columns))
        for line in (rows, columns):
            assert set(_runs(line)) == {hole} and set(_runs(~line)) == {cell - hole}


@pytest.mark.parametrize("r", [0.25, 0.5, 0.75])
def test_grid_mask_keeps_what_the_paper_says(r: float) -> None:
    """k = 1 - (1 - r)**2 of the pixels, where cells fit a whole number of times."""
    hidden = _hidden(WHITE[:, :, :60], op="grid_mask", unit=1 / 3, ratio=1 - r)
    np.testing.assert_allclose(1 - hidden.mean(axis=(1, 2)), 1 - (1 - r) ** 2, atol=1e-6)


def test_grids_lie_at_every_offset() -> None:
    hidden = _hidden(WHITE, op="grid_mask", unit=0.1, ratio=0.5)  # cells of 6 pixels
    offsets = {(int(np.argmax(m.any(0))), int(np.argmax(m.any(1)))) for m in hidden}
    assert len(offsets) > 10


@pytest.mark.parametrize("side", [60, 59])
@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_grid_turned_by_quarters_is_numpy_s(side: int, quarters: int) -> None:
    white = WHITE[:, :side, :side]
    step = {"op": "grid_mask", "unit": 0.25, "ratio": 0.4, "id": "grid"}
    expected = np.rot90(_hidden(white, **step), quarters, axes=(1, 2))
    found = _hidden(white, **step, degrees=90 * quarters)
    np.testing.assert_array_equal(found, expected)


def test_grid_between_pixels_is_regular() -> None:
    """Where height and width are odd and even, a quarter turn leaves edges on pixels' middles."""
    hidden = _hidden(WHITE[:, :, :79], op="grid_mask", unit=0.2, ratio=0.5, degrees=90)
    for mask in hidden:
        for line in (mask.any(axis=1), mask.any(axis=0)):
            assert set(_runs(line)) == set(_runs(~line)) == {6}


def test_turned_grid_hides_as_much() -> None:
    whole = _hidden(WHITE, op="grid_mask", unit=0.2, ratio=0.5, degrees=[20, 70])
    assert abs(whole.mean() - 0.25) < 0.01
    assert not any((mask == np.outer(mask.any(1), mask.any(0))).all() for mask in whole)


# --- what is in the holes


@pytest.mark.parametrize(
    "step",
    [
        {"op": "coarse_dropout", "count": 1, "hole_height": 1, "hole_width": 1},
        {"op": "grid_mask", "ratio": 1},
    ],
    ids=lambda step: step["op"],
)
def test_holes_are_filled_with_a_level_the_mean_or_noise(step: dict[str, Any]) -> None:
    image = noise(60, 60, 3)
    red = _run(image, **step, fill_value=[1, 0, 0.5])
    np.testing.assert_array_equal(red, np.broadcast_to(np.float32([1, 0, 0.5]), red.shape))
    mean = _run(image, **step, fill="mean")
    expected = np.broadcast_to((image / 255).mean((0, 1)), mean.shape)
    np.testing.assert_allclose(mean, expected, atol=1e-5)
    assert stats.kstest(_run(image, **step, fill="noise").ravel(), "uniform").pvalue > 1e-3
