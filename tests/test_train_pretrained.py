"""Networks with trained weights: their files, and that raw images go in."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_application import Tiny, add_tiny, preprocess_input
from train_runs import POLICY, run

import augreg
from augreg.errors import RunError
from augreg.train import load_model
from augreg.train.pretrained import pretrained_network

NAMES = sorted(n for n, f in vars(keras.applications).items() if inspect.isfunction(f))
RESCALED = ("MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny")
NORMALIZED = {"normalize": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
OUTPUTS = [
    {"dtype": "float32", "range": [0, 1]},
    {"range": [-1, 1]},
    {"dtype": "uint8"},
    {"dtype": "float16", "range": [0, 1]},
    NORMALIZED,
]
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return add_tiny(monkeypatch, tmp_path)


def public_module(name: str) -> ModuleType:
    """The one in which Keras documents `preprocess_input` of a network."""
    module = getattr(keras.applications, name).__module__
    return getattr(keras.applications, module.rpartition(".")[2])


def features_of(name: str, output: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the policy's images are when they reach the backbone: the mean of each channel."""

    def mean(*_: Any) -> Any:
        return keras.Sequential([keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()])

    monkeypatch.setattr("augreg.train.pretrained._loaded", mean)
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "flip"}], "output": output})
    core = pretrained_network(name, "x.h5", (4, 4, 3), 3, policy.output)
    core.get_layer("head").set_weights([np.eye(3), np.zeros(3)])
    inputs = keras.Input((4, 4, 3), dtype="uint8")
    layer = augreg.AugmentationLayer(policy, sections=("prepare", "output"))
    return keras.Model(inputs, core(layer(inputs)))


# --- preprocessing ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_raw_images_are_preprocessed_as_keras_does(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = features_of(name, OUTPUTS[0], monkeypatch)(PIXELS)
    wanted = public_module(name).preprocess_input(PIXELS.astype(np.float32)).mean((1, 2))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_the_policys_own_output_is_undone(
    output: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = features_of("ResNet50", output, monkeypatch)
    wanted = keras.applications.resnet50.preprocess_input(PIXELS.astype(np.float32)).mean((1, 2))
    np.testing.assert_allclose(
        model(PIXELS), wanted, atol=0.1 if "float16" in str(output) else 1e-3
    )
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(PIXELS), model(PIXELS))


