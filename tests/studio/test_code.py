"""The policy as Python: what is copied runs as it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.studio.header.code import for_dataset, for_keras
from augreg.studio.images.pictures import Pictures
from augreg.studio.session import Session, View

TEXT = json.dumps(
    {
        "version": 1,
        "description": 'it\'s "quoted", 😀',
        "augment": [{"some_of": [{"op": "flip"}, {"op": "invert"}], "n": 1, "replace": True}],
        "output": {"dtype": "uint8", "range": [0, 255]},
    }
)
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 24, 31, 3), np.uint8)


@pytest.fixture
def session(tmp_path: Any) -> Session:
    file = tmp_path / "it's.json"
    file.write_text(TEXT)
    renderer: Any = None  # no sample is made here
    return Session(TEXT, View(seed=5), Pictures(()), renderer, str(file))


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


@pytest.mark.parametrize("saved", [True, False])
def test_the_dataset_is_that_of_the_policy_and_the_seed(session: Session, saved: bool) -> None:
    session.saved = TEXT if saved else ""
    names = run(for_dataset(session))
    assert names["POLICY"] == (session.file if saved else json.loads(TEXT))
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, [0, 1]))
    images, labels = next(iter(names["batches"](dataset)))
    assert (images.numpy() == augreg.augment(IMAGES, json.loads(TEXT), seed=5, index=[0, 1])).all()
    assert list(labels.numpy()) == [0, 1]


def test_the_layer_is_that_of_the_policy_and_the_seed(session: Session) -> None:
    session.saved = ""
    layer = run(for_keras(session))["layer"]
    made = layer(IMAGES, training=True, index=[0, 1], epoch=0)
    expected = augreg.augment(IMAGES, json.loads(TEXT), seed=5, index=[0, 1])
    assert (np.asarray(made) == expected).all()


def test_what_is_no_json_is_not_copied(session: Session) -> None:
    session.write("{")
    with pytest.raises(json.JSONDecodeError):
        for_keras(session)
