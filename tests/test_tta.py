"""Test-time augmentation: predictions on views, back on the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from numpy.typing import NDArray

import augreg
from augreg.annotations.route import route
from augreg.backends.options import RunOptions
from augreg.checks import sample_key
from augreg.errors import DataError, ImageError, PolicyError

SIZE = (24, 31)


def photos(count: int = 3, size: tuple[int, int] = SIZE, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth images, of which a resample loses little."""
    noise = np.random.default_rng(seed).random((count, *size, 3))
    smooth = scipy.ndimage.gaussian_filter(noise, (0, 4, 4, 0))
    low, high = smooth.min(), smooth.max()
    return np.round((smooth - low) / (high - low) * 255).astype(np.uint8)


def itself(images: Any) -> Any:
    return images


def policy(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), **more}


FLIP = {"op": "flip", "axis": "horizontal", "p": 0.5}
CROP = {"op": "crop", "height": 10, "width": 13, "position": "center"}
SHOWN = (slice(7, 17), slice(9, 22))  # what it keeps
ROTATE = {"op": "rotate", "degrees": [-40, 40], "fill": "constant"}


# --- classes ---------------------------------------------------------------------------------


def test_classes_are_the_mean_over_the_plain_image_and_the_views_of_map_fn() -> None:
    steps = policy(FLIP, {"op": "brightness", "delta": [-0.3, 0.3]})
    images, index = photos(), np.array([5, 0, 9])

    def corner(batch: Any) -> Any:
        return tf.stack([batch[:, 0, 0, 0], batch[:, 0, -1, 0]], axis=-1)

    predict = augreg.tta(corner, steps, 3, seed=4)
    plain = np.stack([images[:, 0, 0, 0], images[:, 0, -1, 0]], axis=-1) / 255
    views = augreg.map_fn(steps, seed=4, batched=True, views=3)(index, images)[1:]
    expected = np.mean([plain, *(corner(view).numpy() for view in views)], axis=0)
    found = predict(images, index)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_view_is_the_plain_prediction() -> None:
    images = photos()
    found = augreg.tta(lambda x: tf.reduce_mean(x, (1, 2)), policy(ROTATE), 1)(images)
    np.testing.assert_allclose(found, images.mean(axis=(1, 2)) / 255, atol=1e-5)


def test_logits_become_probabilities_before_they_are_averaged() -> None:
    steps = policy({"op": "invert", "p": 0.5})
    images = np.zeros((8, 4, 4, 3), np.uint8)  # black, and white where inverted

    def logits(batch: Any) -> Any:
        white = batch[:, 0, 0, 0]
        return tf.stack([white * 3.0, tf.zeros_like(white)], axis=-1)

    found = augreg.tta(logits, steps, 2, seed=1, from_logits=True)(images)
    sigmoid = 1 / (1 + np.exp(-3.0))
    first = np.sort(np.unique(found[:, 0].round(5)))
    np.testing.assert_allclose(first, [0.5, (0.5 + sigmoid) / 2], atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    one = augreg.tta(lambda x: logits(x)[:, :1], steps, 2, seed=1, from_logits=True)(images)
    np.testing.assert_allclose(one[:, 0], found[:, 0], atol=1e-6)


def test_a_keras_model_is_called_for_inference() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), keras.layers.Dropout(0.9), keras.layers.Flatten()]
    )
    images = photos()
    found = augreg.tta(model, policy({"op": "flip", "p": 0}), 2)(images)
    np.testing.assert_allclose(found, images.reshape(3, -1) / 255, atol=1e-6)


# --- masks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        [FLIP, {"op": "flip", "axis": "vertical", "p": 0.5}],
        [{"op": "rot90", "k": [0, 3]}],
        [{"one_of": [FLIP, {"op": "rot90", "k": 2}]}, FLIP],
        [{"op": "pad_or_crop", "height": 31, "width": 28}, FLIP],
    ],
    ids=["flips", "rot90", "group", "pad"],
)
def test_masks_come_back_exactly_from_whole_pixels(steps: list[dict[str, Any]]) -> None:
    images = photos(6, (24, 24))
    found = augreg.tta(itself, policy(*steps), 4, outputs="masks")(images)
    np.testing.assert_allclose(found, images / 255, atol=1e-6)


