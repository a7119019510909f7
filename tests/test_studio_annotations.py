"""The studio's samples of images with annotations, and of images that are mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import policy
from studio_photos import PAIRS, STEPS, assert_near, epochs_of, expected_of, images_of, photo_at

import augreg
from augreg.errors import DataError
from augreg.studio.samples.renderer import KERNELS, Renderer

# --- what belongs to images


def _parts(index: int, size: tuple[int, int] = (24, 31)) -> dict[str, Any]:
    """Two boxes and their masks and keypoints."""
    masks = np.zeros(size, np.int32)
    masks[4:12, 5:18], masks[10:20, 12:28] = 1, 2
    boxes = np.float32([[5, 4, 18, 12], [12, 10, 28, 20]])[: 1 + index % 2]
    return {
        "masks": masks,
        "boxes": {"boxes": boxes, "labels": np.arange(len(boxes))},
        "keypoints": np.float32([[7, 6], [20, 15]]),
    }


@pytest.mark.parametrize("sizes", [{}, {"prepare": [{"op": "resize", "height": 40, "width": 36}]}])
def test_annotations_move_with_their_images(sizes: Any, renderer: Renderer) -> None:
    loaded = policy({"op": "flip", "p": 0.5}, STEPS[0], {"op": "erase", "p": 0.5}, **sizes)
    photos = [photo_at(i, (24, 31), **_parts(i)) for i in range(4)]
    options = {"bounding_box_format": "xyxy", "keypoint_pairs": PAIRS}
    for given in (epochs_of(photos[1], 4), images_of(photos)):
        for photo, sample in zip(given[0], renderer.samples(loaded, *given), strict=True):
            element = {"images": photo.pixels, **photo.drawn.parts}
            expected = expected_of(loaded, element, sample.key, **options)
            assert_near(sample.pixels, expected.pop("images"))
            assert sample.computed_by == KERNELS
            assert sample.parts.keys() == expected.keys()
            np.testing.assert_array_equal(sample.parts["masks"], expected["masks"])
            np.testing.assert_array_equal(sample.parts["keypoints"], expected["keypoints"])
            np.testing.assert_array_equal(
                sample.parts["boxes"]["boxes"], expected["boxes"]["boxes"]
            )


def test_a_crop_keeps_boxes_and_when_asks_for_their_labels(renderer: Renderer) -> None:
    loaded = policy(
        {"op": "crop", "height": 16, "width": 18, "keep": "all"},
        {"op": "invert", "when": {"label": [1]}},
    )
    photos = [photo_at(i, (24, 31), **_parts(i)) for i in (0, 1)]
    made = renderer.samples(loaded, *images_of(photos))

    for photo, sample in zip(photos, made, strict=True):
        element = {"images": photo.pixels, **photo.drawn.parts}
        options = {"bounding_box_format": "xyxy", "keypoint_pairs": PAIRS}
        expected = expected_of(loaded, element, sample.key, **options)
        assert_near(sample.pixels, expected["images"])
    assert "/augment/1" not in made[0].drawn
    assert "/augment/1" in made[1].drawn


def test_images_without_annotations_take_policies_that_ask_for_some(renderer: Renderer) -> None:
    loaded = policy({"op": "invert", "when": {"label": [1]}})
    photo = photo_at(1)
    (sample,) = renderer.samples(loaded, *epochs_of(photo, 1))

    np.testing.assert_array_equal(sample.pixels, 255 - photo.pixels)


def test_when_asks_for_the_labels_of_images_without_boxes(renderer: Renderer) -> None:
    loaded = policy({"op": "invert", "when": {"label": [1]}})
    photos = [photo_at(i, (24, 31), labels=i) for i in range(2)]
    plain, inverted = renderer.samples(loaded, *images_of(photos))

    np.testing.assert_array_equal(plain.pixels, photos[0].pixels)
    np.testing.assert_array_equal(inverted.pixels, 255 - photos[1].pixels)
    assert (plain.drawn, inverted.drawn) == ({}, {"/augment/0": {}})


def test_oriented_boxes_move_by_their_corners(renderer: Renderer) -> None:
    corners = np.float32([[[8, 3], [19, 7], [15, 18], [4, 14]]])
    boxes = {"boxes": np.float32([[4, 3, 19, 18]]), "labels": np.array([0]), "corners": corners}
    photo, loaded = photo_at(1, (24, 31), boxes=boxes), policy({"op": "flip"})
    (sample,) = renderer.samples(loaded, *epochs_of(photo, 1))

    mirrored = corners * (-1, 1) + (31, 0)
    found = sample.parts["boxes"]["corners"]
    assert {tuple(point) for point in found[0]} == {tuple(point) for point in mirrored[0]}


# --- samples of each other


@pytest.mark.parametrize(
    "step", [{"op": "mixup", "classes": 3, "alpha": 1}, {"op": "mosaic"}, {"op": "copy_paste"}]
)
def test_policies_that_mix_samples_mix_what_is_shown(step: Any, renderer: Renderer) -> None:
    loaded = policy(STEPS[0], step)
    boxed = step["op"] != "mixup"
    photos = [photo_at(i, (24, 31), **(_parts(i) if boxed else {})) for i in range(4)]
    if boxed:
        for photo in photos:
            photo.drawn.parts.pop("keypoints")
    made = renderer.samples(loaded, *images_of(photos))

    element: dict[str, Any] = {"images": np.stack([photo.pixels for photo in photos])}
    options: dict[str, Any] = {}
    if boxed:
        options = {"bounding_box_format": "xyxy"}
        boxes, labels = np.zeros((4, 2, 4), np.float32), np.full((4, 2), -1)
        for i, photo in enumerate(photos):
            found = photo.drawn.parts["boxes"]
            boxes[i, : len(found["labels"])] = found["boxes"]
            labels[i, : len(found["labels"])] = found["labels"]
        element["boxes"] = {"boxes": boxes, "labels": labels}
        element["masks"] = np.stack([photo.drawn.parts["masks"] for photo in photos])
        if step["op"] == "copy_paste":
            options["box_from"] = "mask"
    else:
        element["labels"] = np.zeros(4, int)
    expected = augreg.augment(element, loaded.as_bytes(), 5, np.arange(4), 2, **options)
    for i, sample in enumerate(made):
        assert sample.computed_by == KERNELS
        assert_near(sample.pixels, expected["images"][i])
        if boxed:
            np.testing.assert_array_equal(
                sample.parts["boxes"]["boxes"], expected["boxes"]["boxes"][i]
            )


def test_images_of_several_sizes_can_not_be_mixed(renderer: Renderer) -> None:
    photos = [photo_at(0), photo_at(1, (32, 41))]
    with pytest.raises(DataError, match=r'"mosaic" mixes .* found 40x32 and 41x32 pixels'):
        renderer.samples(policy({"op": "mosaic"}), *images_of(photos))


def test_images_are_mixed_with_what_all_of_them_hold(renderer: Renderer) -> None:
    loaded, given = policy({"op": "mosaic"}), [_parts(i) for i in range(2)]
    del given[0]["keypoints"], given[1]["keypoints"], given[1]["masks"]
    photos = [photo_at(i, (24, 31), **parts) for i, parts in enumerate(given)]
    made = renderer.samples(loaded, *images_of(photos))

    boxes = np.stack(
        [np.pad(given[0]["boxes"]["boxes"], ((0, 1), (0, 0))), given[1]["boxes"]["boxes"]]
    )
    element = {
        "images": np.stack([photo.pixels for photo in photos]),
        "boxes": {"boxes": boxes, "labels": np.array([[0, -1], [0, 1]])},
    }
    options = {"bounding_box_format": "xyxy"}
    expected = augreg.augment(element, loaded.as_bytes(), 5, [0, 1], 2, **options)
    for i, sample in enumerate(made):
        assert_near(sample.pixels, expected["images"][i])
        assert sample.parts.keys() == {"boxes"}
        np.testing.assert_array_equal(sample.parts["boxes"]["boxes"], expected["boxes"]["boxes"][i])
