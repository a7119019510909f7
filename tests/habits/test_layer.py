"""The layer, and what elements hold, as people write them; each asserts what the network saw."""

from __future__ import annotations

import collections
import os
import re
import subprocess
import sys
import threading
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.errors import AugregError, DataError, ImageError, RunError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 12, 10, 3), np.uint8)
LABELS = np.arange(4) % 2
FLIP = {"version": 1, "augment": [{"op": "flip"}]}  # always, so that what stays behind is seen
COLOUR = {"version": 1, "augment": [{"op": "brightness", "delta": [-0.3, 0.3]}]}
NAMED = re.escape("input_range=(0, 255)")
BOXES = np.tile(np.array([[[1, 2, 5, 6], [0, 0, 0, 0]]], np.float32), (4, 1, 1))
CLASSES = np.tile(np.array([[3, -1]]), (4, 1))
FLIPPED_BOX = [5, 2, 9, 6]  # by hand: the image is 10 wide
MASK = np.arange(480, dtype=np.int32).reshape(4, 12, 10)


class Saw(keras.layers.Layer):
    """Keeps the batch that the network was given."""

    def build(self, shape: Any) -> None:
        self.batch = self.add_weight(
            shape=(4, *shape[1:]), dtype="float32", trainable=False, initializer="zeros", name="saw"
        )

    def call(self, x: Any) -> Any:
        self.batch.assign(keras.ops.cast(x, "float32"))
        return keras.ops.mean(keras.ops.cast(x, "float32"), axis=(1, 2, 3))[:, None]


def fitted(layer: Any, images: Any, *, jit: Any = False, first: Any = None) -> Any:
    """What the network saw of one batch of `fit`, and the loss."""
    saw = Saw()
    model = keras.Sequential([*([] if first is None else [first]), layer, saw, Dense()])
    model.compile("sgd", "mse", jit_compile=jit)
    data = tf.data.Dataset.from_tensor_slices((images, LABELS)).batch(4)
    loss = model.fit(data, shuffle=False, verbose=0).history["loss"][0]
    return np.asarray(saw.batch.value), loss


def Dense() -> Any:  # noqa: N802
    return keras.layers.Dense(1)


def expected(images: Any = IMAGES, policy: Any = COLOUR, **options: Any) -> Any:
    return augreg.augment(images, policy, **{"seed": 7, **options})


# --- floats whose range nobody stated


def test_layer_first_in_a_sequential_without_input_stops_fit() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        fitted(augreg.AugmentationLayer(COLOUR, seed=7), IMAGES)  # Keras makes floats of bytes


def test_input_without_a_dtype_stops_fit() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        fitted(augreg.AugmentationLayer(COLOUR), IMAGES, first=keras.Input((12, 10, 3)))


def test_prediction_is_stopped_too() -> None:
    model = keras.Sequential([augreg.AugmentationLayer(COLOUR), keras.layers.Flatten()])
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        model.predict(IMAGES, verbose=0)


@pytest.mark.parametrize("jit", [False, True])
def test_stated_floats_of_bytes_are_seen_as_bytes_are(jit: bool) -> None:
    layer = augreg.AugmentationLayer(COLOUR, seed=7, input_range=(0, 255))
    saw, loss = fitted(layer, IMAGES, jit=jit)
    np.testing.assert_allclose(saw, expected(), atol=1e-6)
    assert np.isfinite(loss)


def test_every_byte_is_the_same_number_as_a_stated_float() -> None:
    nothing = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    stated = augreg.AugmentationLayer(nothing, input_range=(0, 255))
    found = stated(ramp.astype(np.float32), training=True)
    np.testing.assert_array_equal(found, augreg.AugmentationLayer(nothing)(ramp, training=True))