@pytest.mark.parametrize(
    "step",
    [
        ROTATE,
        {"op": "perspective", "distortion": 0.3, "fill": "constant"},
        {"op": "zoom", "factor": [0.8, 1.25], "fill": "constant"},
        {"op": "elastic", "amount": 0.3, "fill": "constant"},
        {"op": "resized_crop", "height": 24, "width": 31, "area": [0.5, 1]},
    ],
    ids=lambda step: step["op"],
)
def test_masks_come_back_from_resamples(step: dict[str, Any]) -> None:
    images = photos(6)
    found = augreg.tta(itself, policy(step), 5, outputs="masks")(images)
    inner = (slice(None), slice(2, -2), slice(2, -2))  # a fill blends into what is at the edge
    error = np.abs(found[inner] - images[inner] / 255)
    assert error.max() < 0.06
    assert error.mean() < 0.006


def test_masks_of_a_rotation_agree_with_scipy() -> None:
    """One view that turns by 30 degrees, about the centre, of a mask that only it has."""
    steps = policy({"op": "rotate", "degrees": 30, "fill": "constant"})
    images = photos(1)
    view = np.random.default_rng(1).random((1, *SIZE, 1)).astype(np.float32)
    views = iter([np.zeros_like(view), view])
    found = augreg.tta(lambda _: next(views), steps, 2, outputs="masks")(images)[0, ..., 0]
    back = scipy.ndimage.rotate(view[0, ..., 0], -30, reshape=False, order=1)
    seen = scipy.ndimage.rotate(np.ones(SIZE), -30, reshape=False, order=0, cval=0) > 0
    sure = scipy.ndimage.binary_erosion(seen, iterations=2)
    np.testing.assert_allclose(found[sure], back[sure] / 2, atol=1e-4)
    never = ~scipy.ndimage.binary_dilation(seen, iterations=2)
    assert never.any()
    np.testing.assert_array_equal(found[never], 0)  # the first view alone


def test_a_pixel_counts_in_the_views_that_show_it() -> None:
    steps = policy(CROP)
    views = iter([np.zeros((1, *SIZE, 1)), np.ones((1, 10, 13, 1))])
    found = augreg.tta(lambda _: next(views), steps, 2, outputs="masks")(photos(1))
    expected = np.zeros(SIZE)
    expected[SHOWN] = 0.5
    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_what_was_cut_off_does_not_count_where_padding_is_in_its_place() -> None:
    steps = policy(
        CROP,
        {"op": "pad_or_crop", "height": 24, "width": 31},
    )
    views = iter([np.zeros((1, *SIZE, 1)), np.ones((1, *SIZE, 1))])
    found = augreg.tta(lambda _: next(views), steps, 2, outputs="masks")(photos(1))
    expected = np.zeros(SIZE)
    expected[SHOWN] = 0.5
    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_what_a_step_hides_does_not_count() -> None:
    steps = policy({"op": "erase", "area": 0.2, "targets": "hide"}, FLIP)
    images = np.full((4, *SIZE, 3), 200, np.uint8)
    found = augreg.tta(itself, steps, 6, outputs="masks")(images)
    np.testing.assert_allclose(found, images / 255, atol=1e-6)


def test_masks_have_the_size_of_the_images_where_prepare_resizes() -> None:
    steps = policy(FLIP, prepare=[{"op": "resize", "height": 48, "width": 62}])
    images = photos()
    found = augreg.tta(itself, steps, 3, outputs="masks")(images)
    assert found.shape == images.shape
    assert np.abs(found - images / 255).max() < 0.02


