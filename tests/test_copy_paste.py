"""copy_paste: objects of another sample, painted one by one, and what comes with them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from annotated_sets import CLASSES, annotation, photo
from mixed_samples import B, H, N, W, batch, painted, policy, tight

import augreg
from augreg.random import generator
from augreg.xp import NUMPY

HOW = {"bounding_box_format": "xyxy", "box_from": "mask"}
PASTE = {"op": "copy_paste", "share": 0.6}


def numbered() -> dict[str, Any]:
    """`mixed_samples.batch`, whose boxes are made whole pixels that belong to one box each."""
    given = batch()
    masks = np.zeros((B, H, W), np.int32)
    boxes, labels = given["boxes"]["boxes"], given["boxes"]["labels"]
    for b in range(B):
        for n in np.flatnonzero(labels[b] >= 0):
            masks[b][painted(boxes[b, n])] = n + 1
        for n in range(N):
            own = masks[b] == n + 1
            labels[b, n] = labels[b, n] if own.any() else -1
            boxes[b, n] = tight(own) if own.any() else 0
    return {**given, "masks": masks}


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's partner, and which of that one's objects are pasted: by the documentation."""
    key = generator.SampleKey(np.uint32(seed), np.uint32(0), np.arange(B, dtype=np.uint32))

    def words(name: str) -> Any:
        ids = (generator.draw_id("/augment/0", name),)
        return [part[0] for part in generator.words(NUMPY, ids, key)]

    u = generator.uniform(NUMPY, words("partner")[0])
    partner = (np.arange(B) + 1 + np.floor(u * np.float32(B - 1)).astype(int)) % B
    each = generator.uniform(NUMPY, generator.elements(NUMPY, words("key"), N)[0])
    return partner, each < np.float32(0.6)


