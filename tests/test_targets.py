"""Masks, boxes and keypoints stay with the image's content, in every way of running a policy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

import augreg
from augreg import families
from augreg.annotations import boxes
from augreg.families import transform_of
from augreg.plugin.registry import default_registry
from augreg.policy import Step, load_policy

H, W, B = 180, 160, 3


def policy(*steps: Any, prepare: Any = ()) -> dict[str, Any]:
    return {"version": 1, "prepare": list(prepare), "augment": list(steps)}


def ramps(height: int = H, width: int = W) -> np.ndarray:
    """Channels x / 1024 and y / 1024: linear, so that any interpolation tells where it read."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y, np.zeros_like(x)], axis=-1) / np.float32(1024)


def blob(x: float, y: float, sigma: float = 2.5) -> np.ndarray:
    v, u = np.mgrid[:H, :W]
    marker = np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * sigma**2))
    return np.repeat(marker[..., None], 3, axis=-1).astype(np.float32)


def geometric_steps() -> list[dict[str, Any]]:
    found = []
    for op in default_registry().ops.values():
        step = {"op": op.name, **op.example}
        node = load_policy(policy(step)).augment[0]
        if isinstance(node, Step):
            kind = transform_of(node, (H, W))
            if kind.geometric or isinstance(kind, families.Resize):
                found.append(step)
    return found


FUSED = {
    "warp": [
        {"op": "flip", "p": 0.5},
        {"op": "rotate", "degrees": [-30, 30]},
        {"op": "zoom", "factor": [0.8, 1.3]},
        {"op": "translate", "x": [-0.1, 0.1], "y": [-0.1, 0.1]},
        {"op": "shear", "x_degrees": [-10, 10]},
    ],
    "warp then crop": [{"op": "rotate", "degrees": 20}, {"op": "crop", "height": 99, "width": 80}],
    "crop then warp": [{"op": "crop", "height": 99, "width": 80}, {"op": "rotate", "degrees": 20}],
    "whole pixels": [
        {"op": "rot90", "k": 3},
        {"op": "crop", "height": 120, "width": 131},
        {"op": "pad_or_crop", "height": 200, "width": 100},
        {"op": "flip", "axis": "both", "p": 0.5},
    ],
    "resize between": [
        {"op": "zoom", "factor": 0.7, "fill": "constant"},
        {"op": "resize", "height": 120, "width": 240, "fit": "pad"},
        {"op": "rotate", "degrees": 10, "fill": "nearest"},
        {"op": "resize", "height": 50, "width": 60, "fit": "crop"},
    ],
    "resized crop": [
        {"op": "resized_crop", "height": 128, "width": 96, "area": [0.4, 0.9]},
        {"op": "flip"},
    ],
    "groups": [
        {"one_of": [{"op": "rotate", "degrees": 40}, {"op": "flip"}, {"op": "zoom", "factor": 2}]},
        {
            "some_of": [{"op": "flip", "axis": "vertical"}, {"op": "rotate", "degrees": 9}],
            "n": [0, 2],
        },
        {"one_of": [{"op": "clip"}, {"op": "shear", "x_degrees": 12}], "p": 0.7},
    ],
    "perspective": [
        {"op": "flip", "p": 0.5},
        {"op": "perspective", "distortion": 0.3},
        {"op": "rotate", "degrees": [-20, 20]},
        {"op": "zoom", "factor": 0.8},
    ],
    "perspective and resize": [
        {"op": "perspective", "distortion": 0.25, "fill": "constant"},
        {"op": "resize", "height": 140, "width": 220, "fit": "pad"},
        {"op": "perspective", "distortion": 0.2, "fill": "nearest"},
        {"op": "resize", "height": 90, "width": 100},
    ],
    "random order": [
        {
            "random_order": [
                {"op": "rotate", "degrees": 25},
                {"op": "translate", "x": 0.1, "y": -0.05},
                {"op": "zoom", "factor": 0.9, "factor_x": 1.1},
            ]
        }
    ],
    "random order of families": [
        {
            "random_order": [
                {"op": "rotate", "degrees": 25, "fill": "constant"},
                {"op": "clip"},
                {"op": "shear", "x_degrees": 12, "fill": "constant"},
                {"op": "flip", "axis": "vertical", "p": 0.5},
            ],
            "p": 0.8,
        }
    ],
    "branches": [
        {
            "one_of": [
                {"op": "resize", "height": 96, "width": 96},
                {"sequence": [{"op": "crop", "height": 96, "width": 96}, {"op": "flip"}]},
            ]
        },
        {"op": "rotate", "degrees": [-9, 9]},
    ],
}
CASES = {step["op"]: [step] for step in geometric_steps()} | FUSED


