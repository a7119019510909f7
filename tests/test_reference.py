"""`augreg.augment`: shapes, dtypes, ranges and sections of the NumPy reference."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from samples import noise, policy, with_ops
from scipy import ndimage

import augreg
from augreg.backends.reference import kernels
from augreg.errors import ImageError, PolicyError

IMAGES = noise(3, 6, 5, 3)
BRIGHT = {"op": "brightness", "delta": 0.5}


def test_bytes_become_unit_floats_by_one_multiplication():
    found = augreg.augment(IMAGES, policy({"op": "clip"}), seed=0)

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, IMAGES * np.float32(1 / 255))


def test_bytes_survive_the_way_there_and_back():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)

    found = augreg.augment(every, policy({"op": "clip"}, output={"dtype": "uint8"}), seed=0)

    np.testing.assert_array_equal(found, every)


def test_uint8_output_rounds_half_up_and_clips():
    levels = np.float32([[[-1], [0.49 / 255], [0.5 / 255], [1.5 / 255], [254.6 / 255], [9]]])

    bytes_out = policy({"op": "flip", "p": 0}, output={"dtype": "uint8"})
    found = augreg.augment(levels, bytes_out, seed=0, input_range=(0, 1))

    assert found[0, :, 0].tolist() == [0, 0, 1, 2, 255, 255]


def test_nothing_clips_between_steps_and_the_end_does():
    up = policy(BRIGHT, {"op": "brightness", "delta": -0.5})
    np.testing.assert_allclose(augreg.augment(IMAGES, up, seed=0), IMAGES / 255, atol=1e-6)

    found = augreg.augment(IMAGES, policy(BRIGHT, BRIGHT), seed=0)
    assert found.max() == 1.0


def test_bytes_are_rounded_between_prepare_and_augment():
    steps = {"prepare": [BRIGHT, {"op": "brightness", "delta": 0.3 / 255}]}
    found = augreg.augment(IMAGES, policy({"op": "clip"}, **steps), seed=0)
    levels = found * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)

    floats = augreg.augment(IMAGES / 255.0, policy({"op": "clip"}, **steps), seed=0)
    assert np.abs(floats * 255 - np.round(floats * 255)).max() > 0.1


def test_sections_without_output_leave_floats_unclipped():
    found = augreg.augment(IMAGES, policy(BRIGHT), seed=0, sections=("augment",))

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, IMAGES / 255 + 0.5, atol=1e-6)


def test_prepare_alone_keeps_bytes():
    loaded = policy({"op": "invert"}, prepare=[{"op": "flip"}])

    found = augreg.augment(IMAGES, loaded, seed=0, sections=("prepare",))

    np.testing.assert_array_equal(found, IMAGES[:, :, ::-1])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "uint8"])
def test_output_has_the_policys_dtype(dtype):
    found = augreg.augment(IMAGES, policy({"op": "clip"}, output={"dtype": dtype}), seed=0)

    assert found.dtype == dtype


@pytest.mark.parametrize(
    ("images", "input_range"),
    [
        (IMAGES / 255, (0, 1)),
        (IMAGES.astype(np.float16), (0, 255)),
        ((IMAGES / 127.5 - 1).astype(np.float64), (-1, 1)),
    ],
)
def test_floats_mean_what_input_range_says(images, input_range):
    found = augreg.augment(images, policy(BRIGHT), seed=0, input_range=input_range)

    np.testing.assert_allclose(found, augreg.augment(IMAGES, policy(BRIGHT), seed=0), atol=1e-6)


def test_one_image_is_a_batch_of_one():
    loaded = policy({"op": "brightness", "delta": [-0.5, 0.5]})

    np.testing.assert_array_equal(
        augreg.augment(IMAGES[2], loaded, seed=0, index=2),
        augreg.augment(IMAGES, loaded, seed=0)[2],
    )


def test_input_is_not_changed():
    images = IMAGES.copy()
    images.setflags(write=False)

    augreg.augment(images, policy({"op": "flip"}, BRIGHT), seed=0)

    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize(
    "images", [IMAGES[0, 0], IMAGES[0].repeat(9, axis=-1), IMAGES.astype(int), IMAGES[:, :0]]
)
def test_what_is_no_image_is_refused(images):
    with pytest.raises(ImageError):
        augreg.augment(images, policy(BRIGHT), seed=0)


@pytest.mark.parametrize("name", ["seed", "epoch", "index"])
def test_numbers_outside_of_uint32_are_refused(name):
    arguments = {"seed": 0, "epoch": 0, "index": [0, 1, 2]}
    arguments[name] = [0, 1, -1] if name == "index" else 2**32

    with pytest.raises(ValueError, match=f"{name} has to be in 0 to"):
        augreg.augment(IMAGES, policy(BRIGHT), **arguments)


def test_policy_is_taken_as_a_dict_or_refused_with_its_place():
    found = augreg.augment(IMAGES, {"version": 1, "augment": [{"op": "invert"}]}, seed=0)
    np.testing.assert_allclose(found, 1 - IMAGES / 255, atol=1e-6)

    with pytest.raises(PolicyError, match=r'^/augment/0/op: unknown op "flop"'):
        augreg.augment(IMAGES, {"version": 1, "augment": [{"op": "flop"}]}, seed=0)


@pytest.mark.parametrize(
    ("fill", "mode"),
    [
        ("reflect", "reflect"),
        ("wrap", "grid-wrap"),
        ("constant", "grid-constant"),
        ("nearest", "nearest"),
    ],
)
@pytest.mark.parametrize("order", [0, 1])
def test_sampling_is_scipys_map_coordinates_anywhere(fill, mode, order):
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(6, 5, 1)).astype(np.float32)
    x, y = rng.uniform(-20, 20, (2, 50, 40))

    found = kernels.sample(image, x, y, fill, 0.25, "bilinear" if order else "nearest")

    expected = ndimage.map_coordinates(
        image[..., 0].astype(np.float64), [y, x], order=order, mode=mode, cval=0.25
    )
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("statistic", [False, True])
def test_a_matrix_that_mixes_channels_treats_a_grey_image_as_three_equal_channels(statistic):
    @augreg.op("acme/vivid", gray=True, by=augreg.Range(0.0, 3.0))
    def vivid(xp, by):
        """Moves colours away from their grey, or from the image's mean grey."""
        own = xp.reshape(xp.eye(3), (1, 3, 3)) * xp.reshape(by, (-1, 1, 1))
        gray = xp.array([[0.3, 0.59, 0.11]] * 3) * xp.reshape(xp.array(1.0) - by, (-1, 1, 1))
        zero = xp.array([0.0, 0.0, 0.0])
        return augreg.ColorMap(own, zero, gray) if statistic else augreg.ColorMap(own + gray, zero)

    loaded = policy({"op": "acme/vivid", "by": [0, 3]}, registry=with_ops(vivid))
    images = noise(4, 5, 6, 1)

    found = augreg.augment(images, loaded, seed=7)

    coloured = augreg.augment(images.repeat(3, axis=-1), loaded, seed=7)
    np.testing.assert_allclose(found, coloured[..., :1], atol=1e-6)


def test_reference_needs_no_tensorflow():
    code = (
        "import sys, numpy as np, augreg\n"
        "augreg.augment(np.zeros((2, 4, 4, 3), 'uint8'),"
        " {'version': 1, 'augment': [{'op': 'rotate', 'degrees': 9}, {'op': 'contrast',"
        " 'factor': 2}, {'op': 'resize', 'height': 9, 'width': 9, 'method': 'bicubic'}]}, seed=1)\n"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
