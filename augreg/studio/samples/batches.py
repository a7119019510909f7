"""Images that go through `augment` at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from augreg.annotations.mixing import mixing_steps
from augreg.policy import Policy
from augreg.views.batches import Element, Pairs, to_mix

Key = tuple[int, int, int]  # seed, epoch, index


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


def batches_of(policy: Policy, items: Sequence[Item]) -> list[list[Item]]:
    """The items that are one batch each: of one seed, with parts of the same shapes.

    Raises:
        DataError: the policy mixes images, and their sizes differ.
    """
    if items and mixing_steps(policy):
        elements = to_mix(policy, [item.element for item in items])
        items = [replace(item, element=one) for item, one in zip(items, elements, strict=True)]
    batches: dict[Hashable, list[Item]] = {}
    for item in items:
        batches.setdefault(item.shapes, []).append(item)
    return list(batches.values())


def _shapes(element: Element) -> Hashable:
    return tuple(
        (name, _shapes(part) if isinstance(part, Mapping) else np.shape(part))
        for name, part in element.items()
    )
