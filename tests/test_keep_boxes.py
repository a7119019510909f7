"""Crops that keep boxes: in every place that holds them, and in no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import augreg

B, H, W = 5, 30, 40
FORMAT = {"bounding_box_format": "xyxy"}
CROP = {"op": "crop", "height": 20, "width": 24}
RESIZED = {"op": "resized_crop", "height": 20, "width": 24, "area": [0.05, 0.2]}


def batch() -> dict[str, Any]:
    boxes = np.zeros((B, 3, 4), np.float32)
    labels = np.full((B, 3), -1)
    boxes[0, 0], labels[0, 0] = (30, 4, 38, 10), 0  # at the right
    boxes[1, :2], labels[1, :2] = [(2, 2, 8, 9), (12, 12, 20.5, 18.5)], (0, 1)
    boxes[2, :2], labels[2, :2] = [(0, 0, 3, 3), (37, 27, 40, 30)], (0, 1)  # in two corners
    boxes[3], labels[3] = [(5, 5, 9, 9), (6, 12, 9, 14), (20, 2, 24, 8)], (0, 1, 2)
    boxes[4, 0] = (1, 1, 30, 30)  # padding, whatever its coordinates
    y, x = np.mgrid[:H, :W]
    pixels = np.stack([x * 6, y * 8, np.zeros_like(x)], axis=-1).astype(np.uint8)
    images = np.stack([pixels] * B)  # a pixel says where it came from
    return {"images": images, "boxes": {"boxes": boxes, "labels": labels}}


def policy(*steps: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), "output": {"dtype": "uint8", "range": [0, 255]}}


def run(written: Any, epoch: int = 0, **options: Any) -> Any:
    return augreg.augment(batch(), written, seed=3, epoch=epoch, **FORMAT, **options)


def corners(made: Any) -> np.ndarray:
    """[B, 2]: where in the original the crops begin, read off their pixels."""
    return np.asarray(made["images"])[:, 0, 0, :2] // np.array([6, 8])


def test_a_crop_begins_at_every_place_that_holds_all_boxes_and_at_no_other():
    """The places by trying all of them: those that hold each box whole."""
    given = batch()["boxes"]
    found = [set() for _ in range(B)]
    for epoch in range(300):
        made = run(policy({**CROP, "keep": "all"}), epoch, min_visible=1.0)
        for places, corner in zip(found, corners(made), strict=True):
            places.add(tuple(corner.tolist()))
    for sample in (0, 1, 3, 4):
        real = given["boxes"][sample][given["labels"][sample] >= 0]
        holds = {
            (x, y)
            for x in range(W - 24 + 1)
            for y in range(H - 20 + 1)
            if all(x <= a and c <= x + 24 and y <= b and d <= y + 20 for a, b, c, d in real)
        }
        assert found[sample] <= holds
        assert len(found[sample]) > 0.6 * len(holds)


@pytest.mark.parametrize("step", [CROP, RESIZED])
def test_all_boxes_are_whole_where_there_is_room(step):
    labels = batch()["boxes"]["labels"]
    fits = [0, 1, 2, 3, 4] if step is RESIZED else [0, 1, 3, 4]
    for epoch in range(30):
        made = run(
            policy({"op": "flip", "p": 0.5}, {**step, "keep": "all"}), epoch, min_visible=1.0
        )
        np.testing.assert_array_equal(made["boxes"]["labels"][fits], labels[fits])


@pytest.mark.parametrize("step", [CROP, RESIZED])
def test_any_box_is_one_that_changes(step):
    labels = batch()["boxes"]["labels"]
    kept = np.stack(
        [
            run(policy({**step, "keep": "any"}), epoch, min_visible=1.0)["boxes"]["labels"] >= 0
            for epoch in range(60)
        ]
    )
    assert (kept.any(axis=2) == (labels >= 0).any(axis=1)).all()  # at least one, each time
    assert (kept.any(axis=0) == (labels >= 0)).all()  # and not always the same
    assert not kept[:, 2].all(axis=1).any()  # those in two corners are never kept together


def test_a_resized_crop_grows_no_more_than_it_has_to():
    """Both corners' boxes: all of the image. One small box: the window is that of the draws."""
    every = run(policy({**RESIZED, "keep": "all"}))
    full = {"op": "resize", "height": 20, "width": 24}
    whole = augreg.augment(batch(), policy(full), seed=3, **FORMAT)
    np.testing.assert_allclose(every["boxes"]["boxes"][2], whole["boxes"]["boxes"][2], atol=1e-4)
    wide = {**RESIZED, "area": 0.4, "ratio": 4 / 3, "keep": "any"}
    left, top, right, bottom = run(policy(wide))["boxes"]["boxes"][0, 0]
    window = np.array([24 * 8 / (right - left), 20 * 6 / (bottom - top)])
    sides = np.round(np.sqrt(0.4 * H * W * np.array([4 / 3, 3 / 4])))
    np.testing.assert_allclose(window, sides, rtol=1e-4)