def grid_points() -> np.ndarray:
    x, y = np.meshgrid(np.arange(14.5, W - 14, 13.0), np.arange(14.25, H - 14, 13.0))
    return np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)


def read(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """x and y in the input's pixels that the output of `ramps` shows at `points`."""
    at = points[:, ::-1].T
    both = [scipy.ndimage.map_coordinates(image[..., c].astype(float), at, order=1) for c in (0, 1)]
    return np.stack(both, axis=-1) * 1024


# --- points -------------------------------------------------------------------------------------


# a projection bends the ramps, and reading them between pixels cuts the bend's corners:
# test_targets_projective.py reads at whole pixels, and fits a homography by hand
STRAIGHT = [name for name in CASES if not name.startswith("perspective")]
# so does a curve, the more the tighter it is, and the kinks of a grid
BENT = {"elastic": 0.005, "grid_distortion": 0.1, "optical_distortion": 0.005}


@pytest.mark.parametrize("name", STRAIGHT)
def test_a_point_shows_the_same_content_before_and_after(name: str) -> None:
    given = np.repeat(grid_points()[None], B, axis=0)
    around = np.concatenate([given - 4, given + 5], axis=-1)  # tells whether anything cut it off
    element = {
        "images": np.stack([ramps()] * B),
        "keypoints": given,
        "boxes": {"boxes": around, "labels": np.zeros(given.shape[:2], int)},
    }
    options = {"bounding_box_format": "xyxy", "min_visible": 0.9999}
    out = augreg.augment(element, policy(*CASES[name]), seed=5, index=[3, 4, 5], **options)
    checked = 0
    for b in range(B):
        whole = out["boxes"]["labels"][b] == 0
        content = read(out["images"][b], out["keypoints"][b][whole])
        np.testing.assert_allclose(content, given[b][whole], atol=BENT.get(name, 1e-3))
        checked += int(whole.sum())
    assert checked > 20


@pytest.mark.parametrize("name", CASES)
def test_a_drawn_marker_and_its_keypoint_stay_together(name: str) -> None:
    x, y = 84.0, 93.0
    element = {
        "images": blob(x, y),
        "keypoints": np.array([[x, y]], np.float32),
    }
    out = augreg.augment(element, policy(*CASES[name]), seed=11, index=2)
    image, (at,) = out["images"][..., 0].astype(float), out["keypoints"]
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    image = np.where(image == image[0, 0], 0, image)  # a letterbox's margin
    near = image * (image > 1e-4)
    centroid = np.array([(near * u).sum(), (near * v).sum()]) / near.sum()
    # a marker has a size: perspective and curves bend it
    np.testing.assert_allclose(at, centroid, atol=0.1 if name in BENT else 0.03)
    np.testing.assert_allclose(at, np.unravel_index(image.argmax(), image.shape)[::-1], atol=1.1)


def test_a_point_may_leave_the_image_and_keeps_its_coordinates() -> None:
    element = {"images": ramps(), "keypoints": np.array([[10.0, 20.0]], np.float32)}
    out = augreg.augment(element, policy({"op": "translate", "x": -0.5}), seed=0)
    np.testing.assert_allclose(out["keypoints"], [[10 - W / 2, 20]], atol=1e-4)


def test_columns_after_x_and_y_pass_and_leading_dimensions_stay() -> None:
    points = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)
    element = {"images": np.zeros((2, H, W, 3), np.uint8), "keypoints": points}
    out = augreg.augment(element, policy({"op": "flip"}), seed=0)["keypoints"]
    assert out.shape == points.shape and out.dtype == np.float32
    np.testing.assert_array_equal(out[..., 2], points[..., 2])
    np.testing.assert_allclose(out[..., 0], W - 1 - points[..., 0])


