"""Whether masks, boxes and keypoints follow the pixels of an image through an op."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.mixing import mixing_steps
from augreg.backends.reference import augment
from augreg.testing.cases import BATCH, INDEX, SEED, Case
from augreg.testing.places import check_places
from augreg.testing.transforms import transform_of_case
from augreg.xp import NUMPY

_UNSURE = 0.15  # from 0.5: between two pixels, a mask takes one and an image their mean


def check_annotations(case: Case) -> None:
    """Masks show what the image shows, boxes lie in it, and keypoints are finite."""
    check_places(case)
    if mixing_steps(case.policy):  # whose samples are in an image is not the op's to say
        return
    given = _element(case)
    try:
        made: Any = augment(given, case.policy, SEED, INDEX, bounding_box_format="xyxy")
    except Exception as error:
        raise case.fail(f"{type(error).__name__} with masks, boxes, keypoints: {error}") from error
    height, width = made["images"].shape[1:3]
    if made["masks"].shape[1:3] != (height, width):
        raise case.fail(f"masks become {made['masks'].shape[1:3]}, and images {(height, width)}")
    if not np.isfinite(made["keypoints"]).all():
        raise case.fail("keypoints become NaN or infinite")
    boxes = made["boxes"]["boxes"]
    if not ((boxes >= 0) & (boxes <= [width, height, width, height])).all():
        raise case.fail("boxes leave the image")
    if transform_of_case(case, NUMPY, INDEX, case.size).geometric:
        _check_masks(case, made["images"][..., 0], made["masks"])


def _element(case: Case) -> dict[str, Any]:
    """Slanted stripes, with masks [B,H,W,2]: where the image is bright, and everywhere."""
    height, width = case.size
    b, y, x = np.ogrid[:BATCH, :height, :width]
    stripes = np.round(128 + 120 * np.sin(4 * x / width + 3 * y / height + b)).astype(np.uint8)
    images = np.repeat(stripes[..., None], case.channels, axis=-1)
    masks = np.stack([stripes >= 128, np.ones_like(stripes, bool)], axis=-1)
    boxes = np.array([[0, 0, width, height], [0, 0, width / 2, height / 2]], np.float32)
    points = np.array([[0, 0], [(width - 1) / 2, (height - 1) / 2]], np.float32)
    return {
        "images": images,
        "masks": masks.astype(np.uint8),
        "boxes": {"boxes": np.tile(boxes, (BATCH, 1, 1)), "labels": np.zeros((BATCH, 2), int)},
        "keypoints": np.tile(points, (BATCH, 1, 1)),
    }


def _check_masks(case: Case, images: NDArray[Any], masks: NDArray[Any]) -> None:
    """Where the image is clearly bright or dark, so are masks; not at edges, which fills blend."""
    bright, inside = masks[..., 0] > 0, masks[..., 1] > 0
    sure = inside & (np.abs(images - 0.5) > _UNSURE)
    for axis in (1, 2):
        sure &= np.roll(inside, 1, axis) & np.roll(inside, -1, axis)
    wrong = ((bright != (images > 0.5)) & sure)[:, 1:-1, 1:-1].sum()
    if wrong > 0.01 * sure.sum():
        raise case.fail(f"masks show another place than the image in {wrong} pixels")
