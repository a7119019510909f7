"""Images done in turns: when, that it is done at all, and what an image leaves out."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from samples import noise

import augreg
from augreg.backends.tensorflow import per_image
from augreg.plan import plan
from augreg.policy import load_policy

LARGE = noise(3, 128, 130, 3)
ROTATE = {"op": "rotate", "degrees": [-30, 30]}
BLUR = {"op": "gaussian_blur", "kernel_size": 5, "sigma": 2}


def _policy(*steps, **rest):
    return {"version": 1, "augment": list(steps), **rest}


def _done_in_turns(policy, images):
    """How many runs of stages were done image by image, and the pixels."""
    with mock.patch.object(per_image, "map_images", wraps=per_image.map_images) as spy:
        found = augreg.map_fn(policy, seed=2, batched=True)(np.arange(len(images)), images)
    return spy.call_count, np.asarray(found)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([ROTATE], 1),
        ([BLUR], 1),
        ([{"op": "contrast", "factor": 0.5}], 0),  # reads in order, for the mean and for the result
        ([{"op": "invert"}], 0),  # one kernel that reads and writes each pixel once
        ([{"op": "flip"}, {"op": "invert"}], 0),  # two, in order
        ([{"op": "mixup", "classes": 2}], 0),  # reads the whole batch
    ],
)
def test_large_images_are_done_in_turns_where_stages_would_reread_them(steps, expected):
    stages = plan(load_policy(_policy(*steps)), size=(128, 128)).augment

    assert per_image.is_worthwhile(stages) == bool(expected)
    if steps[0]["op"] != "mixup":
        assert _done_in_turns(_policy(*steps), LARGE)[0] == expected


def test_small_images_are_done_stage_by_stage():
    assert _done_in_turns(_policy(ROTATE), LARGE[:, :127, :128])[0] == 0


def test_a_gpu_is_given_whole_batches():
    layer = augreg.AugmentationLayer(_policy(ROTATE))
    with (
        mock.patch.object(per_image, "map_images", wraps=per_image.map_images) as spy,
        mock.patch.object(tf.config, "list_physical_devices", return_value=["GPU:0"]),
    ):
        layer(LARGE, training=True)

    assert spy.call_count == 0


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_turns_keep_dtype_channels_and_size(dtype, channels):
    policy = _policy(
        ROTATE,
        {"op": "brightness", "delta": [-0.2, 0.2]},
        {"op": "crop", "height": 100, "width": 90},
        output={"dtype": dtype},
    )
    images = LARGE[..., :channels]

    count, found = _done_in_turns(policy, images)

    assert count == 1
    expected = augreg.augment(images, policy, seed=2)
    assert found.shape == expected.shape == (3, 100, 90, channels)
    assert found.dtype == expected.dtype == dtype
    assert np.abs(found.astype(float) - expected).max() <= (1 if dtype == "uint8" else 1 / 255)


def test_what_an_image_leaves_out_is_left_as_it_is():
    policy = _policy({**BLUR, "p": 0.5}, {"one_of": [ROTATE, {"op": "invert"}], "p": 0.5})

    _, found = _done_in_turns(policy, noise(24, 128, 128, 3))

    images = noise(24, 128, 128, 3)
    expected = augreg.augment(images, policy, seed=2)
    np.testing.assert_allclose(found, expected, atol=1 / 255)
    untouched = [np.abs(a - b / 255).max() < 1e-6 for a, b in zip(expected, images, strict=True)]
    assert 2 <= sum(untouched) <= 20
    np.testing.assert_allclose(found[untouched], images[untouched] / 255, atol=1e-6)


def test_mixing_splits_the_stages_into_two_loops():
    policy = _policy(ROTATE, {"op": "mixup", "classes": 2}, {**ROTATE, "id": "second"})
    labels = np.int64([0, 1, 0])
    with mock.patch.object(per_image, "map_images", wraps=per_image.map_images) as spy:
        found = augreg.map_fn(policy, seed=2, batched=True)(
            np.arange(3), {"images": LARGE, "labels": labels}
        )

    assert spy.call_count == 2
    expected = augreg.augment({"images": LARGE, "labels": labels}, policy, seed=2)
    np.testing.assert_allclose(found["images"], expected["images"], atol=1 / 255)
