"""The images of a preview: files, or elements of a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from augreg.views.overlay import Drawn, Pixels

if TYPE_CHECKING:
    from augreg.sources import Source


@dataclass(frozen=True)
class Photo:
    """An image to show: what it is called, uint8 [H,W,C], what is drawn onto it, its position."""

    title: str
    pixels: Pixels
    drawn: Drawn
    index: int


def photos_of(source: Source, count: int) -> list[Photo]:
    """Images of a source's first split, mostly "train", spread evenly over it.

    Raises:
        DataError: an image can't be decoded.
    """
    from augreg.sources.elements import element_at

    name, split = next(iter(source.splits.items()))
    count = min(count, split.size)
    found = []
    for position in (i * split.size // count for i in range(count)):
        element = element_at(split, position)
        title = f"{name} {position}"
        if not source.annotated:
            title = f"{title}: {source.class_names[element.pop('labels')]}"
        pixels = element.pop("images")
        pairs = source.keypoints.pairs if source.keypoints else ()
        drawn = Drawn(element, source.box_format, source.class_names, pairs)
        found.append(Photo(title, pixels, drawn, position))
    return found
