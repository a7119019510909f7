"""COCO's JSON files as a source: boxes, masks of polygons and run lengths, keypoints.

The format: https://cocodataset.org/#format-data. Roboflow's folders are read, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augreg.errors import DataError, printable, show
from augreg.images import ImageSize, one_line
from augreg.sources.annotated import BACKGROUND, Annotations, FileLayout, Thing
from augreg.sources.coco_files import (
    WANTED,
    CocoPhoto,
    json_files,
    key_of,
    photos_of,
    read_file,
)
from augreg.sources.faults import Faults
from augreg.sources.formats import HASHED, folder_of, hashed, parts_of
from augreg.sources.label_masks import Region, coco_mask
from augreg.sources.openers import Reading
from augreg.sources.source import Keypoints

_SIDES = re.compile("left|right")


def layout_of(spec: str, reading: Reading, faults: Faults) -> FileLayout:
    """What the files of `coco:PATH` say; raises `DataError`."""
    root = folder_of(spec, WANTED)
    files, notes = json_files(root)
    photos: dict[Path, CocoPhoto] = {}
    splits: dict[str, list[Path]] = {}
    for split, path in files.items():
        found = photos_of(read_file(path), faults)
        for photo in sorted(found.keys() & photos.keys()):
            faults.leave_out(one_line(photo), f"in {split!r} and in another split")
        splits[split] = sorted(found.keys() - photos.keys())
        photos = {**found, **photos}
    if splits.keys() == {""}:
        splits, notes = hashed(splits[""]), [*notes, HASHED]
    classes, keypoints = _classes(photos.values()), _keypoints(photos.values())
    every = [one for photo in photos.values() for one in photo.annotations]
    found_parts = ["boxes"]
    if any(one.get("segmentation") for one in every):
        found_parts.append("masks")
        if bare := sum(not one.get("segmentation") for one in every):
            notes.append(f"{bare} annotations have no segmentation, and are not in masks")
    if keypoints:
        found_parts.append("keypoints")
    parts = parts_of(spec, reading.parts, found_parts, found_parts)
    if "masks" in parts:
        coco_mask()  # what is missing is said before an hour of work
    numbers = {identity: number for number, identity in enumerate(classes)}
    reader = _Reader(photos, numbers, keypoints, "masks" in parts)
    names = tuple(classes.values())
    meant = dict(enumerate((BACKGROUND, *names)))
    return FileLayout(splits, reader.read, parts, names, meant, keypoints, tuple(notes))


# --- classes and keypoints ------------------------------------------------------------------------


def _classes(photos: Iterable[CocoPhoto]) -> dict[Any, str]:
    """Category id -> name, by id: the order of class numbers. The ids of COCO have gaps."""
    found: dict[Any, str] = {}
    for file in {id(photo.file): photo.file for photo in photos}.values():
        for category in file.categories:
            number, name = category.get("id"), category.get("name")
            if not isinstance(number, int) or not isinstance(name, str):
                raise DataError(f'{file.shown}: a category takes a number "id" and a "name"')
            if found.setdefault(number, name) != name:
                raise DataError(
                    f"{file.shown}: category {number} is {name!r}, and {found[number]!r} elsewhere"
                )
    return dict(sorted(found.items()))


def _keypoints(photos: Iterable[CocoPhoto]) -> Keypoints | None:
    """The longest list of keypoints that a category has; others have zeros in place of the rest."""
    files = {id(photo.file): photo.file for photo in photos}.values()
    found = [
        category
        for file in files
        for category in file.categories
        if isinstance(category.get("keypoints"), list) and category["keypoints"]
    ]
    if not found:
        return None
    longest = max(found, key=lambda category: len(category["keypoints"]))
    names = tuple(map(str, longest["keypoints"]))
    flip, lines = _mirrored(names), _numbers(longest.get("skeleton"))
    if lines is None or lines.shape[1:] != (2,) or not np.isfinite(lines).all():
        return Keypoints(len(names), names, flip)
    skeleton = tuple((int(a) - 1, int(b) - 1) for a, b in lines)
    return Keypoints(len(names), names, flip, skeleton)


def _mirrored(names: Sequence[str]) -> tuple[int, ...]:
    """The keypoint that each becomes in a mirrored image, by its name: left_eye is right_eye.

    COCO does not say; empty where no two names are such a pair.
    """
    numbers = {name.lower(): number for number, name in enumerate(names)}
    swapped = {"left": "right", "right": "left"}
    others = (_SIDES.sub(lambda side: swapped[side[0]], name.lower()) for name in names)
    flip = tuple(numbers.get(other, number) for number, other in enumerate(others))
    one_to_one = sorted(flip) == list(range(len(names)))
    return flip if one_to_one and flip != tuple(range(len(names))) else ()


# --- annotations ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """numbers: category id -> class number. masks: whether segmentations are read."""

    photos: Mapping[Path, CocoPhoto]
    numbers: Mapping[Any, int]
    keypoints: Keypoints | None
    masks: bool

    def read(self, path: Path, size: ImageSize, faults: Faults) -> Annotations | None:
        """The annotations of an image of this size."""
        photo = self.photos[path]
        stated = photo.entry.get("height"), photo.entry.get("width")
        if None not in stated and stated != size:
            faults.leave_out(
                f"{photo.file.shown}#image {printable(key_of(photo.entry['id']))}",
                f"its size is {show(stated[1])}x{show(stated[0])}, and {one_line(path)} has "
                f"{size[1]}x{size[0]} pixels",
            )
            return None
        things = (
            self._thing(photo.file.place(one), one, size, faults) for one in photo.annotations
        )
        return Annotations([thing for thing in things if thing])

    def _thing(
        self, where: str, one: Mapping[str, Any], size: ImageSize, faults: Faults
    ) -> Thing | None:
        category = one.get("category_id")
        if not isinstance(category, int) or category not in self.numbers:
            faults.leave_out(where, f"its category_id {show(category)} is not among the categories")
            return None
        given = one.get("segmentation") if self.masks else None
        region = _region(where, given, size, faults) if given else None
        if given and region is None:
            return None
        box = _numbers(one.get("bbox"))
        if box is None and one.get("bbox") is None and region is not None:
            box = np.asarray(coco_mask().toBbox(region.run_lengths(size)), np.float64)
        if box is None or box.shape != (4,):
            faults.leave_out(where, f'"bbox" takes four numbers; found {show(one.get("bbox"))}')
            return None
        left, top, width, height = map(float, box)
        edges = faults.box(where, (left, top, left + width, top + height), size)
        if edges is None:
            return None
        points = None
        if self.keypoints and one.get("keypoints"):
            points = self._points(where, one["keypoints"], size, faults)
            if points is None:
                return None
        return Thing(
            self.numbers[category], edges, points, region, difficult=bool(one.get("iscrowd"))
        )

    def _points(self, where: str, given: Any, size: ImageSize, faults: Faults) -> Any:
        assert self.keypoints is not None
        numbers = _numbers(given)
        if numbers is None or numbers.ndim != 1 or len(numbers) % 3:
            faults.leave_out(where, '"keypoints" takes three numbers for each keypoint')
            return None
        rows = numbers.reshape(-1, 3)
        if len(rows) > self.keypoints.count:
            reason = f"{len(rows)} keypoints; its category has {self.keypoints.count}"
            faults.leave_out(where, reason)
            return None
        missing = np.zeros((self.keypoints.count - len(rows), 3))
        return faults.keypoints(where, np.concatenate([rows, missing]), size)


def _region(where: str, given: Any, size: ImageSize, faults: Faults) -> Region | None:
    if isinstance(given, dict):
        return _run_lengths(where, given, size, faults)
    polygons = [_numbers(one) for one in given] if isinstance(given, Sequence) else [None]
    made = []
    for polygon in polygons:
        if polygon is None or polygon.ndim != 1 or len(polygon) % 2:
            faults.leave_out(where, "a polygon takes pairs of numbers: [x, y, x, y, ...]")
            return None
        points = polygon.reshape(-1, 2)
        if not faults.polygon(where, points):
            return None
        made.append(points)
    return Region(tuple(made))


def _run_lengths(
    where: str, given: Mapping[str, Any], size: ImageSize, faults: Faults
) -> Region | None:
    """Of run lengths, as a list or in COCO's compressed text."""
    counts, tools = given.get("counts"), coco_mask()
    stated = given.get("size")
    if stated != list(size):
        reason = f"run lengths of the size {show(stated)}; the image has {show(list(size))}"
        faults.leave_out(where, reason)
        return None
    try:
        if isinstance(counts, list):
            if min(counts) < 0 or sum(counts) != size[0] * size[1]:
                raise ValueError("they have to add up to the image's pixels")
            packed = tools.frPyObjects({"size": list(size), "counts": counts}, *size)
        else:
            packed = {"size": list(size), "counts": str(counts).encode("ascii")}
        tools.decode(packed)
    except (TypeError, ValueError) as error:
        faults.leave_out(where, f"run lengths that can't be decoded: {error}")
        return None
    return Region(rle=packed)


def _numbers(given: Any) -> Any:
    """float64 of a list of numbers; None for anything else."""
    try:
        array = np.asarray(given)
    except ValueError:
        return None
    return (
        array.astype(np.float64) if isinstance(given, list) and array.dtype.kind in "iuf" else None
    )