# --- boxes --------------------------------------------------------------------------------------


def boxed(*rows: Any, image: Any = None, labels: Any = None) -> dict[str, Any]:
    image = np.zeros((H, W, 3), np.uint8) if image is None else image
    numbers = np.arange(len(rows)) if labels is None else np.asarray(labels)
    return {"images": image, "boxes": {"boxes": np.array(rows, np.float32), "labels": numbers}}


def move_boxes(steps: Any, *rows: Any, **options: Any) -> dict[str, Any]:
    options.setdefault("bounding_box_format", "xyxy")
    return augreg.augment(boxed(*rows), policy(*steps), seed=1, **options)["boxes"]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"op": "flip"}, [W - 50, 20, W - 10, 90]),
        ({"op": "flip", "axis": "vertical"}, [10, H - 90, 50, H - 20]),
        ({"op": "rot90", "k": 1}, [20, W - 50, 90, W - 10]),
        ({"op": "rot90", "k": 3}, [H - 90, 10, H - 20, 50]),
        ({"op": "crop", "height": 100, "width": 100, "position": "center"}, [0, 0, 20, 50]),
        ({"op": "pad_or_crop", "height": 200, "width": 200}, [30, 30, 70, 100]),
        ({"op": "resize", "height": 90, "width": 320}, [20, 10, 100, 45]),
        ({"op": "resize", "height": 360, "width": 360, "fit": "pad"}, [40, 40, 120, 180]),
        ({"op": "resize", "height": 160, "width": 160, "fit": "crop"}, [10, 10, 50, 80]),
        ({"op": "translate", "x": 0.25, "y": 0.5}, [50, 110, 90, 180]),
        ({"op": "zoom", "factor": 0.5}, [45, 55, 65, 90]),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_boxes_move_as_their_closed_form(step: dict[str, Any], expected: list[float]) -> None:
    moved = move_boxes([step], [10, 20, 50, 90])
    np.testing.assert_allclose(moved["boxes"], [expected], atol=1e-3)
    assert moved["labels"].tolist() == [0]


def test_a_turned_box_is_the_tight_one_around_its_corners() -> None:
    moved = move_boxes([{"op": "rotate", "degrees": 30}], [70, 70, 90, 110])["boxes"][0]
    half_w, half_h, turn = 10.0, 20.0, np.deg2rad(30)
    wide = half_w * np.cos(turn) + half_h * np.sin(turn)
    high = half_w * np.sin(turn) + half_h * np.cos(turn)
    np.testing.assert_allclose(moved, [80 - wide, 90 - high, 80 + wide, 90 + high], atol=1e-3)


def test_corners_of_a_fused_run_turn_once() -> None:
    """Turning there and back in one resample is the identity for boxes, as for pixels."""
    steps = [{"op": "rotate", "degrees": 30}, {"op": "rotate", "degrees": -30}]
    moved = move_boxes(steps, [60, 60, 90, 110])["boxes"]
    np.testing.assert_allclose(moved, [[60, 60, 90, 110]], atol=1e-3)