def test_what_no_view_shows_is_the_nearest_of_the_first() -> None:
    steps = policy(prepare=[{"op": "crop", "height": 12, "width": 15, "position": "center"}])
    images = photos()
    found = augreg.tta(itself, steps, 1, outputs="masks")(images)
    np.testing.assert_allclose(found[:, 6:18, 8:23], images[:, 6:18, 8:23] / 255, atol=1e-6)
    np.testing.assert_allclose(found[:, 0, 8:23], images[:, 6, 8:23] / 255, atol=1e-6)


BLUR = {"op": "gaussian_blur", "kernel_size": 3, "sigma": 1}
WAYS: list[list[dict[str, Any]]] = [
    [FLIP, {"op": "rotate", "degrees": [-180, 180]}, {"op": "zoom", "factor": [0.5, 2], "p": 0.5}],
    [{"op": "perspective", "distortion": [0, 0.6]}, FLIP],
    [{"op": "elastic", "amount": [0, 0.45]}, {"op": "crop", "height": 20, "width": 20}],
    [{"one_of": [{"sequence": [FLIP, BLUR, ROTATE]}, {"op": "grayscale"}, ROTATE]}],
    [{"some_of": [ROTATE, BLUR, {"op": "shear", "x_degrees": [-30, 30]}], "n": [1, 3]}],
    [{"random_order": [ROTATE, {"op": "zoom", "factor": [0.5, 2]}, BLUR]}],
    [{"op": "resized_crop", "height": 40, "width": 40}, {"op": "transpose"}],
    [{"one_of": [{"op": name, "height": 20, "width": 20} for name in ("crop", "resize")]}],
]


@pytest.mark.parametrize("steps", WAYS, ids=lambda steps: str(steps[0])[:30])
def test_points_go_there_and_back(steps: list[dict[str, Any]]) -> None:
    planned = RunOptions.of(policy(*steps), 3).plan((*SIZE, 3))
    way = route(planned, sample_key(3, 0, np.arange(40)), SIZE)
    points = np.random.default_rng(0).uniform(-0.5, (30.5, 23.5), (40, 9, 2))
    there, seen = way.forwards(points)
    assert not np.allclose(there, points, atol=1) and seen.any()
    np.testing.assert_allclose(way.back(there)[seen], points[seen], atol=1e-3)


# --- keypoints -------------------------------------------------------------------------------


def marked(places: list[tuple[int, int]]) -> NDArray[np.uint8]:
    images = np.zeros((len(places), *SIZE, 3), np.uint8)
    for image, (x, y) in zip(images, places, strict=True):
        image[y, x] = 255
    return images


def brightest(images: Any) -> NDArray[np.float32]:
    """[B,1,2]: the centre of mass of what is bright: a bilinear resample keeps it."""
    weights = np.asarray(images)[..., 0]
    y, x = np.mgrid[: weights.shape[1], : weights.shape[2]]
    total = weights.sum(axis=(1, 2))
    centres = [(weights * axis).sum(axis=(1, 2)) / total for axis in (x, y)]
    return np.stack(centres, axis=-1)[:, None].astype(np.float32)


PLACES = [(15, 11), (12, 14), (18, 9)]


@pytest.mark.parametrize(
    ("step", "atol"),
    [
        (FLIP, 1e-4),
        ({"op": "rot90", "k": 2, "p": 0.5}, 1e-4),
        ({"op": "rotate", "degrees": [-60, 60], "fill": "constant"}, 0.25),
        ({"op": "perspective", "distortion": 0.3, "fill": "constant"}, 0.25),
        ({"op": "elastic", "amount": 0.3, "fill": "constant"}, 0.25),
        ({"op": "resized_crop", "height": 60, "width": 40, "area": 1, "ratio": 1.3}, 0.5),
    ],
    ids=["flip", "rot90", "rotate", "perspective", "elastic", "resized_crop"],
)
def test_a_marker_is_found_where_it_is(step: dict[str, Any], atol: float) -> None:
    found = augreg.tta(brightest, policy(step), 6, outputs="keypoints")(marked(PLACES))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0], PLACES, atol=atol)


