"""Previews of images with masks, boxes and labels."""

from __future__ import annotations

import numpy as np
import pytest
from previews import PIXELS, page, texts

from augreg.errors import DataError
from augreg.views.overlay import Drawn
from augreg.views.photos import Photo


def objects(number: int, scale: int = 1) -> Photo:
    """An image 31 x 24 px times a scale, with an object of another level, its box and its mask."""
    pixels, mask = np.full((24, 31, 3), 40, np.uint8), np.zeros((24, 31), np.int32)
    left, top = 6, 2 + 12 * number
    pixels[top : top + 8, left : left + 8] = 255 - 40 * number
    mask[top : top + 8, left : left + 8] = 1
    pixels, mask = (part.repeat(scale, 0).repeat(scale, 1) for part in (pixels, mask))
    box = scale * np.array([[left, top, left + 8, top + 8]], np.float32)
    boxes = {"boxes": box, "labels": np.array([number])}
    return Photo(f"train {number}", pixels, Drawn({"boxes": boxes, "masks": mask}, "xyxy"), number)


def test_copy_paste_shows_the_objects_of_the_other_image_in_the_colour_of_their_class() -> None:
    policy = {
        "prepare": [{"op": "resize", "height": 24, "width": 31, "method": "nearest"}],
        "augment": [{"op": "copy_paste", "share": 1.0}],
    }
    shown = page(policy, photos=[objects(0), objects(1, scale=2)], copies=1, tile=31).pictures
    red, blue = (
        (level + np.array(color)) // 2
        for level, color in ((255, (230, 60, 50)), (215, (40, 120, 230)))
    )
    for sample in (shown[1].pixels, shown[3].pixels):
        assert sample.shape == (24, 31, 3)
        np.testing.assert_array_equal(sample[6, 10], red)
        np.testing.assert_array_equal(sample[18, 10], blue)


def test_images_of_different_sizes_that_are_mixed_need_a_resize() -> None:
    policy = {"augment": [{"op": "cutmix", "classes": 3}]}
    photos = [objects(0), objects(1, scale=2)]
    with pytest.raises(
        DataError, match=r'"cutmix" mixes .* found 31x24 and 62x48 pixels .*"resize"'
    ):
        page(policy, photos=photos)


def test_a_step_for_some_classes_is_shown_for_images_of_those_only() -> None:
    policy = {"augment": [{"op": "invert", "when": {"label": [1]}}]}
    photos = [Photo(str(n), PIXELS, Drawn({"labels": np.int64(n)}), n) for n in range(2)]
    found = page(policy, photos=photos, copies=1)
    _, plain, _, inverted = found.pictures
    np.testing.assert_array_equal(plain.pixels, PIXELS)
    np.testing.assert_array_equal(inverted.pixels, 255 - PIXELS)
    assert texts(found).count("invert") == 1 and texts(found).count("nothing drawn") == 1
    unlabelled = Photo("", PIXELS, Drawn(), 0)
    without = page(policy, photos=[unlabelled], copies=1)  # for all
    np.testing.assert_array_equal(without.pictures[1].pixels, 255 - PIXELS)


def test_a_crop_that_keeps_boxes_keeps_them_in_a_preview() -> None:
    policy = {"augment": [{"op": "crop", "height": 10, "width": 10, "keep": "all"}]}
    for one in page(policy, photos=[objects(0)], copies=8, tile=10).pictures[1:]:
        assert (one.pixels != 40).any(axis=-1).sum() == 64  # all of the box
