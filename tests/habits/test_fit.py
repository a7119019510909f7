"""What people do with datasets and `fit`, written as they write it; asserted is what a network saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import augreg

COUNT, CLASSES = 22, 5
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), np.uint8)
LABELS = np.arange(COUNT) % CLASSES
# A draw with so many values that no two pictures come out alike by chance.
POLICY = {"version": 1, "augment": [{"op": "brightness", "delta": [-0.3, 0.3]}]}
PREPARED = {**POLICY, "prepare": [{"op": "resize", "height": 6, "width": 6}]}
MIXING = {"version": 1, "augment": [{"op": "mixup", "alpha": 1.0, "classes": CLASSES}]}


class Seen(keras.layers.Layer):
    """Keeps what passes through it: (images, training) of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_jit = False
        self.trained: list[np.ndarray] = []
        self.evaluated: list[np.ndarray] = []

    def call(self, images: Any, training: bool = False) -> Any:
        if tf.is_tensor(images) and hasattr(images, "numpy"):
            (self.trained if training else self.evaluated).append(images.numpy())
        return images


def network(loss: str = "sparse_categorical_crossentropy") -> tuple[Any, Seen]:
    seen = Seen()
    head = keras.layers.Dense(CLASSES, activation="softmax")
    model = keras.Sequential([seen, keras.layers.GlobalAveragePooling2D(), head])
    model.compile("sgd", loss, run_eagerly=True)
    return model, seen


def source() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))


def fit(ds: tf.data.Dataset, **options: Any) -> Seen:
    model, seen = network(options.pop("loss", "sparse_categorical_crossentropy"))
    options = {"shuffle": False, "verbose": 0, **options}
    model.fit(ds, **options)
    return seen


def pictures(batches: list[np.ndarray]) -> int:
    """How many different pictures there are."""
    return len({image.tobytes() for batch in batches for image in batch})


# --- each epoch is drawn anew


@pytest.mark.parametrize(("policy", "shuffle"), [(POLICY, False), (PREPARED, True), (POLICY, 10)])
def test_fit_for_five_epochs_sees_five_times_as_many_pictures(policy: Any, shuffle: Any) -> None:
    ds = augreg.augment_dataset(source(), policy, batch_size=8, seed=1, shuffle=shuffle)
    assert len(ds) == 3
    assert pictures(fit(ds, epochs=5).trained) == 5 * COUNT


def test_each_epoch_of_fit_has_an_order_of_its_own() -> None:
    still = {"version": 1, "augment": [{"op": "clip"}]}
    ds = augreg.augment_dataset(source(), still, batch_size=8, shuffle=True)
    seen = np.concatenate(fit(ds, epochs=4).trained).reshape(4, COUNT, -1)
    assert len({epoch.tobytes() for epoch in seen}) == 4
    for epoch in seen:
        assert pictures([epoch]) == COUNT


def test_fit_begins_at_first_epoch_and_counts_on() -> None:
    ds = augreg.augment_dataset(source(), POLICY, batch_size=COUNT, seed=1, first_epoch=7)
    seen = fit(ds, epochs=3).trained
    for epoch, found in enumerate(seen, start=7):
        expected = augreg.augment(IMAGES, POLICY, seed=1, epoch=epoch)
        np.testing.assert_allclose(found, expected, atol=1e-6)


HABITS = {
    "repeat": lambda ds: ds.repeat(),
    "prefetch": lambda ds: ds.prefetch(tf.data.AUTOTUNE),
    "take": lambda ds: ds.take(3),
}


@pytest.mark.parametrize("habit", list(HABITS))
def test_what_follows_augment_dataset_still_draws_anew(habit: str) -> None:
    ds = augreg.augment_dataset(source(), POLICY, batch_size=8, seed=1, shuffle=True)
    seen = fit(HABITS[habit](ds), epochs=4, steps_per_epoch=3)
    assert pictures(seen.trained) == 4 * COUNT


