"""Oriented boxes: the corners of each box, moved exactly and beside it, in every way of running."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from mixed_samples import batch as mixed_batch

import augreg
from augreg.annotations.boxes import FORMATS
from augreg.errors import DataError

H, W = 24, 31
ROWS = np.array([[4, 5, 14, 12], [0, 0, 31, 24], [20.5, 3.25, 29, 20], [12, 15, 13, 23]])
ORIENTED = {"bounding_box_format": "xyxy", "oriented": True}
TURN = {"op": "rotate", "degrees": 30, "fill": "constant"}
EVERY_WAY = ["augment", "map_fn", "dataset", "layer"]


def corners_of(rows: Any) -> np.ndarray:
    """[N, 4, 2]: top left, top right, bottom right, bottom left."""
    left, top, right, bottom = np.asarray(rows, np.float64).T
    x, y = np.stack([left, right, right, left], -1), np.stack([top, top, bottom, bottom], -1)
    return np.stack([x, y], axis=-1)


def policy(*steps: Any, prepare: Any = ()) -> dict[str, Any]:
    return {"version": 1, "prepare": list(prepare), "augment": list(steps)}


def element(rows: Any = ROWS, labels: Any = None, **more: Any) -> dict[str, Any]:
    classes = np.arange(len(rows)) if labels is None else np.asarray(labels)
    boxes = {"boxes": np.asarray(rows, np.float32), "labels": classes}
    return {"images": np.zeros((H, W, 3), np.uint8), "boxes": boxes, **more}


def flat(rows: Any = ROWS, **more: Any) -> dict[str, Any]:
    """The boxes side by side with their labels."""
    one = element(rows)
    return {"images": one["images"], **one["boxes"], **more}


def run(way: str, one: Any, made: dict[str, Any], index: int = 0, **rules: Any) -> Any:
    """One element [H,W,3] and its parts, as NumPy."""
    rules = {**ORIENTED, **rules}
    if way == "augment":
        return augreg.augment(one, made, seed=3, index=index, **rules)
    if way == "map_fn":
        out = augreg.map_fn(made, seed=3, **rules)(index, one)
    elif way == "layer":
        training = rules.pop("training", True)
        out = augreg.AugmentationLayer(made, seed=3, **rules)(one, training=training, index=index)
    else:
        many = tf.nest.map_structure(lambda part: np.stack([part] * (index + 1)), one)
        ds = tf.data.Dataset.from_tensor_slices(many)
        (out,) = augreg.augment_dataset(ds, made, batch_size=index + 1, seed=3, epochs=1, **rules)
        out = tf.nest.map_structure(lambda part: part[index], out)
    return tf.nest.map_structure(np.asarray, out)


def corners(one: Any, *steps: Any, **how: Any) -> np.ndarray:
    return np.asarray(run("augment", one, policy(*steps), **how)["boxes"]["corners"])


# --- where the corners go -------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [30, -72, 90, 160.5])
def test_a_rotation_is_that_of_opencv(degrees: float) -> None:
    found = corners(element(), {**TURN, "degrees": degrees}, min_visible=0)
    assert found.dtype == np.float32
    matrix = cv2.getRotationMatrix2D(((W - 1) / 2, (H - 1) / 2), degrees, 1.0)
    expected = cv2.transform(corners_of(ROWS) - 0.5, matrix) + 0.5
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for (left, top, right, bottom), moved in zip(ROWS, found, strict=True):
        rectangle = (moved.mean(axis=0).tolist(), (right - left, bottom - top), -degrees)
        # OpenCV begins at another corner, and goes around the other way
        others = cv2.boxPoints(rectangle)
        apart = np.linalg.norm(moved[:, None] - others[None], axis=-1)
        assert sorted(apart.argmin(axis=1)) == [0, 1, 2, 3] and apart.min(axis=1).max() < 1e-3


@pytest.mark.parametrize(
    ("step", "to"),
    [
        ({"op": "flip", "axis": "horizontal"}, lambda x, y: (W - x, y)),
        ({"op": "flip", "axis": "vertical"}, lambda x, y: (x, H - y)),
        ({"op": "flip", "axis": "both"}, lambda x, y: (W - x, H - y)),
        ({"op": "rot90", "k": 1}, lambda x, y: (y, W - x)),
        ({"op": "rot90", "k": 3}, lambda x, y: (H - y, x)),
        (
            {"op": "crop", "height": 20, "width": 20, "position": "center"},
            lambda x, y: (x - 5, y - 2),
        ),
        ({"op": "resize", "height": 48, "width": 93}, lambda x, y: (3 * x, 2 * y)),
        ({"op": "brightness", "delta": 0.1}, lambda x, y: (x, y)),
    ],
)
def test_whole_pixels_by_hand(step: dict[str, Any], to: Any) -> None:
    out = run("augment", element(), policy(step), min_visible=0)["boxes"]
    before = corners_of(ROWS)
    moved = np.stack(to(before[..., 0], before[..., 1]), axis=-1)
    np.testing.assert_allclose(out["corners"], moved, atol=1e-5)
    assert (out["labels"] >= 0).all()


CURVED: dict[str, list[dict[str, Any]]] = {
    "perspective": [{"op": "perspective", "distortion": 0.5, "fill": "constant"}],
    "elastic": [{"op": "elastic", "amount": 0.2}],
    "warp and bend": [
        TURN,
        {"op": "zoom", "factor": 1.7},
        {"op": "grid_distortion", "amount": 0.3},
    ],
    "two resamples": [
        {"op": "zoom", "factor": 0.7, "fill": "constant"},
        {"op": "resize", "height": 33, "width": 40, "fit": "crop"},
        {"op": "shear", "x_degrees": 20, "fill": "nearest"},
    ],
    "choices": [
        {"op": "flip", "p": 0.5},
        {"one_of": [TURN, {"op": "elastic", "amount": 0.2}, {"op": "brightness", "delta": 0.1}]},
    ],
    "what is hidden": [{"op": "erase", "area": 0.3, "targets": "hide"}, TURN],
}
PREPARE = [
    {"op": "rotate", "degrees": 20, "fill": "constant"},
    {"op": "resize", "height": 30, "width": 37, "fit": "pad"},
]


@pytest.mark.parametrize("prepare", [(), PREPARE], ids=["", "prepared"])
@pytest.mark.parametrize("name", CURVED)
def test_corners_go_where_keypoints_go(name: str, prepare: Any) -> None:
    points = np.asarray(corners_of(ROWS) - 0.5, np.float32)
    made, seen = policy(*CURVED[name], prepare=prepare), 0
    for index in range(5):
        out = run("augment", element(keypoints=points), made, index, min_visible=0)
        kept = out["boxes"]["labels"] >= 0
        expected = out["keypoints"][kept] + np.float32(0.5)
        np.testing.assert_allclose(out["boxes"]["corners"][kept], expected, atol=1e-4)
        seen += kept.sum()
    assert seen >= 10


@pytest.mark.parametrize("shape", ["corners", "ellipse"])
def test_boxes_and_labels_are_those_without_corners(shape: str) -> None:
    made = policy(*CURVED["choices"], {"op": "zoom", "factor": 2}, prepare=PREPARE)
    for index in range(5):
        out = run("augment", element(), made, index, box_from=shape)
        plain = run("augment", element(), made, index, box_from=shape, oriented=False)
        assert set(out["boxes"]) == {"boxes", "labels", "corners"}
        assert set(plain["boxes"]) == {"boxes", "labels"}
        for key in plain["boxes"]:
            np.testing.assert_array_equal(out["boxes"][key], plain["boxes"][key])


@pytest.mark.parametrize("way", EVERY_WAY)
def test_dropped_boxes_and_padding_have_corners_of_zeros(way: str) -> None:
    rows = [[10, 8, 20, 16], [0, 0, 4, 4], [0, 0, 0, 0]]
    zoom = {"op": "zoom", "factor": 2, "fill": "constant"}
    out = run(way, element(rows, [5, 6, -1]), policy(zoom))["boxes"]
    assert out["labels"].tolist() == [5, -1, -1]
    assert out["corners"].any(axis=(1, 2)).tolist() == [True, False, False]
    np.testing.assert_allclose(out["corners"][0], [[4.5, 4], [24.5, 4], [24.5, 20], [4.5, 20]])


@pytest.mark.parametrize("way", EVERY_WAY)
def test_corners_are_not_clipped_and_there_in_evaluation_too(way: str) -> None:
    rows = [[-4, -3, 20, 16]]
    for training in (True, False):
        out = run(way, element(rows), policy({"op": "flip", "p": 0}), training=training)["boxes"]
        np.testing.assert_array_equal(out["boxes"], [[0, 0, 20, 16]])
        np.testing.assert_array_equal(out["corners"], corners_of(rows))


@pytest.mark.parametrize("name", FORMATS)
def test_corners_are_x_and_y_and_relative_where_the_boxes_are(name: str) -> None:
    made = policy(TURN, {"op": "pad_or_crop", "height": 40, "width": 50})
    expected = run("augment", element(), made)["boxes"]["corners"]
    given = keras.utils.bounding_boxes.convert_format(
        ROWS[None].astype(np.float32), "xyxy", name, H, W
    )
    out = run("augment", element(np.asarray(given)[0]), made, bounding_box_format=name)["boxes"]
    scale = [50, 40] if name.startswith("rel_") else [1, 1]
    np.testing.assert_allclose(out["corners"] * scale, expected, atol=1e-4)


# --- every way of running -------------------------------------------------------------------------


@pytest.mark.parametrize("form", [element, flat], ids=["dict", "flat"])
@pytest.mark.parametrize("way", EVERY_WAY[1:])
def test_every_way_gives_the_corners_of_the_reference(way: str, form: Any) -> None:
    made = policy({"op": "flip", "p": 0.5}, *CURVED["perspective"], prepare=PREPARE)
    for index in (1, 2):
        expected, found = (run(one, form(), made, index) for one in ("augment", way))
        assert set(found) == set(expected)
        if form is element:
            expected, found = expected["boxes"], found["boxes"]
        np.testing.assert_array_equal(found["labels"], expected["labels"])
        np.testing.assert_allclose(found["corners"], expected["corners"], atol=1e-4)
        assert found["corners"].shape == (4, 4, 2) and found["corners"].any()


@pytest.mark.parametrize("form", [element, flat], ids=["dict", "flat"])
def test_prepare_in_the_dataset_and_the_rest_in_the_layer_are_all_of_it(form: Any) -> None:
    made = policy(TURN, prepare=PREPARE)
    whole = run("augment", form(), made)
    first = run("map_fn", form(), made, sections=("prepare",))
    layer = augreg.AugmentationLayer(made, seed=3, sections=("augment", "output"), **ORIENTED)
    found = layer(first, training=True, index=0)
    for one in (whole, found):
        one.update(one["boxes"] if form is element else {})
    np.testing.assert_allclose(found["corners"], whole["corners"], atol=1e-4)


def test_a_functional_model_knows_the_shape() -> None:
    mosaic = policy({"op": "mosaic"})
    for made, count, steps in ((policy(TURN), 4, 4), (mosaic, None, 16)):
        layer = augreg.AugmentationLayer(made, seed=3, **ORIENTED)
        inputs = {
            "images": keras.Input((H, W, 3), dtype="uint8", name="images"),
            "boxes": {
                "boxes": keras.Input((4, 4), name="boxes"),
                "labels": keras.Input((4,), dtype="int64", name="labels"),
            },
        }
        outputs = layer(inputs, training=True)
        assert outputs["boxes"]["corners"].shape == (None, count, 4, 2)
        many = tf.nest.map_structure(lambda part: np.stack([part] * 2), element())
        made_of = keras.Model(inputs, outputs)(many, training=True)
        assert made_of["boxes"]["corners"].shape == (2, steps, 4, 2)


def test_a_ragged_batch_of_boxes_is_padded_beside_a_ragged_part_that_passes() -> None:
    rows = tf.RaggedTensor.from_row_lengths(tf.constant(ROWS, tf.float32), [3, 1])
    one = {
        "images": np.zeros((2, H, W, 3), np.uint8),
        "boxes": rows,
        "labels": tf.RaggedTensor.from_row_lengths(tf.range(4), [3, 1]),
        "words": tf.RaggedTensor.from_row_lengths(tf.range(5), [4, 1]),
    }
    ds = tf.data.Dataset.from_tensors(one)
    made = policy({"op": "flip"}, prepare=PREPARE)
    (out,) = augreg.augment_dataset(ds, made, batch_size=2, seed=3, epochs=1, **ORIENTED)
    assert out["words"].row_lengths().numpy().tolist() == [4, 1]
    assert out["labels"].numpy().tolist() == [[0, 1, 2], [3, -1, -1]]
    assert out["corners"].shape == (2, 3, 4, 2)
    assert out["corners"].numpy().any(axis=(2, 3)).tolist() == [[True] * 3, [True, False, False]]


def test_the_layer_saves_that_boxes_are_oriented() -> None:
    layer = augreg.AugmentationLayer(policy(TURN), seed=3, **ORIENTED)
    assert layer.get_config()["oriented"] is True
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.options.rules == layer.options.rules and again.options.rules.oriented


# --- mixed samples --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["augment", "layer"])
@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "mosaic"}, {"op": "flip", "p": 0.5}],
        [TURN, {"op": "mosaic", "p": 0.5}],
        [{"op": "cutmix", "classes": 99}, TURN],
        [{"op": "mixup", "classes": 99}],
    ],
)
def test_appended_boxes_have_their_corners(steps: list[dict[str, Any]], way: str) -> None:
    one = mixed_batch()
    del one["masks"]
    count = one["boxes"]["boxes"].shape[1]
    rows = one["boxes"]["boxes"].reshape(-1, 4)
    points = corners_of(rows).reshape(-1, count, 4, 2) - 0.5
    one["keypoints"] = points.astype(np.float32)
    layer = augreg.AugmentationLayer(policy(*steps), seed=3, **ORIENTED)
    appended = 0
    for index in (np.arange(6), np.arange(6, 12)):
        if way == "augment":
            out = augreg.augment(one, policy(*steps), seed=3, index=index, **ORIENTED)
        else:
            out = tf.nest.map_structure(np.asarray, layer(one, training=True, index=index))
        kept = out["boxes"]["labels"] >= 0
        appended += kept[:, count:].sum()
        np.testing.assert_allclose(
            out["boxes"]["corners"][kept], out["keypoints"][kept] + np.float32(0.5), atol=1e-4
        )
        assert not out["boxes"]["corners"][~kept].any()
    assert appended


# --- corners that are given -----------------------------------------------------------------------

TILTED = np.array([[[9, 4], [15, 8], [11, 14], [5, 10]]], np.float32)


@pytest.mark.parametrize("way", EVERY_WAY)
@pytest.mark.parametrize("form", [element, flat], ids=["dict", "flat"])
def test_corners_of_a_box_that_came_oriented_are_moved(way: str, form: Any) -> None:
    one = form([[5, 4, 15, 14]])
    holder = one["boxes"] if form is element else one
    holder["corners"] = TILTED
    out = run(way, one, policy({"op": "flip"}))
    found = out["boxes"] if form is element else out
    np.testing.assert_allclose(found["corners"], [W, 0] + TILTED * [-1, 1], atol=1e-5)


def test_relative_corners_are_moved() -> None:
    one = element([[5 / W, 4 / H, 15 / W, 14 / H]])
    one["boxes"]["corners"] = TILTED / [W, H]
    out = run("augment", one, policy({"op": "flip"}), bounding_box_format="rel_xyxy")
    np.testing.assert_allclose(
        out["boxes"]["corners"] * [W, H], [W, 0] + TILTED * [-1, 1], atol=1e-4
    )


@pytest.mark.parametrize("way", ["augment", "map_fn", "layer"])
def test_what_has_no_place_or_no_meaning_is_named(way: str) -> None:
    made, one = policy(TURN), flat()
    three = (one["images"], one["boxes"], one["labels"])
    with pytest.raises(DataError, match=r'a part of a tuple, which has no key for "corners"; allo'):
        run(way, three, made, parts=("images", "boxes", "labels"))
    with pytest.raises(DataError, match=r'"boxes" with "corners", which would stay behind.*orien'):
        run(way, flat(corners=corners_of(ROWS)), made, oriented=False)
    with pytest.raises(
        DataError, match=r'"corners" of the shape \(1, 4, 8\); allowed is \[N, 4, 2\]'
    ):
        run(way, flat(corners=np.zeros((4, 8))), made)
    with pytest.raises(DataError, match=r"corners.* of the shape \(1, 3, 4, 2\)"):
        run(way, flat(corners=np.zeros((3, 4, 2))), made)
    with pytest.raises(ValueError, match="oriented"):
        run(way, one, made, oriented="yes")


def test_a_part_of_that_name_may_be_left_as_it_is() -> None:
    own = np.ones((4, 4, 2))
    out = run("augment", flat(corners=own), policy(TURN), oriented=False, parts={"corners": None})
    assert out["corners"] is own
