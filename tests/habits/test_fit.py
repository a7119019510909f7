"""What people do with datasets and `fit`, written as they do; asserted is what a network saw."""

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
    assert "Cache before `augment_dataset`. A `.cache()` after it stores augmented batches" in text


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


# --- batches, as people have them


def _folder(tmp_path: Path, count: int = COUNT) -> Path:
    """PNG files in folders of five classes."""
    for i in range(count):
        path = tmp_path / "photos" / f"class{i % CLASSES}" / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(IMAGES[i % COUNT]).numpy())
    return tmp_path / "photos"


def test_image_dataset_from_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    photos = keras.utils.image_dataset_from_directory(
        _folder(tmp_path), image_size=(8, 8), batch_size=5, shuffle=False, verbose=False
    )
    ds = augreg.augment_dataset(
        photos, POLICY, batch_size=8, seed=1, shuffle=True, input_range=(0, 255)
    )
    assert len(ds) == 3
    seen = fit(ds, epochs=3)
    assert pictures(seen.trained) == 3 * COUNT
    assert [len(batch) for batch in seen.trained] == [8, 8, 6] * 3
    given = np.concatenate([images for images, _ in photos]).round().astype(np.uint8)
    expected = augreg.augment(given, POLICY, seed=1, epoch=0)
    found = np.concatenate(seen.trained[:3])
    gap = np.abs(found[:, None] - expected[None]).max(axis=(2, 3, 4))
    assert gap.min(axis=1).max() < 1e-5
    assert sorted(gap.argmin(axis=1)) == list(range(COUNT))


SOURCES = {
    "batched": lambda ds: ds.batch(5),
    "even batches": lambda ds: ds.take(20).batch(5, drop_remainder=True),
    "ragged": lambda ds: ds.ragged_batch(4),
}


@pytest.mark.parametrize("kind", list(SOURCES))
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batched_source_gives_what_its_elements_give(kind: str, shuffle: bool) -> None:
    sizes = [(8 + i % 3, 9 - i % 2) for i in range(COUNT)] if kind == "ragged" else None

    def elements() -> Any:
        for i in range(COUNT):
            height, width = sizes[i] if sizes else (8, 8)
            yield np.resize(IMAGES[i], (height, width, 3)), LABELS[i]

    shape = (None, None, 3) if kind == "ragged" else (8, 8, 3)
    spec = (tf.TensorSpec(shape, tf.uint8), tf.TensorSpec((), tf.int64))
    plain = tf.data.Dataset.from_generator(elements, output_signature=spec)
    if kind == "even batches":
        plain = plain.take(20)
    options = {"batch_size": 8, "seed": 1, "shuffle": shuffle, "epochs": 1}
    found, expected = (
        list(augreg.augment_dataset(ds, PREPARED, **options).as_numpy_iterator())
        for ds in (SOURCES[kind](plain), plain)
    )
    assert sum(len(x) for x, _ in found) == (20 if kind == "even batches" else COUNT)
    if not shuffle or kind != "even batches":  # whose length is known only after batching
        for (x, y), (u, v) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(x, u)
            np.testing.assert_array_equal(y, v)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras, of unknown lengths
def test_batches_of_files_are_taken_too() -> None:
    files = [tf.io.encode_png(image).numpy() for image in IMAGES]
    ds = tf.data.Dataset.from_tensor_slices((files, LABELS)).batch(5)
    seen = fit(augreg.augment_dataset(ds, PREPARED, batch_size=8, seed=1), epochs=2)
    expected = augreg.augment(IMAGES, PREPARED, seed=1, epoch=1)
    np.testing.assert_allclose(np.concatenate(seen.trained[3:]), expected, atol=1e-6)


@pytest.mark.parametrize("shuffle", [False, True, 1000])
@pytest.mark.parametrize("policy", [POLICY, {**POLICY, "prepare": [{"op": "flip", "p": 1}]}])
def test_images_of_several_sizes_without_a_resize_name_it(policy: Any, shuffle: Any) -> None:
    images = [IMAGES[0], IMAGES[1][:5]]
    spec = tf.TensorSpec((None, None, 3), tf.uint8)
    ds = tf.data.Dataset.from_generator(lambda: iter(images), output_signature=spec)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'differ in size.*add a "resize"'):
        list(augreg.augment_dataset(ds, policy, shuffle=shuffle))


def _boxes(count: int) -> Any:
    """Images with 0 to 3 boxes and keypoints, as detection models take them."""
    for i in range(count):
        many = i % 4
        boxes = np.tile(np.array([[1, 1, 5 + i % 3, 6]], np.float32), (many, 1))
        classes = np.full(many, i, np.int64)
        points = np.tile(np.array([[2, 3, 1]], np.float32), (many, 1))
        yield {
            "images": IMAGES[i],
            "boxes": {"boxes": boxes, "labels": classes},
            "keypoints": points,
        }


