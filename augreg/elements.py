"""What a data set's element is: where its image is, and how to put another in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from augreg.errors import DataError

IMAGES = "images"


@dataclass(frozen=True)
class Indexed:
    """A source with random access: shuffling it needs no buffer, and skipping costs nothing.

    element: maps an int64 scalar position, 0 to size - 1, to an element, in TensorFlow's graph ops.
    """

    size: int
    element: Callable[[Any], Any]


def image_of(element: Any) -> Any:
    """The image of an element: itself, the first of a tuple, or a dict's "images"."""
    if isinstance(element, dict):
        if IMAGES not in element:
            names = ", ".join(f'"{key}"' for key in element)
            raise DataError(f'an element that is a dict needs the key "{IMAGES}"; found {names}')
        return element[IMAGES]
    if isinstance(element, tuple | list):
        if not 1 <= len(element) <= 3:
            raise DataError(
                f"an element of {len(element)} parts; allowed are an image, (image, label), "
                "(image, label, weight) or a dict"
            )
        return element[0]
    return element


def with_image(element: Any, image: Any) -> Any:
    """The element with another image; everything else as it was."""
    if isinstance(element, dict):
        return {**element, IMAGES: image}
    if isinstance(element, tuple | list):
        return (image, *element[1:])
    return image
