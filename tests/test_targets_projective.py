"""Masks, boxes and keypoints through projections, held against homographies fitted by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from test_targets import FUSED, H, W, policy, ramps

import augreg
from augreg.annotations import boxes

TILT = {"op": "perspective", "distortion": 0.6, "fill": "constant", "fill_value": 0.25}
TWICE = FUSED["perspective and resize"]  # a projection, a resize and a projection: one homography
ONE_RESAMPLE = {
    "perspective": [TILT],
    "among affine steps": FUSED["perspective"],
    "in a random order": [
        {
            "random_order": [
                {"op": "perspective", "distortion": 0.4},
                {"op": "rotate", "degrees": [-40, 40]},
                {"op": "shear", "x_degrees": 15},
            ]
        }
    ],
    "or another": [
        {"one_of": [{"op": "perspective", "distortion": 0.5}, {"op": "zoom", "factor": 1.3}]}
    ],
}


def homography(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The 3x3 matrix that takes four points to four others, by its eight linear equations."""
    rows, right = [], []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(right)), 1).reshape(3, 3)


def through(matrix: np.ndarray, points: Any) -> np.ndarray:
    points = np.asarray(points, float)
    moved = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return moved[..., :2] / moved[..., 2:]


CORNERS = np.array([[0, 0], [W - 1, 0], [W - 1, H - 1], [0, H - 1]], np.float32)


def run(steps: Any, index: int, **parts: Any) -> dict[str, Any]:
    element = {"images": np.zeros((H, W, 3), np.uint8), **parts}
    options = {"bounding_box_format": "xyxy"} if "boxes" in parts else {}
    return augreg.augment(element, policy(*steps), seed=5, index=index, **options)


def fitted(steps: Any, index: int) -> np.ndarray:
    """The homography of a sample: where it takes the image's corners."""
    return homography(CORNERS, run(steps, index, keypoints=CORNERS)["keypoints"].astype(float))


@pytest.mark.parametrize("name", ONE_RESAMPLE)
def test_a_point_lands_on_the_very_pixel_that_shows_it(name: str) -> None:
    """At whole pixels the ramps say, exactly, which point of the input is shown there."""
    steps, checked = ONE_RESAMPLE[name], 0
    for index in range(6):
        image = run(steps, index, images=ramps())["images"].astype(float)
        v, u = (part.ravel() for part in np.mgrid[2 : H - 2 : 9, 2 : W - 2 : 9])
        shown = image[v, u, :2] * 1024
        # those whose content is inside, and no mirror image of it
        forth = through(fitted(steps, index), shown)
        true = (shown > 2).all(-1) & (shown < [W - 3, H - 3]).all(-1)
        true &= np.abs(forth - np.stack([u, v], -1)).max(-1) < 0.5
        points = shown[true].astype(np.float32)
        moved = run(steps, index, keypoints=points)["keypoints"]
        np.testing.assert_allclose(moved, np.stack([u, v], -1)[true], atol=1e-3)
        checked += int(true.sum())
    assert checked > 6 * 60


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("steps", [[TILT], TWICE], ids=["one stage", "three stages"])
def test_all_points_and_the_image_obey_one_homography(steps: Any, index: int) -> None:
    matrix = fitted(steps, index)
    rng = np.random.default_rng(index)
    points = rng.uniform(0, [W - 1, H - 1], (50, 2)).astype(np.float32)
    moved = run(steps, index, keypoints=points)["keypoints"]
    np.testing.assert_allclose(moved, through(matrix, points), atol=1e-3)

    y, x = np.mgrid[:H, :W]
    smooth = (0.5 + 0.3 * np.sin(x / 25) * np.cos(y / 31)).astype(np.float32)
    image = run(steps, index, images=np.repeat(smooth[..., None], 3, -1))["images"][..., 0]
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    source = through(np.linalg.inv(matrix), np.stack([u, v], -1))
    inside = ((source > 6) & (source < [W - 7, H - 7])).all(-1)  # the fills bleed inwards
    expected = scipy.ndimage.map_coordinates(smooth, [source[..., 1], source[..., 0]], order=1)
    assert inside.mean() > 0.15
    assert np.abs(image - expected)[inside].max() < 4e-3


