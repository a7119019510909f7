"""What a source is: images with labels or annotations in splits, and what was said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

CLIP, DROP, ERROR = HANDLINGS = ("clip", "drop", "error")  # of bad annotations
CLASSES = ("labels",)  # the parts of a source for classifiers, whose elements are tuples


@dataclass(frozen=True)
class BadImage:
    """An image that was left out: its path (or split#position), and why, on one line each."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class BadAnnotation:
    """An annotation that is wrong, and what was done about it, on one line each.

    Attributes:
        path: its file, with the line or the annotation's id in it.
        reason: what was found, and what is allowed.
        action: "clipped" to the image, or "left out".
    """

    path: str
    reason: str
    action: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}; {self.action}"


@dataclass(frozen=True)
class Split:
    """One part of a source.

    Attributes:
        size: how many elements `dataset` has.
        dataset: elements in a fixed order, never shuffled.
        names: of each element, the path of its file; empty where elements are no files.

    An image is string [], an encoded file, or uint8 [H, W, 3]. Of a source with class labels, an
    element is `(image, label)`. label: int64 [], a position in the source's `class_names`. Of a
    source with annotations, it is a dict with "images" and what the source's `parts` name:

    - boxes: {"boxes": float32 [N, 4], "labels": int64 [N]}, xyxy in pixels of the image;
    - masks: uint8 [H, W] of the image's size, or int32 if there are values above 255;
    - keypoints: float32 [N, K, 3] of the N boxes: x, y (pixel centres at integers) and visibility,
      0 for a point that is not annotated, whose x and y are 0.
    """

    size: int
    dataset: tf.data.Dataset
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keypoints:
    """The K keypoints of each object.

    Attributes:
        names: of each keypoint; empty where the format has none.
        flip: the keypoint that each becomes in a mirrored image (the left eye the right one); empty
            where the format does not say.
        skeleton: pairs of keypoints that are joined, from 0.
        visibility: whether the files have a third number for each keypoint.
    """

    count: int
    names: tuple[str, ...] = ()
    flip: tuple[int, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    visibility: bool = True

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Those that change places in a mirrored image, as `keypoint_pairs` takes them."""
        return tuple((one, other) for one, other in enumerate(self.flip) if one < other)


@dataclass(frozen=True)
class Source:
    """A dataset that is ready for training.

    Attributes:
        name: the specification it was opened with.
        class_names: what the labels, of images or of boxes, mean.
        splits: "train", "validation" and "test"; of annotated images, those that there are.
        bad: images that were left out; the positions of the others close up.
        notes: what a user should know, one line each: how splits were made, what decoding drops.
        parts: what elements hold beside the image: "labels", or of "boxes", "masks", "keypoints".
        mask_names: what each value of a mask means.
        keypoints: what the keypoints are, if `parts` has them.
        bad_annotations: what is wrong in the annotations, in the order of the images.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    bad: tuple[BadImage, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[str, ...] = CLASSES
    mask_names: Mapping[int, str] = field(default_factory=dict)
    keypoints: Keypoints | None = None
    bad_annotations: tuple[BadAnnotation, ...] = ()

    @property
    def annotated(self) -> bool:
        """Whether elements are dicts with annotations, not `(image, label)`."""
        return self.parts != CLASSES

    @property
    def box_format(self) -> str | None:
        """The `bounding_box_format` of elements; None for a source without boxes."""
        return "xyxy" if "boxes" in self.parts else None
