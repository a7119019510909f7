"""JPEG compression and downscaling against Pillow and OpenCV."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from samples import noise, policy

import augreg
from augreg.images import photo_paths
from augreg_ops.compression import CHROMINANCE, LUMINANCE


def _bytes(image, step):
    return augreg.augment(image, policy(step, output={"dtype": "uint8"}), seed=7)


def _photo(number, size):
    image = Image.open(photo_paths()[number]).convert("RGB")
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def _file(image, quality, subsampling="4:2:0"):
    """Pillow's JPEG file of an image, opened again."""
    data = io.BytesIO()
    Image.fromarray(image.squeeze()).save(data, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(data)


def _off(one, other):
    return np.abs(one.astype(int) - np.asarray(other).reshape(one.shape)).mean()


# --- jpeg

PHOTOS = [_photo(0, (103, 75)), _photo(1, (96, 80))]


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("quality", [5, 30, 50, 75, 90, 100])
@pytest.mark.parametrize("image", PHOTOS, ids=["103x75", "96x80"])
def test_jpeg_is_pillows_within_a_level_or_two_on_average(image, quality, subsampling):
    step = {"op": "jpeg", "quality": quality, "subsampling": subsampling}
    found, expected = _bytes(image, step), _file(image, quality, subsampling)
    assert _off(found, expected) < (1.5 if quality < 100 else 0.8)
    assert _off(found, expected) < 0.3 * _off(image, expected) or quality > 75


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_jpeg_of_one_channel_is_pillows(quality):
    image = np.asarray(Image.fromarray(PHOTOS[0]).convert("L"))[..., np.newaxis]
    found = _bytes(image, {"op": "jpeg", "quality": quality})
    assert _off(found, _file(image, quality)) < 0.3


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 77, 100])
def test_jpeg_steps_are_those_of_pillows_files(quality):
    from augreg.xp import NUMPY
    from augreg_ops.compression import jpeg

    transform = jpeg.function(NUMPY, np.int32([quality]), "4:2:0")
    tables = _file(PHOTOS[0], quality).quantization
    for found, table in zip(transform.arguments, (tables[0], tables[1]), strict=True):
        np.testing.assert_array_equal(found[0], table)
    assert len(LUMINANCE) == len(CHROMINANCE) == 64


def test_jpeg_of_flat_blocks_rounds_their_one_coefficient_halves_up():
    levels = np.arange(256)
    images = np.broadcast_to(levels[:, None, None, None], (256, 8, 8, 1)).astype(np.uint8)
    found = augreg.augment(images, policy({"op": "jpeg", "quality": 50}), seed=7)
    steps = np.floor((levels - 128) * 8 / 16 + 0.5) * 16 / 8 + 128
    expected = np.broadcast_to(np.clip(steps, 0, 255)[:, None, None, None] / 255, images.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_jpeg_of_whole_levels_is_the_same_where_a_coefficient_is_halfway_between_steps():
    images = noise(32, 64, 64, 1)
    loaded = policy({"op": "jpeg", "quality": {"choice": [50, 80, 90, 95, 98]}})
    found = augreg.map_fn(loaded, seed=7, batched=True)(np.arange(32), images)
    np.testing.assert_allclose(found, augreg.augment(images, loaded, seed=7), atol=1e-5)


def test_jpeg_after_a_warp_is_the_same_in_all_but_a_thousandth_of_the_pixels():
    steps = [{"op": "rotate", "degrees": [-30, 30]}, {"op": "jpeg", "quality": [20, 95]}]
    images = np.stack([PHOTOS[1]] * 8)
    expected = augreg.augment(images, policy(*steps), seed=7)
    found = augreg.map_fn(policy(*steps), seed=7, batched=True)(np.arange(8), images)
    off = np.abs(found - expected).max(axis=-1)
    assert (off > 1 / 255).mean() <= 0.001


# --- downscale

METHODS = {"nearest": cv2.INTER_NEAREST_EXACT, "bilinear": cv2.INTER_LINEAR}


@pytest.mark.parametrize("up", METHODS)
@pytest.mark.parametrize("down", METHODS)
def test_downscale_is_two_resizes_of_opencv(down, up):
    image = noise(1, 37, 53, 3)[0].astype(np.float32) / 255
    step = {"op": "downscale", "down": down, "up": up}
    for scale in (0.01, 0.1, 0.25, 0.5, 0.73, 1):
        small = tuple(max(1, round(side * scale)) for side in (53, 37))
        shrunk = cv2.resize(image, small, interpolation=METHODS[down])
        expected = cv2.resize(shrunk, (53, 37), interpolation=METHODS[up])
        found = augreg.augment(image, policy({**step, "scale": scale}), seed=7)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("up", METHODS)
@pytest.mark.parametrize("down", METHODS)
def test_kernels_downscale_as_the_reference(down, up):
    images = noise(6, 24, 31, 3)
    loaded = policy({"op": "downscale", "scale": [0.05, 1], "down": down, "up": up})
    found = augreg.map_fn(loaded, seed=7, batched=True)(np.arange(6), images)
    np.testing.assert_allclose(found, augreg.augment(images, loaded, seed=7), atol=1e-5)


def test_downscale_moves_no_box_and_no_mask():
    element = {
        "images": noise(1, 24, 31, 3)[0],
        "masks": noise(1, 24, 31, seed=1)[0],
        "boxes": {"boxes": np.float32([[3, 4, 13, 9]]), "labels": np.int32([0])},
    }
    loaded = policy({"op": "downscale", "scale": 0.2})
    found = augreg.map_fn(loaded, seed=7, bounding_box_format="xyxy")(0, element)
    np.testing.assert_array_equal(found["masks"], element["masks"])
    np.testing.assert_array_equal(found["boxes"]["boxes"], element["boxes"]["boxes"])
