"""mosaic: four samples in one image, drawn by slicing, and what comes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from mixed_samples import (
    FORMAT,
    OPTIONS,
    B,
    H,
    N,
    W,
    assert_alike,
    batch,
    painted,
    policy,
    rows_of,
    tight,
)
from samples import noise

import augreg
from augreg.families.mosaic import Mosaic, mosaic_images
from augreg.plan import plan
from augreg.policy import load_policy
from augreg.random import generator
from augreg.views.explain import explain
from augreg.xp import NUMPY

MOSAIC = {"op": "mosaic"}


def drawn_by_slicing(images: np.ndarray, owners: Any, x: int, y: int) -> np.ndarray:
    """Four images whose corners meet at (x, y), top left, top right, bottom left, bottom right."""
    height, width = images.shape[1:3]
    one, two, three, four = (images[i] for i in owners)
    made = np.empty_like(one)
    made[:y, :x] = one[height - y :, width - x :]
    made[:y, x:] = two[height - y :, : width - x]
    made[y:, :x] = three[: height - y, width - x :]
    made[y:, x:] = four[: height - y, : width - x]
    return made


def words(name: str, count: int, seed: int) -> np.ndarray:
    """The uniform draws of the first step, for samples 0, 1, ..."""
    key = generator.SampleKey(np.uint32(seed), np.uint32(0), np.arange(count, dtype=np.uint32))
    ids = (generator.draw_id("/augment/0", name),)
    return generator.uniform(NUMPY, generator.words(NUMPY, ids, key)[0][0])


def layout(count: int, seed: int, size: tuple[int, int]) -> list[tuple[list[int], int, int]]:
    """(owners, x, y) of each sample, by the formulas of the documentation."""
    x, y = (words(name, count, seed) * np.float32(0.5) + np.float32(0.25) for name in ("x", "y"))
    others = [
        (np.arange(count) + 1 + np.floor(words(name, count, seed) * np.float32(count - 1))) % count
        for name in ("first", "second", "third")
    ]
    return [
        ([b, *(int(other[b]) for other in others)], int(x[b] * size[1]), int(y[b] * size[0]))
        for b in range(count)
    ]


# --- pixels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(24, 31), (7, 5), (2, 3), (1, 1)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_quadrants_are_those_that_slices_give(count: int, size: tuple[int, int]) -> None:
    images = noise(count, *size, 3)
    made = augreg.augment(images, policy(MOSAIC), seed=3)
    for image, place in zip(made, layout(count, 3, size), strict=True):
        np.testing.assert_array_equal(image, drawn_by_slicing(images, *place))


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.7, 1.0])
def test_the_centre_may_lie_on_an_edge(x: float, y: float) -> None:
    images = noise(4, 10, 20, 1)
    partner = np.array([[0.0, 0.4, 0.7]] * 4, np.float32)
    centre = np.array([[x, y]] * 4, np.float32)
    made = mosaic_images(NUMPY, images, Mosaic(partner, centre))
    for b in range(4):
        owners = [b, (b + 1) % 4, (b + 2) % 4, (b + 3) % 4]
        expected = drawn_by_slicing(images, owners, round(x * 20), round(y * 10))
        np.testing.assert_array_equal(made[b], expected)


def test_a_centre_of_one_leaves_images_alone() -> None:
    images = noise(4, 9, 14, 3)
    made = augreg.augment(images, policy({**MOSAIC, "x": 1, "y": 1}), seed=3)
    np.testing.assert_array_equal(made, images)


def test_a_schedule_can_end_it() -> None:
    element = {k: v for k, v in batch().items() if k in ("images", "boxes")}
    end = {"schedule": {"from": [0.25, 0.75], "to": 1.0, "epochs": 3}}
    step = {**MOSAIC, "x": end, "y": end}
    for epoch, alone in ((0, False), (3, True), (9, True)):
        made = augreg.augment(element, policy(step), seed=3, epoch=epoch, **FORMAT)
        assert (made["images"] == element["images"]).all() == alone
        assert (made["boxes"]["labels"][:, N:] == -1).all() == alone


# --- masks, boxes and keypoints -----------------------------------------------------------------


@pytest.mark.parametrize("least", [0.001, 0.5])
def test_boxes_are_those_whose_pixels_are_shown(least: float) -> None:
    element, seen = batch(), 0
    for seed in range(6):
        made = augreg.augment(element, policy(MOSAIC), seed=seed, min_visible=least, **FORMAT)
        assert made["boxes"]["boxes"].shape == (B, 4 * N, 4)
        assert made["keypoints"].shape == (B, 4 * N, 2, 3)
        np.testing.assert_array_equal(made["masks"], made["images"][..., 0])
        for b, (owners, x, y) in enumerate(layout(B, seed, (H, W))):
            expected = []
            for quadrant, owner in enumerate(owners):
                for n in range(N):
                    pixels = np.zeros((B, H, W), bool)
                    pixels[owner] = painted(element["boxes"]["boxes"][owner, n])
                    alone = [owner if q == quadrant else -1 for q in range(4)]
                    shown = np.concatenate([pixels, np.zeros((1, H, W), bool)])
                    shown = drawn_by_slicing(shown, alone, x, y)
                    whole = pixels[owner].sum()
                    if whole and shown.sum() >= least * whole and shown.any():
                        label = int(element["boxes"]["labels"][owner, n])
                        expected.append((label, 100 + owner * N + n, tight(shown)))
            assert rows_of(made["boxes"], b) == expected
            seen += len(expected)
    assert seen > 30


def test_keypoints_are_moved_with_the_pixel_that_they_mark() -> None:
    """Each sample's keypoint is a pixel of its own, and so is a box around it."""
    images = np.zeros((B, H, W, 3), np.uint8)
    boxes, points = np.zeros((B, 1, 4)), np.zeros((B, 1, 1, 2))
    for b in range(B):
        x, y = 3 + 4 * b, 2 + 3 * b
        images[b, y, x] = b + 1
        boxes[b, 0], points[b, 0, 0] = (x, y, x + 1, y + 1), (x, y)
    element = {
        "images": images,
        "boxes": {"boxes": boxes, "labels": np.arange(B)[:, None]},
        "keypoints": points,
    }
    found = 0
    for seed in range(5):
        made = augreg.augment(element, policy(MOSAIC), seed=seed, **FORMAT)
        places = np.argwhere(made["boxes"]["labels"] >= 0)
        for b, row in places:
            x, y = made["keypoints"][b, row, 0].astype(int)
            assert made["images"][b, y, x, 0] == made["boxes"]["labels"][b, row] + 1
        assert len(places) == np.count_nonzero(made["images"][..., 0])
        found += len(places)
    assert found > 20


