"""Images with what belongs to them: how a policy runs on one, and several as a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from augreg.annotations.asked import for_labels, label_answers, unasked
from augreg.annotations.boxes import CORNERS
from augreg.annotations.mixing import label_classes, mixing_steps, pastes
from augreg.annotations.parts import FROM_MASK, IMAGES, LABELS, PADDED, each
from augreg.annotations.points import SHAPES
from augreg.backends.options import RunOptions
from augreg.errors import DataError
from augreg.lower import Answers
from augreg.plan import SECTIONS
from augreg.policy import Policy
from augreg.xp import NUMPY

Element = Mapping[str, Any]
"""An image [H,W,C] in "images", and what belongs to it; boxes are xyxy."""
Pairs = Sequence[tuple[int, int]]  # of keypoints that change places in a mirrored image


def options_of(
    policy: Policy,
    seed: int,
    element: Element,
    pairs: Pairs = (),
    sections: Sequence[str] = SECTIONS,
    **more: Any,
) -> RunOptions:
    """How a policy runs on such an element, or a batch of them.

    What it asks of annotations that are not there is left out. more: see `RunOptions.of`.
    """
    boxes = element.get("boxes")
    by_mask = boxes is not None and "masks" in element and pastes(policy)
    return RunOptions.of(
        unasked(policy, element),
        seed,
        sections=sections,
        bounding_box_format=None if boxes is None else "xyxy",
        box_from=FROM_MASK if by_mask else SHAPES[0],
        keypoint_pairs=pairs,
        oriented=boxes is not None and CORNERS in boxes,
        **more,
    )


def answers_of(policy: Policy, batch: Element) -> Answers:
    """What the labels of a batch say of a policy's steps that are for some samples only."""
    return label_answers(NUMPY, for_labels(policy.nodes(True, SECTIONS)), batch)


def stacked(elements: Sequence[Element]) -> dict[str, Any]:
    """A batch of elements; a part that is the same in all is not copied, and can't be changed."""
    return {name: _stacked([element[name] for element in elements]) for name in elements[0]}


def unstacked(batch: Element, count: int) -> list[dict[str, Any]]:
    """The elements of a batch."""
    return [each(itemgetter(b), batch) for b in range(count)]


def _stacked(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Mapping):
        return stacked(parts)
    if all(part is first for part in parts):
        return np.broadcast_to(first, (len(parts), *np.shape(first)))
    return np.stack(parts)


# --- policies that mix samples


def to_mix(policy: Policy, elements: Sequence[Element]) -> list[dict[str, Any]]:
    """Elements with what all of them hold, that can be one batch.

    They have as many boxes each, of which some are none, and a label where labels are mixed.

    Raises:
        DataError: the sizes of their images differ.
    """
    _check_alike(policy, elements)
    needs_labels = label_classes(policy) is not None
    made = _alike([{name: one[name] for name in one if name != LABELS} for one in elements])
    for one, element in zip(made, elements, strict=True):
        if "masks" in one:
            one["masks"] = np.asarray(one["masks"], np.int32)  # numbers twice as many boxes
        if needs_labels and "boxes" not in one:
            one[LABELS] = element.get(LABELS, 0)
    return made


def _check_alike(policy: Policy, elements: Sequence[Element]) -> None:
    sizes = sorted({element[IMAGES].shape[:2] for element in elements})
    if len(sizes) > 1:
        found = " and ".join(f"{width}x{height}" for height, width in sizes[:2])
        raise DataError(
            f'"{mixing_steps(policy)[0].op.name}" mixes the images of a batch, which have one '
            f'size; found {found} pixels (width x height) after "prepare"; add a "resize" to '
            '"prepare", or give images of one size'
        )


def _alike(elements: Sequence[Element]) -> list[dict[str, Any]]:
    """The parts that all elements, or their boxes, hold, each as long as the longest."""
    made: list[dict[str, Any]] = [{} for _ in elements]
    for name in elements[0]:
        parts = [one[name] for one in elements if name in one]
        if len(parts) < len(elements):
            continue
        if isinstance(parts[0], Mapping):
            parts = _alike(parts)
        else:
            longest, value = max(map(len, parts)), PADDED if name == LABELS else 0
            parts = [_padded(part, longest, value) for part in parts]
        for one, part in zip(made, parts, strict=True):
            one[name] = part
    return made


def _padded(part: Any, length: int, value: int) -> Any:
    if len(part) == length:
        return part  # itself, which `stacked` knows again
    rows = [(0, length - len(part)), *[(0, 0)] * (np.ndim(part) - 1)]
    return np.pad(part, rows, constant_values=value)
