"""Masks, boxes and keypoints of samples that are mixed: whose they are, told by counting pixels."""

from __future__ import annotations

from typing import Any

import keras
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

import augreg

CUTMIX = {"op": "cutmix", "classes": 2}
MIXUP = {"op": "mixup", "classes": 2, "alpha": 1.5}


def counted(element: dict[str, Any], image: np.ndarray, own: int, least: float) -> list[Any]:
    """`rows_of` an image in which a region is cut out of another, by the pixels that it shows."""
    found = []
    cut = image != (own + 1) * 10
    other = int(image[cut][0]) // 10 - 1 if cut.any() else own
    for b, shown in ((own, ~cut), (other, cut)):
        for n in range(N):
            label = int(element["boxes"]["labels"][b, n])
            box = element["boxes"]["boxes"][b, n]
            whole = painted(box)
            seen = whole & shown
            if label < 0 or not seen.any() or seen.sum() / whole.sum() < least:
                continue
            edges = box.tolist() if b == own else tight(seen)
            found.append((label, 100 + b * N + n, edges))
    return found


# --- cutmix -------------------------------------------------------------------------------------


@pytest.mark.parametrize("least", [0.001, 0.3, 0.8])
def test_cutmix_s_boxes_are_those_whose_pixels_are_shown(least: float) -> None:
    element, cut = batch(), 0
    for seed in range(8):
        made = augreg.augment(
            element, policy({**CUTMIX, "p": 0.8}), seed=seed, min_visible=least, **FORMAT
        )
        assert made["boxes"]["boxes"].shape == (B, 2 * N, 4)
        assert made["boxes"]["boxes"].dtype == np.float32
        np.testing.assert_array_equal(made["masks"], made["images"][..., 0])
        for b in range(B):
            image = made["images"][b, ..., 0]
            cut += len(np.unique(image)) == 2
            expected = counted(element, image, b, least)
            assert rows_of(made["boxes"], b) == expected
    assert cut > 25


def test_boxes_that_are_absent_are_padding() -> None:
    made = augreg.augment(batch(), policy(CUTMIX), seed=1, min_visible=0, **FORMAT)["boxes"]
    absent = made["labels"] == -1
    assert absent.any() and not made["boxes"][absent].any()
    assert (np.ptp(made["boxes"][~absent].reshape(-1, 2, 2), axis=1) > 0).all()


def test_boxes_that_are_absent_stay_so_where_ellipses_are_turned() -> None:
    steps = policy(CUTMIX, {"op": "rotate", "degrees": 33})
    mixed = augreg.augment(batch(), policy(CUTMIX), seed=1, min_visible=0, **FORMAT)["boxes"]
    turned = augreg.augment(batch(), steps, 1, min_visible=0, box_from="ellipse", **FORMAT)["boxes"]
    assert (turned["labels"][mixed["labels"] == -1] == -1).all()


def test_the_samples_that_p_leaves_out_keep_their_own_boxes_only() -> None:
    element = batch()
    for step in (CUTMIX, MIXUP):
        element = {k: v for k, v in element.items() if k != "masks"}
        never = augreg.augment(
            element, policy({"one_of": [step, {"op": "clip"}], "weights": [0, 1]}), 3, **FORMAT
        )
        np.testing.assert_array_equal(never["boxes"]["labels"][:, :N], element["boxes"]["labels"])
        np.testing.assert_array_equal(never["boxes"]["boxes"][:, :N], element["boxes"]["boxes"])
        assert (never["boxes"]["labels"][:, N:] == -1).all()


def test_a_sample_alone_in_its_batch_keeps_its_boxes() -> None:
    element = {k: v[1:2] if k != "boxes" else v for k, v in batch().items()}
    element["boxes"] = {k: v[3:4] for k, v in element["boxes"].items()}
    for step in (CUTMIX, MIXUP):
        given = {k: v for k, v in element.items() if step is CUTMIX or k != "masks"}
        for seed in range(5):
            made = augreg.augment(given, policy(step), seed=seed, **FORMAT)["boxes"]
            np.testing.assert_array_equal(made["boxes"][:, :N], element["boxes"]["boxes"])
            np.testing.assert_array_equal(
                made["labels"][0], [*element["boxes"]["labels"][0], -1, -1, -1]
            )


