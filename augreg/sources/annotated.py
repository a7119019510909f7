"""From what a format's files say of its images to a source: what coco, yolo, voc and masks share.

A format's module finds the images of each split, and reads the annotations of one image. Here
images are checked, as those of every source, annotations are read, and both become splits with
random access.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from augreg.annotations.element import Indexed
from augreg.dataset.indexed import in_order
from augreg.errors import DataError
from augreg.images import ImageSize, one_line
from augreg.sources.checking import check_all, check_bad_images, decoding_notes
from augreg.sources.faults import Edges, Faults
from augreg.sources.label_masks import (
    LARGEST_BYTE,
    FileMask,
    Mask,
    Region,
    decode,
    deepened,
    encode,
    painted,
    values_of,
)
from augreg.sources.openers import Reading, opener_of
from augreg.sources.source import BadImage, Keypoints, Source, Split

BACKGROUND = "background"  # what the value 0 of a mask means


@dataclass(frozen=True)
class Thing:
    """One annotated object. label: a class number. keypoints: float [K, 3].

    difficult: a crowd, or an object that is marked as hard to see.
    """

    label: int
    box: Edges
    keypoints: NDArray[np.float64] | None = None
    region: Region | None = None
    difficult: bool = False


@dataclass(frozen=True)
class Annotations:
    """All that belongs to one image. mask: where it is a file of its own, its values."""

    things: Sequence[Thing] = ()
    mask: FileMask | None = None

    def mask_of_classes(self, size: ImageSize) -> Mask:
        """The mask [H, W] that elements hold: the file's, or class + 1 of the things' regions."""
        if self.mask is not None:
            return self.mask.values
        return painted([(one.label + 1, one.region) for one in self.things if one.region], size)

    def mask_of_boxes(self, size: ImageSize, difficult: bool) -> Mask:
        """The mask [H, W] that numbers boxes: n + 1 in the pixels of box n."""
        things = enumerate(with_boxes(self.things, difficult), start=1)
        return painted([(number, one.region) for number, one in things if one.region], size)


def with_boxes(things: Iterable[Thing], difficult: bool) -> list[Thing]:
    """The things that have a box; `difficult`: those that are difficult have one, too."""
    return [one for one in things if difficult or not one.difficult]


@dataclass(frozen=True)
class FileLayout:
    """What a format's files say of a dataset.

    Attributes:
        photos: the images of each split, in their order.
        read: the annotations of an image of this size, or None where that leaves the image out.
        parts: what elements hold beside the image.
        class_names: what labels mean; empty where the masks' values are all that there is.
        mask_names: what a mask's values mean; others are called by their number.
    """

    photos: Mapping[str, Sequence[Path]]
    read: Callable[[Path, ImageSize, Faults], Annotations | None]
    parts: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    mask_names: Mapping[int, str] = field(default_factory=dict)
    keypoints: Keypoints | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """The images of a dataset, checked.

    Attributes:
        layout: what its files say.
        sizes: H and W of each image that can be used.
        bad: those that can't.
        notes: what decoding drops.
    """

    layout: FileLayout
    sizes: Mapping[Path, ImageSize]
    bad: tuple[BadImage, ...]
    notes: tuple[str, ...]


def check_images(spec: str, reading: Reading, faults: Faults) -> Checked:
    """Reads what a dataset's files say of it, and its images; raises `DataError`."""
    layout: FileLayout = opener_of(spec).layout_of(spec, reading, faults)
    photos = [path for part in layout.photos.values() for path in part]
    candidates = ((one_line(path), path.read_bytes) for path in photos)
    verdicts = list(check_all(candidates, reading.max_pixels, reading.verify))
    bad = check_bad_images(spec, verdicts, reading.max_bad)
    sizes = {path: one.size for path, one in zip(photos, verdicts, strict=True) if one.size}
    if not sizes:
        raise DataError(f"{spec}: no image is left of {len(photos)}")
    return Checked(layout, sizes, bad, decoding_notes(verdicts))


