"""Images with what belongs to them, in batches that go through `augment` at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from augreg.annotations.asked import unasked
from augreg.annotations.mixing import label_classes, mixing_steps, pastes
from augreg.annotations.parts import FROM_MASK, IMAGES, LABELS, PADDED, each
from augreg.backends.options import RunOptions
from augreg.errors import DataError
from augreg.policy import Policy

Key = tuple[int, int, int]  # seed, epoch, index
Element = Mapping[str, Any]  # an image [H,W,C] in "images", and what belongs to it; boxes are xyxy
Pairs = Sequence[tuple[int, int]]  # of keypoints that change places in a mirrored image


@dataclass(frozen=True)
class Item:
    """An image: the number of its tile, the key of its sample, and what it is."""

    number: int
    key: Key
    element: Element
    pairs: Pairs

    @property
    def shapes(self) -> Hashable:
        """What the items of a batch share, besides the seed."""
        return self.key[0], tuple(self.pairs), _shapes(self.element)


def options_of(
    policy: Policy, seed: int, element: Element, pairs: Pairs, sections: tuple[str, ...]
) -> RunOptions:
    """How a policy runs on such an element; what it asks of boxes is left out where it has none."""
    boxed = "boxes" in element
    by_mask = boxed and "masks" in element and pastes(policy)
    return RunOptions.of(
        policy if boxed else unasked(policy),
        seed,
        sections=sections,
        bounding_box_format="xyxy" if boxed else None,
        box_from=FROM_MASK if by_mask else "corners",
        keypoint_pairs=pairs,
    )


def batches_of(policy: Policy, items: Sequence[Item]) -> list[list[Item]]:
    """The items that are one batch each: of one seed, with parts of the same shapes.

    Raises:
        DataError: the policy mixes images, and their sizes differ.
    """
    if mixing_steps(policy):
        _check_alike(policy, items)
        items = _to_mix(policy, items)
    batches: dict[Hashable, list[Item]] = {}
    for item in items:
        batches.setdefault(item.shapes, []).append(item)
    return list(batches.values())


def stacked(elements: Sequence[Element]) -> dict[str, Any]:
    """A batch of elements; a part that is the same in all is not copied."""
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


def _shapes(element: Element) -> Hashable:
    return tuple(
        (name, _shapes(part) if isinstance(part, Mapping) else np.shape(part))
        for name, part in element.items()
    )


# --- policies that mix samples


def _check_alike(policy: Policy, items: Sequence[Item]) -> None:
    sizes = sorted({item.element[IMAGES].shape[:2] for item in items})
    if len(sizes) > 1:
        found = " and ".join(f"{width}x{height}" for height, width in sizes[:2])
        raise DataError(
            f'"{mixing_steps(policy)[0].op.name}" mixes the images of a batch, which have one '
            f'size; found {found} pixels (width x height) after "prepare"; add a "resize" to '
            '"prepare", or give images of one size'
        )


def _to_mix(policy: Policy, items: Sequence[Item]) -> list[Item]:
    """Items with as many boxes each, and with a label where labels are mixed."""
    boxes = [item.element["boxes"] for item in items if "boxes" in item.element]
    longest = max((len(one["labels"]) for one in boxes), default=0)
    made = []
    for item in items:
        element = {name: part for name, part in item.element.items() if name != LABELS}
        if "boxes" in element:
            element["boxes"] = {
                name: _padded(part, longest, PADDED if name == LABELS else 0)
                for name, part in element["boxes"].items()
            }
        elif label_classes(policy) is not None:
            element[LABELS] = item.element.get(LABELS, 0)
        made.append(Item(item.number, item.key, element, item.pairs))
    return made


def _padded(part: Any, length: int, value: int) -> Any:
    rows = [(0, length - len(part)), *[(0, 0)] * (np.ndim(part) - 1)]
    return np.pad(part, rows, constant_values=value)