@pytest.mark.parametrize("keep", ["all", "any"])
@pytest.mark.parametrize("step", [CROP, RESIZED])
def test_every_way_of_running_it_takes_the_same_place(step, keep):
    written = policy({"op": "rotate", "degrees": [-20, 20]}, {**step, "keep": keep}, {"op": "flip"})
    expected = run(written, 2)
    fn = augreg.map_fn(written, seed=3, batched=True, **FORMAT)
    layer = augreg.AugmentationLayer(written, seed=3, **FORMAT)
    source = tf.data.Dataset.from_tensor_slices(batch())
    dataset = augreg.augment_dataset(source, written, B, seed=3, first_epoch=2, **FORMAT)
    one = augreg.map_fn(written, seed=3, epoch=2, **FORMAT)
    alone = next(iter(source.enumerate().map(one).batch(B)))
    inputs = tf.nest.map_structure(tf.convert_to_tensor, batch())
    layered = layer(inputs, training=True, index=np.arange(B), epoch=2)
    for made in (fn(np.arange(B), batch(), 2), next(iter(dataset)), alone, layered):
        np.testing.assert_array_equal(made["boxes"]["labels"], expected["boxes"]["labels"])
        boxes = np.asarray(made["boxes"]["boxes"])
        np.testing.assert_allclose(boxes, expected["boxes"]["boxes"], atol=1e-4)
        assert np.abs(np.asarray(made["images"], int) - expected["images"]).max() <= 1


def test_in_prepare_with_files_that_are_decoded_there():
    written = {
        "version": 1,
        "prepare": {"train": [{**CROP, "keep": "all"}], "eval": []},
        "output": {"dtype": "uint8", "range": [0, 255]},
    }
    one = batch()
    files = [tf.io.encode_png(image).numpy() for image in one["images"]]
    expected = augreg.augment(batch(), written, seed=3, **FORMAT)
    fn = augreg.map_fn(written, seed=3, **FORMAT)
    for b in range(B):
        boxes = {name: part[b] for name, part in one["boxes"].items()}
        made = fn(b, {"images": tf.constant(files[b]), "boxes": boxes})
        np.testing.assert_array_equal(made["images"], expected["images"][b])
        np.testing.assert_allclose(made["boxes"]["boxes"], expected["boxes"]["boxes"][b], atol=1e-4)


def test_without_keep_nothing_is_asked_and_nothing_changes():
    images = batch()["images"]
    for step in (CROP, RESIZED):
        plain = augreg.augment(images, policy(step), seed=3)
        kept = augreg.augment(
            {
                "images": images,
                "boxes": {"boxes": np.zeros((B, 1, 4)), "labels": np.full((B, 1), -1)},
            },
            policy({**step, "keep": "all"}),
            seed=3,
            **FORMAT,
        )
        np.testing.assert_array_equal(plain, kept["images"])  # samples without boxes


def test_images_without_boxes_are_refused_and_shown_by_a_preview():
    written = policy({**CROP, "keep": "all"})
    for call in (
        lambda: augreg.augment(batch()["images"], written, seed=3),
        lambda: augreg.map_fn(written, seed=3, batched=True)(np.arange(B), batch()["images"]),
    ):
        with pytest.raises(
            augreg.PolicyError, match="keeps boxes, found images without boxes"
        ) as e:
            call()
        assert e.value.pointer == "/augment/0/keep"
    assert augreg.preview(written, batch()["images"][0]).axes
    assert augreg.map_fn(written, seed=3, training=False)(0, batch()["images"][0]).shape == (
        H,
        W,
        3,
    )


def test_a_crop_in_the_centre_keeps_nothing():
    written = policy({**CROP, "position": "center", "keep": "all"})
    with pytest.raises(augreg.PolicyError, match="a crop in the centre can't keep boxes"):
        run(written)


def test_in_branches_each_keeps_its_own():
    branches = [{**CROP, "keep": "all"}, {"sequence": [{"op": "flip"}, {**CROP, "keep": "any"}]}]
    written = policy({"one_of": branches})
    labels = batch()["boxes"]["labels"]
    for epoch in range(10):
        made = run(written, epoch, min_visible=1.0)
        some = (made["boxes"]["labels"] >= 0).any(axis=1)
        np.testing.assert_array_equal(some[[0, 1, 3, 4]], (labels >= 0).any(axis=1)[[0, 1, 3, 4]])
        fn = augreg.map_fn(written, seed=3, batched=True, min_visible=1.0, **FORMAT)
        again = fn(np.arange(B), batch(), epoch)
        np.testing.assert_array_equal(again["images"], made["images"])


def test_further_images_are_cropped_at_the_same_place():
    """`also` images follow what the first one's boxes say; so do a depth map's numbers."""
    given = {**batch(), "right": batch()["images"], "depth": batch()["images"][..., 0]}
    written, how = (
        policy({**CROP, "keep": "all"}),
        {"also": {"right": "bilinear", "depth": "nearest"}},
    )
    made = augreg.augment(given, written, seed=3, **FORMAT, **how)
    fn = augreg.map_fn(written, seed=3, batched=True, **FORMAT, **how)
    for one in (made, fn(np.arange(B), given)):
        np.testing.assert_array_equal(one["right"], one["images"])
        np.testing.assert_array_equal(one["depth"], np.asarray(one["images"])[..., 0])


def test_frames_are_refused_because_each_would_be_cropped_elsewhere():
    given = batch()
    boxes = {name: part[:, None] for name, part in given["boxes"].items()}
    frames = {"frames": given["images"][:, None], "boxes": boxes}
    with pytest.raises(augreg.PolicyError, match='keeps boxes, found "frames"'):
        augreg.augment(frames, policy({**CROP, "keep": "all"}), seed=3, **FORMAT)
