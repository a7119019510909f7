"""A batch with an object in each image, for ops that paste objects of other samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OPTIONS = {"bounding_box_format": "xyxy", "box_from": "mask"}  # what it is augmented with


def with_objects(images: NDArray[Any], mask: NDArray[np.int32] | None = None) -> dict[str, Any]:
    """An element of images [B,H,W,C], the same objects in each: masks, and a box for each object.

    mask: int32 [H,W], n + 1 in the pixels of object n; None: one, which is all of the image.
    """
    count, height, width = images.shape[:3]
    mask = np.ones((height, width), np.int32) if mask is None else mask
    objects = int(mask.max())
    boxes = np.tile(np.array([0, 0, width, height], np.float32), (count, objects, 1))
    return {
        "images": images,
        "masks": np.stack([mask] * count),
        "boxes": {"boxes": boxes, "labels": np.zeros((count, objects), np.int64)},
    }
