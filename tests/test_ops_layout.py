"""Transposing and letterboxing against NumPy, Pillow and OpenCV."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from samples import noise, policy

import augreg

IMAGE = noise(1, 23, 31, 3)[0]
FLOAT = IMAGE.astype(np.float32) / 255
GREY = 114 / 255


def _bytes(image, *steps):
    return augreg.augment(image, policy(*steps, output={"dtype": "uint8"}), seed=7)


# --- transpose


def test_transpose_is_that_of_numpy_and_pillow():
    found = _bytes(IMAGE, {"op": "transpose"})
    np.testing.assert_array_equal(found, np.transpose(IMAGE, (1, 0, 2)))
    pillow = Image.fromarray(IMAGE).transpose(Image.Transpose.TRANSPOSE)
    np.testing.assert_array_equal(found, pillow)


def test_transpose_and_two_flips_are_pillows_transverse():
    steps = [{"op": "transpose"}, {"op": "flip", "axis": "both"}]
    pillow = Image.fromarray(IMAGE).transpose(Image.Transpose.TRANSVERSE)
    np.testing.assert_array_equal(_bytes(IMAGE, *steps), pillow)


def test_transpose_by_chance_needs_a_square():
    step = {"op": "transpose", "p": 0.5}
    with pytest.raises(augreg.PolicyError, match=r"^/augment/0: .* takes .p. below 1"):
        _bytes(IMAGE, step)
    square = noise(64, 9, 9, 3)
    found = _bytes(square, step)
    turned = (found == square.transpose(0, 2, 1, 3)).all((1, 2, 3))
    assert (turned | (found == square).all((1, 2, 3))).all()
    assert 16 < turned.sum() < 48


# --- letterbox


def _sides(size, target):
    """The image's sides in the target, in exact arithmetic: round(side * min(scales))."""
    scale = min(Fraction(wanted, side) for wanted, side in zip(target, size, strict=True))
    return tuple(max(round(side * scale), 1) for side in size)


def _expected(image, target, position, level, interpolation=cv2.INTER_LINEAR):
    height, width = _sides(image.shape[:2], target)
    down, right = target[0] - height, target[1] - width
    top, left = (0, 0) if position == "top_left" else (down // 2, right // 2)
    resized = cv2.resize(image, (width, height), interpolation=interpolation)
    edges = (top, down - top, left, right - left)
    return cv2.copyMakeBorder(resized, *edges, cv2.BORDER_CONSTANT, value=(level,) * 3)


@given(*[st.integers(1, 60)] * 4, st.sampled_from(["center", "top_left"]))
@settings(max_examples=60)
def test_letterbox_is_opencvs_resize_and_border(height, width, to_height, to_width, position):
    image = noise(height, width, 3).astype(np.float32) / 255
    step = {"op": "letterbox", "height": to_height, "width": to_width, "position": position}
    found = augreg.augment(image, policy({**step, "fill_value": GREY}), seed=7)
    expected = _expected(image, (to_height, to_width), position, GREY)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(40, 40), (23, 60), (31, 12)])
@pytest.mark.parametrize("position", ["center", "top_left"])
def test_kernels_letterbox_as_opencv(height, width, position):
    loaded = policy(
        {"op": "letterbox", "height": height, "width": width, "position": position}
        | {"fill_value": [1, 0.5, 0.25]}
    )
    expected = _expected(FLOAT, (height, width), position, 0)
    ones = _expected(np.ones_like(FLOAT), (height, width), position, 0)
    expected = np.where(ones == 0, np.float32([1, 0.5, 0.25]), expected)
    for image in (FLOAT, IMAGE):
        batched = augreg.map_fn(loaded, seed=7, batched=True)(np.arange(2), np.stack([image] * 2))
        each = augreg.map_fn(loaded, seed=7)(0, image)
        np.testing.assert_allclose(batched, [expected] * 2, atol=1e-5)
        np.testing.assert_allclose(each, expected, atol=1e-5)


def test_letterbox_level_of_yolo_is_114():
    step = {"op": "letterbox", "height": 40, "width": 40, "fill_value": 0.447}
    found = augreg.augment(IMAGE, policy(prepare=[step], output={"dtype": "uint8"}), seed=7)
    assert (found[0] == 114).all()


@pytest.mark.parametrize(("position", "top"), [("center", 5), ("top_left", 0)])
def test_letterbox_takes_boxes_points_and_masks_along(position, top):
    """20x31 into 40x62 is a factor of 2; into 50x62, 10 rows are left."""
    image, mask = IMAGE[:20], np.ones((20, 31), np.uint8)
    boxes = {"boxes": np.float32([[3, 4, 13, 9]]), "labels": np.int32([0])}
    element = {"images": image, "boxes": boxes, "masks": mask}
    element["keypoints"] = np.float32([[7, 11]])
    step = {"op": "letterbox", "height": 50, "width": 62, "position": position}
    loaded = policy({**step, "fill_value": GREY})
    fn = augreg.map_fn(loaded, seed=7, bounding_box_format="xyxy")
    found = fn(0, element)
    np.testing.assert_allclose(found["boxes"]["boxes"], [[6, 8 + top, 26, 18 + top]], atol=1e-4)
    np.testing.assert_allclose(found["keypoints"], [[14.5, 22.5 + top]], atol=1e-4)
    expected = np.zeros((50, 62), np.uint8)
    expected[top : top + 40] = 1
    np.testing.assert_array_equal(found["masks"], expected)