def test_images_from_a_directory_stop_where_their_range_is_not_stated(tmp_path: Any) -> None:
    for i, image in enumerate(IMAGES):
        folder = tmp_path / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        keras.utils.save_img(folder / f"{i}.png", image, scale=False)
    read = keras.utils.image_dataset_from_directory
    ds = read(tmp_path, image_size=(12, 10), batch_size=None, shuffle=False, verbose=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        list(augreg.augment_dataset(ds, COLOUR, batch_size=4))
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        list(ds.enumerate().map(augreg.map_fn(COLOUR)))
    (batch,) = augreg.augment_dataset(ds, COLOUR, 4, seed=7, input_range=(0, 255))
    order = [0, 2, 1, 3]  # by class
    np.testing.assert_allclose(batch[0], expected(IMAGES[order]), atol=1e-5)


@pytest.mark.parametrize("low_high", [(-1, 1), (0, 1.01), (0, 255)])
@pytest.mark.parametrize("training", [True, False])
def test_reference_and_functions_refuse_what_leaves_0_to_1(low_high: Any, training: bool) -> None:
    images = np.linspace(*low_high, IMAGES.size, dtype=np.float32).reshape(IMAGES.shape)
    fn = augreg.map_fn(COLOUR, batched=True, training=training)
    with pytest.raises(ImageError, match=NAMED):
        augreg.augment(images, COLOUR, seed=0, training=training)
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        fn(np.arange(4), images)
    with pytest.raises(tf.errors.InvalidArgumentError, match=NAMED):
        tf.function(fn)(np.arange(4), images)
    stated = augreg.map_fn(COLOUR, batched=True, training=training, input_range=low_high)
    assert float(tf.reduce_max(stated(np.arange(4), images))) <= 1


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_in_0_to_1_pass_as_they_did(dtype: str) -> None:
    images = (IMAGES / 255).astype(dtype)
    found = augreg.AugmentationLayer(COLOUR, seed=7)(images, training=True)
    np.testing.assert_allclose(found, expected(images), atol=1e-6)


def test_each_model_under_xla_says_so_when_it_is_built_and_the_loss_shows_it() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")  # as in a notebook: once for each place
        _, loss = fitted(augreg.AugmentationLayer(COLOUR), IMAGES, jit=True)
        assert np.isnan(loss)
        layer = augreg.AugmentationLayer(COLOUR, seed=7)
        saw, loss = fitted(layer, IMAGES / 255.0, jit=True)
    assert [bool(re.search(NAMED, str(one.message))) for one in shown] == [True] * 2
    np.testing.assert_allclose(saw, expected((IMAGES / 255).astype(np.float32)), atol=1e-6)
    assert np.isfinite(loss)


def operations(layer: Any, dtype: str) -> set[str]:
    graph = tf.function(lambda x: layer(x, training=True), autograph=False).get_concrete_function(
        tf.TensorSpec((None, 12, 10, 3), dtype)
    )
    definition = graph.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return {node.op for node in nodes}


def test_check_is_not_traced_for_bytes_or_a_stated_range() -> None:
    traces = {"Min", "StringJoin", "AsString"}
    assert not operations(augreg.AugmentationLayer(FLIP), "uint8") & {*traces, "Assert"}
    stated = augreg.AugmentationLayer(FLIP, input_range=(0, 1))
    assert "Min" not in operations(stated, "float32")
    assert traces <= operations(augreg.AugmentationLayer(FLIP), "float32")


def test_iterator_of_unstated_floats_can_be_saved(tmp_path: Any) -> None:
    images = (IMAGES / 255).astype(np.float32)
    mask = tf.data.Dataset.from_generator(
        lambda: zip(images, MASK, strict=True),
        output_signature=(tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, None), tf.int32)),
    )
    sources = [
        (tf.data.Dataset.from_tensor_slices((images, LABELS)), {}),
        (mask, {"parts": ("images", "masks")}),
        (mask, {"parts": ("images", None)}),
    ]
    for ds, options in sources:
        iterator = iter(augreg.augment_dataset(ds, COLOUR, 2, epochs=1, **options))
        next(iterator)
        checkpoint = tf.train.Checkpoint(iterator=iterator)
        path = checkpoint.save(str(tmp_path / "it"))
        second = next(iterator)
        checkpoint.restore(path)
        tf.nest.map_structure(np.testing.assert_array_equal, next(iterator), second)


@pytest.mark.parametrize("wrong", [(0, 0), (1, 0), (0, np.nan), (0, np.inf), (0,), 255, "ab"])
def test_input_range_that_is_none_is_refused(wrong: Any) -> None:
    calls = [
        lambda: augreg.AugmentationLayer(COLOUR, input_range=wrong),
        lambda: augreg.map_fn(COLOUR, input_range=wrong),
        lambda: augreg.augment(IMAGES, COLOUR, seed=0, input_range=wrong),
        lambda: augreg.augment_dataset(
            tf.data.Dataset.from_tensors(IMAGES[0]), COLOUR, input_range=wrong
        ),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"allowed is \(lowest, highest\), as \(0, 255\)"):
            call()


# --- targets that would stay behind


def ways(policy: Any, element: Any, **options: Any) -> list[Any]:
    """The element after the reference, a map function, a dataset and the layer, as NumPy."""
    alone = tf.data.Dataset.from_tensor_slices(element)
    found = [
        augreg.augment(element, policy, seed=7, **options),
        next(iter(augreg.augment_dataset(alone, policy, 4, seed=7, **options))),
        augreg.map_fn(policy, seed=7, batched=True, **options)(np.arange(4), element),
        augreg.AugmentationLayer(policy, seed=7, **options)(element, training=True),
    ]
    return [tf.nest.map_structure(np.asarray, one) for one in found]


@pytest.mark.parametrize("form", ["flat pair", "pair", "dict", "flat dict", "model and labels"])
def test_boxes_move_in_every_form_that_fit_takes(form: str) -> None:
    inner = {"boxes": BOXES, "labels": CLASSES}
    element: Any = {
        "flat pair": (IMAGES, inner),
        "pair": (IMAGES, {"boxes": inner, "labels": LABELS}),
        "dict": {"images": IMAGES, "bounding_boxes": inner},
        "flat dict": {"images": IMAGES, **inner},
        "model and labels": ({"images": IMAGES, "boxes": inner}, LABELS),
    }[form]
    for found in ways(FLIP, element, bounding_box_format="xyxy"):
        tf.nest.assert_same_structure(found, element)
        flat = tf.nest.flatten(found)
        images = next(part for part in flat if part.ndim == 4)
        boxes = next(part for part in flat if part.ndim == 3)
        np.testing.assert_allclose(images, IMAGES[:, :, ::-1] * np.float32(1 / 255), atol=1e-6)
        np.testing.assert_allclose(boxes[:, 0], [FLIPPED_BOX] * 4)
        assert boxes.dtype == np.float32


