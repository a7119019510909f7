"""CLAHE against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from samples import noise, policy

import augreg
from augreg.images import photo_paths

SIZES = [(64, 48), (75, 103), (5, 6)]  # multiples of the tiles; none; less than the tiles


def _photo(size):
    image = Image.open(photo_paths()[0]).convert("RGB")
    return np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS))


def _levels(image, **step):
    loaded = policy({"op": "clahe", **step}, output={"dtype": "uint8"})
    return augreg.augment(image, loaded, seed=7).astype(int)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tiles", [1, 4, 8])
@pytest.mark.parametrize("clip_limit", [1, 2.5, 40])
def test_clahe_of_one_channel_is_that_of_opencv_up_to_rounding(size, tiles, clip_limit):
    grey = cv2.cvtColor(_photo(size), cv2.COLOR_RGB2GRAY)
    expected = cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(grey)
    found = _levels(grey[..., np.newaxis], clip_limit=clip_limit, tiles=tiles)[..., 0]
    off = np.abs(found - expected)
    assert off.max() <= 1
    assert (off > 0).mean() < 0.15  # levels exactly between two: OpenCV rounds to even ones


@pytest.mark.parametrize("size", SIZES[:2])
def test_clahe_of_colours_is_that_of_opencvs_luminance(size):
    """In tiles of many pixels: OpenCV rounds some luminances to the other of two levels."""
    image = _photo(size)
    y, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    y = cv2.createCLAHE(3.0, (2, 2)).apply(y)
    expected = cv2.cvtColor(cv2.merge([y, cr, cb]), cv2.COLOR_YCrCb2RGB)
    off = np.abs(_levels(image, clip_limit=3, tiles=2) - expected)
    assert off.mean() < 1.2
    assert off.max() <= 5


def test_clahe_gives_each_sample_its_own_limit():
    images = np.stack([_photo((40, 56))] * 5)
    step = {"op": "clahe", "clip_limit": {"choice": [1, 50]}}
    found = augreg.augment(images, policy(step), seed=7)
    least, most = (
        augreg.augment(images[0], policy({**step, "clip_limit": limit}), seed=7)
        for limit in (1, 50)
    )
    each = [np.array_equal(one, least) - np.array_equal(one, most) for one in found]
    assert set(each) == {1, -1}


@pytest.mark.parametrize(("height", "width"), [(24, 31), (1, 1), (130, 135)])
def test_kernels_make_the_reference_of_clahe(height, width):
    images = noise(3, height, width, 3)
    loaded = policy({"op": "clahe", "clip_limit": [1, 20]})
    found = augreg.map_fn(loaded, seed=7, batched=True)(np.arange(3), images)
    off = np.abs(found - augreg.augment(images, loaded, seed=7)).max(axis=-1)
    assert (off > 1 / 255).mean() <= 0.001