def test_p_and_groups_leave_whole_samples_alone() -> None:
    element = batch()
    group = {"one_of": [MOSAIC, {"op": "clip"}], "weights": [1, 1]}
    for step in ({**MOSAIC, "p": 0.5}, group):
        alone = 0
        for seed in range(5):
            made = augreg.augment(element, policy(step), seed=seed, **FORMAT)
            for b in range(B):
                if (made["images"][b] == element["images"][b]).all():
                    alone += 1
                    boxes = made["boxes"]
                    np.testing.assert_array_equal(
                        boxes["boxes"][b, :N], element["boxes"]["boxes"][b]
                    )
                    np.testing.assert_array_equal(
                        boxes["labels"][b, :N], element["boxes"]["labels"][b]
                    )
                    assert (boxes["labels"][b, N:] == -1).all()
        assert 8 <= alone <= 22


def test_masks_alone_need_neither_boxes_nor_labels() -> None:
    element = {k: v for k, v in batch().items() if k in ("images", "masks")}
    made = augreg.augment(element, policy(MOSAIC), seed=1)
    np.testing.assert_array_equal(made["masks"], made["images"][..., 0])


# --- every way of running it --------------------------------------------------------------------

EVERYTHING = policy(
    {"op": "flip", "p": 0.5},
    {**MOSAIC, "p": 0.8},
    {"op": "rotate", "degrees": [-20, 20], "fill": "constant"},
)


