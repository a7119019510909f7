"""How far images are from each other, and points from where they were."""

from __future__ import annotations

import numpy as np
import pytest
from samples import policy, smooth
from scipy import ndimage

from augreg.annotations.parts import KEYPOINTS
from augreg.views.difference import Moved, changed, grid, moved_by
from augreg.views.trace import Sample, Trace

WAVE = smooth(1, 24, 31)


def ssim(one: np.ndarray, two: np.ndarray) -> float:
    """Of float64 planes, by scipy's windows of 7x7 pixels that lie in the plane."""

    def mean(plane: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.uniform_filter(plane, 7)[3:-3, 3:-3])

    x, y = mean(one), mean(two)
    xx, yy, xy = (
        49 / 48 * (mean(a * b) - m)
        for a, b, m in ((one, one, x * x), (two, two, y * y), (one, two, x * y))
    )
    over = (2 * x * y + 1e-4) * (2 * xy + 9e-4)
    return float((over / ((x * x + y * y + 1e-4) * (xx + yy + 9e-4))).mean())


def test_detail_is_compared_by_structural_similarity() -> None:
    noisy = np.clip(WAVE + np.random.default_rng(0).normal(0, 0.2, WAVE.shape), 0, 1)
    planes = (x[0].astype(np.float64).mean(axis=-1) for x in (WAVE, noisy.astype(np.float32)))

    assert changed(WAVE, noisy.astype(np.float32)) == pytest.approx((1 - ssim(*planes)) / 2)


def test_structural_similarity_is_scikit_images() -> None:
    # skimage.metrics.structural_similarity(one, two, data_range=1.0) of scikit-image 0.26
    y, x = np.mgrid[:24, :31] / 31
    one = np.sin(9 * x + 4 * y) / 2 + 0.5
    two = np.clip(one + 0.2 * np.cos(40 * x), 0, 1)
    given = (np.float32(plane)[None, ..., None] for plane in (one, two))

    assert 1 - 2 * changed(*given) == pytest.approx(0.7825869, abs=1e-6)


def test_light_is_compared_by_its_mean_absolute_difference() -> None:
    half = np.full((1, 24, 31, 3), 0.5, np.float32)

    assert changed(half, half) == 0
    assert changed(half, half + np.float32([0.3, 0, 0])) == pytest.approx(0.1)
    assert changed(np.zeros((1, 8, 8, 3), np.uint8), half[:, :8, :8]) == pytest.approx(
        0.5, abs=1e-2
    )
    assert changed(half, np.full((1, 24, 31, 3), 1.5, np.float32)) == pytest.approx(0.5)  # clipped


def test_a_gray_image_is_compared_with_the_mean_of_channels() -> None:
    red = np.zeros((1, 9, 9, 3), np.float32) + np.float32([0.6, 0, 0])

    assert changed(red, np.full((1, 9, 9, 1), 0.2, np.float32)) == pytest.approx(0, abs=1e-6)


def moved(*steps: dict[str, object]) -> Moved:
    element = {"images": np.zeros((40, 80, 3), np.uint8), KEYPOINTS[0]: grid((40, 80))}
    return moved_by(Trace(policy(*steps), Sample.of(element)))


def test_points_are_compared_in_sides_of_the_image() -> None:
    shifted = moved({"op": "translate", "x": 0.25, "y": 0, "fill": "constant"})

    assert shifted.moved == pytest.approx(0.25)
    assert shifted.filled == pytest.approx(0.25)
    assert shifted.lost == pytest.approx(2 / 9)  # of nine columns of points
    stretched = moved({"op": "resize", "height": 7, "width": 90})
    assert stretched.moved == pytest.approx(0, abs=1e-6)
    assert (stretched.lost, stretched.filled) == (0, 0)


def test_stages_fill_one_after_another() -> None:
    step: dict[str, object] = {"op": "translate", "x": 0.25, "y": 0}
    filled = moved({**step, "fill": "constant"}, {**step, "fill": "nearest"}).filled

    assert filled == pytest.approx(1 - 0.75 * 0.75)


def test_what_is_cut_away_is_lost() -> None:
    cropped = moved({"op": "central_crop", "fraction": 0.5})

    assert cropped.filled == 0
    assert cropped.lost == pytest.approx(1 - (5 / 9) ** 2)


def test_a_rotation_moves_points_as_opencv_does() -> None:
    cv2 = pytest.importorskip("cv2")
    matrix = cv2.getRotationMatrix2D((39.5, 19.5), 30, 1)
    points = grid((40, 80)).astype(np.float64)
    there = points @ matrix[:, :2].T + matrix[:, 2]
    distance = np.linalg.norm((there - points) / [80, 40], axis=-1)

    assert moved({"op": "rotate", "degrees": 30}).moved == pytest.approx(distance.mean(), abs=1e-5)


def test_beyond_is_the_part_that_differs_the_most_in_sides() -> None:
    lost = Moved(0.1, 0.75, 0.2)
    assert lost.beyond(Moved(0.1, 0.0, 0.3)) == pytest.approx(0.5)
    assert Moved(0.1, 0, 0.36).beyond(Moved(0, 0, 0)) == pytest.approx(0.2)
    assert Moved(0.1, 0, 0).beyond(Moved(0, 0, 0)) == pytest.approx(0.1)
    assert Moved(0, 0, 0).beyond(lost) == 0