@pytest.mark.parametrize("name", RESCALED)
def test_a_network_that_rescales_by_itself_still_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = getattr(keras.applications, name)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_: None)
    (tmp_path / "x.h5").touch()
    output = augreg.load_policy({"version": 1, "augment": [{"op": "flip"}]}).output
    core = pretrained_network(name, tmp_path / "x.h5", (32, 32, 3), 2, output)
    backbone = next(layer for layer in core.layers if isinstance(layer, keras.Model))
    own = build(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    own.set_weights(backbone.get_weights())
    images = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    head = core.get_layer("head")
    np.testing.assert_allclose(core(images / 255), head(own(images)), atol=1e-3)


def test_a_file_of_efficientnet_is_used_as_keras_uses_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With weights="imagenet" Keras adds a layer that divides by the deviation's root once more.
    from keras.src.applications import efficientnet

    arguments = {"include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}
    made = keras.applications.EfficientNetB0(weights=None, **arguments)
    normalization = next(x for x in made.layers if isinstance(x, keras.layers.Normalization))
    mean, std = ([[[[*NORMALIZED["normalize"][name]]]]] for name in ("mean", "std"))
    normalization.set_weights([np.ravel(mean), np.ravel(std) ** 2, np.array(0)])
    normalization.finalize_state()
    path = tmp_path / "b0_notop.weights.h5"
    made.save_weights(path)
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
    output = augreg.load_policy({"version": 1, "augment": [{"op": "flip"}]}).output
    images = np.random.default_rng(1).random((2, 32, 32, 3), np.float32)
    found = []
    for weights in ("imagenet", path):
        keras.utils.set_random_seed(0)
        core = pretrained_network("EfficientNetB0", weights, (32, 32, 3), 2, output)
        found.append(core(images))
    np.testing.assert_allclose(*found, rtol=1e-3)


# --- files -----------------------------------------------------------------------------------


def test_weights_are_read_from_each_kind_of_file(weights: Path, tmp_path: Path) -> None:
    backbone = Tiny(include_top=False, pooling="avg", input_shape=(16, 16, 3))
    backbone.load_weights(weights)
    backbone.save(tmp_path / "tiny.keras")
    top = keras.Sequential([backbone, keras.layers.Dense(7)])
    top(np.zeros((1, 16, 16, 3)))
    top.save(tmp_path / "with-top.keras")
    output = augreg.load_policy(POLICY).output
    image = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    wanted = backbone(preprocess_input(image * 255))
    for name in ("tiny.weights.h5", "tiny.keras", "with-top.keras"):
        core = pretrained_network("Tiny", tmp_path / name, (16, 16, 3), 10, output)
        kernel, bias = core.get_layer("head").get_weights()
        np.testing.assert_allclose(core(image), wanted @ kernel + bias, atol=1e-5, err_msg=name)


def test_the_model_of_a_run_is_a_start_for_another(weights: Path, tmp_path: Path) -> None:
    run(tmp_path / "one", model="Tiny", weights=weights, epochs=1, export=False)
    first = load_model(tmp_path / "one" / "model.keras").get_layer("Tiny").get_layer("tiny")
    output = augreg.load_policy(POLICY).output
    file = tmp_path / "one" / "model.keras"
    core = pretrained_network("Tiny", file, (16, 16, 3), 3, output)
    for one, other in zip(first.weights, core.get_layer("tiny").weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_that_do_not_fit_are_refused(weights: Path, tmp_path: Path) -> None:
    output = augreg.load_policy(POLICY).output

    def load(path: Any, name: str = "Tiny", shape: tuple[int, int, int] = (16, 16, 3)) -> None:
        pretrained_network(name, path, shape, 10, output)

    with pytest.raises(RunError, match=r"none\.h5: there is no such file; allowed are imagenet"):
        load(tmp_path / "none.h5")
    (tmp_path / "w.npz").touch()
    with pytest.raises(RunError, match=r"allowed are files that end in \.weights\.h5, \.h5, \.ker"):
        load(tmp_path / "w.npz")
    (tmp_path / "w.h5").write_bytes(b"no HDF5")
    with pytest.raises(RunError, match=r"w\.h5: not those of Tiny without its top \("):
        load(tmp_path / "w.h5")
    with pytest.raises(RunError, match="not those of MobileNetV2 without its top"):
        load(weights, "MobileNetV2", (32, 32, 3))
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "w.keras")
    with pytest.raises(RunError, match="does not begin with the 8 weights of Tiny"):
        load(tmp_path / "w.keras")
    with pytest.raises(RunError, match=r'unknown model "Tini"'):
        load(weights, "Tini")
    with pytest.raises(
        RunError, match="weights are for images with 3 channels, and the policy giv"
    ):
        load(weights, shape=(16, 16, 1))


def test_imagenet_without_a_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras.src.applications import mobilenet_v2

    def offline(*_: Any, **__: Any) -> str:
        raise Exception("URL fetch failure on https://example.org: None -- unreachable")

    monkeypatch.setattr(mobilenet_v2.file_utils, "get_file", offline)
    output = augreg.load_policy(POLICY).output
    with pytest.raises(
        RunError, match=r"can't be downloaded \(URL fetch.*pass its path as weights"
    ):
        pretrained_network("MobileNetV2", "imagenet", (96, 96, 3), 5, output)


# --- two phases ------------------------------------------------------------------------------


def backbone_of(output: Path) -> list[Any]:
    core = load_model(output / "model.keras").get_layer("Tiny")
    return [np.asarray(variable) for variable in core.get_layer("tiny").weights]


@pytest.mark.parametrize("slices", [1, 2])
def test_the_head_alone_is_trained_first_then_everything(
    weights: Path, tmp_path: Path, slices: int
) -> None:
    how: dict[str, Any] = {"model": "Tiny", "weights": weights, "slices": slices}
    run(tmp_path / "one", epochs=1, freeze_epochs=1, export=False, **how)
    run(tmp_path / "two", epochs=2, freeze_epochs=1, fine_tune_rate=0.01, **how)
    backbone = Tiny(include_top=False, pooling="avg", input_shape=(16, 16, 3))
    backbone.load_weights(weights)
    names = [variable.path for variable in backbone.weights]
    before = [np.asarray(variable) for variable in backbone.weights]
    for name, start, one, two in zip(
        names, before, backbone_of(tmp_path / "one"), backbone_of(tmp_path / "two"), strict=True
    ):
        np.testing.assert_array_equal(start, one, err_msg=name)
        # in inference mode: the statistics of batch normalization stay those of the file
        assert np.array_equal(start, two) is ("moving" in name), name
    heads = [
        np.asarray(load_model(tmp_path / run / "model.keras").get_layer("Tiny").weights[-1])
        for run in ("one", "two")
    ]
    assert np.abs(heads[0]).max() > 0 and not np.array_equal(*heads)


def test_the_exported_model_takes_raw_images(weights: Path, tmp_path: Path) -> None:
    run(tmp_path, model="Tiny", weights=weights, freeze_epochs=1, epochs=1)
    image = np.random.default_rng(0).integers(0, 256, (2, 37, 53, 3), np.uint8)
    core = load_model(tmp_path / "model.keras").get_layer("Tiny")
    backbone, head = core.get_layer("tiny"), core.get_layer("head")
    prepared = augreg.augment(image, POLICY, seed=0, index=[0, 1], training=False)
    wanted = head(backbone(preprocess_input(prepared * 255)))
    exported = tf.saved_model.load(str(tmp_path / "export"))
    np.testing.assert_allclose(exported.serve(image), wanted, atol=2e-3)