def test_cache_before_augment_dataset_reads_once_and_draws_anew() -> None:
    read: list[int] = []

    def elements() -> Any:
        for image, label in zip(IMAGES, LABELS, strict=True):
            read.append(label)
            yield image, label

    spec = (tf.TensorSpec((8, 8, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    cached = tf.data.Dataset.from_generator(elements, output_signature=spec).cache()
    cached = cached.apply(tf.data.experimental.assert_cardinality(COUNT))
    ds = augreg.augment_dataset(cached, POLICY, batch_size=8, seed=1, shuffle=True)
    assert pictures(fit(ds, epochs=4).trained) == 4 * COUNT
    assert len(read) == COUNT


def test_cache_after_augment_dataset_freezes_as_the_docs_say() -> None:
    ds = augreg.augment_dataset(source(), POLICY, batch_size=8, seed=1).cache()
    assert pictures(fit(ds, epochs=4).trained) == COUNT
    text = (Path(__file__).parents[2] / "docs" / "train.md").read_text()
    assert "`.cache()` after `augment_dataset`" in text


def test_a_number_of_epochs_goes_with_steps_per_epoch() -> None:
    ds = augreg.augment_dataset(source(), POLICY, batch_size=8, seed=1, epochs=4)
    assert len(ds) == 12
    assert pictures(fit(ds, epochs=4, steps_per_epoch=3).trained) == 4 * COUNT


def test_enumerate_epochs_is_the_recipe_for_map_fn() -> None:
    ds = augreg.enumerate_epochs(source()).map(augreg.map_fn(POLICY, seed=1)).batch(8)
    assert len(ds) == 3
    seen = fit(ds, epochs=5).trained
    assert pictures(seen) == 5 * COUNT
    third = np.concatenate(seen[6:9])
    np.testing.assert_allclose(third, augreg.augment(IMAGES, POLICY, seed=1, epoch=2), atol=1e-6)


def test_enumerate_epochs_shuffled_and_cached() -> None:
    numbered = augreg.enumerate_epochs(source().cache()).shuffle(COUNT)
    ds = numbered.map(augreg.map_fn(POLICY, seed=1), num_parallel_calls=tf.data.AUTOTUNE)
    assert pictures(fit(ds.batch(8).prefetch(1), epochs=5).trained) == 5 * COUNT


def test_a_schedule_follows_fit_s_epochs() -> None:
    value = {"schedule": {"from": 0.0, "to": 0.4, "epochs": 4}}
    policy = {"version": 1, "augment": [{"op": "brightness", "delta": value}]}
    dark = tf.data.Dataset.from_tensor_slices((np.zeros((4, 2, 2, 3), np.uint8), LABELS[:4]))
    seen = fit(augreg.augment_dataset(dark, policy, batch_size=4), epochs=5).trained
    np.testing.assert_allclose([x.max() for x in seen], [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)


def test_validation_and_prediction_see_the_same_plain_pictures_each_time() -> None:
    train = augreg.augment_dataset(source(), POLICY, batch_size=8, seed=1, shuffle=True)
    validation = augreg.augment_dataset(source(), POLICY, batch_size=8, training=False)
    model, seen = network()
    model.fit(train, validation_data=validation, epochs=3, shuffle=False, verbose=0)
    plain = (IMAGES * np.float32(1 / 255)).astype(np.float32)
    np.testing.assert_array_equal(np.concatenate(seen.evaluated), np.concatenate([plain] * 3))
    seen.evaluated.clear()
    model.predict(validation, verbose=0)
    model.evaluate(validation, verbose=0)
    np.testing.assert_array_equal(np.concatenate(seen.evaluated), np.concatenate([plain] * 2))


def test_a_model_of_a_strategy_is_built_with_a_batch_of_the_first_epoch() -> None:
    """Keras reads one batch before training there, and only there: docs/train.md says so."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        ds = augreg.augment_dataset(source(), POLICY, batch_size=COUNT, seed=1)
    model.fit(ds, epochs=2, shuffle=False, verbose=0)
    ((following, _),) = ds
    expected = augreg.augment(IMAGES, POLICY, seed=1, epoch=3)
    np.testing.assert_allclose(following, expected, atol=1e-6)
