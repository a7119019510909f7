"""Frames: several images of a sample, with all that belongs to them, under that sample's draws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.errors import DataError, ImageError, PolicyError
from tests.samples import noise

B, T, N, H, W = 3, 4, 2, 24, 31
FORMAT = {"bounding_box_format": "xyxy"}
OPTIONS = {**FORMAT, "also": {"right": "bilinear", "depth": "nearest"}}
STEPS = [
    {"op": "flip", "p": 0.5},
    {"op": "rotate", "degrees": [-30, 30], "fill": "constant"},
    {"op": "brightness", "delta": [-0.2, 0.2]},
    {"op": "gaussian_noise", "std": [0, 0.1]},
]
RESIZE = {"op": "resize", "height": 20, "width": 26}


def policy(*steps: Any, **rest: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), **rest}


def clips() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    corners = np.sort(rng.uniform(0, 24, (B, T, N, 2, 2)), axis=3)
    return {
        "frames": noise(B, T, H, W, 3),
        "right": noise(B, T, H, W, 3, seed=8),
        "depth": rng.random((B, T, H, W, 1)).astype(np.float32),
        "masks": rng.integers(0, 9, (B, T, H, W)).astype(np.int32),
        "boxes": {
            "boxes": corners.reshape(B, T, N, 4).astype(np.float32),
            "labels": rng.integers(0, 5, (B, T, N)),
        },
        "keypoints": rng.uniform(0, 24, (B, T, N, 2)).astype(np.float32),
        "labels": np.arange(B),
        "name": np.array(["a", "b", "c"]),
    }


def taken(parts: dict[str, Any], *place: int) -> dict[str, Any]:
    """The sample, or the frame of a sample, at a place."""
    return {
        name: taken(part, *place) if isinstance(part, dict) else np.asarray(part)[place]
        for name, part in parts.items()
    }


def tensors(parts: dict[str, Any]) -> Any:
    return tf.nest.map_structure(tf.constant, parts)


def assert_agree(made: Any, expected: Any) -> None:
    """Of two backends: exactly, but where a rounded place is another."""
    for name, part in expected.items():
        if isinstance(part, dict):
            assert_agree(made[name], part)
            continue
        found = np.asarray(made[name])
        assert found.shape == part.shape, name
        if name in ("masks", "depth"):
            assert (found != part).mean() < 0.002, name
        elif part.dtype.kind == "f":
            np.testing.assert_allclose(found, part, atol=1e-3 if name != "frames" else 1 / 255)


def reference(given: dict[str, Any], augments: dict[str, Any], **more: Any) -> Any:
    made = augreg.augment(given, augments, 7, **more)
    made.pop("name", None)
    return made


# --- each frame is an image with its sample's index -----------------------------------------------


def test_each_frame_is_what_it_is_as_an_image_of_the_same_index():
    given, augments, index = clips(), policy(*STEPS, prepare=[RESIZE]), np.arange(B) + 70
    made = augreg.augment(given, augments, 7, index, **OPTIONS)
    assert made["frames"].shape == (B, T, 20, 26, 3)
    moving = [name for name in given if name not in ("labels", "name", "frames")]
    for b in range(B):
        for t in range(T):
            frame = taken({name: given[name] for name in moving}, b, t)
            frame["images"] = given["frames"][b, t]
            alone = augreg.augment(frame, augments, 7, index[b], **OPTIONS)
            np.testing.assert_array_equal(made["frames"][b, t], alone["images"])
            for name in ("right", "depth", "masks", "keypoints"):
                np.testing.assert_array_equal(made[name][b, t], alone[name])
            for name in ("boxes", "labels"):
                np.testing.assert_array_equal(made["boxes"][name][b, t], alone["boxes"][name])
    assert made["labels"] is given["labels"]
    assert made["name"] is given["name"]


def test_equal_frames_come_out_equal_and_samples_do_not():
    frames = np.repeat(noise(1, 1, H, W, 3), B, axis=0).repeat(T, axis=1)
    made = augreg.augment({"frames": frames}, policy(*STEPS), 7)["frames"]
    np.testing.assert_array_equal(made, made[:, :1].repeat(T, axis=1))
    assert len(np.unique(made.reshape(B, -1), axis=0)) == B


def test_the_frames_of_a_single_sample_have_no_dimension_of_a_batch():
    given, augments = clips(), policy(*STEPS)
    expected = augreg.augment(given, augments, 7, **OPTIONS)
    made = augreg.augment(taken(given, 2), augments, 7, 2, **OPTIONS)
    for name in ("frames", "right", "masks", "keypoints"):
        np.testing.assert_array_equal(made[name], expected[name][2])


def test_hidden_parts_and_resized_frames_hide_their_masks():
    given = {name: part for name, part in clips().items() if name in ("frames", "masks")}
    hide = {"op": "erase", "area": 1, "ratio": 1, "targets": "hide"}
    square = {name: part[:, :, :, :H] for name, part in given.items()}
    assert not augreg.augment(square, policy(hide), 7)["masks"].any()


# --- every way of running a policy gives the same -------------------------------------------------


def test_functions_and_the_layer_give_what_the_reference_gives():
    given, augments = clips(), policy(*STEPS, prepare=[RESIZE])
    del given["name"]
    expected = reference(given, augments, **OPTIONS)
    function = augreg.map_fn(augments, 7, batched=True, **OPTIONS)
    assert_agree(function(tf.range(B), tensors(given)), expected)
    layer = augreg.AugmentationLayer(augments, 7, **OPTIONS)
    made = layer(tensors(given), training=True, index=tf.range(B), epoch=tf.zeros(B, tf.int32))
    assert_agree(made, expected)
    single = augreg.map_fn(augments, 7, **OPTIONS)(1, tensors(taken(given, 1)))
    assert_agree(single, taken(expected, 1))


def test_each_sample_may_have_an_epoch_of_its_own():
    frames, augments = noise(B, T, H, W, 3), policy(*STEPS)
    function = augreg.map_fn(augments, 7, batched=True)
    made = function(tf.range(B), {"frames": frames}, epoch=tf.constant([0, 1, 2]))["frames"]
    for b in range(B):
        alone = augreg.augment({"frames": frames[b]}, augments, 7, b, epoch=b)["frames"]
        np.testing.assert_allclose(made[b], alone, atol=1 / 255)


def test_the_layer_counts_samples_and_not_frames():
    layer = augreg.AugmentationLayer(policy(*STEPS), 7)
    frames = noise(B, T, H, W, 3)
    made = layer({"frames": frames}, training=True)["frames"]
    assert layer.samples_seen == B
    expected = augreg.augment({"frames": frames}, policy(*STEPS), 7)["frames"]
    np.testing.assert_allclose(made, expected, atol=1 / 255)


@pytest.mark.parametrize("epochs", [1, None])
@pytest.mark.parametrize("prepare", [[], [RESIZE]])
@pytest.mark.parametrize(
    "shape", [(T, H, W, 3), (None, H, W, 3), (None, None, None, 3)], ids=["known", "T", "sides"]
)
def test_a_dataset_gives_what_the_reference_gives(shape, prepare, epochs):
    given = {name: clips()[name] for name in ("frames", "masks", "labels")}
    augments = policy(*STEPS, prepare=prepare)
    expected = reference(given, augments)
    slices = tf.data.Dataset.from_tensor_slices(given)
    ds = slices.map(lambda e: {**e, "frames": _of_shape(e["frames"], shape)})
    batches = list(augreg.augment_dataset(ds, augments, 2, 7, epochs=epochs))
    assert [len(batch["labels"]) for batch in batches] == [2, 1]
    made = {name: np.concatenate([batch[name] for batch in batches]) for name in given}
    assert_agree(made, expected)


def _of_shape(frames: tf.Tensor, shape: tuple[int | None, ...]) -> tf.Tensor:
    return tf.ensure_shape(tf.py_function(lambda x: x, [frames], tf.uint8), shape)


def test_batches_sources_with_random_access_and_views_are_taken():
    given, augments = {"frames": noise(B, T, H, W, 3), "labels": np.arange(B)}, policy(*STEPS)
    slices = tf.data.Dataset.from_tensor_slices(given)
    source = augreg.Indexed(B, lambda i: {name: tf.gather(x, i) for name, x in given.items()})
    expected = list(augreg.augment_dataset(slices, augments, 2, 7))
    for ds in (slices.batch(2), source):
        made = list(augreg.augment_dataset(ds, augments, 2, 7))
        for batch, other in zip(made, expected, strict=True):
            np.testing.assert_allclose(batch["frames"], other["frames"], atol=1e-4)
    for one, two in augreg.augment_dataset(slices, augments, 2, 7, views=2, shuffle=True):
        np.testing.assert_array_equal(one["labels"], two["labels"])
        assert not np.array_equal(one["frames"], two["frames"])


def test_clips_with_more_boxes_than_others_are_padded():
    def elements() -> Iterator[Any]:
        for count in (1, 3, 2):
            box = np.array([2, 2, 20, 20], np.float32)
            yield {
                "frames": noise(T, H, W, 3),
                "boxes": {
                    "boxes": np.broadcast_to(box, (T, count, 4)),
                    "labels": np.full((T, count), 5, np.int64),
                },
            }

    spec = {
        "frames": tf.TensorSpec((T, H, W, 3), tf.uint8),
        "boxes": {
            "boxes": tf.TensorSpec((T, None, 4)),
            "labels": tf.TensorSpec((T, None), tf.int64),
        },
    }
    ds = tf.data.Dataset.from_generator(elements, output_signature=spec)
    first, second = augreg.augment_dataset(ds, policy(STEPS[0]), 2, **FORMAT)
    assert first["boxes"]["labels"].numpy().tolist() == [[[5, -1, -1]] * T, [[5, 5, 5]] * T]
    assert first["boxes"]["boxes"].shape == (2, T, 3, 4)
    assert second["boxes"]["labels"].shape == (1, T, 2)


def test_clips_of_another_length_can_not_share_a_batch():
    def elements() -> Iterator[Any]:
        yield {"frames": noise(2, H, W, 3)}
        yield {"frames": noise(3, H, W, 3)}

    spec = {"frames": tf.TensorSpec((None, H, W, 3), tf.uint8)}
    ds = tf.data.Dataset.from_generator(elements, output_signature=spec)
    lengths = [b["frames"].shape[1] for b in augreg.augment_dataset(ds, policy(*STEPS), 1)]
    assert lengths == [2, 3]
    said = "frames of one batch differ in number or size: 3x24x31 after 2x24x31; take as many"
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        list(augreg.augment_dataset(ds, policy(*STEPS), 2))


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [T, None])
def test_a_functional_model_has_the_shapes_of_frames_and_is_saved(tmp_path: Path, count):
    given = {name: clips()[name] for name in ("frames", "right", "masks", "keypoints", "labels")}
    inputs = {
        name: keras.Input(
            part.shape[1:] if name == "labels" else (count, *part.shape[2:]),
            dtype=str(part.dtype),
            name=name,
        )
        for name, part in given.items()
    }
    layer = augreg.AugmentationLayer(
        policy(*STEPS, prepare=[RESIZE]), 7, also={"right": "bilinear"}
    )
    outputs = layer(inputs)
    assert outputs["frames"].shape == outputs["right"].shape == (None, count, 20, 26, 3)
    assert outputs["masks"].shape == (None, count, 20, 26)
    assert outputs["keypoints"].shape == (None, count, N, 2)
    assert outputs["labels"].shape == (None,)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    made, again = model(given, training=True), loaded(given, training=True)
    for name, part in made.items():
        np.testing.assert_array_equal(again[name], part)


def test_a_model_that_xla_compiles_trains_on_frames():
    inputs = keras.Input((T, H, W, 3), dtype="uint8", name="frames")
    layer = augreg.AugmentationLayer(policy(*STEPS), 7)
    pooled = keras.layers.GlobalAveragePooling3D()(layer({"frames": inputs})["frames"])
    model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
    model.compile("sgd", "mse", jit_compile=True)
    history = model.fit(noise(B, T, H, W, 3), np.zeros((B, 1)), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


# --- what an element of frames may be -------------------------------------------------------------


def test_parts_name_frames_in_a_tuple_and_alone():
    frames, labels = noise(B, T, H, W, 3), np.arange(B)
    expected = augreg.augment({"frames": frames}, policy(*STEPS), 7)["frames"]
    made = augreg.augment((frames, labels), policy(*STEPS), 7, parts=("frames", "labels"))
    np.testing.assert_array_equal(made[0], expected)
    made = augreg.augment(frames, policy(*STEPS), 7, parts=("frames",))
    np.testing.assert_array_equal(made, expected)
    made = augreg.augment({"clip": frames}, policy(*STEPS), 7, parts={"clip": "frames"})
    np.testing.assert_array_equal(made["clip"], expected)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"images": noise(B, H, W, 3)}, DataError, 'with "images" and "frames"; allowed is one'),
        ({"frames": noise(H, W, 3)}, ImageError, r"frames of .* allowed are \[T, H, W, C\] and"),
        ({"frames": noise(B, T, H, W, 3).astype(int)}, ImageError, "frames of dtype int64"),
        ({"masks": np.zeros((B, 2, H, W))}, DataError, '"masks" of .* allowed is one for each fr'),
        ({"masks": np.zeros((B, T, 9, W))}, DataError, "with frames of .* own height and width"),
        ({"masks": np.zeros((B, H, W))}, DataError, r'"masks" of the shape \(3, 24, 31\); allowed'),
        ({"labels": np.arange(2)}, DataError, "with frames of .* allowed is one for each sample"),
        ({"depth": np.zeros((B, T, H, W))}, DataError, '"depth" has the image.s own height and'),
        ({"targets": np.zeros((B, T, 7, 4))}, DataError, '"targets" looks like boxes that would'),
        ({"keypoints": np.zeros((B, 7, 2))}, DataError, r'"keypoints" of .* allowed is \[N, 2\]'),
        (
            {"boxes": {"boxes": np.zeros((B, 4, 4)), "labels": np.zeros((B, 4), int)}},
            DataError,
            r'"boxes" with boxes of .* allowed is \[N, 4\]',
        ),
        (
            {
                "boxes": {
                    "boxes": np.zeros((B, T, 2, 4)),
                    "labels": np.zeros((B, T, 2), int),
                    "ids": np.arange(B),
                }
            },
            DataError,
            '"boxes/ids" of the shape .* allowed is one for each frame',
        ),
    ],
)
def test_what_does_not_go_with_frames_is_refused(changed, error, message):
    given = {"frames": noise(B, T, H, W, 3), **changed}
    how = FORMAT if "boxes" in given else {}
    for augmented in (
        lambda: augreg.augment(given, policy(*STEPS), 7, **how),
        lambda: augreg.map_fn(policy(*STEPS), 7, True, True, **how)(tf.range(B), tensors(given)),
    ):
        with pytest.raises(error, match=message):
            augmented()


def test_one_number_for_all_boxes_is_allowed_beside_images():
    boxes = {"boxes": np.zeros((B, 2, 4)), "labels": np.zeros((B, 2), int), "scale": np.float32(3)}
    given = {"images": noise(B, H, W, 3), "boxes": boxes}
    assert augreg.augment(given, policy(*STEPS), 7, **FORMAT)["boxes"]["scale"] == 3


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("step", [{"op": "cutmix", "classes": 5}, {"op": "mosaic"}])
def test_policies_that_mix_samples_refuse_frames(step, training):
    given = {"frames": noise(B, T, H, W, 3), "labels": np.arange(B)}
    said = f'"{step["op"]}" mixes samples, found "frames"'
    with pytest.raises(PolicyError, match=said):
        augreg.augment(given, policy(step), 7, training=training)
    slices = tf.data.Dataset.from_tensor_slices(given)
    with pytest.raises(PolicyError, match=said):
        augreg.augment_dataset(slices, policy(step), training=training)
    layer = augreg.AugmentationLayer(policy(step))
    inputs = {name: keras.Input(part.shape[1:], name=name) for name, part in given.items()}
    with pytest.raises(PolicyError, match=said):
        layer(inputs)


def test_a_batch_or_a_single_sample_that_is_the_other_is_said_so():
    frames = noise(B, T, H, W, 3)
    with pytest.raises(ImageError, match=r"found a batch, \[B, T, H, W, C\]; use batched=True"):
        augreg.map_fn(policy(*STEPS))(0, {"frames": frames})
    with pytest.raises(ImageError, match=r"found frames of a single sample, \[T, H, W, C\]; use"):
        augreg.map_fn(policy(*STEPS), batched=True)([0], {"frames": frames[0]})
    with pytest.raises(DataError, match="frames that are encoded; decode them before"):
        augreg.map_fn(policy(*STEPS))(0, {"frames": tf.constant(["a", "b"])})
    with pytest.raises(DataError, match=r"index of the shape \(4,\) for a batch of 3; allowed"):
        augreg.map_fn(policy(*STEPS), batched=True)(tf.range(T), {"frames": frames})