def test_later_steps_move_the_boxes_of_partners_too() -> None:
    element = batch()
    mixed = augreg.augment(element, policy(CUTMIX), seed=5, min_visible=0.01, **FORMAT)
    turned = augreg.augment(
        element, policy(CUTMIX, {"op": "flip"}), seed=5, min_visible=0.01, **FORMAT
    )
    np.testing.assert_array_equal(turned["images"], mixed["images"][:, :, ::-1])
    np.testing.assert_array_equal(turned["boxes"]["labels"], mixed["boxes"]["labels"])
    real = mixed["boxes"]["labels"] >= 0
    expected = mixed["boxes"]["boxes"][real][:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [W, 0, W, 0]
    np.testing.assert_array_equal(turned["boxes"]["boxes"][real], expected)


def test_what_boxes_have_lost_before_counts() -> None:
    """A crop takes half of every box, partners' too."""
    element = batch()
    del element["keypoints"], element["masks"]
    element["boxes"]["boxes"][:] = (0, 0, W - 1, H)
    element["boxes"]["labels"][:] = 1
    half = {"op": "crop", "height": H, "width": (W - 1) // 2}
    for least, kept in ((0.1, True), (0.6, False)):
        made = augreg.augment(element, policy(half, MIXUP), 3, min_visible=least, **FORMAT)
        assert (made["boxes"]["labels"] == 1).all() == kept


def test_keypoints_go_with_their_boxes_and_change_places_where_theirs_was_mirrored() -> None:
    element = batch()
    del element["masks"]
    pairs = {"keypoint_pairs": [(0, 1)]}
    made = augreg.augment(
        element, policy({"op": "flip", "p": 0.5}, MIXUP), seed=1, **FORMAT, **pairs
    )
    alone = augreg.augment(element, policy({"op": "flip", "p": 0.5}), seed=1, **FORMAT, **pairs)
    mirrored = 0
    assert made["keypoints"].shape == (B, 2 * N, 2, 3)
    for b in range(B):
        for row in range(2 * N):
            if made["boxes"]["labels"][b, row] >= 0:
                owner, n = divmod(int(made["boxes"]["ids"][b, row]) - 100, N)
                mirrored += owner != b
                np.testing.assert_array_equal(
                    made["keypoints"][b, row], alone["keypoints"][owner, n]
                )
    assert mirrored > 3


# --- mixup --------------------------------------------------------------------------------------


def test_mixup_keeps_the_boxes_of_both() -> None:
    element = batch()
    del element["masks"]
    made = augreg.augment(element, policy(MIXUP), seed=6, **FORMAT)["boxes"]
    np.testing.assert_array_equal(made["boxes"][:, :N], element["boxes"]["boxes"])
    for b in range(B):
        (other,) = np.unique((made["ids"][b, N:] - 100) // N)
        assert other != b
        np.testing.assert_array_equal(made["labels"][b, N:], element["boxes"]["labels"][other])
        np.testing.assert_array_equal(made["boxes"][b, N:], element["boxes"]["boxes"][other])


def test_labels_of_images_mix_beside_boxes() -> None:
    element = {**batch(), "labels": np.arange(B) % 2}
    del element["masks"], element["keypoints"]
    made = augreg.augment(element, policy(MIXUP), seed=6, **FORMAT)
    assert made["labels"].shape == (B, 2) and made["boxes"]["labels"].shape == (B, 2 * N)


def test_labels_beside_an_array_of_boxes_are_the_boxes_own() -> None:
    nested = batch()
    flat = {"images": nested["images"], **nested["boxes"]}
    del flat["ids"], nested["keypoints"]
    made = augreg.augment(flat, policy(CUTMIX), seed=6, **FORMAT)
    expected = augreg.augment(nested, policy(CUTMIX), seed=6, **FORMAT)["boxes"]
    np.testing.assert_array_equal(made["labels"], expected["labels"])
    np.testing.assert_array_equal(made["boxes"], expected["boxes"])


# --- every way of running it --------------------------------------------------------------------

EVERYTHING = policy(
    {"op": "flip", "p": 0.5},
    {**CUTMIX, "p": 0.8},
    {"op": "rotate", "degrees": [-20, 20], "fill": "constant"},
)


def test_the_map_function_and_the_layer_give_what_the_reference_gives() -> None:
    element = batch()
    expected = augreg.augment(element, EVERYTHING, seed=9, epoch=2, **OPTIONS)
    fn = augreg.map_fn(EVERYTHING, seed=9, batched=True, **OPTIONS)
    assert_alike(fn(np.arange(B), element, 2), expected)
    layer = augreg.AugmentationLayer(EVERYTHING, seed=9, **OPTIONS)
    tensors = tf.nest.map_structure(tf.constant, element)
    assert_alike(layer(tensors, training=True, index=tf.range(B), epoch=2), expected)
    kept = layer(tensors, training=False)
    np.testing.assert_array_equal(kept["boxes"]["labels"], element["boxes"]["labels"])


def test_a_dataset_gives_what_the_reference_gives() -> None:
    element = batch()
    source = tf.data.Dataset.from_tensor_slices(element)
    made = augreg.augment_dataset(source, EVERYTHING, batch_size=4, seed=9, epochs=1, **OPTIONS)
    assert made.element_spec["boxes"]["labels"].shape[1:].is_compatible_with((2 * N,))
    for number, found in enumerate(made):
        rows = slice(4 * number, 4 * number + 4)
        given = tf.nest.map_structure(lambda part, rows=rows: part[rows], element)
        index = np.arange(B)[rows]
        assert_alike(found, augreg.augment(given, EVERYTHING, seed=9, index=index, **OPTIONS))


def test_a_functional_model_leaves_the_number_of_boxes_open() -> None:
    element = batch()
    inputs = {
        key: keras.Input(part.shape[1:], None, part.dtype.name, name=key)
        for key, part in element.items()
        if key != "boxes"
    }
    inputs["boxes"] = {
        key: keras.Input(part.shape[1:], None, part.dtype.name, name=key)
        for key, part in element["boxes"].items()
    }
    layer = augreg.AugmentationLayer(EVERYTHING, seed=9, **OPTIONS)
    outputs = layer(inputs)
    assert outputs["boxes"]["boxes"].shape == (None, None, 4)
    assert outputs["keypoints"].shape == (None, None, 2, 3)
    model = keras.Model(inputs, outputs)
    for training, count in ((True, 2 * N), (False, N)):
        made = model(tf.nest.map_structure(tf.constant, element), training=training)
        assert made["boxes"]["labels"].shape == (B, count)


# --- what can't work ----------------------------------------------------------------------------


def test_masks_that_would_be_blended_are_refused() -> None:
    element = batch()
    said = r'/augment/0: "mixup" blends images, .* a blended pixel has no one class; use cutmix'
    with pytest.raises(augreg.AugregError, match=said):
        augreg.augment(element, policy(MIXUP), seed=0, **FORMAT)


def test_keypoints_without_boxes_are_refused() -> None:
    element = batch()
    without = {k: v for k, v in element.items() if k != "boxes"}
    with pytest.raises(augreg.AugregError, match=r'"cutmix" puts samples .* which "keypoints"'):
        augreg.augment(without, policy(CUTMIX), seed=0)
    element["keypoints"] = element["keypoints"][:, :, 0]
    with pytest.raises(augreg.AugregError, match=r"allowed are \[N, K, 2\] or more columns"):
        augreg.augment(element, policy(CUTMIX), seed=0, **FORMAT)


def test_boxes_from_masks_are_refused() -> None:
    with pytest.raises(augreg.AugregError, match='box_from="mask" can\'t tell them apart'):
        augreg.augment(batch(), policy(CUTMIX), seed=0, box_from="mask", **FORMAT)