def test_crops_and_pads_agree_with_keras() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 100, (20, 2))
    rows = np.concatenate([low, low + rng.uniform(20, 70, (20, 2))], axis=1).astype(np.float32)
    utils = keras.utils.bounding_boxes
    steps = [{"op": "crop", "height": 100, "width": 90, "position": "center"}]
    cropped = utils.crop(rows, top=40, left=35, height=100, width=90)
    clipped = utils.clip_to_image_size(
        {"boxes": cropped[None], "labels": np.zeros((1, 20))}, height=100, width=90
    )["boxes"][0]
    moved = move_boxes(steps, *rows, min_visible=0.0)
    kept = moved["labels"] >= 0
    assert kept.sum() > 5
    np.testing.assert_allclose(moved["boxes"][kept], np.asarray(clipped)[kept], atol=1e-3)
    padded = move_boxes([{"op": "pad_or_crop", "height": 300, "width": 300}], *rows)
    expected = utils.clip_to_image_size(
        {"boxes": rows[None], "labels": np.zeros((1, 20))}, height=H, width=W
    )["boxes"]
    expected = utils.pad(np.asarray(expected)[0], top=60, left=70)
    np.testing.assert_allclose(padded["boxes"], expected, atol=1e-3)


@pytest.mark.parametrize("name", boxes.FORMATS)
def test_every_format_is_keras_s(name: str) -> None:
    rows = np.array([[12, 20, 60, 90], [70, 30, 110, 77]], np.float32)
    convert = keras.utils.bounding_boxes.convert_format
    given = np.asarray(convert(rows, source="xyxy", target=name, height=H, width=W))
    steps = [{"op": "rotate", "degrees": 15}, {"op": "resize", "height": 300, "width": 100}]
    plain = move_boxes(steps, *rows)["boxes"]
    expected = convert(plain, source="xyxy", target=name, height=300, width=100)
    moved = move_boxes(steps, *given, bounding_box_format=name.upper())["boxes"]
    np.testing.assert_allclose(moved, np.asarray(expected), atol=1e-3)


def test_a_box_is_dropped_below_its_visible_share_and_the_number_of_boxes_stays() -> None:
    steps = [{"op": "crop", "height": 100, "width": 100, "position": "center"}]  # at (30, 40)
    rows = [[0, 50, 40, 60], [0, 50, 33, 60], [0, 0, 20, 20], [40, 50, 60, 70]]
    moved = move_boxes(steps, *rows)  # 25 %, 9 %, nothing, all of it
    assert moved["labels"].tolist() == [0, -1, -1, 3]
    np.testing.assert_allclose(moved["boxes"][0], [0, 10, 10, 20], atol=1e-3)
    np.testing.assert_array_equal(moved["boxes"][1:3], np.zeros((2, 4)))
    assert move_boxes(steps, *rows, min_visible=0.05)["labels"].tolist() == [0, 1, -1, 3]
    assert move_boxes(steps, *rows, min_visible=0.0)["labels"].tolist() == [0, 1, -1, 3]
    assert move_boxes(steps, *rows, min_visible=1.0)["labels"].tolist() == [-1, -1, -1, 3]


def test_shares_of_several_stages_multiply() -> None:
    half = {"op": "crop", "height": H, "width": 80, "position": "center"}  # from x = 40 on
    turn = {"op": "rotate", "degrees": 0.0, "fill": "constant"}
    lower = {"op": "crop", "height": 90, "width": 80, "position": "center"}  # from y = 45 on
    rows = [[30, 35, 50, 55]]  # half, then half of that
    steps = [half, turn, {"op": "invert"}, lower]
    assert move_boxes(steps, *rows, min_visible=0.24)["labels"].tolist() == [0]
    assert move_boxes(steps, *rows, min_visible=0.26)["labels"].tolist() == [-1]


