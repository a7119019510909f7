"""Motion blur and median blur against scipy, OpenCV and NumPy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from samples import noise, policy
from scipy import ndimage

import augreg

FLOAT = noise(1, 24, 31, 3)[0].astype(np.float32) / 255
SIZES = pytest.mark.parametrize(
    "image", [FLOAT, FLOAT[:3, :2], FLOAT[:1, :1]], ids=["whole", "3x2", "1x1"]
)


def _run(image, step, **rest):
    return augreg.augment(image, policy(step), seed=7, **rest)


def _kernels(image, step):
    return augreg.map_fn(policy(step), seed=7, batched=True)(np.arange(1), image[np.newaxis])[0]


# --- motion blur


def _line(size, degrees, direction):
    """The weights of a line: its points, each moved from the centre by scipy."""
    point = np.zeros((size, size))
    point[size // 2, size // 2] = 1
    angle, total = np.deg2rad(degrees), np.zeros((size, size))
    weights = np.linspace(1 - direction, 1 + direction, size)
    for t, weight in zip(np.arange(size) - size // 2, weights, strict=True):
        total += weight * ndimage.shift(point, (-t * np.sin(angle), t * np.cos(angle)), order=1)
    return total / total.sum()


@SIZES
@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 160, -75])
@pytest.mark.parametrize("direction", [0, 1, -0.4])
def test_motion_blur_is_scipys_correlation_with_a_line(image, degrees, direction):
    kernel = _line(7, degrees, direction)
    expected = ndimage.correlate(image.astype(np.float64), kernel[..., np.newaxis], mode="reflect")
    step = {"op": "motion_blur", "kernel_size": 7, "degrees": degrees, "direction": direction}
    np.testing.assert_allclose(_run(image, step), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("degrees", "kernel"),
    [
        (0, np.full((1, 5), 0.2)),
        (90, np.full((5, 1), 0.2)),
        (180, np.full((1, 5), 0.2)),
    ],
)
def test_motion_blur_along_an_axis_is_the_mean_of_opencv(degrees, kernel):
    expected = cv2.filter2D(FLOAT, -1, kernel, borderType=cv2.BORDER_REFLECT)
    step = {"op": "motion_blur", "kernel_size": 5, "degrees": degrees}
    np.testing.assert_allclose(_run(FLOAT, step), expected, atol=1e-5)
    np.testing.assert_allclose(_kernels(FLOAT, step), expected, atol=1e-5)


def test_motion_blur_weighs_most_what_lies_ahead():
    dot = np.zeros((11, 11, 1), np.float32)
    dot[5, 5] = 1
    step = {"op": "motion_blur", "kernel_size": 5, "degrees": 0, "direction": 1}
    np.testing.assert_allclose(
        _run(dot, step)[5, 3:8, 0], np.array([4, 3, 2, 1, 0]) / 10, atol=1e-6
    )
    upwards = _run(dot, {**step, "degrees": 90})[3:8, 5, 0]
    np.testing.assert_allclose(upwards, np.array([0, 1, 2, 3, 4]) / 10, atol=1e-6)


@pytest.mark.parametrize(("length", "ends"), [(3, 0), (4, 1 / 8), (5, 1 / 5), (21, 1 / 5)])
def test_motion_blur_has_the_asked_length_within_its_kernel(length, ends):
    dot = np.zeros((11, 11, 1), np.float32)
    dot[5, 5] = 1
    step = {"op": "motion_blur", "kernel_size": 5, "degrees": 0, "length": length}
    found = _run(dot, step)[5, :, 0]
    np.testing.assert_allclose(found[[3, 7]], ends, atol=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("size", [3, 7, 13, 21])
def test_motion_blur_leaves_out_no_pixel_of_a_line(size):
    """Of a batch, whose samples have lines of their own."""
    dots = np.zeros((72, 25, 25, 1), np.float32)
    dots[:, 12, 12] = 1
    loaded = policy({"op": "motion_blur", "kernel_size": size})
    found = augreg.augment(dots, loaded, seed=7)
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), 1, atol=1e-5)
    made = augreg.map_fn(loaded, seed=7, batched=True)(np.arange(8), dots[:8])
    np.testing.assert_allclose(made, found[:8], atol=1e-6)


def test_motion_blur_of_an_even_kernel_names_the_parameter():
    with pytest.raises(augreg.PolicyError, match=r"/augment/0/kernel_size: a kernel of 4 pixels"):
        _run(FLOAT, {"op": "motion_blur", "kernel_size": 4})


# --- median blur


@SIZES
@pytest.mark.parametrize("size", [3, 5])
def test_median_blur_is_that_of_scipy(image, size):
    expected = ndimage.median_filter(image, (size, size, 1), mode="reflect")
    step = {"op": "median_blur", "kernel_size": size}
    np.testing.assert_array_equal(_run(image, step), expected)
    np.testing.assert_array_equal(_kernels(image, step), expected)


@pytest.mark.parametrize("before", [[], [{"op": "flip"}], [{"op": "invert"}]], ids=str)
def test_median_blur_of_bytes_packed_bytes_and_floats_is_that_of_scipy(before):
    """Kernels take the median of bytes where pixels are bytes still."""
    images = noise(6, 24, 31, 3)
    median = {"op": "median_blur", "kernel_size": 5}
    source = augreg.augment(images, policy(*before), seed=7) if before else images / 255
    expected = ndimage.median_filter(source, (1, 5, 5, 1), mode="reflect")
    found = augreg.map_fn(policy(*before, median), seed=7, batched=True)(np.arange(6), images)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    some = policy(*before, {**median, "p": 0.5})
    found = augreg.map_fn(some, seed=7, batched=True)(np.arange(6), images)
    changed = np.abs(found - source).max(axis=(1, 2, 3)) > 0.01
    assert 0 < changed.sum() < 6
    expected = np.where(changed[:, np.newaxis, np.newaxis, np.newaxis], expected, source)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size", [3, 5])
def test_median_blur_is_that_of_opencv(size):
    """OpenCV repeats the last pixel at edges, which is the same for a size of 3."""
    image = noise(1, 24, 31, 3)[0]
    step = {"op": "median_blur", "kernel_size": size}
    found = augreg.augment(image, policy(step, output={"dtype": "uint8"}), seed=7)
    margin = slice(1, -1) if size == 5 else slice(None)
    np.testing.assert_array_equal(
        found[margin, margin], cv2.medianBlur(image, size)[margin, margin]
    )