@pytest.mark.parametrize("size", ["known", "that the data shows"])
def test_the_map_function_gives_what_the_reference_gives(size: str) -> None:
    element = batch()
    expected = augreg.augment(element, EVERYTHING, seed=9, epoch=2, **OPTIONS)
    fn = augreg.map_fn(EVERYTHING, seed=9, batched=True, **OPTIONS)
    specs = tf.nest.map_structure(
        lambda part: tf.TensorSpec(
            part.shape if size == "known" else (None,) * part.ndim, part.dtype
        ),
        element,
    )
    if size != "known":
        specs["images"] = tf.TensorSpec((None, None, None, 3), tf.uint8)
        specs["boxes"]["boxes"] = tf.TensorSpec((None, None, 4), tf.float32)
        specs["keypoints"] = tf.TensorSpec((None, None, 2, 3), tf.float32)
    run = tf.function(lambda given: fn(tf.range(tf.shape(given["masks"])[0]), given, 2), [specs])
    assert_alike(run(element), expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_bytes_and_floats_are_moved_exactly(dtype: Any, channels: int) -> None:
    images = noise(3, 11, 14, channels).astype(dtype)
    options = {"seed": 3, "input_range": (0, 255)}
    found = augreg.map_fn(policy(MOSAIC), batched=True, **options)(np.arange(3), images)
    np.testing.assert_array_equal(found, augreg.augment(images, policy(MOSAIC), **options))


@pytest.mark.parametrize("jit", [False, True])
def test_the_layer_gives_what_the_reference_gives(jit: bool) -> None:
    element = batch()
    expected = augreg.augment(element, EVERYTHING, seed=9, epoch=2, **OPTIONS)
    layer = augreg.AugmentationLayer(EVERYTHING, seed=9, **OPTIONS)

    def call(given: Any) -> Any:
        return layer(given, training=True, index=tf.range(B), epoch=2)

    tensors = tf.nest.map_structure(tf.constant, element)
    assert_alike(tf.function(call, jit_compile=jit)(tensors), expected)
    kept = layer(tensors, training=False)
    np.testing.assert_array_equal(kept["boxes"]["boxes"], element["boxes"]["boxes"])


def test_a_dataset_gives_what_the_reference_gives() -> None:
    element = batch()
    source = tf.data.Dataset.from_tensor_slices(element)
    made = augreg.augment_dataset(source, EVERYTHING, batch_size=4, seed=9, epochs=1, **OPTIONS)
    for number, found in enumerate(made):
        rows = slice(4 * number, 4 * number + 4)
        given = tf.nest.map_structure(lambda part, rows=rows: part[rows], element)
        index = np.arange(B)[rows]
        assert_alike(found, augreg.augment(given, EVERYTHING, seed=9, index=index, **OPTIONS))


def test_large_images_are_augmented_in_turns_around_it() -> None:
    images = noise(3, 130, 140, 3)
    steps = policy({"op": "rotate", "degrees": 7}, MOSAIC, {"op": "rotate", "degrees": 7})
    found = augreg.map_fn(steps, seed=1, batched=True)(np.arange(3), images)
    expected = augreg.augment(images, steps, seed=1).astype(int)
    assert np.abs(np.asarray(found) - expected).max() <= 1


def test_explain_names_it_and_what_it_depends_on() -> None:
    found = explain(load_policy(policy(MOSAIC, {"op": "flip"})), size=(8, 8))
    assert found.stages[0].does == "one mosaic of four samples of the batch"
    assert any("depends on the batch" in cost for cost in found.costs)


# --- what can't work ----------------------------------------------------------------------------


def test_labels_of_images_are_refused() -> None:
    said = r'/augment/0: "mosaic" puts several samples into one image, .* use "cutmix"'
    with pytest.raises(augreg.PolicyError, match=said):
        augreg.augment(noise(2, 4, 4, 3), policy(MOSAIC), seed=0, labels=[0, 1])
    fn = augreg.map_fn(policy(MOSAIC), batched=True)
    with pytest.raises(augreg.PolicyError, match=said):
        fn(np.arange(2), (noise(2, 4, 4, 3), np.arange(2)))
    kept = augreg.augment(noise(2, 4, 4, 3), policy(MOSAIC), seed=0, labels=[0, 1], training=False)
    assert kept[1].tolist() == [0, 1]


def test_it_needs_a_batch_and_augment() -> None:
    with pytest.raises(augreg.PolicyError, match="found a single image"):
        augreg.augment(noise(4, 4, 3), policy(MOSAIC), seed=0)
    with pytest.raises(augreg.PolicyError, match="use batched=True"):
        augreg.map_fn(policy(MOSAIC))
    with pytest.raises(augreg.PolicyError, match='in "augment" only'):
        plan(load_policy({"version": 1, "prepare": [MOSAIC]}))
