"""Elements of a source as dicts of pixels and what belongs to them, in NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from augreg.dataset.indexed import behind
from augreg.errors import DataError
from augreg.images.decode import decode
from augreg.sources.source import Split

Element = dict[str, Any]


def elements(split: Split) -> Iterator[Element]:
    """All elements in their order: "images" uint8 or float [H,W,C], and "labels" or annotations."""
    yield from split.dataset.map(_decoded).as_numpy_iterator()


def element_at(split: Split, position: int) -> Element:
    """One element, without reading those before it if the source has random access.

    Raises:
        DataError: its image can't be decoded.
    """
    access = behind(split.dataset)
    try:
        if access is None:
            return next(split.dataset.skip(position).map(_decoded).as_numpy_iterator())
        return tf.nest.map_structure(lambda one: one.numpy(), _decoded(access.element(position)))
    except tf.errors.OpError as error:
        text = str(error.message).splitlines()[0]
        raise DataError(f"image {position} can't be decoded: {text}") from error


@tf.autograph.experimental.do_not_convert
def _decoded(*parts: Any) -> Element:
    """An element, a dict or the parts of (image, label), as a dict with its image decoded."""
    element = parts[0] if len(parts) == 1 else parts
    if not isinstance(element, Mapping):
        element = dict(zip(("images", "labels"), element, strict=True))
    image = element["images"]
    return {**element, "images": decode(image) if image.dtype == tf.string else image}
