"""Which sides of an element's parts have to be equal, as far as their static shapes say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from augreg.annotations.parts import (
    BOXES,
    FRAMES,
    FROM_MASK,
    IMAGES,
    LABELS,
    MASKS,
    Annotations,
    TargetRules,
    check_form,
    check_own_masks,
)
from augreg.checks import shape_of
from augreg.errors import DataError


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


def check_annotations(
    annotations: Annotations, images: Any, rules: TargetRules, parts: Annotations | None = None
) -> list[Agreement]:
    """Checks batches of annotations against their images, by their static shapes and dtypes.

    Args:
        annotations: arrays with a batch's dimension, by their names.
        images: [B,H,W,C], or frames [B,T,H,W,C].
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
    leading = len(images.shape) - 3
    for key, value in annotations.items():
        check_form(key, value, rules, leading)
    if rules.box_from == FROM_MASK:
        check_own_masks(annotations, leading)
    unknown = []
    for agreement in _agreements(annotations, images, parts or {}, rules):
        (_, one, i), (_, other, j) = agreement.one, agreement.other
        if one.shape[i] is None or other.shape[j] is None:
            unknown.append(agreement)
        elif one.shape[i] != other.shape[j]:
            raise DataError(agreement.text(tuple(one.shape), tuple(other.shape)))
    return unknown


def _agreements(
    annotations: Annotations, images: Any, parts: Annotations, rules: TargetRules
) -> Iterator[Agreement]:
    rows = len(images.shape) - 3  # where a sample's, or a frame's, own dimensions begin
    name, sample = (IMAGES, "image") if rows == 1 else (FRAMES, "sample")
    size = "the image's own height and width, [H, W] or [H, W, C]"

    def leading(key: str, part: Any, count: int) -> Iterator[Agreement]:
        for axis in range(count):
            rule = "one for each frame" if axis else f"one for each {sample}"
            yield Agreement((key, part, axis), (name, images, axis), rule)

    for key, value in annotations.items():
        if key in BOXES:
            boxes = (f"{key}/boxes", value["boxes"])
            yield from leading(*boxes, rows)
            for own, part in value.items():
                if own != "boxes" and len(shape_of(part) or ()) > rows:
                    rule = "one class for each box" if own == "labels" else "one for each box"
                    labels = (f"{key}/{own}", part)
                    yield from leading(*labels, rows)
                    yield Agreement((*labels, rows), (*boxes, rows), rule)
            continue
        if shape_of(value):
            yield from leading(key, value, 1 if key == LABELS else rows)
        if rules.is_mask(key) or key in rules.bilinear:
            for axis in (rows, rows + 1):
                yield Agreement((key, value, axis), (name, images, axis), size)
    for key, part in parts.items():
        yield from leading(key, part, 1)
