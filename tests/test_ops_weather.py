"""Fog, rain and shadows: what they do to light by their formula, and the shapes that they draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import noise, policy
from scipy import ndimage, spatial, stats

import augreg

IMAGE = noise(60, 80, 3)
FLOAT = IMAGE / np.float32(255)


def _run(images: np.ndarray, **step: Any) -> np.ndarray:
    return augreg.augment(images, policy(step), seed=7, sections=("augment",))


def _flat(level: float, *shape: int) -> np.ndarray:
    return np.full(shape, level, np.float32)


def _share(step: dict[str, Any], light: float, *shape: int) -> np.ndarray:
    """[B,H,W]: how much of each pixel is light, of what makes x + (light - x) share of x."""
    return (_run(_flat(0, *shape), **step) / light)[..., 0]


@pytest.mark.parametrize(
    "step",
    [
        {"op": "fog", "density": 0.4, "light": 0.7},
        {"op": "rain", "amount": 0.2, "light": 0.7, "degrees": 20},
    ],
    ids=lambda step: step["op"],
)
def test_light_is_blended_in_by_one_share_for_all_channels(step: dict[str, Any]) -> None:
    share = _share(step, 0.7, 1, 60, 80, 3)[0]
    assert share.min() >= 0 and share.max() <= 1 and np.ptp(share) > 0.1
    expected = FLOAT * (1 - share[..., None]) + 0.7 * share[..., None]
    np.testing.assert_allclose(_run(FLOAT, **step), expected, atol=1e-5)


# --- fog


def test_fog_is_as_dense_as_asked_and_varies_between_and_within_images() -> None:
    shares = _share({"op": "fog", "density": 0.5, "light": 1}, 1, 200, 24, 31, 3)
    assert shares.min() >= 0.7 * 0.5 - 1e-5 and shares.max() <= 1.3 * 0.5 + 1e-5
    means = shares.mean(axis=(1, 2))
    assert stats.ttest_1samp(means, 0.5).pvalue > 1e-3
    assert means.std() > 0.01 and shares.std(axis=(1, 2)).min() > 0.01


def test_fog_is_smooth() -> None:
    """No step is larger than those of its grids: 1.5 slopes times the share of the finer ones."""
    (share,) = _share({"op": "fog", "density": 0.5, "light": 1}, 1, 1, 120, 160, 3)
    for axis, side in ((0, 120), (1, 160)):
        steepest = 0.3 * 1.5 * (2 * 2 / 3 + 6 / 3) / (side - 1)
        assert 0 < np.abs(np.diff(share, axis=axis)).max() <= steepest + 1e-6
    corners = ndimage.laplace(share, mode="nearest")[2:-2, 2:-2]
    assert np.abs(corners).max() < 0.004  # no folds either


def test_full_fog_leaves_the_light() -> None:
    found = _run(FLOAT, op="fog", density=1, light=0.6)
    assert np.abs(found - 0.6).mean() < 0.1
    np.testing.assert_allclose(found[..., 0].min(), 0.6, atol=0.2)


# --- rain


def _direction(share: np.ndarray) -> float:
    """Degrees from the vertical, counter-clockwise, of what varies least along it."""
    gy, gx = np.gradient(ndimage.gaussian_filter(share, 2))
    across = 0.5 * np.arctan2(2 * (gx * gy).mean(), (gx * gx).mean() - (gy * gy).mean())
    return -np.degrees(across)


@pytest.mark.parametrize("degrees", [-45, -20, 0, 10, 45])
def test_streaks_lean_as_asked(degrees: float) -> None:
    step = {"op": "rain", "amount": 0.2, "degrees": degrees, "length": 0.2, "light": 1}
    for share in _share(step, 1, 3, 200, 200, 3):
        assert abs(_direction(share) - degrees) < 3


def test_streaks_are_thin_and_as_long_as_asked() -> None:
    step = {"op": "rain", "amount": 0.01, "degrees": 0, "length": 0.1, "light": 1}
    sizes = []
    for share in _share(step, 1, 5, 200, 200, 3):
        for place in ndimage.find_objects(ndimage.label(share > 0.02)[0]):
            if place[0].start > 0 and place[0].stop < 200:
                sizes.append([edge.stop - edge.start for edge in place])
    heights, widths = np.array(sizes).T
    assert len(sizes) > 20 and widths.max() <= 4
    # near ones have 20 pixels, far ones 12; a few touch
    assert np.quantile(heights, 0.9) <= 20 and np.median(heights) >= 10


def test_more_drops_where_more_are_asked() -> None:
    wet = [
        (_share({"op": "rain", "amount": a, "degrees": 0}, 0.8, 8, 100, 100, 3) > 0.05).mean()
        for a in (0.02, 0.1, 0.4)
    ]
    assert 0 < wet[0] < wet[1] / 3 < wet[2] / 6


# --- shadows


def test_shadow_is_a_convex_polygon_of_the_asked_darkness() -> None:
    found = _run(_flat(1, 12, 90, 120, 3), op="shadow", strength=0.4, extent=0.5, softness=0)
    seen = 0
    for image in found[..., 0]:
        np.testing.assert_allclose([image.min(), image.max()], [0.6, 1], atol=1e-6)
        inside = np.argwhere(image < 0.6 + 1e-6)
        hull = spatial.Delaunay(inside[spatial.ConvexHull(inside).vertices])
        every = np.argwhere(image >= 0)
        in_hull = hull.find_simplex(every) >= 0
        np.testing.assert_array_less(image[tuple(every[in_hull].T)], 0.6 + 1e-5)
        seen += len(inside)
    assert 0.05 < seen / found[..., 0].size < 0.5


def test_shadow_darkens_all_levels_alike_and_ends_softly() -> None:
    step = {"op": "shadow", "strength": 0.5, "extent": 0.6, "softness": 0.3}
    share = 1 - _run(_flat(1, 1, 60, 80, 3), **step)
    np.testing.assert_allclose(_run(FLOAT[None], **step), FLOAT * (1 - share), atol=1e-6)
    steepest = 0.5 / (0.3 * 60)  # the whole strength over the width of the edge
    for axis in (1, 2):
        assert np.abs(np.diff(share, axis=axis)).max() <= steepest + 1e-5
    assert ((share > 0.05) & (share < 0.45)).mean() > 0.1
