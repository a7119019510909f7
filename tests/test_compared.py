"""What the README's table says of Keras, and of augreg beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from samples import noise

import augreg

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "README.md").read_text().partition("## Features")[2].partition("\n## ")[0]
IMAGES = noise(8, 24, 31, 3)
THERE_AND_BACK = {
    "version": 1,
    "augment": [{"op": "rotate", "degrees": 30}, {"op": "rotate", "degrees": -30}],
}


def test_table_has_a_source_for_each_claim() -> None:
    lines = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 5
    for line in lines:
        row, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        assert len(cells) == 7
        for cell in cells:
            assert cell == "-" or "](" in cell, f"{row}: {cell}"


def test_table_names_the_keras_that_is_tested() -> None:
    (named,) = re.findall(r"\| Keras (\d+\.\d+) \|", TABLE)
    if tuple(map(int, keras.__version__.split(".")[:2])) < tuple(map(int, named.split("."))):
        pytest.skip(f"the table is about Keras {named}, here is {keras.__version__}")
    assert keras.__version__.startswith(f"{named}.")


def test_keras_layer_is_a_config() -> None:
    layer = keras.layers.RandomRotation(0.1, seed=7)
    config = json.loads(json.dumps(layer.get_config()))
    assert config["factor"] == [-0.1, 0.1]


def test_keras_layers_have_boxes_and_masks_but_no_keypoints() -> None:
    hooks = {name for name in dir(keras.layers.RandomRotation) if name.startswith("transform_")}
    assert {"transform_bounding_boxes", "transform_segmentation_masks"} <= hooks
    assert not [name for name in hooks if "point" in name]


def test_two_rotations_interpolate_once_here_and_twice_in_keras() -> None:
    image = IMAGES[:1]
    ours = augreg.augment(image, THERE_AND_BACK, seed=0)
    np.testing.assert_allclose(ours, image / np.float32(255), atol=1e-4)

    turns = [keras.layers.RandomRotation((f, f)) for f in (30 / 360, -30 / 360)]
    theirs = np.asarray(turns[1](turns[0](image)))
    inner = (slice(None), slice(8, -8), slice(8, -8))  # whatever was outside for a moment
    assert np.abs(theirs - image)[inner].mean() > 10


def test_sample_is_repeated_alone_here_and_not_in_keras() -> None:
    policy = {"version": 1, "augment": [{"op": "rotate", "degrees": [-90, 90]}]}
    batch = augreg.augment(IMAGES, policy, seed=7, index=range(8))
    alone = augreg.augment(IMAGES[5:6], policy, seed=7, index=[5])
    np.testing.assert_array_equal(alone[0], batch[5])

    first, second = (keras.layers.RandomRotation(0.25, seed=7) for _ in range(2))
    assert not np.allclose(first(IMAGES)[5], second(IMAGES[5:6])[0])
