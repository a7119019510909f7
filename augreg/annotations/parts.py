"""What an element holds beside its image, and what it may be: masks, boxes, keypoints, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from augreg.annotations.boxes import CORNERS, check_corners, check_format
from augreg.annotations.points import SHAPES, checked_pairs
from augreg.errors import DataError
from augreg.xp import Array, Namespace

IMAGES = "images"
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
_BATCHED = "with a batch's dimension in front where images have one"
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
    """

    format: str | None = None
    min_visible: float = MIN_VISIBLE
    box_from: str = SHAPES[0]
    keypoint_pairs: tuple[tuple[int, int], ...] = ()
    oriented: bool = False

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

    @property
    def relative(self) -> bool:
        return self.format is not None and self.format.startswith("rel_")


@dataclass(frozen=True)
class Agreement:
    """Two sides of an element's parts that have to be equal.

    one, other: an array's name, the array, and its axis. rule: what has to be, in words.
    """

    one: tuple[str, Any, int]
    other: tuple[str, Any, int]
    rule: str

    def text(self, one: Any, other: Any) -> str:
        """What is wrong, for the two shapes in words."""
        return (
            f'"{self.one[0]}" of the shape {one} with {self.other[0]} of the shape {other}; '
            f"allowed is {self.rule}"
        )


def each(function: Callable[[Any], Any], annotations: Annotations) -> dict[str, Any]:
    """`function` of every array, those in nested dicts too."""
    return {
        key: each(function, value) if isinstance(value, Mapping) else function(value)
        for key, value in annotations.items()
    }


def check_annotations(
    annotations: Annotations, images: Any, rules: TargetRules, parts: Annotations | None = None
) -> list[Agreement]:
    """Checks batches of annotations against their images, by their static shapes and dtypes.

    Args:
        annotations: arrays with a batch's dimension, by their names.
        images: [B,H,W,C].
        rules: how boxes are written.
        parts: other arrays that have to hold as many samples, by a name for messages.

    Returns:
        What can't be said of shapes that are not known: it has to be looked at in the data.

    Raises:
        DataError: they can't belong to these images.
    """
    for names in (MASKS, BOXES):
        if all(name in annotations for name in names):
            raise DataError(f'an element holds "{names[0]}" and "{names[1]}", which mean the same')
    for key, value in annotations.items():
        _check_form(key, value, rules)
    if rules.box_from == FROM_MASK:
        _check_own_masks(annotations)
    unknown = []
    for agreement in _agreements(annotations, images, parts or {}):
        (_, one, i), (_, other, j) = agreement.one, agreement.other
        if one.shape[i] is None or other.shape[j] is None:
            unknown.append(agreement)
        elif one.shape[i] != other.shape[j]:
            raise DataError(agreement.text(tuple(one.shape), tuple(other.shape)))
    return unknown


def _check_form(key: str, value: Any, rules: TargetRules) -> None:
    if key in BOXES:
        _check_boxes(key, value, rules)
        return
    shape = _known_shape(key, value)
    if key in MASKS and len(shape) not in (3, 4):
        raise DataError(
            f'"{key}" of the shape {shape}; allowed are [H, W] and [H, W, 1] of the image\'s own '
            f"size, {_BATCHED}"
        )
    if key in KEYPOINTS and (len(shape) < 3 or (shape[-1] or 0) < 2):
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


def _check_boxes(key: str, value: Any, rules: TargetRules) -> None:
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
    shape, classes = _known_shape(key, boxes), _known_shape(key, labels)
    if len(shape) != 3 or shape[-1] not in (4, None):
        raise DataError(f'"{key}" with boxes of the shape {shape}; allowed is [N, 4], {_BATCHED}')
    if len(classes) < 2:
        raise DataError(
            f'"{key}" with labels of the shape {classes}; allowed is [N], one class for each box, '
            f"{_BATCHED}"
        )
    if CORNERS in value:
        check_corners(key, _known_shape(f"{key}/{CORNERS}", value[CORNERS]), rules.oriented)
        _check_numbers(f"{key}/{CORNERS}", value[CORNERS])


def _check_own_masks(annotations: Annotations) -> None:
    boxes = next((annotations[name]["boxes"] for name in BOXES if name in annotations), None)
    masks = next((annotations[name] for name in MASKS if name in annotations), None)
    if boxes is None:
        return
    allowed = "allowed are integers [H, W], n + 1 in the pixels of box n, and [H, W, N]"
    if masks is None:
        raise DataError(f'box_from="{FROM_MASK}", and the element holds no masks; {allowed}')
    shape, count = tuple(masks.shape), boxes.shape[1]
    if len(shape) == 4 and shape[3] not in (1, None, count) and count is not None:
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


def _agreements(annotations: Annotations, images: Any, parts: Annotations) -> Iterator[Agreement]:
    samples = "one for each image"
    size = "a mask of the image's own height and width, [H, W] or [H, W, 1]"
    for key, value in annotations.items():
        if key in BOXES:
            boxes = (f"{key}/boxes", value["boxes"])
            yield Agreement((*boxes, 0), (IMAGES, images, 0), samples)
            for name, part in value.items():
                if name != "boxes" and len(shape_of(part) or ()) >= 2:
                    rule = "one class for each box" if name == "labels" else "one for each box"
                    labels = (f"{key}/{name}", part)
                    yield Agreement((*labels, 0), (IMAGES, images, 0), samples)
                    yield Agreement((*labels, 1), (*boxes, 1), rule)
            continue
        if shape_of(value):
            yield Agreement((key, value, 0), (IMAGES, images, 0), samples)
        if key in MASKS:
            yield Agreement((key, value, 1), (IMAGES, images, 1), size)
            yield Agreement((key, value, 2), (IMAGES, images, 2), size)
    for key, part in parts.items():
        yield Agreement((key, part, 0), (IMAGES, images, 0), samples)


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
        reach = abs(value["boxes"][real.any(axis=tuple(range(2, real.ndim)))])
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


def is_numeric(array: Array) -> bool:
    """Whether an array, of either backend, holds numbers or truths."""
    return dtype_of(array).startswith(("int", "uint", "float", "bfloat", "bool"))


def shape_of(array: Any) -> tuple[Any, ...] | None:
    """The static shape of an array or a spec; None where there is none or its rank is unknown."""
    shape = getattr(array, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        return None
    return tuple(shape)


def dtype_of(array: Array) -> str:
    """The name of an array's dtype, of either backend."""
    return str(getattr(array.dtype, "name", array.dtype))
