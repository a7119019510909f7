"""Noise, sepia and tone curves against scipy, colorsys and published numbers."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
from samples import noise, policy
from scipy import interpolate, stats

import augreg
from augreg.families.call import call_op
from augreg.plan import plan
from augreg.plan.passes import optimize
from augreg.xp import NUMPY
from augreg_ops.noise import shot_noise

IMAGE = noise(24, 31, 3)
FLOAT = IMAGE / np.float32(255)


def _run(images: Any, **step: Any) -> np.ndarray:
    """float32 of the range that images have inside, unclipped."""
    return augreg.augment(images, policy(step), seed=7, sections=("augment",))


def _flat(level: float, *shape: int) -> np.ndarray:
    return np.full(shape, level, np.float32)


# --- sepia


def _css_sepia(amount: float) -> np.ndarray:
    """The matrix of https://www.w3.org/TR/filter-effects-1/#sepiaEquivalent."""
    rest = 1 - amount
    return np.array(
        [
            [0.393 + 0.607 * rest, 0.769 - 0.769 * rest, 0.189 - 0.189 * rest],
            [0.349 - 0.349 * rest, 0.686 + 0.314 * rest, 0.168 - 0.168 * rest],
            [0.272 - 0.272 * rest, 0.534 - 0.534 * rest, 0.131 + 0.869 * rest],
        ]
    )


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_sepia_is_that_of_css(strength: float) -> None:
    found = _run(IMAGE, op="sepia", strength=strength)
    np.testing.assert_allclose(found, FLOAT @ _css_sepia(strength).T, atol=1e-6)


def test_sepia_is_one_matrix_with_other_colours() -> None:
    steps = ({"op": "brightness", "delta": 0.1}, {"op": "sepia"}, {"op": "invert"})
    (stage,) = optimize(plan(policy(*steps), size=(24, 31)))[0].augment
    assert "one colour matrix (brightness sepia invert)" in stage.describe("")


# --- tone curves


@pytest.mark.parametrize("heights", [(0.25, 0.75), (0.0, 1.0), (1.0, 0.0), (0.1, 0.2)])
def test_tone_curve_is_the_bezier_curve_of_scipy(heights: tuple[float, float]) -> None:
    low, high = heights
    curve = interpolate.BPoly([[0.0], [low], [high], [1.0]], [0, 1])
    found = _run(IMAGE, op="tone_curve", low_y=low, high_y=high)
    np.testing.assert_allclose(found, curve(FLOAT), atol=1e-6)


def test_tone_curve_clips_its_input() -> None:
    steps = ({"op": "brightness", "delta": 0.5}, {"op": "tone_curve", "low_y": 0, "high_y": 1})
    found = augreg.augment(_flat(0.9, 2, 2, 3), policy(*steps), seed=7, sections=("augment",))
    np.testing.assert_array_equal(found, 1)


# --- shot noise


@pytest.mark.parametrize("mean", [0.1, 1.0, 4.5, 7.9, 8.1, 12.0, 60.0, 400.0])
def test_shot_noise_has_the_distribution_of_poisson(mean: float) -> None:
    """Within the stated 0.0004, and what chance does to 300,000 draws in one of 1000 tries."""
    level = min(0.8, mean)
    images = _flat(level, 4, 158, 158, 3)
    scale = np.float32(level / mean)
    counts = np.round(_run(images, op="shot_noise", scale=float(scale)) / scale).ravel()
    levels = np.arange(counts.max() + 2)
    cumulated = np.searchsorted(np.sort(counts), levels, side="right") / counts.size
    distance = np.abs(cumulated - stats.poisson.cdf(levels, mean)).max()
    assert distance < 0.0004 + 1.95 / counts.size**0.5
    spread = (mean / counts.size) ** 0.5
    assert abs(counts.mean() - mean) < 3.3 * spread + 1e-4
    assert abs(counts.var() / mean - 1) < 3.3 * ((2 + 1 / mean) / counts.size) ** 0.5 + 1e-3


def _photons(mean: float, u: np.ndarray, v: float) -> np.ndarray:
    """The counts for a mean and uniform draws."""
    arguments = {"scale": np.float32([1 / 1000]), "key": np.zeros((1, 2), np.uint32)}
    made = call_op(shot_noise, NUMPY, arguments, (1, u.size))
    planes = (np.full((1, 1, u.size), mean, np.float32) / np.float32(1000),)
    draws = (((u.reshape(1, 1, -1).astype(np.float32), np.full((1, 1, u.size), v, np.float32)),),)
    scale = np.full((1, 1, 1), 1 / 1000, np.float32)
    return np.round(made.function(NUMPY, planes, scale, noise=draws)[0].ravel() * 1000)


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 7.99])
def test_few_photons_are_counted_by_inversion(mean: float) -> None:
    u = np.arange(0, 2**24, 997) / 2**24
    assert (_photons(mean, u, 0.0) != stats.poisson.ppf(u, mean).clip(0)).mean() < 1e-4


