"""Masks of classes: made of annotated regions, and kept as PNG files in memory.

A mask of a few regions takes some kB as PNG, and TensorFlow's graph operations decode it. Those
operations can't read a palette's indices, nor polygons; so each mask is made once, when a source is
opened.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from augreg.errors import DataError
from augreg.images import ImageSize, one_line
from augreg.sources.faults import Faults

Mask = NDArray[Any]
LARGEST_BYTE, LARGEST = 255, 65535


@dataclass(frozen=True)
class Region:
    """The pixels of an object.

    Attributes:
        polygons: float64 [P, 2] each, x and y of edges (a pixel's centre is at 0.5) in pixels.
        rle: in place of polygons, COCO's run lengths: {"size": [H, W], "counts": bytes}.
    """

    polygons: tuple[NDArray[np.float64], ...] = ()
    rle: dict[str, Any] | None = None

    def mask(self, size: ImageSize) -> NDArray[np.bool_]:
        """bool [H, W]."""
        return coco_mask().decode(self.run_lengths(size)).astype(bool)

    def run_lengths(self, size: ImageSize) -> dict[str, Any]:
        """COCO's run lengths of the region in an image of this size."""
        if self.rle is not None:
            return self.rle
        tools = coco_mask()
        flat = [polygon.ravel().tolist() for polygon in self.polygons]
        return tools.merge(tools.frPyObjects(flat, *size))


@dataclass(frozen=True)
class FileMask:
    """A mask's file: its values [H, W], and its palette (red, green, blue, red, ...) or None."""

    values: Mask
    palette: list[int] | None


def coco_mask() -> ModuleType:
    """pycocotools' module for regions; raises `DataError` where it is not installed."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise DataError(
            "masks of polygons and run lengths need pycocotools: pip install 'augreg[coco]'; "
            'or open the source without masks: parts=("boxes",)'
        ) from error
    return mask


def painted(regions: Sequence[tuple[int, Region]], size: ImageSize) -> Mask:
    """A mask [H, W] of (value, region) pairs, 0 elsewhere.

    Larger regions are below smaller ones, and of equal ones the earlier are below the later: a
    person in front of a bus is not hidden by it.
    """
    canvas: Mask = np.zeros(size, np.int32, order="F")  # as pycocotools has its masks
    packed = [(value, region.run_lengths(size)) for value, region in regions]
    for value, rle in sorted(packed, key=lambda one: -int(coco_mask().area(one[1]))):
        np.copyto(canvas, value, where=coco_mask().decode(rle).view(bool))
    return canvas


def _read_mask(path: Path) -> FileMask:
    """A mask's file; the values of a palette are its indices.

    Raises:
        OSError, ValueError: it can't be read, or has colours.
    """
    try:
        with Image.open(path) as image:
            values, palette = np.asarray(image), image.getpalette()
    except SyntaxError as error:  # Pillow's, of damaged PNG files
        raise ValueError(str(error)) from error
    if values.ndim != 2:
        raise ValueError("a mask has one channel, grey or a palette; this one has colours")
    if not 0 <= values.min() <= values.max() <= LARGEST:
        found = f"{values.min():g} to {values.max():g}"
        raise ValueError(f"the values of a mask are 0 to {LARGEST}; found {found}")
    return FileMask(values.astype(np.int32), palette)


def mask_of(path: Path, size: ImageSize, faults: Faults) -> FileMask | None:
    """The mask of an image of this size in a file; None where it can't be used."""
    try:
        mask = _read_mask(path)
    except OSError as error:
        faults.leave_out(one_line(path), f"can't be read: {error.strerror or error}")
    except ValueError as error:
        faults.leave_out(one_line(path), str(error))
    else:
        height, width = mask.values.shape
        if (height, width) == size:
            return mask
        found = f"{width}x{height} pixels; its image has {size[1]}x{size[0]}"
        faults.leave_out(one_line(path), found)
    return None


def values_of(mask: Mask) -> tuple[int, ...]:
    """The values that a mask has; counting them takes a tenth of the time of sorting them."""
    return tuple(np.flatnonzero(np.bincount(mask.ravel(order="K"))).tolist())


def encode(mask: Mask, deep: bool = False) -> bytes:
    """A mask as a PNG file of 8 bits, or of 16 where its values need them or `deep` says so."""
    dtype = np.uint16 if deep or mask.max(initial=0) > LARGEST_BYTE else np.uint8
    out = io.BytesIO()
    Image.fromarray(mask.astype(dtype)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def deepened(contents: bytes) -> bytes:
    """The same mask in 16 bits."""
    with Image.open(io.BytesIO(contents)) as image:
        return encode(np.asarray(image), deep=True)


def decode(contents: tf.Tensor, deep: bool) -> tf.Tensor:
    """uint8 [H, W] of a file of 8 bits, or int32 of one of 16."""
    if deep:
        return tf.cast(tf.io.decode_png(contents, channels=1, dtype=tf.uint16)[..., 0], tf.int32)
    return tf.io.decode_png(contents, channels=1)[..., 0]
