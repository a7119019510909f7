"""Masks, boxes and keypoints for `augreg preview`: read from a JSON file, drawn onto images.

The file is an object with a key for each image, its file's name:

    {"rose.jpg": {"boxes": [[20, 30, 120, 160]], "labels": [0], "bounding_box_format": "xyxy",
                  "keypoints": [[70, 80]], "mask": "rose_mask.png"}}

All parts are optional; "labels" are 0, 1, ... where they are not given. Boxes may have "corners",
four points [x, y] each, in the coordinates of the boxes: they are outlined in place of the boxes. A
mask is an image file of one channel, beside the JSON file, whose values are classes.
"""

from __future__ import annotations

import colorsys
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from augreg.annotations.boxes import CORNERS, check_format
from augreg.errors import DataError
from augreg.images import one_line
from augreg.paths import check_here

Pixels = NDArray[np.uint8]
_KEYS = ("boxes", "corners", "labels", "bounding_box_format", "keypoints", "mask")
# Of the first classes; light enough for dark images and dark enough for light ones.
_COLORS = ((230, 60, 50), (40, 120, 230), (30, 160, 70), (240, 160, 20), (160, 70, 200))
_GOLDEN = 0.618034  # of the circle of hues: however many follow, none is near another
_SMALLEST = 11  # pixels of a name's letters