def test_image_with_its_mask_names_them_and_both_move() -> None:
    for found in ways(FLIP, (IMAGES, MASK), parts=("images", "masks")):
        np.testing.assert_array_equal(found[1], MASK[:, :, ::-1])
        assert found[1].dtype == np.int32
    weights = np.ones(4, np.float32)
    for found in ways(FLIP, (IMAGES, MASK, weights), parts=("images", "masks", None)):
        np.testing.assert_array_equal(found[1], MASK[:, :, ::-1])
        np.testing.assert_array_equal(found[2], weights)
    for found in ways(FLIP, (MASK, IMAGES), parts=("masks", "images")):
        np.testing.assert_array_equal(found[0], MASK[:, :, ::-1])
    for found in ways(
        FLIP, {"image": IMAGES, "mask": MASK}, parts={"image": "images", "mask": "masks"}
    ):
        np.testing.assert_array_equal(found["mask"], MASK[:, :, ::-1])


def test_fit_on_images_with_masks_sees_both_moved() -> None:
    ds = tf.data.Dataset.from_tensor_slices((IMAGES, MASK[..., None]))
    saw = Saw()
    model = keras.Sequential([keras.Input((12, 10, 3)), saw, Dense()])
    targets = []

    class Loss(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            targets.append(y_true)
            return tf.reduce_mean(y_pred)

    model.compile("sgd", Loss(), run_eagerly=True)
    batches = augreg.augment_dataset(ds, FLIP, 4, parts=("images", "masks"))
    model.fit(batches, shuffle=False, verbose=0)
    np.testing.assert_allclose(saw.batch, IMAGES[:, :, ::-1] * np.float32(1 / 255), atol=1e-6)
    np.testing.assert_array_equal(targets[0], MASK[:, :, ::-1, None])


def refused(element: Any, message: str, **options: Any) -> None:
    """By the reference, a map function, a dataset and the layer alike."""
    alone = tf.data.Dataset.from_tensor_slices(element)
    unknown = [
        lambda: augreg.augment(element, FLIP, seed=7, **options),
        lambda: augreg.map_fn(FLIP, batched=True, **options)(np.arange(4), element),
        lambda: alone.enumerate().map(augreg.map_fn(FLIP, **options)),
        lambda: augreg.augment_dataset(alone, FLIP, 4, **options),
        lambda: augreg.AugmentationLayer(FLIP, **options)(element, training=True),
        lambda: augreg.AugmentationLayer(FLIP, **options)(
            tf.nest.map_structure(lambda x: keras.Input(x.shape[1:], dtype=x.dtype), element)
        ),
    ]
    for call in unknown:
        with pytest.raises(AugregError, match=message):
            call()


POINTS = np.ones((4, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("bboxes", BOXES, "boxes"),
        ("bbox", BOXES, "boxes"),
        ("box", BOXES, "boxes"),
        ("Boxes", BOXES, "boxes"),
        ("gt_boxes", BOXES, "boxes"),
        ("bounding_box", BOXES, "boxes"),
        ("mask", MASK, "masks"),
        ("segmentation_mask", MASK, "masks"),
        ("segmentation", MASK, "masks"),
        ("label_mask", MASK, "masks"),
        ("keypoint", POINTS, "keypoints"),
        ("key_points", POINTS, "keypoints"),
        ("landmarks", POINTS, "keypoints"),
        ("gtBoxes", BOXES, "boxes"),
        ("groundTruthBoxes", BOXES, "boxes"),
        ("bndbox", BOXES, "boxes"),
        ("bbox2d", BOXES, "boxes"),
        ("regions", BOXES, "boxes"),
        ("targets", BOXES, "boxes"),
        ("trimap", MASK[:, ::2], "masks"),
        ("panoptic_map", np.zeros((4, 6, 5)), "masks"),
        ("polygons", np.zeros((4, 3, 7, 2)), "keypoints"),
        ("corners", POINTS, "keypoints"),
        ("pose", np.ones((4, 17, 3), np.float32), "keypoints"),
    ],
)
def test_key_that_is_nearly_a_target_is_refused_with_the_name(
    key: str, value: Any, name: str
) -> None:
    refused({"images": IMAGES, key: value}, f'"{key}" looks like {name} .* call it "{name}"')
    refused((IMAGES, {key: value}), f'"{key}" in the element\'s second part looks like {name}')
    stays = augreg.augment({"images": IMAGES, key: value}, FLIP, seed=0, parts={key: None})
    np.testing.assert_array_equal(stays[key], value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_id", np.arange(4)),
        ("num_boxes", np.arange(4)),
        ("filename", np.array(["a"] * 4)),
        ("mask_path", np.array(["a"] * 4)),
        ("tasks", np.ones((4, 3))),
        ("attention_mask", np.ones((4, 7))),
        ("label", LABELS),
        ("embedding", np.ones((4, 5, 6))),
        ("targets", np.ones((4, 4))),
        ("points", np.arange(4)),
        ("num_rects", np.arange(4)),
    ],
)
def test_other_keys_pass_through_as_they_are(key: str, value: Any) -> None:
    for found in ways(FLIP, {"images": IMAGES, key: value}):
        expected = value.astype(bytes) if found[key].dtype == object else value  # TensorFlow's text
        assert found[key].tolist() == expected.tolist()