@pytest.mark.parametrize("mean", [8.001, 9.5, 20.0, 100.0, 900.0])
def test_many_photons_are_within_the_stated_distance(mean: float) -> None:
    """A half turn between both draws gives normal draws below and above 0, in order."""
    u = np.minimum(np.exp(-(np.linspace(0, 5.5, 100_001) ** 2) / 2), 1 - 2.0**-24)
    u = u.astype(np.float32).astype(np.float64)
    radius = np.sqrt(-2 * np.log(u + 2.0**-25))
    normal = np.concatenate([-radius[::-1], radius])
    counts = np.concatenate([_photons(mean, u, 0.5)[::-1], _photons(mean, u, 0.0)])
    levels = np.arange(counts.min(), counts.max())
    last = np.searchsorted(counts, levels, side="right") - 1
    off = np.abs(stats.norm.cdf(normal[last]) - stats.poisson.cdf(levels, mean)).max()
    assert off < 0.0004 and (np.diff(counts) >= 0).all()


def test_shot_noise_gives_whole_photons_and_leaves_black() -> None:
    found = _run(FLOAT, op="shot_noise", scale=0.125) * 8
    np.testing.assert_allclose(found, np.round(found), atol=1e-5)
    np.testing.assert_array_equal(_run(_flat(0, 9, 9, 3), op="shot_noise", scale=0.125), 0)


def test_shot_noise_clips_its_input() -> None:
    steps = ({"op": "brightness", "delta": -0.5}, {"op": "shot_noise", "scale": 0.1})
    found = augreg.augment(_flat(0.4, 9, 9, 3), policy(*steps), seed=7, sections=("augment",))
    np.testing.assert_array_equal(found, 0)


# --- ISO noise


def _hls(images: np.ndarray) -> np.ndarray:
    return np.array([colorsys.rgb_to_hls(*pixel) for pixel in images.reshape(-1, 3)])


def test_iso_noise_is_normal_in_lightness_and_hue() -> None:
    colour = np.broadcast_to(np.float32([0.6, 0.4, 0.3]), (2, 50, 50, 3))
    before, after = _hls(colour), _hls(_run(colour, op="iso_noise", luminance=0.02, hue=0.03))
    lightness = (after[:, 1] - before[:, 1]) / 0.02
    hue = ((after[:, 0] - before[:, 0] + 0.5) % 1 - 0.5) / 0.03
    assert stats.kstest(lightness, "norm").pvalue > 1e-3
    assert stats.kstest(hue, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(lightness, hue)[0, 1]) < 0.05


def test_iso_noise_keeps_the_chroma_and_grey_stays_grey() -> None:
    found = _run(FLOAT, op="iso_noise", luminance=0.1, hue=0.2)
    np.testing.assert_allclose(np.ptp(found, axis=-1), np.ptp(FLOAT, axis=-1), atol=1e-5)
    grey = _run(_flat(0.5, 9, 9, 3), op="iso_noise", luminance=0.1, hue=0.2)
    np.testing.assert_array_equal(np.ptp(grey, axis=-1), 0)
    assert np.ptp(grey) > 0.2


# --- salt and pepper


def test_salt_and_pepper_replaces_the_asked_share() -> None:
    grey = _flat(0.5, 4, 100, 100, 3)
    found = _run(grey, op="salt_and_pepper", amount=0.1, salt=0.25)
    np.testing.assert_array_equal(np.ptp(found, axis=-1), 0)  # all channels together
    salt, pepper = (int((found[..., 0] == level).sum()) for level in (1, 0))
    assert ((found == 0.5) | (found == 0) | (found == 1)).all()
    assert stats.binomtest(salt + pepper, 40_000, 0.1).pvalue > 1e-3
    assert stats.binomtest(salt, salt + pepper, 0.25).pvalue > 1e-3


@pytest.mark.parametrize("salt", [0, 1])
def test_salt_or_pepper_alone(salt: int) -> None:
    found = _run(FLOAT, op="salt_and_pepper", amount=1, salt=salt)
    np.testing.assert_array_equal(found, salt)
