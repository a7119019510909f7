"""What an element holds beside its image, and what it may be: masks, boxes, keypoints, labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from augreg.annotations.boxes import CORNERS, check_corners, check_format
from augreg.annotations.points import SHAPES, checked_pairs
from augreg.checks import check_images, dtype_of, is_numeric, shape_of
from augreg.errors import DataError
from augreg.xp import Namespace

IMAGES = "images"
FRAMES = "frames"  # in place of images: [T,H,W,C], all under the draws of one sample
MASKS = ("masks", "segmentation_masks")  # the second is Keras's own name
BOXES = ("boxes", "bounding_boxes")
KEYPOINTS = ("keypoints",)
LABELS = "labels"
TARGETS = (*MASKS, *BOXES, *KEYPOINTS, LABELS)
PADDED = -1  # the class of a box that is none
MIN_VISIBLE = 0.1
FROM_MASK = "mask"
# Relative coordinates end at 1; more than this is a box in pixels. A box may leave its image.
FARTHEST = 1.5
_BATCHED = "with the dimensions of a batch and of frames in front where images have them"
Annotations = Mapping[str, Any]


@dataclass(frozen=True)
class TargetRules:
    """How boxes are written and kept, and which keypoints are a left and a right.

    Attributes:
        format: one of `augreg.annotations.boxes.FORMATS`; None where elements hold no boxes.
        min_visible: 0..1, the share of its moved area that a box has to keep inside of the image.
        box_from: what a box stands for while it is turned, one of `SHAPES`, or "mask", where masks
            hold which pixels are its own.
        keypoint_pairs: positions of keypoints that change places where an image is mirrored.
        oriented: whether boxes have their four corners beside them, moved as they are.
        nearest: names of further parts whose values only move, as those of masks do.
        bilinear: names of further images, that everything is done to.
    """

    format: str | None = None
    min_visible: float = MIN_VISIBLE
    box_from: str = SHAPES[0]
    keypoint_pairs: tuple[tuple[int, int], ...] = ()
    oriented: bool = False
    nearest: tuple[str, ...] = ()
    bilinear: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.format is not None:
            object.__setattr__(self, "format", check_format(self.format))
        share: Any = self.min_visible
        if not (isinstance(share, int | float | np.number) and 0 <= share <= 1):
            raise ValueError(f"min_visible has to be in 0 to 1, found {share!r}")
        if self.box_from not in (allowed := (*SHAPES, FROM_MASK)):
            names = ", ".join(f'"{shape}"' for shape in allowed)
            raise ValueError(f"box_from has to be one of {names}, found {self.box_from!r}")
        object.__setattr__(self, "keypoint_pairs", checked_pairs(self.keypoint_pairs))

    def is_mask(self, key: str) -> bool:
        """Whether the part of this name moves as masks do."""
        return key in MASKS or key in self.nearest

    @property
    def relative(self) -> bool:
        return self.format is not None and self.format.startswith("rel_")


def each(function: Callable[[Any], Any], annotations: Annotations) -> dict[str, Any]:
    """`function` of every array, those in nested dicts too."""
    return {
        key: each(function, value) if isinstance(value, Mapping) else function(value)
        for key, value in annotations.items()
    }


def check_form(key: str, value: Any, rules: TargetRules, leading: int) -> None:
    """Raises `DataError` for a part of a form that it can't have.

    leading: how many dimensions stand in front of a sample's, or a frame's, own.
    """
    if key in BOXES:
        _check_boxes(key, value, rules, leading)
        return
    shape = _known_shape(key, value)
    if key in rules.bilinear:
        if len(shape) != leading + 3:
            raise DataError(
                f'"{key}" of the shape {shape}; allowed is an image as the first is, [H, W, C], '
                f"{_BATCHED}"
            )
        check_images(shape, dtype_of(value), leading == 2, f'"{key}"')
    if rules.is_mask(key) and len(shape) not in (leading + 2, leading + 3):
        raise DataError(
            f'"{key}" of the shape {shape}; allowed are [H, W] and [H, W, 1] of the image\'s own '
            f"size, {_BATCHED}"
        )
    if key in KEYPOINTS and (len(shape) < leading + 2 or (shape[-1] or 0) < 2):
        raise DataError(f'"{key}" of the shape {shape}; allowed is [N, 2], x and y, {_BATCHED}')
    if key in KEYPOINTS and rules.keypoint_pairs:
        least = 1 + max(map(max, rules.keypoint_pairs))
        if shape[-2] is None or shape[-2] < least:
            raise DataError(
                f'"{key}" of the shape {shape}, and keypoint_pairs={rules.keypoint_pairs} names '
                f"{least} keypoints; their number, the last dimension but one, has to be known"
            )
    if key != LABELS:
        _check_numbers(key, value)


def _check_boxes(key: str, value: Any, rules: TargetRules, leading: int) -> None:
    check_format(rules.format)
    if not isinstance(value, Mapping) or not {"boxes", "labels"} <= set(value):
        found = f"a {type(value).__name__}"
        if isinstance(value, Mapping):
            found = "a dict of " + ", ".join(f'"{name}"' for name in value)
        raise DataError(
            f'"{key}" has to be a dict {{"boxes": [N, 4], "labels": [N]}}, padded with class '
            f'{PADDED}, or to stand beside "labels"; found {found}'
        )
    boxes, labels = value["boxes"], value["labels"]
    _check_numbers(key, boxes)
    if (dtype := dtype_of(labels)).startswith("u") or not is_numeric(labels):
        raise DataError(
            f'"{key}" with labels of dtype {dtype}; allowed are signed integers and floats, '
            f"because a dropped box has class {PADDED}"
        )
    for name, part in value.items() if leading == 2 else ():
        if (known := shape_of(part)) is not None and len(known) < leading:
            raise DataError(f'"{key}/{name}" of the shape {known}; allowed is one for each frame')
    shape, classes = _known_shape(key, boxes), _known_shape(key, labels)
    if len(shape) != leading + 2 or shape[-1] not in (4, None):
        raise DataError(f'"{key}" with boxes of the shape {shape}; allowed is [N, 4], {_BATCHED}')
    if len(classes) < leading + 1:
        raise DataError(
            f'"{key}" with labels of the shape {classes}; allowed is [N], one class for each box, '
            f"{_BATCHED}"
        )
    if CORNERS in value:
        corners = _known_shape(f"{key}/{CORNERS}", value[CORNERS])
        check_corners(key, corners, rules.oriented, leading)
        _check_numbers(f"{key}/{CORNERS}", value[CORNERS])


def check_own_masks(annotations: Annotations, leading: int) -> None:
    """Raises `DataError` where masks can't say which pixels are each box's own."""
    boxes = next((annotations[name]["boxes"] for name in BOXES if name in annotations), None)
    masks = next((annotations[name] for name in MASKS if name in annotations), None)
    if boxes is None:
        return
    allowed = "allowed are integers [H, W], n + 1 in the pixels of box n, and [H, W, N]"
    if masks is None:
        raise DataError(f'box_from="{FROM_MASK}", and the element holds no masks; {allowed}')
    shape, count = tuple(masks.shape), boxes.shape[-2]
    if len(shape) == leading + 3 and shape[-1] not in (1, None, count) and count is not None:
        raise DataError(
            f'box_from="{FROM_MASK}" with {count} boxes and masks of the shape {shape}; {allowed}'
        )


def _known_shape(key: str, value: Any) -> tuple[Any, ...]:
    shape = shape_of(value)
    if shape is None:
        raise DataError(
            f'"{key}" of unknown rank; state it, as tf.ensure_shape(part, [None, None]) does'
        )
    return shape


def _check_numbers(key: str, value: Any) -> None:
    if not is_numeric(value):
        raise DataError(f'"{key}" of dtype {dtype_of(value)}; allowed are numbers')


def in_floats(xp: Namespace, annotations: Annotations) -> dict[str, Any]:
    """Boxes and keypoints are float32 whatever a policy does, and in evaluation as in training."""
    result = dict(annotations)
    for key, value in annotations.items():
        if key in BOXES:
            result[key] = {**value, "boxes": xp.cast(value["boxes"], "float32")}
        elif key in KEYPOINTS:
            result[key] = xp.cast(value, "float32")
    return result


def check_boxes_stated(annotations: Annotations, rules: TargetRules) -> None:
    """Raises `DataError` where a format of boxes was stated, and there are none."""
    if rules.format is not None and not any(name in annotations for name in BOXES):
        raise DataError(
            f'bounding_box_format="{rules.format}", and the element holds no boxes; call them '
            '"boxes", {"boxes": [N, 4], "labels": [N]}, or name them with parts=, or state no '
            "format"
        )


def check_near(annotations: Annotations, rules: TargetRules) -> None:
    """Raises `DataError` where relative boxes (NumPy) are pixels."""
    for value in (annotations[key] for key in BOXES if key in annotations):
        real = value["labels"] != PADDED
        reach = abs(value["boxes"][real.any(axis=tuple(range(value["boxes"].ndim - 1, real.ndim)))])
        if reach.size and reach.max() > FARTHEST:
            raise DataError(too_far(rules).format(reach.max()))


def too_far(rules: TargetRules) -> str:
    """What to say of relative boxes beyond `FARTHEST`; `{}` is the largest coordinate."""
    assert rules.format is not None
    plain = rules.format.removeprefix("rel_")
    return (
        f'boxes that bounding_box_format="{rules.format}" calls relative, 0 to 1, reach {{}}; '
        f'boxes in pixels are "{plain}"'
    )
