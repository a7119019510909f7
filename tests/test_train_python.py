"""`augreg.train(...)`: any Keras model, from Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from train_runs import POLICY, QUIET, assert_same, run, small

import augreg
from augreg.errors import RunError
from augreg.train import TrainOptions, load_model, read_config, report


@pytest.fixture
def without_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augreg.train.report.write", report.summary)  # saves seconds


def model(*last: Any, channels: int = 3, classes: int = 10) -> Any:
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes), *last]
    return keras.Sequential([keras.Input((16, 16, channels)), *layers])


def train(made: Any, output: Path, **changes: Any) -> Any:
    options: dict[str, Any] = {"epochs": 2, "batch_size": 32, "seed": 3, "output": output}
    data = changes.pop("data", None) or small()
    policy = changes.pop("policy", POLICY)
    return augreg.train(made, policy, data, console=QUIET, **{**options, **changes})


def arrays(images: bool = True) -> Iterator[Any]:
    return zip(*small().splits["test"].dataset.as_numpy_iterator(), strict=True)


# --- the name --------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["import augreg.train", "from augreg.train import read_config"])
def test_the_package_is_called_whoever_imported_what_before(before: str) -> None:
    code = f"""
import sys
{before}
import augreg
assert augreg.train is sys.modules["augreg.train"] and callable(augreg.train)
assert augreg.train.TrainOptions and "train" in dir(augreg) and "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- what it does ----------------------------------------------------------------------------


def test_a_name_trains_as_train_does(tmp_path: Path, without_artifacts: None) -> None:
    found = train("tutorial", tmp_path / "one", epochs=1)
    wanted = run(tmp_path / "two", epochs=1)
    assert_same(tmp_path / "one", tmp_path / "two")
    assert found.test_loss == wanted.test_loss and len(found.history) == 1
    assert found.history[0]["val_accuracy"] == found.val_accuracy


def test_a_compiled_model_trains_as_fit_does(tmp_path: Path, without_artifacts: None) -> None:
    ours, theirs = model(), model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for made in (ours, theirs):
        made.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    summary = train(ours, tmp_path, epochs=2)
    data = small().splits["train"].dataset
    batches = augreg.augment_dataset(data, POLICY, batch_size=32, seed=3, shuffle=True)
    theirs.fit(batches, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert [row["learning_rate"] for row in summary.history] == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize("softmax", ["layer", "activation", "no"])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_loss_is_of_probabilities_where_the_model_gives_them(
    softmax: str, compiled: bool, tmp_path: Path, without_artifacts: None
) -> None:
    last = {"layer": keras.layers.Softmax(), "activation": keras.layers.Activation("softmax")}
    made = model(*([last[softmax]] if softmax in last else []))
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=softmax == "no")
    if compiled:
        made.compile("adam", entropy)
    summary = train(made, tmp_path, epochs=1, augment=False)
    images, labels = (np.stack(part) for part in arrays())
    given = augreg.augment(images, POLICY, seed=0, training=False)
    wanted = float(entropy(labels, made(given)))
    assert summary.test_loss == pytest.approx(wanted, rel=1e-4)


def test_a_model_is_trained_in_place_and_saved_behind_the_policy(tmp_path: Path) -> None:
    made = model(keras.layers.Softmax())
    made.compile("sgd", "sparse_categorical_crossentropy")
    summary = train(made, tmp_path, epochs=1, early_stopping=1)
    images, labels = (np.stack(part) for part in arrays())
    saved = load_model(tmp_path / "model.keras")(images)
    given = augreg.augment(images, POLICY, seed=0, training=False)
    np.testing.assert_allclose(saved, made(given), atol=2e-3)
    assert summary.test_accuracy == pytest.approx(np.mean(np.argmax(saved, -1) == labels))
    found = read_config(tmp_path / "train.toml")
    assert "model" not in found and found["data"] == "digits"
    assert TrainOptions(**found).policy == str(tmp_path / "policy.json")


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.flat, self.last = keras.layers.Flatten(), keras.layers.Dense(10)

    def call(self, images: Any) -> Any:
        return self.last(self.flat(images))


@pytest.mark.parametrize("output", [{"dtype": "uint8"}, {"range": [-1, 1]}])
def test_a_model_that_is_not_built_is_built_for_the_policys_images(
    output: dict[str, Any], tmp_path: Path, without_artifacts: None
) -> None:
    made = Own()
    train(made, tmp_path, epochs=1, policy={**POLICY, "output": output})
    assert made.built and tuple(made.last.kernel.shape) == (16 * 16 * 3, 10)


def test_frozen_layers_stay_as_they_are(tmp_path: Path, without_artifacts: None) -> None:
    made = model(keras.layers.Dense(10))
    made.layers[1].trainable = False
    before = [weight.numpy() for weight in made.weights]
    train(made, tmp_path, epochs=1)
    same = [np.array_equal(*pair) for pair in zip(before, made.get_weights(), strict=True)]
    assert same == [True, True, False, False]


def test_a_run_of_a_model_resumes_to_the_same_weights(
    tmp_path: Path, without_artifacts: None
) -> None:
    train(model(), tmp_path / "whole", epochs=2)
    train(model(), tmp_path / "two", epochs=1)
    train(model(), tmp_path / "two", epochs=2, resume=True)
    assert_same(tmp_path / "whole", tmp_path / "two")
    with pytest.raises(RunError, match=r"model was 'Sequential \(7,690 parameters\)' and is now"):
        train(model(keras.layers.Dense(10)), tmp_path / "two", resume=True)


# --- what is refused -------------------------------------------------------------------------


def compiled(optimizer: Any = "adam", loss: Any = "sparse_categorical_crossentropy") -> Any:
    made = model(keras.layers.Softmax())
    made.compile(optimizer, loss)
    return made


@pytest.mark.parametrize(
    ("made", "changes", "message"),
    [
        (lambda: model(classes=7), {}, r"gives \(1, 7\) for one image, and the data has 10 cl"),
        (lambda: model(channels=1), {}, r"policy's images, which are 16x16x3: Input 0"),
        (lambda: compiled(loss="hinge"), {}, "compiled with the loss hinge; train takes Sparse"),
        (model, {"weights": "imagenet"}, "weights goes with the name of a model only; load them"),
        (model, {"mixed_precision": "float16"}, "mixed_precision goes with the name of a model"),
        (model, {"freeze_epochs": 1}, "freeze_epochs without weights"),
        (lambda: 3, {}, "model is a int; allowed are a name and a Keras model"),
        (lambda: "tutoral", {}, 'unknown model "tutoral"'),
        (model, {"epoch": 3}, "epoch"),
    ],
)
def test_what_can_not_work_is_refused(
    made: Any, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises((RunError, TypeError), match=message):
        train(made(), tmp_path, **changes)


def test_a_rate_beside_an_optimizers_own_schedule_is_refused(tmp_path: Path) -> None:
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    with pytest.raises(RunError, match="has a learning-rate schedule of its own"):
        train(compiled(keras.optimizers.SGD(rate)), tmp_path, schedule="cosine")


def test_smoothed_labels_of_a_compiled_model_are_refused(tmp_path: Path) -> None:
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    with pytest.raises(RunError, match="without label smoothing"):
        train(compiled(loss=loss), tmp_path)
