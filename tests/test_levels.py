"""Ops on levels after float arithmetic: no rounding decides which level a pixel has."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from samples import policy

import augreg
from augreg.xp import NUMPY

SIDE = 144
PHOTO = np.asarray(
    Image.open(str(files("augreg") / "data/photos/chelsea.jpg")).convert("RGB").resize((SIDE, SIDE))
)
INDEX = np.arange(4)
UINT8 = {"dtype": "uint8"}


def _off(*steps):
    """The share of pixels in which TensorFlow leaves the reference by more than a level."""
    images = np.repeat(PHOTO[None], len(INDEX), axis=0)
    loaded = policy(*steps)
    expected = augreg.augment(images, loaded, seed=0, index=INDEX)
    found = np.asarray(augreg.map_fn(loaded, seed=0, batched=True)(INDEX, images))
    return (np.abs(found - expected).max(axis=-1) > 1 / 255 + 1e-6).mean()


def test_values_between_two_levels_are_rounded_up_however_they_were_worked_out():
    k = np.arange(255)
    exact = (k + 0.5) / 255
    single = [
        exact.astype(np.float32),
        np.nextafter(exact.astype(np.float32), np.float32(0)),
        (k.astype(np.float32) + np.float32(0.5)) * np.float32(1 / 255),
        ((2 * k + 1).astype(np.float32) * np.float32(1 / 255)) * np.float32(0.5),
        np.float32(1) - (255 - k - np.float32(0.5)) * np.float32(1 / 255),
        exact.astype(np.float32) - np.float32(1e-6),
    ]
    for values in single:
        np.testing.assert_array_equal(augreg.to_levels(NUMPY, values), k + 1)


def test_levels_of_bytes_are_the_bytes():
    level = np.arange(256)
    unit = level.astype(np.uint8) * np.float32(1 / 255)
    for off in (0, 1e-5, -1e-5):
        np.testing.assert_array_equal(augreg.to_levels(NUMPY, unit + np.float32(off)), level)


def test_equalize_after_a_brightness_that_halves_is_pillows_after_rounding_half_up():
    """Every odd byte ends up exactly between two levels."""
    dark = ((PHOTO.astype(int) + 1) // 2).astype(np.uint8)
    expected = ImageOps.equalize(Image.fromarray(dark))
    halved = {"op": "enhance", "kind": "brightness", "factor": 0.5}
    found = augreg.augment(PHOTO, policy(halved, {"op": "equalize"}, output=UINT8), seed=0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "before",
    [
        {"op": "enhance", "kind": "brightness", "factor": {"choice": [0.5, 1.5, 0.7]}},
        {"op": "enhance", "kind": "color", "factor": {"choice": [0.5, 1.5, 0.7]}},
        {"op": "rotate", "degrees": [-30, 30]},
    ],
    ids=lambda step: step.get("kind", "rotate"),
)
@pytest.mark.parametrize("stepped", [{"op": "equalize"}, {"op": "posterize", "bits": 6}], ids=str)
def test_steps_after_float_ops_agree_in_all_but_two_of_ten_thousand_pixels(before, stepped):
    assert _off(before, stepped) <= 0.0002


def test_autocontrast_leaves_a_channel_of_one_value_as_floats_left_it():
    """A rotated grey stays grey: its weights sum to 1 up to a rounding, which is not contrast."""
    loaded = policy({"op": "rotate", "degrees": 17, "fill": "nearest"}, {"op": "autocontrast"})
    fn = augreg.map_fn(loaded, seed=0)
    spec = [tf.TensorSpec((None, None, 3), tf.uint8)]  # in floats, where no integers pack it
    run = tf.function(lambda image: fn(0, image), input_signature=spec, autograph=False)
    for level in (1, 50, 77, 100, 199, 254):
        flat = np.full((24, 24, 3), level, np.uint8)
        for found in (augreg.augment(flat, loaded, seed=0), run(flat)):
            np.testing.assert_allclose(found, level / 255, atol=1e-4)
