"""The images of a preview: files, or elements of a source."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from augreg.annotations.boxes import (
    CORNERS,
    corners_beside,
    corners_in_pixels,
    from_edges,
    to_edges,
)
from augreg.errors import ImageError
from augreg.images import inspect, one_line
from augreg.paths import check_here
from augreg.views.overlay import Drawn, Pixels
from augreg.xp import NUMPY

if TYPE_CHECKING:
    from augreg.sources import Source


# By EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
        title = f"{title}: {source.class_names[element['labels']]}"
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
    boxes = {**found, "boxes": from_edges(NUMPY, edges, "xyxy", size)}
    if CORNERS in found:
        corners = corners_in_pixels(NUMPY, found[CORNERS], drawn.box_format, size)
        boxes[CORNERS] = corners_beside(NUMPY, corners, "xyxy", size)
    return {**element, "boxes": boxes}


def read_image(path: Path) -> Pixels:
    """uint8 [H,W,3] of an image file, its EXIF orientation honoured.

    Raises:
        ImageError: it can't be read. PathError: it is no file of this machine.
    """
    check_here(path)
    name = one_line(path)
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: can't be read: {error.strerror}") from error
    info = inspect(contents, name)
    try:
        with Image.open(io.BytesIO(contents)) as image:
            return _as_trained(image, info.orientation)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{name}: damaged: its pixels can't be decoded ({error})") from error


def _as_trained(image: Image.Image, orientation: int) -> Pixels:
    """What training decodes: Pillow turns by XMP too, and caps 16 bits of grey at 255."""
    image.load()
    image.info.pop("transparency", None)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    return np.asarray(image.transpose(_TURNS[orientation]) if orientation > 1 else image)
