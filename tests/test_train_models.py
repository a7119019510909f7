"""The networks that can be trained, and loading a model again."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from augreg.errors import RunError
from augreg.train import load_model
from augreg.train.loop import Network
from augreg.train.models import network

# --- networks --------------------------------------------------------------------------------


def test_an_application_is_built_without_weights_and_without_its_own_rescaling() -> None:
    made = network("MobileNetV3Small", (32, 32, 3), 4, "float32")
    assert made.output_shape == (None, 4)
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in made.layers)
    logits = made(np.random.default_rng(0).random((2, 32, 32, 3), np.float32)).numpy()
    assert not np.allclose(logits.sum(axis=-1), 1)


def test_a_network_takes_uint8_where_the_policy_gives_it() -> None:
    made = network("tutorial", (8, 8, 3), 10, "uint8")
    assert made(np.zeros((1, 8, 8, 3), np.uint8)).shape == (1, 10)


def test_a_checkpoint_holds_the_seeds_of_dropout() -> None:
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dropout(0.5)]
    core = keras.Sequential([*layers, keras.layers.Dense(2)])
    kept = [variable.path for variable in Network(core, None).variables()["model"]]
    assert [path for path in kept if "seed_generator" in path]


def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(RunError, match=r'unknown model "MobilNetV2" \(did you mean "MobileNetV2"'):
        network("MobilNetV2", (32, 32, 3), 4, "float32")


def test_images_too_small_for_a_network_are_refused() -> None:
    with pytest.raises(RunError, match="7x8 is below 8x8"):
        network("tutorial", (7, 8, 3), 4, "float32")
    with pytest.raises(RunError, match="model Xception with images of"):
        network("Xception", (8, 8, 3), 4, "float32")


# --- loading ---------------------------------------------------------------------------------


def test_fault_75_a_keras_file_with_a_lambda_is_refused(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x + 1)])
    keras.Sequential([keras.Input((4,)), inner]).save(tmp_path / "model.keras")
    with pytest.raises(RunError, match=r"model\.keras: the model has a Lambda layer"):
        load_model(tmp_path / "model.keras")


def test_fault_75_hdf5_is_refused_by_name_and_by_content(tmp_path: Path) -> None:
    for name in ("model.h5", "model.keras"):
        (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        with pytest.raises(RunError, match=r"an HDF5 model; only \.keras files"):
            load_model(tmp_path / name)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no such file"):
        load_model(tmp_path / "none.keras")
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(RunError, match=r"not a \.keras file"):
        load_model(tmp_path / "model.keras")