BOXES = [[-20, -10, 20, 30], [150, 170, 400, 400], [-50, -50, -10, -10], [5, 6, 7, 8]]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"op": "invert"}],
        [{"op": "flip", "p": 0}],
        [{"op": "invert"}, {"op": "rotate", "degrees": 0}],
    ],
    ids=["nothing", "colour", "a flip never done", "a resample"],
)
def test_boxes_are_clipped_and_dropped_whatever_a_policy_does(steps: Any, training: bool) -> None:
    """One rule, in training and evaluation; and float32 comes out, also of integers."""
    given = {"boxes": np.array([BOXES] * B, np.int64), "labels": np.array([[1, 2, 3, 4]] * B)}
    loaded = load_policy(policy(*steps, prepare=[{"op": "gamma", "gamma": 2}]))
    element = {"images": np.zeros((B, H, W, 3), np.uint8), "boxes": given}
    rules = {"bounding_box_format": "xyxy", "min_visible": 0.05}
    fn = augreg.map_fn(loaded, seed=7, batched=True, training=training, **rules)
    plain = augreg.augment(element, loaded, seed=7, training=training, **rules)
    for found in (plain["boxes"], fn(np.arange(B), element)["boxes"]):
        boxes, labels = (np.asarray(found[key]) for key in ("boxes", "labels"))
        assert boxes.dtype == np.float32
        # 600 of the first's 1,600 square pixels are left, and 100 of the second's 57,500
        expected = [[0, 0, 20, 30], [0, 0, 0, 0], [0, 0, 0, 0], [5, 6, 7, 8]]
        np.testing.assert_allclose(boxes, [expected] * B, atol=1e-3)
        assert labels.tolist() == [[1, -1, -1, 4]] * B


def test_padded_boxes_stay_padded() -> None:
    element = boxed([0, 0, 0, 0], [5, 5, 40, 40], labels=[-1, 7])
    moved = augreg.augment(element, policy({"op": "flip"}), seed=1, bounding_box_format="xyxy")
    assert moved["boxes"]["labels"].tolist() == [-1, 7]
    np.testing.assert_array_equal(moved["boxes"]["boxes"][0], np.zeros(4))


# --- masks --------------------------------------------------------------------------------------


def random_mask(dtype: str = "int32") -> np.ndarray:
    return np.random.default_rng(4).integers(0, 90, (H, W)).astype(dtype)


def move_mask(mask: np.ndarray, *steps: Any) -> np.ndarray:
    element = {"images": np.zeros((H, W, 3), np.uint8), "masks": mask}
    return augreg.augment(element, policy(*steps), seed=1)["masks"]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "bool"])
def test_masks_move_as_whole_pixels_and_keep_their_dtype(dtype: str) -> None:
    mask = random_mask(dtype)
    moved = move_mask(mask, {"op": "flip"}, {"op": "rot90", "k": 1})
    assert moved.dtype == mask.dtype
    np.testing.assert_array_equal(moved, np.rot90(mask[:, ::-1]))
    padded = move_mask(mask, {"op": "pad_or_crop", "height": 200, "width": 100})
    np.testing.assert_array_equal(padded, np.pad(mask[:, 30:130], ((10, 10), (0, 0))))


@pytest.mark.parametrize(
    ("fill", "mode"),
    [
        ("reflect", "reflect"),
        ("nearest", "nearest"),
        ("wrap", "grid-wrap"),
        ("constant", "grid-constant"),
    ],
)
def test_a_turned_mask_is_scipy_s_nearest_one(fill: str, mode: str) -> None:
    mask = random_mask()
    step = {"op": "rotate", "degrees": 33, "fill": fill}
    if fill == "constant":
        step["fill_value"] = 0.5  # the image's; masks get 0
    turn = np.deg2rad(33)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    centre = np.array([(H - 1) / 2, (W - 1) / 2])
    expected = scipy.ndimage.affine_transform(
        mask, matrix, centre - matrix @ centre, order=0, mode=mode, cval=0
    )
    moved = move_mask(mask, step)
    assert (moved != expected).mean() < 1e-3
    assert set(np.unique(moved)) <= set(np.unique(mask)) | {0}


def test_a_resized_mask_is_tensorflow_s_nearest_one() -> None:
    mask = random_mask()
    for height, width in ((77, 301), (401, 333)):
        expected = tf.image.resize(mask[..., None], (height, width), "nearest")[..., 0]
        step = {"op": "resize", "height": height, "width": width, "method": "bicubic"}
        # a pixel's centre on a border between two: TensorFlow's floats take either
        rows, columns = (
            (2 * np.arange(target) + 1) * side % (2 * target) > 0
            for side, target in ((H, height), (W, width))
        )
        clear = np.ix_(rows, columns)
        moved, expected = move_mask(mask, step)[clear], expected.numpy()[clear]
        assert moved.size > 0.9 * height * width
        np.testing.assert_array_equal(moved, expected)