def test_part_of_the_images_own_size_is_refused_with_what_to_write() -> None:
    size = r"has the image's own height and width \(12x10\)"
    remedy = re.escape("parts=('images', 'masks') moves it")
    refused((IMAGES, MASK), f"second part {size}.*{remedy}")
    refused((IMAGES, MASK[..., None]), size)
    refused((IMAGES, LABELS, MASK), f"third part {size}")
    refused((IMAGES, IMAGES), size)
    refused({"images": IMAGES, "depth": MASK}, f'"depth" {size}' + r".*\{'depth': None\} leaves it")
    refused({"images": IMAGES, "labels": MASK}, f'"labels" {size}')
    refused((IMAGES, {"instances": np.zeros((4, 5, 12, 10))}), size)
    stays = augreg.augment((IMAGES, MASK), FLIP, seed=0, parts=("images", None))
    np.testing.assert_array_equal(stays[1], MASK)


@pytest.mark.parametrize("rank_known", [True, False])
def test_part_of_the_images_own_size_is_found_where_sizes_are_not_known(rank_known: bool) -> None:
    second = tf.TensorSpec((None, None) if rank_known else None, tf.int32)
    spec = (tf.TensorSpec((None, None, 3), tf.uint8), second)
    pairs = tf.data.Dataset.from_generator(
        lambda: zip(IMAGES, MASK, strict=True), output_signature=spec
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"own height and width \(12x10\)"):
        list(pairs.enumerate().map(augreg.map_fn(FLIP)))
    if rank_known:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"height and width \(12x10\)"):
            list(augreg.augment_dataset(pairs, FLIP, 4))
        files = pairs.map(lambda image, mask: (tf.io.encode_png(image), mask))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"height and width \(12x10\)"):
            list(augreg.augment_dataset(files, FLIP, 4))
    other = tf.data.Dataset.from_generator(
        lambda: zip(IMAGES, MASK[:, :5], strict=True), output_signature=spec
    )
    assert len(list(other.enumerate().map(augreg.map_fn(FLIP)))) == 4


def test_one_side_of_boxes_is_refused() -> None:
    message = '"xmin" looks like one side of boxes .* stack the four into "boxes"'
    refused({"images": IMAGES, "xmin": BOXES[..., 0]}, message)


def test_part_of_a_tuple_that_has_the_shape_of_boxes_or_points_is_refused() -> None:
    boxes, points = "looks like boxes", "looks like keypoints"
    refused((IMAGES, BOXES), boxes + ".*" + re.escape("parts=('images', 'boxes') moves it"))
    remedy = re.escape("parts=('images', ('boxes', None)) moves it")
    refused((IMAGES, (BOXES, CLASSES)), boxes + ".*" + remedy)
    refused((IMAGES, POINTS), points + ".*" + re.escape("parts=('images', None) leaves it"))
    for name in ("labels", None):
        stays = augreg.augment((IMAGES, BOXES), FLIP, seed=0, parts=("images", name))
        np.testing.assert_array_equal(stays[1], BOXES)


def test_parts_of_parts_are_named_and_move() -> None:
    """As TFDS nests the boxes of COCO and VOC, and as a pair in a pair."""
    names: Any = {"image": "images", "objects": {"b": "boxes", "l": "labels"}}
    element: Any = {"image": IMAGES, "objects": {"b": BOXES, "l": CLASSES, "id": CLASSES}}
    for found in ways(FLIP, element, parts=names, bounding_box_format="xyxy"):
        np.testing.assert_allclose(found["objects"]["b"][:, 0], [FLIPPED_BOX] * 4)
        np.testing.assert_array_equal(found["objects"]["id"], CLASSES)
    for inner in (("boxes", "labels"), ["boxes", "labels"]):
        options: Any = {"parts": ("images", inner), "bounding_box_format": "xyxy"}
        for found in ways(FLIP, (IMAGES, (BOXES, CLASSES)), **options):
            np.testing.assert_allclose(found[1][0][:, 0], [FLIPPED_BOX] * 4)
    nested = {"images": IMAGES, "objects": {"bbox": BOXES}}
    refused(nested, re.escape("parts={'objects': {'bbox': 'boxes'}} moves it"))
    refused({"image": IMAGES}, re.escape('parts={"image": "images"} names an image'))
    refused((IMAGES, MASK), "for an element of one part", parts=("images", ("masks", None)))


def test_polygons_named_as_keypoints_move_as_their_points_do() -> None:
    many = np.arange(4 * 3 * 2 * 2, dtype=np.float32).reshape(4, 3, 2, 2) % 7
    moved = many.copy()
    moved[..., 0] = 9 - many[..., 0]
    for found in ways(FLIP, {"images": IMAGES, "polygons": many}, parts={"polygons": "keypoints"}):
        np.testing.assert_allclose(found["polygons"], moved, atol=1e-4)


def test_format_of_boxes_without_boxes_is_refused() -> None:
    message = 'bounding_box_format="xyxy", and the element holds no boxes'
    refused({"images": IMAGES, "labels": LABELS}, message, bounding_box_format="xyxy")
    refused((IMAGES, LABELS), message, bounding_box_format="xyxy")
    layer = augreg.AugmentationLayer(FLIP, bounding_box_format="xyxy")
    with pytest.raises(DataError, match=message):
        layer(IMAGES, training=True)
    assert layer(IMAGES).shape == IMAGES.shape  # prediction has nothing to leave behind


