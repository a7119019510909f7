"""An element of a functional model: what its shapes say, and what will come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from augreg.annotations import mixing
from augreg.annotations.agreement import check_annotations
from augreg.annotations.boxes import CORNERS
from augreg.annotations.element import has_frames, targets_of
from augreg.annotations.parts import (
    BOXES,
    KEYPOINTS,
    LABELS,
    TargetRules,
    check_boxes_stated,
    each,
)
from augreg.annotations.undeclared import check_declared, of_unknown_size
from augreg.backends.options import RunOptions


def checked(element: Any, images: Any, unbatched: bool, options: RunOptions) -> dict[str, Any]:
    """The targets of an element of KerasTensors, once all that shapes say fits."""
    layout, rules = options.layout, options.rules
    targets = targets_of(element, layout)
    if isinstance(element, Mapping | tuple | list):
        check_boxes_stated(targets, rules)
    if "augment" in options.sections and has_frames(element, layout):
        mixing.refuse_frames(options.policy)
    suspects = check_declared(element, layout, unbatched)
    nested = isinstance(targets.get(LABELS), tuple | list)  # labels of several heads
    together = {k: v for k, v in targets.items() if not (k == LABELS and (unbatched or nested))}
    batch = _batched if unbatched else anew
    check_annotations(each(batch, together), batch(images), rules)
    of_unknown_size(suspects, batch(images), element, layout, unbatched)
    return targets


def moved(
    targets: Mapping[str, Any],
    images: Any,
    rules: TargetRules,
    after: Callable[[Any], Any],
    classes: int | None,
    mixes: bool,
) -> dict[str, Any]:
    """What comes out: masks of the images' new size, points in float32, a share for each class.

    images: as they come out. after: an image as it comes out. mixes: whether images hold boxes of
    several samples in training, and so more than in evaluation.
    """
    batch, made = images.shape[:-3], dict[str, Any]()
    for key, part in targets.items():
        if key in rules.bilinear:
            made[key] = after(part)
        elif rules.is_mask(key):
            shape = (*batch, *images.shape[-3:-1], *part.shape[len(batch) + 2 :])
            made[key] = keras.KerasTensor(shape, dtype=part.dtype)
        elif key in BOXES:
            rows = each(_of_any_rows, part) if mixes else each(anew, part)
            boxes = keras.KerasTensor(rows["boxes"].shape, dtype="float32")
            made[key] = {**rows, "boxes": boxes}
            if rules.oriented:
                shape = (*boxes.shape[:-1], 4, 2)
                made[key][CORNERS] = keras.KerasTensor(shape, dtype="float32")
        elif key in KEYPOINTS:
            shape = _of_any_rows(part).shape if mixes else part.shape
            made[key] = keras.KerasTensor(shape, dtype="float32")
        elif key == LABELS and classes is not None:
            made[key] = keras.KerasTensor((*batch, classes), dtype="float32")
    return made


def anew(part: Any) -> Any:
    """Another tensor like this one: a part that came back as it went in would be no output."""
    return keras.KerasTensor(part.shape, dtype=part.dtype, sparse=getattr(part, "sparse", False))


def _of_any_rows(part: Any) -> Any:
    """Another tensor like this one, of a batch, but for how many boxes it is of."""
    shape = part.shape
    return keras.KerasTensor((shape[0], None, *shape[2:]) if len(shape) > 1 else shape, part.dtype)


def _batched(part: Any) -> Any:
    return keras.KerasTensor((1, *part.shape), dtype=part.dtype)