def test_further_columns_of_keypoints_are_averaged() -> None:
    numbers = iter([0.0, 1.0])

    def model(images: Any) -> Any:
        return np.concatenate([brightest(images), np.full((3, 1, 1), next(numbers))], axis=-1)

    found = augreg.tta(model, policy(FLIP), 2, outputs="keypoints")(marked(PLACES))
    np.testing.assert_allclose(found[:, 0], [(*place, 0.5) for place in PLACES], atol=1e-4)


def test_left_and_right_change_places_in_a_mirrored_view() -> None:
    """A model that calls what is further left in its image the left one."""
    images = marked([(5, 11)])
    images[0, 14, 20] = 255

    def model(batch: Any) -> Any:
        y, x = np.nonzero(np.asarray(batch)[0, ..., 0] > 0.5)
        points = np.stack([x, y], axis=-1)[np.argsort(x)]
        return points[None].astype(np.float32)

    always = policy({"op": "flip", "axis": "horizontal"})
    swapped = augreg.tta(model, always, 2, outputs="keypoints", keypoint_pairs=[(0, 1)])(images)
    np.testing.assert_allclose(swapped[0], [(5, 11), (20, 14)], atol=1e-4)
    mixed_up = augreg.tta(model, always, 2, outputs="keypoints")(images)
    np.testing.assert_allclose(mixed_up[0], [(12.5, 12.5), (12.5, 12.5)], atol=1e-4)


def test_a_view_that_places_a_point_outside_has_no_say() -> None:
    steps = policy({"op": "pad_or_crop", "height": 24, "width": 111})
    places = iter([np.array([[[7.0, 8.0]]]), np.array([[[3.0, 3.0]]])])  # in the padding
    found = augreg.tta(lambda _: next(places), steps, 2, outputs="keypoints")(photos(1))
    np.testing.assert_array_equal(found, [[[7, 8]]])


# --- boxes -----------------------------------------------------------------------------------


def test_boxes_come_back_from_every_view() -> None:
    images = np.zeros((2, *SIZE, 3), np.uint8)
    images[0, 4:9, 3:12] = 255
    images[1, 10:20, 20:30] = 255

    def model(batch: Any) -> dict[str, Any]:
        boxes = []
        for image in np.asarray(batch)[..., 0]:
            y, x = np.nonzero(image > 0.5)
            boxes.append([[x.min(), y.min(), x.max() + 1, y.max() + 1], [1, 1, 5, 5]])
        labels = np.tile([4, -1], (2, 1))
        return {"boxes": np.array(boxes, np.float32), "labels": labels, "scores": labels / 8}

    steps = policy(FLIP, {"op": "flip", "axis": "vertical", "p": 0.5}, {"op": "rot90", "k": 2})
    found = augreg.tta(model, steps, 5, outputs="boxes", bounding_box_format="xyxy")(images)
    expected = [[3, 4, 12, 9], [20, 10, 30, 20]]
    assert found["boxes"].shape == (2, 5, 2, 4) and found["boxes"].dtype == np.float32
    for view in range(5):
        np.testing.assert_allclose(found["boxes"][:, view, 0], expected, atol=1e-4)
    assert found["valid"][..., 0].all() and not found["valid"][..., 1].any()
    assert found["labels"].shape == found["scores"].shape == (2, 5, 2)


def test_relative_boxes_are_relative_to_the_image() -> None:
    steps = policy(prepare=[{"op": "resize", "height": 50, "width": 40}])
    whole = np.array([[[0, 0, 0.5, 1]]], np.float32)
    found = augreg.tta(lambda _: whole, steps, 1, outputs="boxes", bounding_box_format="rel_xyxy")(
        photos(1)
    )
    np.testing.assert_allclose(found["boxes"][:, 0], whole, atol=1e-6)