@pytest.mark.parametrize("form", ["rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"])
def test_boxes_in_pixels_that_are_called_relative_are_refused(form: str) -> None:
    element = (IMAGES, {"boxes": BOXES, "labels": CLASSES})
    message = f'bounding_box_format="{form}" calls relative.*reach 6'
    options: Any = {"bounding_box_format": form}
    with pytest.raises(DataError, match=message):
        augreg.augment(element, FLIP, seed=0, **options)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        augreg.AugmentationLayer(FLIP, **options)(element, training=True)
    ds = tf.data.Dataset.from_tensor_slices(element)
    with pytest.raises(tf.errors.InvalidArgumentError, match="calls relative, 0 to 1, reach 6"):
        list(augreg.augment_dataset(ds, FLIP, 4, **options))
    quarter = np.full_like(BOXES, 0.25)
    padded = {"boxes": np.where(CLASSES[..., None] < 0, 1e9, quarter), "labels": CLASSES}
    augreg.augment((IMAGES, padded), FLIP, seed=0, **options)  # padding says nothing


# --- parts that disagree


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ((IMAGES, {"boxes": BOXES, "labels": CLASSES[:, :1]}), 'labels" of the shape .* one class'),
        (
            {"images": IMAGES, "masks": MASK.transpose(0, 2, 1)},
            '"masks" of the shape .* own height',
        ),
        ({"images": IMAGES, "boxes": {"boxes": BOXES, "labels": LABELS}}, "labels of the shape"),
        ((IMAGES, {"boxes": BOXES}), r'to stand beside "labels"'),
    ],
)
def test_parts_of_one_element_that_disagree_are_named(element: Any, message: str) -> None:
    options: Any = {"bounding_box_format": "xyxy"} if "boxes" in str(element) else {}
    refused(element, message, **options)


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ({"images": IMAGES, "masks": np.concatenate([MASK, MASK])}, "masks"),
        ({"images": IMAGES, "keypoints": POINTS[:3]}, "keypoints"),
        ({"images": IMAGES, "labels": LABELS[:3]}, "labels"),
        ((IMAGES, LABELS[:3]), "labels"),
        ((IMAGES, LABELS, np.ones(5)), "weights"),
    ],
)
def test_parts_of_another_batch_are_named(element: Any, name: str) -> None:
    message = (
        rf'"{name}" of the shape .* with images of the shape .*; allowed is one for each image'
    )
    for call in (
        lambda: augreg.augment(element, FLIP, seed=0),
        lambda: augreg.map_fn(FLIP, batched=True)(np.arange(4), element),
        lambda: augreg.AugmentationLayer(FLIP)(element, training=True),
    ):
        with pytest.raises(DataError, match=message):
            call()


def test_parts_that_disagree_are_found_where_their_shapes_are_not_known() -> None:
    layer = augreg.AugmentationLayer(FLIP, bounding_box_format="xyxy")
    plain = augreg.AugmentationLayer(FLIP)
    free = tf.TensorSpec((None, None, None, 3), tf.uint8)
    boxes, classes = tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None), tf.int64)

    @tf.function(input_signature=[free, tf.TensorSpec((None, None, None), tf.int32)])
    def masked(images: Any, masks: Any) -> Any:
        return plain({"images": images, "masks": masks}, training=True)

    @tf.function(input_signature=[free, boxes, classes])
    def boxed(images: Any, boxes: Any, labels: Any) -> Any:
        return layer((images, {"boxes": boxes, "labels": labels}), training=True)

    assert masked(IMAGES, MASK)["masks"].shape == MASK.shape
    for wrong in (MASK.transpose(0, 2, 1), MASK[:3]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"masks.{1,2} of the shape"):
            masked(IMAGES, wrong)
    assert boxed(IMAGES, BOXES, CLASSES)[1]["boxes"].shape == BOXES.shape
    with pytest.raises(tf.errors.InvalidArgumentError, match="one class for each box"):
        boxed(IMAGES, BOXES, CLASSES[:, :1])


# --- containers, and parts that are no plain arrays


def test_named_tuples_keep_their_type_and_dicts_theirs() -> None:
    pair = collections.namedtuple("pair", "image label")
    for found in ways(FLIP, pair(IMAGES, LABELS)):
        assert type(found) is pair
        np.testing.assert_array_equal(found.label, LABELS)
    ordered = collections.OrderedDict(labels=LABELS, images=IMAGES)
    found = augreg.augment(ordered, FLIP, seed=0)
    assert type(found) is collections.OrderedDict and list(found) == ["labels", "images"]


def test_list_is_neither_a_batch_nor_an_element() -> None:
    for element in ([IMAGES[0], IMAGES[1]], [IMAGES, IMAGES]):
        for call in (
            lambda element=element: augreg.augment(element, FLIP, seed=0),
            lambda element=element: augreg.AugmentationLayer(FLIP)(element, training=True),
            lambda element=element: augreg.map_fn(FLIP)(0, element),
        ):
            with pytest.raises(DataError, match=r"a list of 2 parts.*stack images into one array"):
                call()


