"""Importing Keras models: which layers, what their values are, and what evaluation does."""

from __future__ import annotations

import json
from typing import Any

import pytest

import augreg


def texts(imported: augreg.Imported, status: str) -> list[str]:
    return [line.text for line in imported.report if line.status == status]


def layer(name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": name, "config": {"name": name, **config}}


def model(*layers: Any) -> dict[str, Any]:
    return layer("Sequential", layers=list(layers))


def test_model_is_read_up_to_its_first_other_layer() -> None:
    flip = layer("RandomFlip", mode="horizontal_and_vertical")
    inner = model(layer("RandomRotation", factor=[-0.1, 0.1]))
    imported = augreg.import_policy(
        model(flip, inner, layer("Rescaling", scale=1 / 255, offset=0.0), layer("Dense", units=2))
    )
    assert imported.policy["augment"] == [
        {"op": "flip", "axis": "both", "p": 0.5},
        {"op": "rotate", "degrees": [-36, 36]},
    ]
    assert imported.policy["output"] == {"range": [0, 1]}
    assert [line.place for line in imported.report[:2]] == [
        "/config/layers/0",
        "/config/layers/1/config/layers/0",
    ]
    assert "Dense at /config/layers/3" in texts(imported, "note")[1]

    late = model(layer("Dense", units=2), flip)
    with pytest.raises(augreg.PolicyError, match="stands after Dense at /config/layers/0"):
        augreg.import_policy(late)
    with pytest.raises(augreg.PolicyError, match="no augmentation layer"):
        augreg.import_policy(model(layer("Dense", units=2)))


def test_backbone_with_its_own_rescaling_is_the_model_itself() -> None:
    scale = layer("Rescaling", scale=1 / 255, offset=0.0)
    backbone = layer("Functional", layers=[scale, layer("Conv2D", filters=8)])
    late = layer("GaussianNoise", stddev=0.1)
    imported = augreg.import_policy(model(layer("RandomFlip", mode="vertical"), backbone, late))
    assert imported.policy["output"] == {"range": [0, 255]}
    assert [line.name for line in imported.report if line.status != "note"] == ["RandomFlip"]
    assert "begins with Functional at /config/layers/1" in texts(imported, "note")[1]


def test_channels_first_is_noted() -> None:
    flip = layer("RandomFlip", mode="vertical", data_format="channels_first")
    assert "channels_first" in texts(augreg.import_policy(model(flip)), "note")[1]


def test_value_range_has_to_be_that_of_the_values() -> None:
    bright = layer("RandomBrightness", factor=[0.1, 0.1], value_range=[0, 255])
    half = layer("Rescaling", scale=1 / 255, offset=0.0)
    with pytest.raises(augreg.PolicyError, match=r"value_range is \[0, 255\].* \[0, 1\]"):
        augreg.import_policy(model(half, bright))
    unit = layer("RandomBrightness", factor=[0.1, 0.1], value_range=[0, 1])
    imported = augreg.import_policy(model(unit))
    assert imported.policy["output"] == {"range": [0, 1]}
    assert texts(imported, "note") == ["values at the input are taken to be 0 to 1"]


def test_clahe_is_near() -> None:
    config = {"clip_limit": 0, "tile_grid_size": [4, 4], "value_range": [0, 255]}
    equalize = layer("ContrastLimitedAdaptiveHistogramEqualization", **config)
    imported = augreg.import_policy(model(equalize))
    assert imported.policy["augment"] == [{"op": "clahe", "clip_limit": 100, "tiles": 4}]
    assert "there of each channel" in texts(imported, "near")[0]


def test_value_range_without_an_extent_is_refused() -> None:
    bent = layer("RandomElasticTransform", factor=[0, 1], scale=[0, 1], value_range=[7, 7])
    with pytest.raises(augreg.PolicyError, match="no values that can be told apart"):
        augreg.import_policy(model(bent))


def test_fill_values_are_in_the_units_of_the_values() -> None:
    turn = layer("RandomRotation", factor=[0.1, 0.1], fill_mode="constant", fill_value=0.0)
    signed = layer("Rescaling", scale=1 / 127.5, offset=-1.0)
    (step,) = augreg.import_policy(model(signed, turn)).policy["augment"]
    assert step["fill_value"] == 0.5


def test_functional_model_has_to_be_a_chain() -> None:
    keras = pytest.importorskip("keras")
    image = keras.Input((32, 32, 3))
    left = keras.layers.RandomFlip("horizontal")(image)
    chain = keras.layers.RandomRotation(0.1)(left)
    ends = keras.layers.Flatten()(chain)
    policy = augreg.import_policy(json.loads(keras.Model(image, ends).to_json())).policy
    assert [step["op"] for step in policy["augment"]] == ["flip", "rotate"]

    right = keras.layers.RandomRotation(0.1)(image)
    forked = keras.Model(image, keras.layers.Add()([left, right]))
    with pytest.raises(augreg.PolicyError, match="that follow one another"):
        augreg.import_policy(json.loads(forked.to_json()))


def test_random_crop_of_keras_is_a_resize_in_evaluation() -> None:
    crop = layer("RandomCrop", height=20, width=24)
    prepare = augreg.import_policy(model(crop)).policy["prepare"]
    assert prepare["eval"] == [{"op": "resize", "height": 20, "width": 24, "fit": "crop"}]


def test_probability_that_is_drawn_is_its_mean() -> None:
    invert = layer("RandomInvert", factor=[0.2, 0.6], value_range=[0, 255])
    assert augreg.import_policy(model(invert)).policy["augment"] == [{"op": "invert", "p": 0.4}]