def test_a_projection_moves_corners_inwards_by_its_own_draws() -> None:
    moved = np.stack([run([TILT], i, keypoints=CORNERS)["keypoints"] for i in range(300)])
    half = np.array([(W - 1) / 2, (H - 1) / 2])
    inward = 1 - (moved - half) / (CORNERS - half)  # 0 at the corner, 0.6 at the most
    assert -1e-5 <= inward.min() < 0.02 and 0.58 < inward.max() <= 0.6 + 1e-5
    np.testing.assert_allclose(inward.mean(axis=0), 0.3, atol=0.04)
    flat = np.corrcoef(inward.reshape(300, 8).T)
    assert np.abs(flat - np.eye(8)).max() < 0.2


# --- boxes --------------------------------------------------------------------------------------


def tight(matrix: np.ndarray, row: Any) -> np.ndarray:
    """Left, top, right, bottom around the moved corners; edges lie half a pixel before centres."""
    left, top, right, bottom = row
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    moved = through(matrix, np.array(corners) - 0.5) + 0.5
    return np.concatenate([moved.min(axis=0), moved.max(axis=0)])


def area(row: Any) -> float:
    return (row[2] - row[0]) * (row[3] - row[1])


ROWS = [[50, 60, 90, 100], [0, 0, 40, 30], [100, 120, 159, 180], [70, 5, 120, 170], [3, 90, 9, 99]]


@pytest.mark.parametrize("name", boxes.FORMATS)
@pytest.mark.parametrize("index", [1, 2])
def test_a_box_is_the_tight_one_around_its_moved_corners_in_every_format(
    name: str, index: int
) -> None:
    convert = keras.utils.bounding_boxes.convert_format
    steps = [TILT]
    matrix = fitted(steps, index)
    rows = np.array(ROWS, np.float32)
    expected = np.stack([tight(matrix, row) for row in rows])
    assert (expected[:, :2] >= 0).all() and (expected[:, 2:] <= [W, H]).all()  # nothing is clipped
    given = np.asarray(convert(rows, source="xyxy", target=name, height=H, width=W))
    element = {
        "images": np.zeros((H, W, 3), np.uint8),
        "boxes": {"boxes": given, "labels": np.arange(len(rows))},
    }
    out = augreg.augment(element, policy(*steps), seed=5, index=index, bounding_box_format=name)
    expected = np.asarray(convert(expected, source="xyxy", target=name, height=H, width=W))
    assert out["boxes"]["labels"].tolist() == list(range(len(rows)))
    np.testing.assert_allclose(out["boxes"]["boxes"], expected, atol=1e-3)


def test_a_projected_box_is_clipped_and_dropped_by_the_share_of_its_moved_area() -> None:
    steps = [{"op": "perspective", "distortion": 0.4}, {"op": "zoom", "factor": 2.0}]
    image = [0, 0, W, H]
    seen = []
    for index in range(5):
        matrix = fitted(steps, index)
        moved = np.stack([tight(matrix, row) for row in ROWS])
        cut = np.clip(moved, 0, np.array(image)[[2, 3, 2, 3]])
        shares = np.array([area(c) / area(m) for c, m in zip(cut, moved, strict=True)])
        for least in (0.1, 0.5):
            rows = {"boxes": np.array(ROWS, np.float32), "labels": np.arange(len(ROWS))}
            element = {"images": np.zeros((H, W, 3), np.uint8), "boxes": rows}
            options = {"bounding_box_format": "xyxy", "min_visible": least}
            out = augreg.augment(element, policy(*steps), seed=5, index=index, **options)["boxes"]
            kept = shares >= least
            assert out["labels"].tolist() == [i if k else -1 for i, k in enumerate(kept)]
            np.testing.assert_allclose(out["boxes"], np.where(kept[:, None], cut, 0), atol=1e-3)
        seen += list(shares)
    part = [share for share in seen if 0.1 < share < 0.9]
    assert len(part) >= 5 and min(seen) == 0  # some cut, some gone


# --- masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["constant", "nearest"])
@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_projected_mask_is_scipy_s_nearest_one(index: int, fill: str) -> None:
    mask = np.random.default_rng(4).integers(1, 90, (H, W)).astype(np.int32) * 7
    steps = [{**TILT, "fill": fill}]
    back = np.linalg.inv(fitted(steps, index))
    v, u = np.mgrid[:H, :W]
    source = through(back, np.stack([u, v], -1))
    mode = {"constant": "grid-constant", "nearest": "nearest"}[fill]
    at = [source[..., 1], source[..., 0]]
    expected = scipy.ndimage.map_coordinates(mask, at, order=0, mode=mode, cval=0)
    moved = run(steps, index, masks=mask)["masks"]
    assert moved.dtype == np.int32
    assert (moved != expected).mean() < 2e-3
    assert set(np.unique(moved)) <= set(np.unique(mask)) | {0}
    assert (moved == 0).any() == (fill == "constant")