def test_ragged_boxes_are_padded_and_what_else_is_ragged_is_refused_by_name() -> None:
    boxes = tf.RaggedTensor.from_row_lengths(np.tile([[1.0, 2, 5, 6]], (4, 1)), [1, 2, 0, 1])
    labels = tf.RaggedTensor.from_row_lengths([3, 4, 5, 6], [1, 2, 0, 1])
    layer = augreg.AugmentationLayer(FLIP, bounding_box_format="xyxy")
    fn = augreg.map_fn(FLIP, batched=True, bounding_box_format="xyxy")
    element = (IMAGES, {"boxes": boxes, "labels": labels})
    for _, found in (layer(element, training=True), fn(np.arange(4), element)):
        np.testing.assert_array_equal(found["labels"], [[3, -1], [4, 5], [-1, -1], [6, -1]])
        np.testing.assert_array_equal(found["boxes"][1], [FLIPPED_BOX] * 2)
    uneven = tf.RaggedTensor.from_row_lengths([3, 4, 5, 6], [2, 1, 0, 1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="another number of labels than"):
        layer((IMAGES, {"boxes": boxes, "labels": uneven}), training=True)
    plain, mask = augreg.AugmentationLayer(FLIP), tf.RaggedTensor.from_tensor(MASK)
    with pytest.raises(DataError, match='"masks" is ragged; allowed are dense'):
        plain({"images": IMAGES, "masks": mask}, training=True)
    with pytest.raises(DataError, match=r'"masks" is sparse; allowed are dense.*to_dense'):
        plain({"images": IMAGES, "masks": tf.sparse.from_dense(MASK)}, training=True)
    with pytest.raises(DataError, match='"images" is ragged'):
        plain(tf.RaggedTensor.from_tensor(IMAGES), training=True)
    lists = {"boxes": [[[1, 2, 5, 6]], []], "labels": [[1], []]}
    with pytest.raises(DataError, match=r'"boxes/boxes" is a list.*pad boxes with class -1'):
        augreg.augment((IMAGES[:2], lists), FLIP, seed=0, bounding_box_format="xyxy")


def test_none_and_parts_that_augreg_does_not_know_pass_whatever_they_are() -> None:
    ragged, sparse = tf.RaggedTensor.from_row_lengths([1, 2], [2, 0, 0, 0]), tf.sparse.eye(4)
    element = {
        "images": IMAGES,
        "masks": None,
        "words": ragged,
        "more": sparse,
        "nested": (LABELS, {"a": LABELS}),
    }
    found = augreg.AugmentationLayer(FLIP)(element, training=True)
    assert found["masks"] is None and found["words"] is ragged and found["more"] is sparse
    ds = tf.data.Dataset.from_tensor_slices({"images": IMAGES, "more": sparse})
    batch = next(iter(ds.enumerate().map(augreg.map_fn(FLIP)).batch(4)))
    assert isinstance(batch["more"], tf.SparseTensor)


def test_what_is_no_image_gets_a_sentence_of_ours() -> None:
    layer = augreg.AugmentationLayer(FLIP)
    for image, message in [
        (IMAGES[0, ..., 0], r"a grey image has its channel last, images\[..., None\]"),
        (np.concatenate([IMAGES[0]] * 9, axis=-1), r"one image of 27 channels, which is written"),
        (np.array("a.jpg"), "images of dtype string|of the shape"),
    ]:
        with pytest.raises(AugregError, match=message):
            layer(image, training=True)
    unknown = tf.function(lambda x: layer(x), autograph=False)
    with pytest.raises(ImageError, match="images of unknown rank; state it"):
        unknown.get_concrete_function(tf.TensorSpec(None, tf.uint8))
    with pytest.raises(ImageError, match="number of channels is not known; state it"):
        unknown.get_concrete_function(tf.TensorSpec((None, None, None), tf.uint8))
    text = {"boxes": BOXES, "labels": np.array([["cat", "dog"]] * 4)}
    with pytest.raises(DataError, match="with labels of dtype string; allowed are signed"):
        augreg.AugmentationLayer(FLIP, bounding_box_format="xyxy")((IMAGES, text), training=True)


def test_boxes_are_float32_in_training_and_in_evaluation() -> None:
    boxes = {"boxes": BOXES.astype(np.int64), "labels": CLASSES}
    element = {"images": IMAGES, "boxes": boxes, "keypoints": np.ones((4, 1, 2), np.int32)}
    for policy in (FLIP, COLOUR):
        for training in (True, False):
            options: Any = {"bounding_box_format": "xyxy", "training": training}
            fn = augreg.map_fn(policy, batched=True, **options)
            layer = augreg.AugmentationLayer(policy, bounding_box_format="xyxy")
            for found in (
                augreg.augment(element, policy, seed=0, **options),
                fn(np.arange(4), element),
                layer(element, training=training),
            ):
                assert found["boxes"]["boxes"].dtype == np.float32
                assert found["keypoints"].dtype == np.float32


def test_pair_that_keras_saved_comes_back_as_a_list_and_works(tmp_path: Any) -> None:
    inputs = [keras.Input((12, 10, 3), dtype="uint8"), keras.Input((12, 10), dtype="int32")]
    masked = augreg.AugmentationLayer(FLIP, parts=("images", "masks"))(tuple(inputs))
    more = [keras.Input((12, 10, 3), dtype="uint8"), keras.Input((), dtype="int64")]
    labelled = augreg.AugmentationLayer(FLIP)(tuple(more))
    for where, made, second in ((inputs, masked, MASK), (more, labelled, LABELS)):
        keras.Model(where, made).save(tmp_path / "m.keras")
        model = keras.saving.load_model(tmp_path / "m.keras")
        images, other = model([IMAGES, second], training=True)
        np.testing.assert_allclose(images, IMAGES[:, :, ::-1] * np.float32(1 / 255), atol=1e-6)
        np.testing.assert_array_equal(other, second if second is LABELS else MASK[:, :, ::-1])
    pair = augreg.augment([IMAGES, LABELS], FLIP, seed=0)
    assert type(pair) is list and pair[1] is LABELS


# --- index and epoch


@pytest.mark.parametrize("index", [[0], 0, [[0, 1, 2, 3]], [0, 1, 2]])
def test_index_of_another_length_is_refused(index: Any) -> None:
    message = r"index of the shape .* for a batch of .*; allowed is one for each image, \["
    layer, fn = augreg.AugmentationLayer(COLOUR), augreg.map_fn(COLOUR, batched=True)
    for call in (
        lambda: augreg.augment(IMAGES, COLOUR, seed=0, index=index),
        lambda: layer(IMAGES, training=True, index=index),
        lambda: layer(IMAGES, training=True, index=tf.constant(index)),
        lambda: fn(np.asarray(index), IMAGES),
    ):
        with pytest.raises(DataError, match=message):
            call()
    with pytest.raises(DataError, match="index has to be whole numbers, found float32"):
        layer(IMAGES, training=True, index=tf.zeros(4))


def test_index_of_another_length_is_refused_where_lengths_are_not_known() -> None:
    layer = augreg.AugmentationLayer(COLOUR)
    free = [tf.TensorSpec((None, 12, 10, 3), tf.uint8), tf.TensorSpec((None,), tf.int64)]
    run = tf.function(lambda x, i: layer(x, training=True, index=i), free, autograph=False)
    assert run(IMAGES, np.arange(4)).shape == IMAGES.shape
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"index of the shape \(1\) for a"):
        run(IMAGES, np.arange(1))