def test_objects_are_painted_one_by_one():
    given, seed = numbered(), 5
    made = augreg.augment(given, policy(PASTE), seed=seed, min_visible=0.0, **HOW)
    partner, chosen = drawn(seed)
    pasted = 0
    for b in range(B):
        image, mask = given["images"][b].copy(), given["masks"][b].copy()
        for n in range(N):
            own = given["masks"][partner[b]] == n + 1
            if chosen[b, n] and own.any():
                image[own], mask[own] = given["images"][partner[b]][own], n + 1 + N
                pasted += 1
        np.testing.assert_array_equal(made["images"][b], image)
        np.testing.assert_array_equal(made["masks"][b], mask)
        for n in range(2 * N):
            own, owner = mask == n + 1, (b, partner[b])[n // N]
            box, label = made["boxes"]["boxes"][b, n], made["boxes"]["labels"][b, n]
            assert label == (given["boxes"]["labels"][owner, n % N] if own.any() else -1)
            np.testing.assert_allclose(box, tight(own) if own.any() else np.zeros(4), atol=1e-5)
            if own.any():
                assert made["boxes"]["ids"][b, n] == given["boxes"]["ids"][owner, n % N]
                points = given["keypoints"][owner, n % N]
                np.testing.assert_allclose(made["keypoints"][b, n], points, atol=1e-5)
    assert pasted >= 3


def test_a_mask_for_each_box_gives_the_same():
    given = numbered()
    each = (given["masks"][..., None] == np.arange(1, N + 1)).astype(np.uint8)
    one = augreg.augment(given, policy(PASTE), seed=5, **HOW)
    other = augreg.augment({**given, "masks": each}, policy(PASTE), seed=5, **HOW)

    np.testing.assert_array_equal(one["images"], other["images"])
    np.testing.assert_array_equal(one["boxes"]["labels"], other["boxes"]["labels"])
    numbers = (one["masks"][..., None] == np.arange(1, 2 * N + 1)).astype(np.uint8)
    np.testing.assert_array_equal(other["masks"], numbers)


STEPS = [
    {"op": "flip", "p": 0.5},
    {**PASTE, "p": 0.7},
    {"op": "rotate", "degrees": [-20, 20]},
    PASTE,
]


def test_every_way_of_running_it_gives_the_same():
    given, written = numbered(), policy(*STEPS)
    expected = augreg.augment(given, written, seed=5, **HOW)
    fn = augreg.map_fn(written, seed=5, batched=True, **HOW)
    source = tf.data.Dataset.from_tensor_slices(given)
    dataset = next(iter(augreg.augment_dataset(source, written, B, seed=5, **HOW)))
    layer = augreg.AugmentationLayer(written, seed=5, **HOW)
    inputs = tf.nest.map_structure(tf.convert_to_tensor, given)
    layered = layer(inputs, training=True, index=np.arange(B))
    assert expected["boxes"]["boxes"].shape == (B, 4 * N, 4)
    for made in (fn(np.arange(B), given), dataset, layered):
        np.testing.assert_array_equal(made["boxes"]["labels"], expected["boxes"]["labels"])
        boxes = np.asarray(made["boxes"]["boxes"])
        np.testing.assert_allclose(boxes, expected["boxes"]["boxes"], atol=1e-4)
        assert np.mean(np.asarray(made["masks"]) != expected["masks"]) < 0.01
        assert np.abs(np.asarray(made["images"], int) - expected["images"]).max() <= 1


def test_an_own_object_that_is_hidden_is_dropped():
    given = numbered()
    given["masks"][:] = 0
    given["masks"][:, 4:20, 4:20] = 1
    given["masks"][1:, 6:10, 6:10] = 1
    given["boxes"]["boxes"][:] = 0
    given["boxes"]["boxes"][:, 0] = (4, 4, 20, 20)
    given["boxes"]["labels"][:] = -1
    given["boxes"]["labels"][:, 0] = 3
    made = augreg.augment(given, policy({**PASTE, "share": 1.0}), seed=5, **HOW)

    assert (made["boxes"]["labels"][:, 0] == -1).all()  # the same place, all of it hidden
    assert (made["boxes"]["labels"][:, N] == 3).all()


def test_evaluation_and_samples_that_are_left_out_stay_as_they_are():
    given = numbered()
    same = augreg.augment(given, policy(PASTE), seed=5, training=False, **HOW)
    np.testing.assert_array_equal(same["images"], given["images"])
    never = augreg.augment(given, policy({**PASTE, "share": 0.0}), seed=5, **HOW)
    np.testing.assert_array_equal(never["images"], given["images"])
    np.testing.assert_array_equal(never["masks"], given["masks"])
    assert (never["boxes"]["labels"][:, N:] == -1).all()


def _refused(message: str, given: Any, kind: Any = augreg.AugregError, **how: Any) -> None:
    with pytest.raises(kind, match=message):
        augreg.augment(given, policy(PASTE), seed=5, **how)
    with pytest.raises(kind, match=message):
        augreg.map_fn(policy(PASTE), seed=5, batched=True, **how)(np.arange(B), given)


def test_what_does_not_say_whose_a_pixel_is_is_refused():
    given = numbered()
    _refused("found images without masks", given["images"])
    _refused('and box_from="mask"', given, bounding_box_format="xyxy")
    _refused("it takes boxes, masks", {"images": given["images"], "masks": given["masks"]})
    small = {**given, "masks": given["masks"].astype(np.uint8)}
    augreg.augment(small, policy(PASTE), seed=5, **HOW)
    boxes = {"boxes": np.zeros((B, 128, 4)), "labels": np.full((B, 128), -1)}
    _refused(
        "masks of dtype uint8.*here 128; pass masks of int32",
        {"images": small["images"], "masks": small["masks"], "boxes": boxes},
        **HOW,
    )
    labels = {**given, "labels": np.zeros(B, int)}
    _refused("puts several samples into one image", labels, **HOW)


@pytest.fixture
def coco(tmp_path):
    photos = [photo(tmp_path / "images" / f"{i}.png", i, (H, W)) for i in range(4)]
    document: dict[str, Any] = {
        "images": [
            {"id": i, "file_name": path.name, "height": H, "width": W}
            for i, path in enumerate(photos)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
        "annotations": [],
    }
    for i in range(4):
        for n, (left, top) in enumerate(((2, 3), (14, 6))):
            polygon = [left, top, left + 8, top, left + 8, top + 9, left, top + 9]
            one = annotation(2 * i + n, i, n + 1, (left, top, 8, 9), segmentation=[polygon])
            document["annotations"].append(one)
    (tmp_path / "images" / "data.json").write_text(json.dumps(document))
    return f"coco:{tmp_path / 'images' / 'data.json'}"


def test_coco_gives_masks_that_number_their_boxes(coco):
    source = augreg.open_source(coco, instances=True)
    split = max(source.splits.values(), key=lambda split: split.size)
    written = policy(PASTE)
    made = next(iter(augreg.augment_dataset(split.dataset, written, split.size, seed=5, **HOW)))

    assert made["masks"].dtype == tf.int32 and set(np.unique(made["masks"])) <= {0, 1, 2, 3, 4}
    assert made["boxes"]["boxes"].shape[1] == 4 and (made["masks"].numpy() > 2).any()
    for box, label, mask in zip(
        made["boxes"]["boxes"][0].numpy(),
        made["boxes"]["labels"][0].numpy(),
        range(1, 5),
        strict=True,
    ):
        own = made["masks"][0].numpy() == mask
        if label >= 0:
            np.testing.assert_allclose(box, tight(own), atol=1e-4)


def test_a_depth_map_is_pasted_with_the_pixels():
    given = numbered()
    given["depth"] = given["images"][..., 0].astype(np.float32)
    how = {**HOW, "also": {"depth": "nearest"}}
    made = augreg.augment(given, policy(PASTE), seed=5, **how)
    np.testing.assert_array_equal(made["depth"], made["images"][..., 0])
    fn = augreg.map_fn(policy(PASTE), seed=5, batched=True, **how)
    np.testing.assert_array_equal(fn(np.arange(B), given)["depth"], made["depth"])