def test_a_box_off_the_image_is_not_valid() -> None:
    steps = policy({"op": "pad_or_crop", "height": 24, "width": 111})
    views = iter([np.array([[[1, 1, 5, 5.0]]]), np.array([[[2, 2, 30, 9.0]]])])
    found = augreg.tta(
        lambda _: next(views), steps, 2, outputs="boxes", bounding_box_format="xyxy"
    )(photos(1))
    assert found["valid"].tolist() == [[[True], [False]]]


# --- what is refused -------------------------------------------------------------------------


def test_steps_that_mix_samples_are_refused_by_name() -> None:
    steps = policy(FLIP, {"op": "mixup", "alpha": 0.2, "classes": 3})
    with pytest.raises(PolicyError, match=r'/augment/1: "mixup" mixes samples'):
        augreg.tta(itself, steps, 2)


def test_steps_that_ask_for_labels_are_refused() -> None:
    with pytest.raises(PolicyError, match='"when" asks'):
        augreg.tta(itself, policy({**FLIP, "when": {"label": [1]}}), 2)


def test_blended_warps_are_refused_where_places_matter() -> None:
    steps = policy({"op": "aug_mix"})
    with pytest.raises(DataError, match="blends several warps"):
        augreg.tta(itself, steps, 2, outputs="masks")(photos(1))
    assert augreg.tta(itself, steps, 2)(photos(1)).shape == (1, *SIZE, 3)


def test_a_schedule_needs_the_epoch() -> None:
    scheduled = {"schedule": {"from": 0.0, "to": 0.2, "epochs": 10}}
    steps = policy({"op": "brightness", "delta": scheduled})
    with pytest.raises(PolicyError, match="tta was not told which: pass epoch="):
        augreg.tta(itself, steps, 2)
    dark = np.zeros((1, 4, 4, 3), np.uint8)
    predict = augreg.tta(lambda x: x[:, 0, 0], steps, 2, epoch=10)
    np.testing.assert_allclose(predict(dark), np.full((1, 3), 0.1), atol=1e-6)


def test_a_model_that_augments_by_itself_is_refused() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((*SIZE, 3), dtype="uint8"), augreg.AugmentationLayer(policy(FLIP))]
    )
    with pytest.raises(ValueError, match="has an AugmentationLayer of its own"):
        augreg.tta(model, policy(FLIP), 2)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"outputs": "labels"}, "outputs='labels'; allowed are classes, masks, boxes, keypoints"),
        ({"n": 0}, "n=0; allowed are 1, 2"),
        ({"outputs": "keypoints", "from_logits": True}, "from_logits goes with classes and masks"),
        ({"seed": -1}, "seed has to be in 0"),
    ],
)
def test_arguments_are_checked(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        augreg.tta(itself, policy(FLIP), **{"n": 2, **how})


def test_boxes_need_a_format() -> None:
    with pytest.raises(DataError, match="bounding_box_format"):
        augreg.tta(itself, policy(FLIP), 2, outputs="boxes")


@pytest.mark.parametrize(
    ("outputs", "made", "message"),
    [
        ("masks", np.zeros((1, 12, 15, 2)), r"\[B, 24, 31, K\] is needed: resize them"),
        ("keypoints", np.zeros((1, 2)), r"keypoints of the shape \(1, 2\)"),
        ("boxes", np.zeros((1, 4)), r"boxes with the shape \(1, 4\)"),
        ("boxes", {"bbox": np.zeros((1, 1, 4))}, r"boxes with keys \['bbox'\]"),
        ("classes", "a", "the model gives a str"),
    ],
)
def test_what_a_model_gives_is_checked(outputs: str, made: Any, message: str) -> None:
    predict = augreg.tta(
        lambda _: made, policy(FLIP), 1, outputs=outputs, bounding_box_format="xyxy"
    )
    with pytest.raises(DataError, match=message):
        predict(photos(1))


def test_a_single_image_is_refused() -> None:
    with pytest.raises(ImageError, match=r"tta takes \[B, H, W, C\]"):
        augreg.tta(itself, policy(FLIP), 2)(photos()[0])