BOXES = {
    "images": tf.TensorSpec((8, 8, 3), tf.uint8),
    "boxes": {
        "boxes": tf.TensorSpec((None, 4), tf.float32),
        "labels": tf.TensorSpec((None,), tf.int64),
    },
    "keypoints": tf.TensorSpec((None, 3), tf.float32),
}
FLIP = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shuffle", [False, True])
def test_boxes_and_keypoints_are_padded_to_the_most_of_their_own_batch(
    training: bool, shuffle: bool
) -> None:
    source = tf.data.Dataset.from_generator(lambda: _boxes(10), output_signature=BOXES)
    options = {"batch_size": 2, "bounding_box_format": "xyxy", "training": training}
    for batch in augreg.augment_dataset(source, FLIP, shuffle=shuffle, seed=2, **options):
        there = (batch["boxes"]["labels"].numpy() >= 0).sum(axis=1)
        assert batch["boxes"]["labels"].shape == (2, there.max())
        assert batch["boxes"]["boxes"].shape == (2, there.max(), 4)
        assert batch["keypoints"].shape == (2, there.max(), 3)
        visible = batch["keypoints"].numpy()[..., 2]
        for row, (many, classes) in enumerate(zip(there, batch["boxes"]["labels"], strict=True)):
            assert len(set(classes[:many].numpy())) <= 1
            np.testing.assert_array_equal(classes[many:], -1)
            np.testing.assert_array_equal(visible[row], [1] * many + [0] * (there.max() - many))


def test_a_source_that_is_padded_and_batched_already_gives_the_same() -> None:
    source = tf.data.Dataset.from_generator(lambda: _boxes(10), output_signature=BOXES)
    filler = {
        "images": np.uint8(0),
        "boxes": {"boxes": np.float32(0), "labels": np.int64(-1)},
        "keypoints": np.float32(0),
    }
    padded = source.padded_batch(6, padding_values=filler)
    ragged = source.ragged_batch(6)
    options = {"batch_size": 2, "bounding_box_format": "xyxy", "epochs": 1, "seed": 3}
    expected = list(augreg.augment_dataset(source, FLIP, **options))
    for ds in (padded, ragged):
        found = list(augreg.augment_dataset(ds, FLIP, **options))
        assert len(found) == len(expected) == 5
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one["images"], other["images"])
            np.testing.assert_array_equal(one["boxes"]["boxes"], other["boxes"]["boxes"])
            np.testing.assert_array_equal(one["boxes"]["labels"], other["boxes"]["labels"])


def test_keypoints_of_varying_number_without_visibility_name_it() -> None:
    spec = {"images": BOXES["images"], "keypoints": tf.TensorSpec((None, 2), tf.float32)}
    source = tf.data.Dataset.from_generator(
        lambda: ({"images": e["images"], "keypoints": e["keypoints"][:, :2]} for e in _boxes(4)),
        output_signature=spec,
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="third column, their visibility"):
        list(augreg.augment_dataset(source, FLIP))


def test_other_ragged_parts_of_batches_stay_ragged() -> None:
    words = tf.ragged.constant([[1], [2, 3], [], [4, 5, 6]], dtype=tf.int64)
    batches = tf.data.Dataset.from_tensor_slices({"images": IMAGES[:4], "words": words}).batch(2)
    for shuffle in (False, True):
        (found,) = augreg.augment_dataset(batches, FLIP, batch_size=4, shuffle=shuffle)
        assert isinstance(found["words"], tf.RaggedTensor)
        assert sorted(found["words"].to_list()) == sorted(words.to_list())


# --- mixing beside validation


def _one_hot(labels: Any) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[np.asarray(labels)]


def test_validation_beside_mixing_has_labels_for_the_same_loss() -> None:
    train = augreg.augment_dataset(source(), MIXING, batch_size=8, shuffle=True)
    validation = augreg.augment_dataset(source(), MIXING, batch_size=8, training=False)
    assert train.element_spec == validation.element_spec
    model, seen = network("categorical_crossentropy")
    model.fit(train, validation_data=validation, epochs=2, shuffle=False, verbose=0)
    labels = np.concatenate([labels for _, labels in validation])
    np.testing.assert_array_equal(labels, _one_hot(LABELS))
    assert len(np.concatenate(seen.evaluated)) == 2 * COUNT