def test_a_mask_keeps_its_channel() -> None:
    mask = random_mask()[..., None]
    assert move_mask(mask, {"op": "resize", "height": 9, "width": 8}).shape == (9, 8, 1)


@pytest.mark.parametrize("name", FUSED)
def test_a_mask_shows_what_the_image_shows(name: str) -> None:
    """A mask that is a smooth image, rounded: its values stay near the image's own."""
    y, x = np.mgrid[:H, :W]
    smooth = 0.5 + 0.3 * np.sin(x / 25) * np.cos(y / 31)
    image = np.repeat(smooth[..., None], 3, axis=-1).astype(np.float32)
    element = {"images": image, "masks": smooth.astype(np.float32)}
    out = augreg.augment(element, policy(*FUSED[name]), seed=6, index=9)
    covered = out["masks"] > 0  # nothing is padding there
    difference = np.abs(out["images"][..., 0] - out["masks"])[covered]
    assert np.quantile(difference, 0.95) < 0.03


# --- every way of running it --------------------------------------------------------------------


def full_element() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 110, (B, 4, 2))
    rows = np.concatenate([low, rng.uniform(10, 50, (B, 4, 2))], axis=-1)
    return {
        "images": rng.integers(0, 256, (B, H, W, 3), np.uint8),
        "masks": rng.integers(0, 5, (B, H, W), np.int32),
        "boxes": {"boxes": rows.astype(np.float32), "labels": np.tile([0, 1, 2, -1], (B, 1))},
        "keypoints": rng.uniform(0, 150, (B, 6, 2)).astype(np.float32),
        "names": np.arange(B),
    }


OPTIONS: dict[str, Any] = {"seed": 3, "bounding_box_format": "xywh"}


def assert_same(one: dict[str, Any], other: Any) -> None:
    other = tf.nest.map_structure(np.asarray, other)
    assert one.keys() == other.keys()
    np.testing.assert_allclose(one["keypoints"], other["keypoints"], atol=1e-3)
    np.testing.assert_allclose(one["boxes"]["boxes"], other["boxes"]["boxes"], atol=1e-3)
    np.testing.assert_array_equal(one["boxes"]["labels"], other["boxes"]["labels"])
    np.testing.assert_array_equal(one["names"], other["names"])
    assert one["masks"].dtype == other["masks"].dtype
    assert one["masks"].shape == other["masks"].shape
    assert (one["masks"] != other["masks"]).mean() < 1e-3
    np.testing.assert_allclose(one["images"], other["images"], atol=1 / 255)


IN_TF_DATA = ["warp", "whole pixels", "resize between", "branches", "perspective", "random order"]


@pytest.mark.parametrize("name", IN_TF_DATA)
def test_tf_data_moves_annotations_as_the_reference_does(name: str) -> None:
    element, steps = full_element(), policy(*FUSED[name])
    expected = augreg.augment(element, steps, epoch=2, **OPTIONS)
    source = tf.data.Dataset.from_tensor_slices(element)
    ds = augreg.augment_dataset(source, steps, batch_size=B, first_epoch=2, **OPTIONS)
    assert_same(expected, next(iter(ds)))


def test_single_elements_of_unknown_size_move_alike() -> None:
    element = full_element()
    prepare = [{"op": "resize", "height": 120, "width": 100}]
    steps = policy(*FUSED["warp"], prepare=prepare)
    expected = augreg.augment(element, steps, **OPTIONS)
    fn = augreg.map_fn(steps, **OPTIONS)
    signature = tf.nest.map_structure(
        lambda part: tf.TensorSpec([None] * (part.ndim - 1), part.dtype), element
    )
    signature["keypoints"] = tf.TensorSpec([None, 2], tf.float32)
    signature["images"] = tf.TensorSpec([None, None, 3], tf.uint8)
    one = tf.function(fn, input_signature=[tf.TensorSpec([], tf.int64), signature])
    for i in range(B):
        found = one(i, tf.nest.map_structure(lambda part, i=i: part[i], element))
        assert_same(tf.nest.map_structure(lambda part, i=i: part[i], expected), found)


