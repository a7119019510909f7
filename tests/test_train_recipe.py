"""How a network is trained: weights of classes, precision, the best weights; and the logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from train_runs import POLICY, folder, run, small

from augreg.sources import open_source
from augreg.train import load_model
from augreg.train.class_weights import balanced
from augreg.train.loop import Network, Recipe
from augreg.train.sliced import SlicedNetwork
from augreg.train.team import Alone


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without any option; made once."""
    output = tmp_path_factory.mktemp("runs") / "plain"
    run(output, epochs=1, export=False)
    return output


def dense() -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    return keras.Sequential(layers)


def batch(labels: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    images = tf.constant(rng.random((len(labels), 8, 8, 3)), tf.float32)
    return {"images": images, "labels": tf.constant(labels), "index": tf.range(len(labels))}


# --- one graph -------------------------------------------------------------------------------


class Traced(keras.layers.Layer):
    """Keeps the shapes that it is traced for."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[Any] = []

    def call(self, images: Any) -> Any:
        self.shapes.append(tuple(images.shape))
        return images


def test_a_smaller_last_batch_is_not_traced_anew() -> None:
    traced = Traced()
    network = Network(keras.Sequential([keras.Input((8, 8, 3)), traced, *dense().layers]), None)
    traced.shapes.clear()
    for labels in ([0, 1, 2, 3], [0, 1]):
        network.train(batch(labels), tf.constant(0, tf.int64), len(labels))
        network.evaluate(batch(labels))
    assert traced.shapes == [(None, 8, 8, 3)] * 2


def test_batches_may_differ_in_the_size_of_their_images() -> None:
    layers = [keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()]
    network = Network(keras.Sequential([*layers, keras.layers.Dense(4)]), None)
    for side in (8, 9):
        images = tf.zeros((2, side, side, 3))
        given = {"images": images, "labels": tf.constant([0, 1]), "index": tf.range(2)}
        network.train(given, tf.constant(0, tf.int64), 2)
        network.evaluate(given)
    assert network.totals[2] == 8


# --- weights of classes ----------------------------------------------------------------------


def test_balanced_weights_are_those_of_scikit_learn(tmp_path: Path) -> None:
    # The example of its documentation: y = [1, 1, 1, 1, 0, 0]
    source = open_source(folder(tmp_path, broken=False))
    for path in sorted((tmp_path / "train" / "dark").iterdir())[2:]:
        path.unlink()
    for path in sorted((tmp_path / "train" / "light").iterdir())[4:]:
        path.unlink()
    source = open_source(f"folder:{tmp_path}")
    assert balanced(source.splits["train"], 2) == pytest.approx([1.5, 0.75])
    assert balanced(source.splits["train"], 3) == pytest.approx([1.5, 0.75, 0])


def test_counting_classes_reads_no_image(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path, broken=False))
    for path in (tmp_path / "train").rglob("*.png"):
        path.unlink()
    assert balanced(source.splits["train"], 2) == pytest.approx([1, 1])


def test_counting_classes_of_a_data_set_without_random_access() -> None:
    split = small().splits["train"]
    labels = [int(label) for _, label in split.dataset.as_numpy_iterator()]
    wanted = [len(labels) / (10 * labels.count(i)) for i in range(10)]
    assert balanced(split, 10) == pytest.approx(wanted)


@pytest.mark.parametrize("slices", [1, 2])
def test_a_step_with_weights_is_that_of_keras(slices: int) -> None:
    weights, labels = [0.5, 2.0, 1.0, 4.0], [0, 1, 3, 3, 2, 1]
    ours, theirs = dense(), dense()
    recipe = Recipe(class_weights=weights)
    if slices == 1:
        network = Network(ours, None, recipe)
    else:
        network = SlicedNetwork(ours, None, Alone(2), 6, 2, mixes=False, recipe=recipe)
    network.train(batch(labels), tf.constant(0, tf.int64), 6)
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    given = batch(labels)
    loss = theirs.train_on_batch(
        given["images"], given["labels"], class_weight=dict(enumerate(weights))
    )
    assert network.means()[0] == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_weights_of_mixed_labels_weigh_each_share_by_its_class() -> None:
    weights = np.array([0.5, 2.0, 0.0, 4.0], np.float32)
    shares = np.array([[0.25, 0.75, 0, 0], [0, 0, 1, 0], [0.5, 0, 0, 0.5]], np.float32)
    network = Network(dense(), None, Recipe(class_weights=list(weights)))
    logits = tf.Variable(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    with tf.GradientTape() as tape:
        found = network._training_loss(tf.constant(shares), logits)
    gradient = tape.gradient(found, logits)
    exponents = np.exp(logits.numpy())
    softmax = exponents / exponents.sum(-1, keepdims=True)
    weighted = shares * weights
    np.testing.assert_allclose(found, -(weighted * np.log(softmax)).sum() / 3, rtol=1e-5)
    wanted = (weighted.sum(-1, keepdims=True) * softmax - weighted) / 3
    np.testing.assert_allclose(gradient, wanted, atol=1e-6)


# --- precision -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision_computes_in_it_and_gives_float32(
    dtype: str, plain: Path, tmp_path: Path
) -> None:
    before = keras.config.dtype_policy().name
    run(tmp_path, epochs=1, mixed_precision=dtype)
    assert keras.config.dtype_policy().name == before
    halves, floats = (load_model(folder / "model.keras") for folder in (tmp_path, plain))
    core = halves.get_layer("tutorial")
    assert {x.compute_dtype for x in core.layers if x.weights} == {dtype}
    assert {str(v.dtype) for v in core.trainable_variables} == {"float32"}
    image = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    assert halves(image).dtype == tf.float32
    np.testing.assert_allclose(halves(image), floats(image), atol=0.1)
    assert not np.array_equal(halves(image), floats(image))


# --- the best weights ------------------------------------------------------------------------


def test_the_model_that_is_written_is_that_of_the_best_epoch(tmp_path: Path) -> None:
    summary = run(tmp_path, epochs=5, early_stopping=2, learning_rate=0.05, export=False)
    losses = [row["val_loss"] for row in summary.history]
    assert summary.best_epoch == np.argmin(losses) + 1 < len(losses)
    images, labels = (
        np.stack(part)
        for part in zip(*small().splits["validation"].dataset.as_numpy_iterator(), strict=True)
    )
    logits = load_model(tmp_path / "model.keras")(images)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(entropy(labels, logits)) == pytest.approx(min(losses), rel=1e-4)
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written["val_loss"] == min(losses) and "history" not in written


# --- logs ------------------------------------------------------------------------------------


def events(folder: Path) -> list[Any]:
    """(step, tag, plugin, value) of what TensorBoard would read."""
    found = []
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                found.append((event.step, value.tag, plugin, tf.make_ndarray(value.tensor)))
    return found


def test_logs_hold_the_history_and_the_policy(tmp_path: Path) -> None:
    summary = run(tmp_path, tensorboard=True, schedule="exponential", decay=0.5, export=False)
    found = {split: events(tmp_path / "logs" / split) for split in ("train", "validation")}
    for row in summary.history:
        for split, prefix in (("train", ""), ("validation", "val_")):
            for name in ("loss", "accuracy"):
                entry = (row["epoch"], name, "scalars")
                (value,) = [e[3] for e in found[split] if e[:3] == entry]
                assert float(value) == pytest.approx(row[prefix + name])
    rates = [float(e[3]) for e in found["train"] if e[1] == "learning_rate"]
    assert rates == pytest.approx([0.001 * 0.5 ** (2 / 3), 0.001 * 0.5 ** (5 / 3)])
    (text,) = [e for e in found["train"] if e[1] == "policy"]
    assert text[2] == "text" and POLICY["name"] in str(text[3])


def test_without_the_option_there_are_no_logs(plain: Path) -> None:
    assert (plain / "summary.json").exists() and not (plain / "logs").exists()