@pytest.mark.parametrize("name", ["perspective and resize", "random order of families"])
def test_a_mask_holds_only_values_that_were_there(name: str) -> None:
    mask = np.array([3, 40, 250], np.uint8)[np.random.default_rng(0).integers(0, 3, (H, W))]
    for index in range(4):
        moved = run(FUSED[name], index, masks=mask)["masks"]
        assert set(np.unique(moved)) <= {0, 3, 40, 250}


# --- random_order and mixture ---------------------------------------------------------------------

TURN, MOVE = {"op": "rotate", "degrees": 30}, {"op": "translate", "x": 0.2}


def test_points_go_in_the_order_that_the_samples_pixels_go() -> None:
    """Turned by 30 degrees, then moved along x; or moved first: two closed forms."""
    points = np.array([[80.0, 90.0]], np.float32)
    centre, turn = np.array([(W - 1) / 2, (H - 1) / 2]), np.deg2rad(30)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    move = np.array([0.2 * W, 0])
    orders = {
        "turn first": rotation @ (points[0] - centre) + centre + move,
        "move first": rotation @ (points[0] + move - centre) + centre,
    }
    found = []
    for index in range(12):
        element = {"images": ramps(), "keypoints": points}
        steps = policy({"random_order": [TURN, MOVE]})
        out = augreg.augment(element, steps, seed=5, index=index)
        (at,) = out["keypoints"]
        name = min(orders, key=lambda k: float(np.abs(orders[k] - at).max()))
        np.testing.assert_allclose(at, orders[name], atol=1e-3)
        shown = scipy.ndimage.map_coordinates(
            out["images"][..., 0].astype(float), [[at[1]], [at[0]]], order=1
        )
        np.testing.assert_allclose(shown * 1024, points[0, 0], atol=1e-3)
        found.append(name)
    assert set(found) == set(orders)


PARTS: dict[str, Any] = {
    "masks": np.ones((2, H, W), np.int32),
    "keypoints": np.full((2, 3, 2), 20, np.float32),
    "boxes": {"boxes": np.full((2, 1, 4), 9, np.float32), "labels": np.zeros((2, 1), int)},
}


def in_the_reference(element: Any, steps: Any) -> None:
    augreg.augment(element, steps, seed=5, bounding_box_format="xyxy")


def in_tf_data(element: Any, steps: Any) -> None:
    source = tf.data.Dataset.from_tensor_slices(element)
    next(iter(augreg.augment_dataset(source, steps, 2, bounding_box_format="xyxy")))


def in_the_layer(element: Any, steps: Any) -> None:
    augreg.AugmentationLayer(steps, bounding_box_format="xyxy")(element, training=True)


@pytest.mark.parametrize("key", PARTS)
@pytest.mark.parametrize("way", [in_the_reference, in_tf_data, in_the_layer])
def test_a_mixture_of_warps_refuses_what_would_be_in_several_places(key: str, way: Any) -> None:
    steps = policy({"op": "flip"}, {"mixture": [TURN, {"op": "invert"}], "p": 0.5})
    element = {"images": np.zeros((2, H, W, 3), np.uint8), "boxes": PARTS["boxes"], key: PARTS[key]}
    with pytest.raises(augreg.AugregError, match=r"/augment/1.*blends several warps of one image"):
        way(element, steps)


def test_a_mixture_of_colours_leaves_targets_where_the_other_steps_take_them() -> None:
    element = {"images": np.zeros((2, H, W, 3), np.uint8), **PARTS}
    mixture = {"mixture": [{"op": "invert"}, {"op": "brightness", "delta": 0.1}]}
    rules = {"seed": 5, "bounding_box_format": "xyxy"}
    plain = augreg.augment(element, policy({"op": "flip"}), **rules)
    mixed = augreg.augment(element, policy({"op": "flip"}, mixture), **rules)
    np.testing.assert_array_equal(mixed["keypoints"], plain["keypoints"])
    np.testing.assert_array_equal(mixed["masks"], plain["masks"])
    np.testing.assert_array_equal(mixed["boxes"]["boxes"], plain["boxes"]["boxes"])
    assert not np.array_equal(mixed["images"], plain["images"])