def test_the_layer_takes_and_gives_a_dict_under_xla() -> None:
    element = full_element()
    steps = policy(*FUSED["groups"], *FUSED["warp then crop"])
    expected = augreg.augment(element, steps, epoch=1, index=[7, 8, 9], **OPTIONS)
    layer = augreg.AugmentationLayer(steps, **OPTIONS)
    call = tf.function(
        lambda e: layer(e, training=True, index=tf.constant([7, 8, 9]), epoch=1), jit_compile=True
    )
    assert_same(expected, call(tf.nest.map_structure(tf.constant, element)))


def test_the_layer_takes_a_single_element() -> None:
    element = {key: part[0] for key, part in full_element().items() if key != "boxes"}
    steps = policy({"op": "flip"}, {"op": "rot90", "k": 1})
    expected = augreg.augment(element, steps, seed=3, index=7, epoch=1)
    found = augreg.AugmentationLayer(steps, seed=3)(element, training=True, index=7, epoch=1)
    for key, part in expected.items():
        np.testing.assert_allclose(part, found[key], atol=1e-4)


def test_preparing_in_the_dataset_and_the_rest_in_the_layer_is_the_whole() -> None:
    element = full_element()
    steps = policy(
        *FUSED["warp"],
        prepare=[
            {"op": "crop", "height": 150, "width": 140, "position": "center"},
            {"op": "resize", "height": 90, "width": 80},
        ],
    )
    expected = augreg.augment(element, steps, **OPTIONS)
    source = tf.data.Dataset.from_tensor_slices(element)
    ds = augreg.augment_dataset(source, steps, batch_size=B, sections=["prepare"], **OPTIONS)
    layer = augreg.AugmentationLayer(steps, sections=["augment", "output"], **OPTIONS)
    assert_same(expected, layer(next(iter(ds)), training=True, index=np.arange(B), epoch=0))


@pytest.mark.parametrize("shuffle", [False, True])
def test_boxes_whose_number_varies_are_padded_in_batches(shuffle: bool) -> None:
    counts = [3, 0, 2, 1]

    def elements() -> Any:
        for i, count in enumerate(counts):
            rows = np.tile([[10, 10, 40, 40]], (count, 1)).astype(np.float32)
            numbers = np.full(count, i + 1)
            yield {
                "images": np.zeros((64, 64, 3), np.uint8),
                "boxes": {"boxes": rows, "labels": numbers},
            }

    spec = {
        "images": tf.TensorSpec((64, 64, 3), tf.uint8),
        "boxes": {
            "boxes": tf.TensorSpec((None, 4), tf.float32),
            "labels": tf.TensorSpec((None,), tf.int64),
        },
    }
    source = tf.data.Dataset.from_generator(elements, output_signature=spec)
    source = source.apply(tf.data.experimental.assert_cardinality(4))
    steps = policy({"op": "flip"}, prepare=[{"op": "resize", "height": 32, "width": 32}])
    ds = augreg.augment_dataset(source, steps, batch_size=2, shuffle=shuffle, **OPTIONS)
    found: dict[int, int] = {}
    for labels, rows in ((b["boxes"]["labels"].numpy(), b["boxes"]["boxes"].numpy()) for b in ds):
        for number in labels[labels >= 0]:
            found[int(number)] = found.get(int(number), 0) + 1
        np.testing.assert_array_equal(rows[labels < 0], 0)
        np.testing.assert_allclose(rows[labels >= 0], [[7, 5, 20, 20]] * (labels >= 0).sum())
    assert found == {1: 3, 3: 2, 4: 1}


def test_inference_prepares_and_moves_no_further() -> None:
    element = full_element()
    steps = policy({"op": "flip"}, prepare=[{"op": "resize", "height": 90, "width": 80}])
    out = augreg.augment(element, steps, training=False, **OPTIONS)
    given = element["boxes"]["boxes"]
    np.testing.assert_allclose(out["keypoints"], (element["keypoints"] + 0.5) / 2 - 0.5, atol=1e-4)
    inside = (given[..., :2] + given[..., 2:] < [W, H]).all(axis=-1) & (
        element["boxes"]["labels"] >= 0
    )
    np.testing.assert_allclose(out["boxes"]["boxes"][inside], given[inside] / 2, atol=1e-4)