def as_image(pixels: Pixels) -> Image.Image:
    """An image, uint8 [H,W,1 or 3], for Pillow: grey or RGB."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


@dataclass(frozen=True)
class Drawn:
    """What is drawn onto an image.

    Attributes:
        parts: as in an element of `augreg.augment`, unbatched.
        names: of the boxes' classes; without them, no class is written at a box.
        pairs: keypoints that change places in a mirrored image.
    """

    parts: Mapping[str, Any] = field(default_factory=dict)
    box_format: str | None = None
    names: Sequence[str] = ()
    pairs: Sequence[tuple[int, int]] = ()


def read_annotations(path: Path) -> dict[str, Drawn]:
    """What the file holds, by the images' names; raises `DataError`."""
    check_here(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise DataError(f'{path}: takes an object such as {{"rose.jpg": {{"boxes": [...]}}}}')
    return {name: _drawn(path, name, one) for name, one in value.items()}


def _drawn(path: Path, name: str, given: dict[str, Any]) -> Drawn:
    where = f'{path}: "{name}"'
    if unknown := [key for key in given if key not in _KEYS]:
        raise DataError(f'{where}: unknown key "{unknown[0]}"; allowed are {", ".join(_KEYS)}')
    parts: dict[str, Any] = {}
    box_format = None
    if "boxes" in given:
        box_format = check_format(given.get("bounding_box_format"))
        boxes = _numbers(where, "boxes", given["boxes"], (-1, 4))
        labels = np.asarray(given.get("labels", range(len(boxes))))
        if labels.shape != (len(boxes),) or labels.dtype.kind not in "if":
            raise DataError(f'{where}: "labels" takes a number for each of {len(boxes)} boxes')
        parts["boxes"] = {"boxes": boxes, "labels": labels.astype(np.int32)}
        if "corners" in given:
            corners = _numbers(where, "corners", given["corners"], (len(boxes), 4, 2))
            parts["boxes"][CORNERS] = corners
    elif "corners" in given:
        raise DataError(f'{where}: "corners" go with "boxes"; give the boxes around them, too')
    if "keypoints" in given:
        parts["keypoints"] = _numbers(where, "keypoints", given["keypoints"], (-1, 2))
    if "mask" in given:
        parts["masks"] = _mask(where, path.parent / str(given["mask"]))
    return Drawn(parts, box_format)


def _numbers(where: str, key: str, value: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers of a shape, whose -1 is any length."""
    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        array = np.zeros(0, np.float32)
    alike = array.ndim == len(shape) and array.shape[1:] == shape[1:]
    if not (alike and shape[0] in (-1, len(array)) and np.isfinite(array).all()):
        counts = " lists of ".join(str(length) for length in shape[1:])
        several = "lists" if shape[0] == -1 else f"{shape[0]} lists"
        raise DataError(f'{where}: "{key}" takes a list of {several} of {counts} numbers')
    return array


def _mask(where: str, path: Path) -> NDArray[Any]:
    try:
        with Image.open(path) as image:
            mask = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{where}: the mask {path} can't be read: {error}") from error
    if mask.ndim != 2:
        raise DataError(f"{where}: the mask {path} has colours; it has to have one channel")
    return mask.astype(np.int32)


def color_of(number: int) -> tuple[int, int, int]:
    """The colour of a class, from 0; no two classes have the same."""
    if number < len(_COLORS):
        return _COLORS[number]
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.8, 0.85)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw(
    element: Mapping[str, Any], names: Sequence[str] = (), *, numbered: bool = False
) -> Pixels:
    """An image, uint8 [H,W,C], with its masks tinted, boxes (xyxy) outlined, keypoints dotted.

    Args:
        element: an image and its parts. A mask's value v has the colour of class v - 1. Boxes with
            "corners" are outlined by them. Keypoints [..., 2], or with visibility as a third
            column; those of visibility 0 are not drawn.
        names: of the boxes' classes.
        numbered: whether a mask's value v is that of box v - 1, and has the colour of its class.
    """
    pixels: Pixels = element["images"]
    if not {"masks", "boxes", "keypoints"} & set(element):
        return pixels
    pixels = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
    found = element.get("boxes", {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int)})
    if "masks" in element:
        labels = np.asarray(found["labels"], int)
        mask = np.asarray(element["masks"], int)
        pixels = _tinted(pixels, np.append(0, labels + 1)[mask] if numbered else mask)
    image = Image.fromarray(pixels)
    pen, wide, reach = ImageDraw.Draw(image), *(max(image.size) // n + 1 for n in (120, 70))
    boxes = zip(found["labels"], found["boxes"], _outlines(found), strict=True)
    for label, box, outline in boxes:
        if label < 0:
            continue
        color = color_of(int(label))
        if outline is None:
            left, top, right, bottom = (float(edge) for edge in box)
            corners = (left, top, max(right - 1, left), max(bottom - 1, top))
            pen.rectangle(corners, outline=color, width=wide)
        else:
            pen.line([*outline, outline[0]], fill=color, width=wide, joint="curve")
        if names:
            _write(pen, image.size, (float(box[0]), float(box[1])), int(label), names)
    for i, (x, y) in _seen(np.asarray(element.get("keypoints", np.zeros((0, 2))))):
        dot = (x - reach, y - reach, x + reach, y + reach)
        pen.ellipse(dot, fill=color_of(i))
    return np.asarray(image)


def _outlines(boxes: Mapping[str, Any]) -> Iterator[list[tuple[float, float]] | None]:
    """The four pixels at the corners of each oriented box; None for the others."""
    if CORNERS not in boxes:
        yield from (None for _ in boxes["boxes"])
        return
    for corners in boxes[CORNERS]:
        yield [(float(x) - 0.5, float(y) - 0.5) for x, y in corners]  # edges of pixels


def _tinted(pixels: Pixels, mask: NDArray[Any]) -> Pixels:
    values, places = np.unique(mask, return_inverse=True)
    colors = np.array([color_of(max(int(value) - 1, 0)) for value in values])
    tinted = (pixels.astype(int) + colors[places.reshape(mask.shape)]) // 2
    return np.where(mask[..., None] > 0, tinted, pixels).astype(np.uint8)


def _write(
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    corner: tuple[float, float],
    label: int,
    names: Sequence[str],
) -> None:
    """A class's name above the box's corner, or in the box where there is no room above."""
    font = ImageFont.load_default(max(_SMALLEST, max(size) // 20))
    text = one_line(names[label]) if label < len(names) else str(label)
    _, _, wide, high = pen.textbbox((0, 0), text, font=font)
    x = max(0.0, min(corner[0], size[0] - wide))
    y = corner[1] - high if corner[1] >= high else corner[1]
    color = color_of(label)
    pen.rectangle((x, y, x + wide, y + high), fill=color)
    pen.text((x, y), text, fill=_ink_on(color), font=font)


def _ink_on(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever is easier to read."""
    red, green, blue = color
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)


def _seen(points: NDArray[Any]) -> Iterator[tuple[int, tuple[float, float]]]:
    """(its place in its object, x and y) of each keypoint."""
    count = points.shape[-2]
    for i, point in enumerate(points.reshape(-1, points.shape[-1])):
        if len(point) == 2 or point[2] > 0:
            yield i % count, (float(point[0]), float(point[1]))