def test_index_in_a_functional_model_is_one_for_each_image() -> None:
    images = keras.Input((12, 10, 3), dtype="uint8", batch_size=4)
    with pytest.raises(DataError, match=r"index of the shape \(4, 1\) for a batch of 4"):
        augreg.AugmentationLayer(COLOUR)(images, index=keras.Input((1,), 4, dtype="int64"))


@pytest.mark.parametrize("epoch", [3, [3], [3, 3, 3, 3]])
def test_layer_takes_an_epoch_as_a_scalar_as_one_and_as_many(epoch: Any) -> None:
    scheduled = {"from": [0.0, 0.1], "to": [0.2, 0.4], "epochs": 6}
    policy = {"version": 1, "augment": [{"op": "brightness", "delta": {"schedule": scheduled}}]}
    layer = augreg.AugmentationLayer(policy, seed=7)
    found = layer(IMAGES, training=True, index=np.arange(4), epoch=epoch)
    np.testing.assert_allclose(found, expected(policy=policy, epoch=3), atol=1e-6)
    tensor = layer(IMAGES, training=True, index=np.arange(4), epoch=tf.constant(epoch))
    np.testing.assert_array_equal(tensor, found)
    with pytest.raises(DataError, match=r"epoch of the shape \(2,\); allowed are a scalar"):
        layer(IMAGES, training=True, index=np.arange(4), epoch=[3, 3])


def test_each_sample_has_an_epoch_of_its_own() -> None:
    layer = augreg.AugmentationLayer(COLOUR, seed=7)
    found = layer(IMAGES, training=True, index=np.arange(4), epoch=[0, 5, 5, 0])
    first, fifth = expected(epoch=0), expected(epoch=5)
    rows = np.stack([first[0], fifth[1], fifth[2], first[3]])
    np.testing.assert_allclose(found, rows, atol=1e-6)


# --- functional models: every form, with XLA and without


FORMS: dict[str, Any] = {
    "image": (lambda images: images, {}),
    "pair": (lambda images: (images, LABELS), {}),
    "weighted": (lambda images: (images, LABELS, np.ones(4, np.float32)), {}),
    "detection": (
        lambda images: (images, {"boxes": BOXES, "labels": CLASSES}),
        {"bounding_box_format": "xyxy"},
    ),
    "masked": (lambda images: (images, MASK), {"parts": ("images", "masks")}),
    "dict": (
        lambda images: {
            "images": images,
            "labels": LABELS,
            "masks": MASK,
            "boxes": {"boxes": BOXES, "labels": CLASSES},
            "keypoints": POINTS,
            "other": np.arange(8.0).reshape(4, 2),
        },
        {"bounding_box_format": "xyxy"},
    ),
}
SIZED = {
    "version": 1,
    "augment": [{"op": "flip", "p": 0.5}, {"op": "crop", "height": 8, "width": 8}],
}
MIXED = {"version": 1, "augment": [{"op": "mixup", "alpha": 0.4, "classes": 2}]}