def test_color_alone_leaves_annotations_that_lie_in_the_image_untouched() -> None:
    element = full_element()
    out = augreg.augment(element, policy({"op": "invert"}), **OPTIONS)
    for key in ("masks", "keypoints", "names"):
        np.testing.assert_array_equal(out[key], element[key])
    padding = (element["boxes"]["labels"] == -1)[..., None]  # its coordinates are 0, everywhere
    expected = np.where(padding, 0, element["boxes"]["boxes"])
    np.testing.assert_array_equal(out["boxes"]["boxes"], expected)


def test_keras_s_own_keys_are_known_too() -> None:
    element = full_element()
    renamed = {
        "images": element["images"],
        "segmentation_masks": element["masks"],
        "bounding_boxes": element["boxes"],
    }
    steps = policy({"op": "flip"})
    one, other = (augreg.augment(e, steps, **OPTIONS) for e in (element, renamed))
    np.testing.assert_array_equal(one["masks"], other["segmentation_masks"])
    np.testing.assert_array_equal(one["boxes"]["boxes"], other["bounding_boxes"]["boxes"])


def test_a_symbolic_call_knows_the_shapes() -> None:
    layer = augreg.AugmentationLayer(policy({"op": "crop", "height": 32, "width": 40}))
    spec = layer.compute_output_spec(
        {
            "images": keras.KerasTensor((None, 64, 64, 3), "uint8"),
            "masks": keras.KerasTensor((None, 64, 64, 1), "int32"),
            "keypoints": keras.KerasTensor((None, 5, 2), "int32"),
        }
    )
    assert spec["keypoints"].shape == (None, 5, 2) and spec["keypoints"].dtype == "float32"
    assert spec["masks"].dtype == "int32" and spec["masks"].shape[-1] == 1


def test_the_layer_s_config_holds_the_rules() -> None:
    layer = augreg.AugmentationLayer(policy({"op": "flip"}), min_visible=0.4, **OPTIONS)
    again = augreg.AugmentationLayer.from_config(layer.get_config())
    assert again.options.rules == layer.options.rules


# --- what can't work ----------------------------------------------------------------------------


def refuse(element: dict[str, Any], message: str, **options: Any) -> None:
    with pytest.raises(augreg.AugregError, match=message):
        augreg.augment(element, policy({"op": "flip"}), seed=0, **options)


def test_boxes_without_a_format_name_the_formats() -> None:
    refuse(boxed([0, 0, 4, 4]), 'needs "bounding_box_format"; allowed are xyxy, yxyx')
    refuse(boxed([0, 0, 4, 4]), "'coco' is no format of boxes", bounding_box_format="coco")


def test_annotations_that_do_not_fit_are_refused() -> None:
    image = np.zeros((H, W, 3), np.uint8)
    masks = np.zeros((9, 9), np.uint8)
    refuse({"images": image, "masks": masks}, r'"masks" of the shape \(1, 9, 9\) with images')
    refuse({"images": image, "keypoints": np.zeros(2)}, r'"keypoints" of the shape \(1, 2\)')
    plain = {"images": image, "boxes": np.zeros((3, 4))}
    refuse(plain, '"boxes" has to be a dict', bounding_box_format="xyxy")
    both = {"images": image, "masks": masks, "segmentation_masks": masks}
    refuse(both, 'holds "masks" and "segmentation_masks"')
    flat = boxed([0, 0, 4, 4], labels=np.array([1], np.uint8))
    refuse(flat, "signed integers", bounding_box_format="xyxy")


def test_a_visible_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"min_visible has to be in 0 to 1, found 1\.5"):
        augreg.map_fn(policy({"op": "flip"}), min_visible=1.5)
