"""What a box is moved by (its corners, an ellipse, a mask), and keypoints that are a pair."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.errors import DataError

H, W = 60, 80
BOX = [20.0, 15.0, 60.0, 35.0]
TURN = [{"op": "rotate", "degrees": 40, "fill": "constant"}]
EVERY_WAY = pytest.mark.parametrize("way", ["augment", "map_fn", "dataset", "layer"])


def policy(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version": 1, "augment": steps}


def run(way: str, element: dict[str, Any], steps: list[dict[str, Any]], **rules: Any) -> Any:
    """One element [H,W,3] and its parts, as NumPy."""
    made = policy(steps)
    if way == "augment":
        return augreg.augment(element, made, seed=3, index=0, **rules)
    if way == "map_fn":
        out = augreg.map_fn(made, seed=3, **rules)(0, element)
    elif way == "layer":
        layer = augreg.AugmentationLayer(made, seed=3, **rules)
        out = layer(element, training=True, index=0)
    else:
        ds = tf.data.Dataset.from_tensors(element)
        (out,) = augreg.augment_dataset(ds, made, batch_size=1, seed=3, epochs=1, **rules)
        out = tf.nest.map_structure(lambda part: part[0], out)
    return tf.nest.map_structure(np.asarray, out)


def boxed(mask: np.ndarray | None = None) -> dict[str, Any]:
    element: dict[str, Any] = {
        "images": np.zeros((H, W, 3), np.uint8),
        "boxes": {"boxes": np.array([BOX], np.float32), "labels": np.array([0])},
    }
    return element if mask is None else {**element, "masks": mask}


def ellipse() -> np.ndarray:
    """bool [H,W]: the ellipse in `BOX`."""
    left, top, right, bottom = BOX
    y, x = np.mgrid[:H, :W] + 0.5
    return ((x - (left + right) / 2) / (right - left) * 2) ** 2 + (
        (y - (top + bottom) / 2) / (bottom - top) * 2
    ) ** 2 <= 1


@EVERY_WAY
def test_an_ellipse_turns_to_its_published_extent(way: str) -> None:
    out = run(way, boxed(), TURN, bounding_box_format="xyxy", box_from="ellipse")
    left, top, right, bottom = out["boxes"]["boxes"][0]
    # half the extent along x of an ellipse with half axes a and b that is turned by t:
    # sqrt(a**2 cos(t)**2 + b**2 sin(t)**2)
    a, b, t = 20.0, 10.0, np.radians(40)
    np.testing.assert_allclose(
        [right - left, bottom - top],
        [2 * np.hypot(a * np.cos(t), b * np.sin(t)), 2 * np.hypot(a * np.sin(t), b * np.cos(t))],
        rtol=1e-3,
    )
    corners = run(way, boxed(), TURN, bounding_box_format="xyxy")["boxes"]["boxes"][0]
    assert (right - left) * (bottom - top) < 0.75 * np.prod(corners[2:] - corners[:2])


@EVERY_WAY
@pytest.mark.parametrize("form", ["numbers", "numbers with a channel", "a channel for each"])
def test_a_box_is_that_of_its_mask(way: str, form: str) -> None:
    own, other = ellipse(), np.zeros((H, W), bool)
    other[2:9, 70:78] = True
    element = boxed(np.where(own, 1, 0) + np.where(other, 2, 0))
    element["masks"] = element["masks"].astype(np.int32)
    element["boxes"] = {
        "boxes": np.array([BOX, [70, 2, 78, 9], [0, 0, 5, 5]], np.float32),
        "labels": np.array([0, 1, 2]),
    }
    if form == "numbers with a channel":
        element["masks"] = element["masks"][..., None]
    elif form == "a channel for each":
        element["masks"] = np.stack([own, other, own & ~own], axis=-1).astype(np.uint8) * 7
    out = run(way, element, TURN, bounding_box_format="xyxy", box_from="mask")
    masks, boxes = out["masks"], out["boxes"]
    turned = [masks[..., n] > 0 for n in range(2)] if form.endswith("each") else None
    for n in range(2):
        pixels = np.squeeze(masks) == n + 1 if turned is None else turned[n]
        ys, xs = np.nonzero(pixels)
        if not len(xs):
            assert boxes["labels"][n] == -1
            continue
        expected = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        np.testing.assert_array_equal(boxes["boxes"][n], expected)
    assert boxes["labels"][0] == 0
    assert boxes["labels"][2] == -1  # no pixel is its own


def test_without_geometry_a_box_stays_as_it_was_written() -> None:
    mask = np.zeros((H, W), np.int32)
    mask[20:25, 30:40] = 1  # smaller than its box
    steps = [{"op": "brightness", "delta": 0.1}]
    out = run("augment", boxed(mask), steps, bounding_box_format="xyxy", box_from="mask")
    np.testing.assert_array_equal(out["boxes"]["boxes"], [BOX])


@pytest.mark.parametrize("way", ["augment", "map_fn", "layer"])
def test_what_a_mask_can_not_say_is_named(way: str) -> None:
    rules = {"bounding_box_format": "xyxy", "box_from": "mask"}
    with pytest.raises(DataError, match='box_from="mask", and the element holds no masks'):
        run(way, boxed(), TURN, **rules)
    with pytest.raises(DataError, match='box_from="mask" with 1 boxes and masks of the shape'):
        run(way, boxed(np.zeros((H, W, 3), np.uint8)), TURN, **rules)


# --- keypoints ------------------------------------------------------------------------------------

NOSE, LEFT, RIGHT = [40.0, 20.0, 2.0], [30.0, 30.0, 1.0], [52.0, 31.0, 0.0]
FLIPS = {"horizontal": [-1, 1], "vertical": [1, -1], "both": [-1, -1]}


@EVERY_WAY
@pytest.mark.parametrize("axes", [(a,) for a in FLIPS] + [("horizontal", "vertical")])
def test_a_pair_changes_places_in_a_mirror(way: str, axes: tuple[str, ...]) -> None:
    element = {
        "images": np.zeros((H, W, 3), np.uint8),
        "keypoints": np.array([NOSE, LEFT, RIGHT], np.float32),
    }
    steps: list[dict[str, Any]] = [{"op": "flip", "axis": axis} for axis in axes]
    out = run(way, element, steps, keypoint_pairs=[(1, 2)])["keypoints"]
    sign = np.prod([FLIPS[axis] for axis in axes], axis=0)
    moved = np.array([NOSE, LEFT, RIGHT], np.float32)
    for i, side in enumerate((W, H)):
        moved[:, i] = moved[:, i] if sign[i] > 0 else side - 1 - moved[:, i]
    expected = moved[[0, 2, 1]] if np.prod(sign) < 0 else moved
    np.testing.assert_allclose(out, expected, atol=1e-4)


MIRRORS = [{"op": "flip", "axis": axis, "p": p} for axis, p in itertools.product(FLIPS, (1, 0.5))]


@pytest.mark.parametrize("warp", [True, False])
@pytest.mark.parametrize("many", [1, 3])
def test_a_left_stays_a_left(many: int, warp: bool) -> None:
    """A point to the left of the line from its head to its feet, whatever is composed."""
    head, feet, left, right = [40.0, 8], [41.0, 50], [48.0, 30], [32.0, 29]
    points = np.array([[head, feet, left, right]] * 40, np.float32)
    element = {"images": np.zeros((40, H, W, 3), np.uint8), "keypoints": points}
    turns = [
        {"op": "rotate", "degrees": [-180, 180]},
        {"op": "zoom", "factor": [0.7, 1.3]},
        {"op": "perspective", "distortion": 0.2},
        {"op": "elastic", "amount": 0.2},
    ]
    steps = [*MIRRORS[:many], *(turns if warp else [{"op": "rot90", "k": 2}]), MIRRORS[many]]
    out = augreg.augment(element, policy(steps), seed=1, keypoint_pairs=[(2, 3)])["keypoints"]
    head, feet, left, right = np.moveaxis(out, 1, 0)

    def side(point: np.ndarray) -> np.ndarray:
        along, to = feet - head, point - head
        return np.asarray(np.sign(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0]))

    before = points[0]
    along, to = before[1] - before[0], before[2] - before[0]
    assert (side(left) == np.sign(along[0] * to[1] - along[1] * to[0])).all()
    assert (side(right) == -side(left)).all()
    plain = augreg.augment(element, policy(steps), seed=1)["keypoints"]
    assert 0 < (np.abs(plain - out).max(axis=(1, 2)) > 1).sum() <= 40


def test_the_layer_saves_its_rules(tmp_path: Any) -> None:
    rules = {"box_from": "ellipse", "keypoint_pairs": [(1, 2)], "bounding_box_format": "xyxy"}
    layer = augreg.AugmentationLayer(policy(TURN), seed=3, **rules)
    again = augreg.AugmentationLayer.from_config(layer.get_config())
    assert again.options.rules == layer.options.rules
    assert layer.options.rules.keypoint_pairs == ((1, 2),)
    text = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(text).options.rules == layer.options.rules


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"box_from": "circle"}, r'box_from has to be one of "corners", "ellipse", "mask", found'),
        ({"keypoint_pairs": [(1, 1)]}, r"keypoint_pairs has to be pairs of positions.*found"),
        ({"keypoint_pairs": [(0, 1), (1, 2)]}, r"each once"),
        ({"keypoint_pairs": [(-1, 1)]}, r"0 and up"),
        ({"keypoint_pairs": [1, 2]}, r"has to be pairs"),
        ({"keypoint_pairs": "ab"}, r"has to be pairs"),
    ],
)
def test_rules_that_are_none_are_named(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        augreg.map_fn(policy(TURN), **rules)


def test_a_pair_beyond_the_keypoints_is_named() -> None:
    element = {"images": np.zeros((H, W, 3), np.uint8), "keypoints": np.zeros((3, 2), np.float32)}
    with pytest.raises(DataError, match="names 6 keypoints"):
        augreg.augment(element, policy(TURN), seed=0, keypoint_pairs=[(1, 5)])


@pytest.mark.parametrize("shape", [(2, 0), (2, 0, 3)])
def test_relative_boxes_may_be_none_in_a_whole_batch(shape: tuple[int, ...]) -> None:
    boxes = {"boxes": np.zeros((2, 0, 4), np.float32), "labels": np.zeros(shape, np.float32)}
    element = {"images": np.zeros((2, 8, 8, 3), np.uint8), "boxes": boxes}
    flip = {"version": 1, "augment": [{"op": "flip"}]}
    made = augreg.augment(element, flip, seed=1, bounding_box_format="rel_xyxy")
    assert made["boxes"]["boxes"].shape == (2, 0, 4)
    fn = augreg.map_fn(flip, seed=1, batched=True, bounding_box_format="rel_xyxy")
    assert fn(np.arange(2), element)["boxes"]["labels"].shape == shape
