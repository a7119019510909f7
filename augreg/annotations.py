"""What an element holds beside its image, and what it may be: masks, boxes, keypoints, labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from augreg.boxes import check_format
from augreg.errors import DataError
from augreg.xp import Array

Size = tuple[Any, Any]
IMAGES = "images"
MASKS = ("masks", "segmentation_masks")  # the second is Keras's own name
BOXES = ("boxes", "bounding_boxes")
KEYPOINTS = ("keypoints",)
LABELS = "labels"
TARGETS = (*MASKS, *BOXES, *KEYPOINTS, LABELS)
PADDED = -1  # the class of a box that is none
MIN_VISIBLE = 0.1
Annotations = Mapping[str, Any]


@dataclass(frozen=True)
class BoxRules:
    """How boxes are written, and how much of one has to be left.

    Attributes:
        format: one of `augreg.boxes.FORMATS`; None where elements hold no boxes.
        min_visible: 0..1, the share of its moved area that a box has to keep inside of the image.
    """

    format: str | None = None
    min_visible: float = MIN_VISIBLE

    def __post_init__(self) -> None:
        if self.format is not None:
            object.__setattr__(self, "format", check_format(self.format))
        if not 0 <= self.min_visible <= 1:
            raise ValueError(f"min_visible has to be in 0 to 1, found {self.min_visible}")


def each(function: Callable[[Any], Any], annotations: Annotations) -> dict[str, Any]:
    """`function` of every array, those in nested dicts too."""
    return {
        key: each(function, value) if isinstance(value, dict) else function(value)
        for key, value in annotations.items()
    }


def check_annotations(annotations: Annotations, size: Size, rules: BoxRules) -> None:
    """Raises `DataError` for batches of annotations that can't belong to images of `size`."""
    for names in (MASKS, BOXES):
        if all(name in annotations for name in names):
            raise DataError(f'an element holds "{names[0]}" and "{names[1]}", which mean the same')
    for key, value in annotations.items():
        if key in BOXES:
            _check_boxes(key, value, rules)
        elif key in MASKS:
            shape = tuple(value.shape)
            pairs = zip(shape[1:3], size, strict=False)
            if len(shape) not in (3, 4) or any(_differ(one, other) for one, other in pairs):
                raise DataError(
                    f'"{key}" of the shape {shape} with images of {size[0]}x{size[1]}; allowed are '
                    "[H, W] and [H, W, 1] of the image's own size"
                )
        elif key in KEYPOINTS and (len(value.shape) < 3 or (value.shape[-1] or 0) < 2):
            raise DataError(
                f'"{key}" of the shape {tuple(value.shape)}; allowed is [N, 2], x and y, with a '
                "batch's dimension in front where images have one"
            )


def _check_boxes(key: str, value: Any, rules: BoxRules) -> None:
    check_format(rules.format)
    if not isinstance(value, dict) or not {"boxes", "labels"} <= set(value):
        raise DataError(
            f'"{key}" has to be a dict {{"boxes": [N, 4], "labels": [N]}}, padded with class '
            f"{PADDED}; found {type(value).__name__}"
        )
    if (dtype := dtype_of(value["labels"])).startswith("u"):
        raise DataError(
            f'"{key}" with labels of dtype {dtype}; allowed are signed integers and floats, '
            f"because a dropped box has class {PADDED}"
        )
    shape = tuple(value["boxes"].shape)
    if len(shape) != 3 or shape[-1] not in (4, None):
        raise DataError(
            f'"{key}" with boxes of the shape {shape}; allowed is [N, 4], with a batch\'s '
            "dimension in front where images have one"
        )


def _differ(one: Any, other: Any) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one != other


def dtype_of(array: Array) -> str:
    """The name of an array's dtype, of either backend."""
    return str(getattr(array.dtype, "name", array.dtype))