def test_every_way_of_evaluating_a_mixing_policy_gives_one_hot_labels() -> None:
    expected = _one_hot(LABELS)
    _, labels = augreg.augment(IMAGES, MIXING, seed=0, labels=LABELS, training=False)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.float32
    one = augreg.augment({"images": IMAGES[2], "labels": 2}, MIXING, seed=0, training=False)
    np.testing.assert_array_equal(one["labels"], expected[2])
    layer = augreg.AugmentationLayer(MIXING)
    element = {"images": IMAGES, "labels": LABELS[:, None]}  # as label_mode="binary" has them
    np.testing.assert_array_equal(layer(element, training=False)["labels"], expected)
    fn = augreg.map_fn(MIXING, training=False)
    single = source().enumerate().map(fn).batch(COUNT)
    np.testing.assert_array_equal(next(iter(single))[1], expected)
    many = augreg.map_fn(MIXING, training=False, batched=True)(np.arange(COUNT), (IMAGES, LABELS))
    np.testing.assert_array_equal(many[1], expected)
    shares = layer({"images": IMAGES, "labels": expected}, training=False)["labels"]
    np.testing.assert_array_equal(shares, expected)


def test_without_labels_or_without_augment_evaluation_stays_as_it_was() -> None:
    assert augreg.AugmentationLayer(MIXING)(IMAGES, training=False).shape == IMAGES.shape
    options = {"batch_size": COUNT, "sections": ("prepare", "output")}
    ((_, labels),) = augreg.augment_dataset(source(), MIXING, epochs=1, **options)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("wrong", [CLASSES, -1, 1.5])
def test_a_label_that_is_no_class_ends_the_batch(training: bool, wrong: float) -> None:
    labels = np.array([0, wrong, 1, 2])
    said = r"labels of .* to .*; allowed are whole numbers from 0 to 4"
    with pytest.raises(augreg.AugregError, match=said):
        augreg.augment(IMAGES[:4], MIXING, seed=0, labels=labels, training=training)
    element = {"images": IMAGES[:4], "labels": labels}
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        augreg.AugmentationLayer(MIXING)(element, training=training)
    ds = tf.data.Dataset.from_tensor_slices(element)
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        list(augreg.augment_dataset(ds, MIXING, training=training))


@pytest.mark.parametrize("training", [True, False])
def test_labels_as_text_are_refused_by_name(training: bool) -> None:
    names = np.array(["rose", "tulip", "rose", "daisy"])
    said = "labels of dtype .*, in a policy that mixes them; .*StringLookup"
    with pytest.raises(augreg.AugregError, match=said):
        augreg.augment(IMAGES[:4], MIXING, seed=0, labels=names, training=training)
    element = {"images": IMAGES[:4], "labels": names}
    ds = tf.data.Dataset.from_tensor_slices(element)
    with pytest.raises(augreg.AugregError, match=said):
        augreg.augment_dataset(ds, MIXING, training=training)


def test_evaluation_of_a_mixing_policy_can_be_saved(tmp_path: Path) -> None:
    for options in ({"training": False}, {"epochs": 1}):
        iterator = iter(augreg.augment_dataset(source(), MIXING, batch_size=8, **options))
        next(iterator)
        tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "it"))


# --- the index of map_fn


PIPELINES = {
    "map without enumerate": (False, lambda ds: ds.map),
    "images alone without enumerate": (False, lambda ds: ds.map(lambda x, y: x).map),
    "batches without enumerate": (True, lambda ds: ds.batch(4).map),
    "batches that were numbered": (True, lambda ds: ds.batch(4).enumerate().map),
    "batches of images alone": (True, lambda ds: ds.map(lambda x, y: x).batch(4).map),
}


@pytest.mark.parametrize("name", list(PIPELINES))
def test_a_map_without_the_right_index_names_the_remedy(name: str) -> None:
    batched, pipeline = PIPELINES[name]
    remedy = "before they are batched, as augreg.enumerate" if batched else "as augreg.enumerate"
    with pytest.raises(augreg.AugregError, match=remedy) as caught:
        pipeline(source())(augreg.map_fn(POLICY, seed=1, batched=batched))
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("index", [0, [0], [0, 1, 2], [[0, 1, 2, 3]]])
def test_an_index_of_another_length_than_the_batch_is_refused(index: Any) -> None:
    fn = augreg.map_fn(POLICY, seed=1, batched=True)
    said = r"index of the shape .* for a batch of .*one for each image"
    with pytest.raises(augreg.AugregError, match=said):
        fn(tf.constant(index), IMAGES[:4])
    spec = (
        tf.TensorSpec([None] * np.ndim(index), tf.int32),
        tf.TensorSpec([None, 8, 8, 3], tf.uint8),
    )
    ds = tf.data.Dataset.from_generator(lambda: [(index, IMAGES[:4])], output_signature=spec)
    with pytest.raises((augreg.AugregError, tf.errors.InvalidArgumentError), match=said):
        list(ds.map(fn))


def test_batches_of_numbered_elements_are_what_batched_takes() -> None:
    fn = augreg.map_fn(POLICY, seed=1, batched=True)
    seen = fit(augreg.enumerate_epochs(source()).batch(8).map(fn), epochs=2).trained
    expected = augreg.augment(IMAGES, POLICY, seed=1, epoch=1)
    np.testing.assert_allclose(np.concatenate(seen[3:]), expected, atol=1e-6)