def in_a_model(policy: Any, element: Any, jit: bool, **options: Any) -> Any:
    inputs = tf.nest.map_structure(
        lambda part: keras.Input(part.shape[1:], dtype=np.asarray(part).dtype), element
    )
    index, epoch = keras.Input((), dtype="int64"), keras.Input((), dtype="int64")
    layer = augreg.AugmentationLayer(policy, seed=7, **options)
    outputs = layer(inputs, index=index, epoch=epoch)
    model = keras.Model([inputs, index, epoch], outputs)
    run = tf.function(lambda *x: model(list(x), training=True), jit_compile=jit, autograph=False)
    places = np.array([5, 3, 9, 0])
    found = run(element, places, np.full(4, 2))
    return outputs, found, {"index": places, "epoch": 2}


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_goes_through_a_functional_model(form: str, jit: bool, dtype: str) -> None:
    make, options = FORMS[form]
    floats = {"input_range": (0, 255)} if dtype == "float32" else {}
    element = make(IMAGES.astype(dtype))
    symbolic, found, where = in_a_model(SIZED, element, jit, **options, **floats)
    due = augreg.augment(element, SIZED, seed=7, **where, **options, **floats)
    tf.nest.assert_same_structure(found, due)
    for made, one, other in zip(*map(tf.nest.flatten, (symbolic, found, due)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
        if form != "pair" and form != "weighted":  # labels have Keras's dtype of the input
            assert made.dtype == one.dtype.name
        assert len(made.shape) == one.ndim
        assert all(a in (None, b) for a, b in zip(made.shape, one.shape, strict=True))


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("form", ["pair", "dict"])
def test_labels_mix_in_a_functional_model(form: str, jit: bool) -> None:
    element = (IMAGES, LABELS) if form == "pair" else {"images": IMAGES, "labels": LABELS}
    symbolic, found, where = in_a_model(MIXED, element, jit)
    due = augreg.augment(element, MIXED, seed=7, **where)
    for made, one, other in zip(*map(tf.nest.flatten, (symbolic, found, due)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert made.dtype == one.dtype.name == "float32"
    assert tf.nest.flatten(symbolic)[1].shape == (None, 2)


def test_debug_mode_does_not_break_what_xla_compiles() -> None:
    layer = augreg.AugmentationLayer(COLOUR, seed=7, debug=True)
    run = tf.function(lambda x: layer(x, training=True, index=np.arange(4)), jit_compile=True)
    np.testing.assert_allclose(run(IMAGES), expected(), atol=1e-6)
    floats = augreg.AugmentationLayer(COLOUR, seed=7, debug=True, input_range=(0, 255))
    run = tf.function(lambda x: floats(x, training=True, index=np.arange(4)), jit_compile=True)
    np.testing.assert_allclose(run(IMAGES.astype(np.float32)), expected(), atol=1e-6)


# --- state that is shared


def test_samples_of_a_parallel_map_are_counted_each_once() -> None:
    policy = {"version": 1, "augment": [{"op": "brightness", "delta": [-0.5, 0.5]}]}
    layer = augreg.AugmentationLayer(policy, seed=7)
    grey = tf.data.Dataset.from_tensors(np.full((2, 2, 3), 128, np.uint8)).repeat(1024)
    ds = grey.map(lambda x: layer(x, training=True), num_parallel_calls=16)
    drawn = {float(image[0, 0, 0]) for image in ds}
    assert layer.samples_seen == 1024
    images = np.full((1024, 2, 2, 3), 128, np.uint8)
    assert drawn == {float(x) for x in augreg.augment(images, policy, seed=7)[:, 0, 0, 0]}


def test_threads_share_the_counter() -> None:
    layer = augreg.AugmentationLayer(COLOUR, seed=7)
    run = tf.function(lambda x: layer(x, training=True), autograph=False)
    threads = [threading.Thread(target=lambda: [run(IMAGES) for _ in range(25)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert layer.samples_seen == 8 * 25 * 4


# --- memory


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three shapes get a program of their own, for time: each is compiled."""
    monkeypatch.setattr("augreg.backends.tensorflow.compiled.SHAPES", 3)


@pytest.mark.usefixtures("_few")
def test_eager_images_of_many_sizes_keep_a_bounded_number_of_programs() -> None:
    policy = {"version": 1, "augment": [{"op": "flip", "p": 0.5}, {"op": "rotate", "degrees": 20}]}
    layer = augreg.AugmentationLayer(policy, seed=7)
    for side in range(4, 16):
        images = RNG.integers(0, 256, (1 + side % 3, side, 20 - side, 3), np.uint8)
        element = {"images": images, "masks": images[..., :1]}
        found = layer(element, training=True, index=np.arange(len(images)))
        due = augreg.augment(element, policy, seed=7)
        np.testing.assert_allclose(found["images"], due["images"], atol=1 / 255)
        assert found["masks"].shape == due["masks"].shape
    annotated = layer._modes[True]
    programs, moves = annotated.compiled._programs.made, annotated._functions.made
    # beyond three shapes one program for single images, one for other batches
    assert len(programs) == 5 and len(moves) == 4
    kept = [*programs.values(), *moves.values()]
    traced = [one for one in kept if hasattr(one, "experimental_get_tracing_count")]  # or a module
    assert sum(one.experimental_get_tracing_count() for one in traced) <= 3 + 3 + 2 * 3


@pytest.mark.usefixtures("_few")
def test_step_that_needs_a_size_works_beyond_the_bound() -> None:
    policy = {"version": 1, "augment": [{"op": "rot90", "k": [0, 3]}]}
    layer = augreg.AugmentationLayer(policy, seed=7)
    for side in range(2, 9):
        images = RNG.integers(0, 256, (2, side, side, 3), np.uint8)
        found = layer(images, training=True, index=np.arange(2))
        np.testing.assert_allclose(found, augreg.augment(images, policy, seed=7), atol=1e-6)
    assert len(layer._modes[True].compiled._programs.made) == 3


# --- another Keras backend


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_keras_backend_gets_one_sentence(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: backend)
    message = f'TensorFlow backend, found "{backend}"; set KERAS_BACKEND=tensorflow'
    with pytest.raises(RunError, match=message):
        augreg.AugmentationLayer(FLIP)
    from augreg.train import TrainOptions, train

    with pytest.raises(RunError, match=message):
        train(TrainOptions(None, output="nowhere"))


def test_train_command_under_another_backend_says_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "augreg", "train", "--data", "digits"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "KERAS_BACKEND=tensorflow" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