def open_annotated(spec: str, reading: Reading) -> Source:
    """Opens a source of images with annotations. See `augreg.sources.open_source`."""
    faults = Faults(reading.bad_annotations)
    checked = check_images(spec, reading, faults)
    layout = checked.layout
    read = _read(spec, checked, faults, reading)
    faults.check(spec)
    hidden = 0 if reading.difficult else sum(map(_count_difficult, read.values()))
    tables = {
        split: _Table.of([path for path in part if path in read], read, reading)
        for split, part in layout.photos.items()
    }
    empty = sorted(split for split, table in tables.items() if not table.paths)
    tables = {split: table for split, table in tables.items() if table.paths}
    if not tables:
        raise DataError(f"{spec}: no image is left; all annotations are bad: {faults.found[0]}")
    names = _mask_names(layout, tables.values())
    deep = reading.instances or max(names, default=0) > LARGEST_BYTE
    notes = [
        *layout.notes,
        *(f"the split {split!r} has no image and is left out" for split in empty),
        *checked.notes,
    ]
    if hidden:
        notes.append(f"{hidden} crowds or difficult objects have no box; difficult=True keeps them")
    return Source(
        spec,
        layout.class_names or tuple(names.values()),
        {split: table.split(layout, deep) for split, table in tables.items()},
        checked.bad,
        tuple(notes),
        layout.parts,
        names if "masks" in layout.parts and not reading.instances else {},
        layout.keypoints if "keypoints" in layout.parts else None,
        tuple(faults.found),
    )


def _mask_names(layout: FileLayout, tables: Iterable[_Table]) -> dict[int, str]:
    """What each value means that masks have, or might have."""
    values = {value for table in tables for value in table.values}
    every = sorted(values | layout.mask_names.keys())
    return {value: layout.mask_names.get(value, str(value)) for value in every}


@dataclass(frozen=True)
class _Encoded:
    things: Sequence[Thing]
    mask: bytes = b""
    values: tuple[int, ...] = ()


def _read(spec: str, checked: Checked, faults: Faults, reading: Reading) -> dict[Path, _Encoded]:
    layout, found = checked.layout, dict[Path, _Encoded]()
    if reading.instances and not {"boxes", "masks"} <= set(layout.parts):
        held = " and ".join(layout.parts)
        raise DataError(f"{spec}: instances=True needs boxes and their masks; it holds {held}")
    for path, size in checked.sizes.items():
        made = layout.read(path, size, faults)
        if made is None:
            continue
        found[path] = _Encoded(made.things)
        if "masks" in layout.parts:
            if not reading.instances:
                mask = made.mask_of_classes(size)
            elif made.mask is None:
                mask = made.mask_of_boxes(size, reading.difficult)
            else:
                raise DataError(
                    f"{spec}: instances=True, and its masks are files of classes, which do not say "
                    "whose a pixel is; coco: and yolo: have a mask for each box"
                )
            found[path] = _Encoded(made.things, encode(mask), values_of(mask))
    return found


def _count_difficult(one: _Encoded) -> int:
    return sum(thing.difficult for thing in one.things)


@dataclass(frozen=True)
class _Table:
    """The rows of a split: images, and the things of all images one after another."""

    paths: list[Path]
    ends: NDArray[np.int64]  # of the things of each image
    things: list[Thing]
    masks: list[bytes]
    values: set[int]

    @classmethod
    def of(cls, paths: list[Path], read: Mapping[Path, _Encoded], reading: Reading) -> _Table:
        rows = [read[path] for path in paths]
        kept = [with_boxes(row.things, reading.difficult) for row in rows]
        ends = np.cumsum([0, *map(len, kept)], dtype=np.int64)
        values = {value for row in rows for value in row.values}
        return cls(paths, ends, list(chain.from_iterable(kept)), [row.mask for row in rows], values)

    def split(self, layout: FileLayout, deep: bool) -> Split:
        with tf.device("CPU:0"):  # where all of tf.data is
            paths = tf.constant([os.fsencode(path.absolute()) for path in self.paths])
            ends = tf.constant(self.ends)
            boxes = tf.constant([one.box for one in self.things], tf.float32, (len(self.things), 4))
            labels = tf.constant([one.label for one in self.things], tf.int64)
            keypoints = tf.constant(self._keypoints(layout.keypoints))
            masks = tf.constant([deepened(m) for m in self.masks] if deep else self.masks)
        parts = layout.parts

        def element(position: Any) -> dict[str, Any]:
            one: dict[str, Any] = {"images": tf.io.read_file(tf.gather(paths, position))}
            rows = slice(tf.gather(ends, position), tf.gather(ends, position + 1))
            if "boxes" in parts:
                one["boxes"] = {"boxes": boxes[rows], "labels": labels[rows]}
            if "masks" in parts:
                one["masks"] = decode(tf.gather(masks, position), deep)
            if "keypoints" in parts:
                one["keypoints"] = keypoints[rows]
            return one

        return Split(len(self.paths), in_order(Indexed(len(self.paths), element)))

    def _keypoints(self, about: Keypoints | None) -> NDArray[np.float32]:
        count = about.count if about else 0
        none = np.zeros((count, 3))
        rows = [none if one.keypoints is None else one.keypoints for one in self.things]
        return np.array(rows, np.float32).reshape(len(rows), count, 3)
