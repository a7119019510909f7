"""The images of a preview: files, or elements of a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augreg.annotations.boxes import from_edges, to_edges
from augreg.views.overlay import Drawn, Pixels
from augreg.xp import NUMPY

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
    split = next(iter(source.splits.values()))
    count = min(count, split.size)
    return [photo_at(source, i * split.size // count) for i in range(count)]


def photo_at(source: Source, position: int) -> Photo:
    """An image of a source's first split.

    Raises:
        DataError: it can't be decoded.
    """
    from augreg.sources.elements import element_at

    name, split = next(iter(source.splits.items()))
    element = element_at(split, position)
    title = f"{name} {position}"
    if not source.annotated:
        title = f"{title}: {source.class_names[element.pop('labels')]}"
    pixels = element.pop("images")
    pairs = source.keypoints.pairs if source.keypoints else ()
    drawn = Drawn(element, source.box_format, source.class_names, pairs)
    return Photo(title, pixels, drawn, position)


def element_of(photo: Photo) -> dict[str, Any]:
    """The image and what belongs to it, as `augreg.augment` takes it; boxes as xyxy."""
    pixels, drawn = photo.pixels, photo.drawn
    element = {"images": pixels, **drawn.parts}
    if drawn.box_format is None:
        return element
    size, found = (pixels.shape[0], pixels.shape[1]), element["boxes"]
    edges = to_edges(NUMPY, found["boxes"], drawn.box_format, size)
    return {**element, "boxes": {**found, "boxes": from_edges(NUMPY, edges, "xyxy", size)}}
