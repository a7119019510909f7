"""Samples of images with what belongs to them, and the values that were drawn for each.

Pixels come from the NumPy reference, so that they need no TensorFlow and are there in a second or
two; the kernels agree with it within 1/255 (DESIGN, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.asked import for_labels, label_answers, unasked
from augreg.annotations.boxes import CORNERS
from augreg.annotations.mixing import label_classes, mixing_steps, pastes
from augreg.annotations.parts import FROM_MASK, PADDED, each
from augreg.annotations.points import SHAPES
from augreg.backends.reference import augment
from augreg.errors import DataError
from augreg.lower.sampled import Drawn, drawn_values
from augreg.plan import SECTIONS, plan
from augreg.policy import Output, Policy
from augreg.xp import NUMPY

Element = Mapping[str, Any]
"""An image [H,W,C] in "images", and what belongs to it; boxes are xyxy."""


def as_bytes(policy: Policy) -> Policy:
    """The policy with uint8 output."""
    return replace(policy, output=Output("uint8", (255.0,), (0.0,)))


def samples_of(
    policy: Policy,
    elements: Sequence[Element],
    places: Sequence[int],
    *,
    pairs: Sequence[tuple[int, int]] = (),
    training: bool = True,
    **common: Any,
) -> list[dict[str, Any]]:
    """A sample of each element; of all together where the policy mixes them.

    What a policy asks of annotations that an element does not hold is left out.

    Args:
        policy: with the output that is wanted, such as one of `as_bytes`.
        elements: of uint8 or float images.
        places: the index of each.
        pairs: keypoints that change places in a mirrored image.
        common: of `augreg.augment`, such as the seed.

    Raises:
        DataError: the policy mixes images, and their sizes differ after "prepare".
        PolicyError: the policy can't work on an image, or mixes and there is a single one.
    """
    common |= {"training": training, "keypoint_pairs": pairs}
    if training and len(elements) > 1 and mixing_steps(policy):
        return _mixed(policy, elements, places, common)
    return [
        augment(one, unasked(policy, one), index=[place], **_rules(policy, one), **common)
        for one, place in zip(elements, places, strict=True)
    ]


def drawn_for(policy: Policy, element: Element, seed: int, epoch: int, place: int) -> Drawn:
    """The draws of the sample of an element that take effect; see `drawn_values`."""
    policy = unasked(policy, element)
    height, width, channels = element["images"].shape
    planned = plan(policy, size=(height, width), channels=channels)
    nodes = for_labels(policy.nodes(True, ("prepare", "augment")))
    found = {key: element[key] for key in ("labels", "boxes") if key in element}
    batch = each(lambda part: np.asarray(part)[None], found)
    answers = label_answers(NUMPY, nodes, batch) if nodes else {}
    return drawn_values(planned, seed, epoch, place, answers=answers)


def _rules(policy: Policy, element: Element) -> dict[str, Any]:
    if "boxes" not in element:
        return {}
    by_mask = "masks" in element and pastes(policy)
    return {
        "bounding_box_format": "xyxy",
        "oriented": CORNERS in element["boxes"],
        "box_from": FROM_MASK if by_mask else SHAPES[0],
    }


def _mixed(
    policy: Policy, elements: Sequence[Element], places: Sequence[int], common: dict[str, Any]
) -> list[dict[str, Any]]:
    """Prepared one by one where their sizes differ, as a data set is, and then as a batch."""
    sections: tuple[str, ...] = SECTIONS
    if len({one["images"].shape for one in elements}) > 1:
        alone = [
            augment(
                one,
                unasked(policy, one),
                index=[place],
                sections=("prepare",),
                **_rules(policy, one),
                **common,
            )
            for one, place in zip(elements, places, strict=True)
        ]
        _check_alike(policy, alone)
        elements, sections = alone, ("augment", "output")
        if alone[0]["images"].dtype != np.uint8:
            common = {**common, "input_range": (0, 1)}
    batch = _batch(policy, elements)
    rules = _rules(policy, batch)
    policy = unasked(policy, batch)
    made = augment(batch, policy, index=list(places), sections=sections, **rules, **common)
    return [each(itemgetter(i), made) for i in range(len(elements))]


def _check_alike(policy: Policy, elements: Sequence[Element]) -> None:
    sizes = sorted({one["images"].shape[:2] for one in elements})
    if len(sizes) > 1:
        found = " and ".join(f"{width}x{height}" for height, width in sizes[:2])
        raise DataError(
            f'"{mixing_steps(policy)[0].op.name}" mixes the images of a batch, which have one '
            f'size; found {found} pixels (width x height) after "prepare"; add a "resize" to '
            '"prepare", or give images of one size'
        )


def _batch(policy: Policy, elements: Sequence[Element]) -> dict[str, Any]:
    """Elements as a batch: what all of them hold, with boxes and their keypoints padded."""
    shared = set.intersection(*(set(one) for one in elements)) - {"labels"}
    batch = {name: _stacked([one[name] for one in elements]) for name in shared}
    if "masks" in batch:
        batch["masks"] = batch["masks"].astype(np.int32)  # numbers twice as many boxes
    if label_classes(policy) is not None and "boxes" not in batch:
        batch["labels"] = np.array([one.get("labels", 0) for one in elements])
    return batch


def _stacked(parts: list[Any]) -> Any:
    if isinstance(parts[0], Mapping):
        keys = parts[0]
        return {
            key: _padded(
                [np.asarray(part[key]) for part in parts], PADDED if key == "labels" else 0
            )
            for key in keys
        }
    return _padded([np.asarray(part) for part in parts], 0)


def _padded(rows: list[NDArray[Any]], value: int) -> NDArray[Any]:
    """Arrays of different lengths as one; those of one shape as they are."""
    longest = max(len(one) for one in rows)
    return np.stack(
        [
            np.pad(
                one, [(0, longest - len(one)), *[(0, 0)] * (one.ndim - 1)], constant_values=value
            )
            for one in rows
        ]
    )
