"""COCO's JSON files as a source: boxes, masks of polygons and run lengths, keypoints.

The format: https://cocodataset.org/#format-data. Roboflow's folders are read, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from augreg.errors import DataError, printable, show
from augreg.images import one_line
from augreg.sources.annotated import (
    BACKGROUND,
    HASHED,
    Annotations,
    Layout,
    Thing,
    folder_of,
    hashed,
    parts_of,
    source_of,
)
from augreg.sources.faults import Faults, Size
from augreg.sources.label_masks import Region, coco_mask
from augreg.sources.openers import Reading
from augreg.sources.source import Keypoints, Source
from augreg.sources.splitting import SPLITS, splits_among

_WANTED = (
    "coco:FILE.json, or a folder with annotations/instances_train.json and the images, or with "
    "train/_annotations.coco.json"
)
_KINDS = ("instances", "person_keypoints")  # of files in annotations/, the first that is there
_LOOKED_AT = 20  # images that say which folder they all are in


@dataclass(frozen=True)
class _File:
    """A JSON file: its path, and what it holds, checked to be lists of objects."""

    path: Path
    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    categories: list[dict[str, Any]]

    @property
    def shown(self) -> str:
        return one_line(self.path)


@dataclass
class _Photo:
    """An image that a file lists, and its annotations."""

    entry: Mapping[str, Any]
    file: _File
    annotations: list[dict[str, Any]] = field(default_factory=list)


def open_coco(spec: str, reading: Reading) -> Source:
    """Opens `coco:PATH`. See `augreg.sources.open_source`."""
    root = folder_of(spec, _WANTED)
    faults = Faults(reading.bad_annotations)
    files, notes = _files(root)
    photos: dict[Path, _Photo] = {}
    splits: dict[str, list[Path]] = {}
    for split, path in files.items():
        found = _photos(_read(path), faults)
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
    layout = Layout(splits, reader.read, parts, names, meant, keypoints, tuple(notes))
    return source_of(spec, layout, reading, faults)


# --- files ----------------------------------------------------------------------------------------


def _files(root: Path) -> tuple[dict[str, Path], list[str]]:
    """The JSON file of each split, "" for one without; and notes."""
    if root.is_file():
        return {_split_in(root.stem): root}, []
    folders = {path.name: path for path in root.iterdir() if path.is_dir()}
    nested = {
        split: sorted(folders[name].glob("*.json")) for name, split in splits_among(folders).items()
    }
    nested = {split: paths for split, paths in nested.items() if paths}
    if nested:
        return {split: _only(paths) for split, paths in nested.items()}, []
    globs = ("annotations/*.json", "*annotations*.json", "*.json")
    candidates = next((found for glob in globs if (found := sorted(root.glob(glob)))), [])
    kinds = [kind for kind in _KINDS if any(path.stem.startswith(kind) for path in candidates)]
    chosen = [path for path in candidates if not kinds or path.stem.startswith(kinds[0])]
    if len(chosen) == 1:
        return {_split_in(chosen[0].stem): chosen[0]}, []
    by_split = {_split_in(path.stem): path for path in chosen}
    if not by_split or "" in by_split or len(by_split) < len(chosen):
        names = ", ".join(path.name for path in chosen) or "no JSON file"
        raise DataError(f"{one_line(root)}: found {names}; wanted is {_WANTED}")
    ignored = [path.name for path in candidates if path not in chosen]
    notes = [f"ignored: {', '.join(ignored)}"] if ignored else []
    return {split: by_split[split] for split in SPLITS if split in by_split}, notes


def _only(paths: list[Path]) -> Path:
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise DataError(f"{one_line(paths[0].parent)}: found {names}; wanted is one JSON file")
    return paths[0]


def _split_in(stem: str) -> str:
    """The split that a file's name says, as instances_val2017; "" for none."""
    words = re.findall("[a-z]+", stem.lower())
    return next(iter(splits_among(words).values()), "")


def _read(path: Path) -> _File:
    shown = one_line(path)
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{shown}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{shown}: not valid JSON: {error}") from None
    lists = []
    for key in ("images", "annotations", "categories"):
        found = value.get(key, [] if key == "annotations" else None) if _is_object(value) else None
        if not isinstance(found, list) or not all(map(_is_object, found)):
            raise DataError(f'{shown}: no COCO file: "{key}" has to be a list of objects')
        lists.append(found)
    return _File(path, *lists)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _photos(file: _File, faults: Faults) -> dict[Path, _Photo]:
    """The images of a file by their paths, with their annotations."""
    folder, by_id, photos = _image_folder(file), dict[str, _Photo](), dict[Path, _Photo]()
    listed = set[str]()
    for entry in file.images:
        identity, name = _key(entry.get("id")), entry.get("file_name")
        where, path = f"{file.shown}#image {printable(identity)}", folder / str(name)
        if "id" not in entry or not isinstance(name, str):
            faults.leave_out(where, 'an image takes an "id" and a "file_name"')
        elif identity in listed:
            faults.leave_out(where, "a second image with this id")
        elif not path.is_file():
            faults.leave_out(where, f"there is no file {one_line(path)}")
        elif path in photos:
            faults.leave_out(where, f"{one_line(path)} is listed twice")
        else:
            photos[path] = by_id[identity] = _Photo(entry, file)
        listed.add(identity)
    seen = set[str]()
    for one in file.annotations:
        identity, image = _key(one.get("id")), _key(one.get("image_id"))
        where = _place(file, one)
        if identity in seen and "id" in one:
            faults.leave_out(where, "a second annotation with this id")
        elif image not in listed:
            faults.leave_out(where, f"its image_id {printable(image)} is not among the images")
        elif image in by_id:
            by_id[image].annotations.append(one)
        seen.add(identity)
    return photos


def _key(identity: Any) -> str:
    """An id, which may be anything that JSON has."""
    return json.dumps(identity)


def _place(file: _File, one: Mapping[str, Any]) -> str:
    return f"{file.shown}#annotation {printable(_key(one.get('id')))}"


def _image_folder(file: _File) -> Path:
    """Where a file's images are: beside it, or in a folder of the split's name or `images`."""
    at, above = file.path.parent, file.path.parent.parent
    last = re.split("[_.]", file.path.stem)[-1]
    names = SPLITS.get(_split_in(file.path.stem), ())
    folders = [last, *names, "images", f"images/{last}", *(f"images/{name}" for name in names)]
    places = [at, *(root / name for root in (at, above) for name in folders), above]
    sample = [str(entry.get("file_name")) for entry in file.images[:_LOOKED_AT]]
    return next((p for p in places if any((p / name).is_file() for name in sample)), at)


# --- classes and keypoints ------------------------------------------------------------------------


def _classes(photos: Iterable[_Photo]) -> dict[Any, str]:
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


def _keypoints(photos: Iterable[_Photo]) -> Keypoints | None:
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
    lines = _numbers(longest.get("skeleton"))
    if lines is None or lines.shape[1:] != (2,):
        return Keypoints(len(names), names)
    return Keypoints(len(names), names, skeleton=tuple((int(a) - 1, int(b) - 1) for a, b in lines))


# --- annotations ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """numbers: category id -> class number. masks: whether segmentations are read."""

    photos: Mapping[Path, _Photo]
    numbers: Mapping[Any, int]
    keypoints: Keypoints | None
    masks: bool

    def read(self, path: Path, size: Size, faults: Faults) -> Annotations | None:
        """The annotations of an image of this size."""
        photo = self.photos[path]
        stated = photo.entry.get("height"), photo.entry.get("width")
        if None not in stated and stated != size:
            faults.leave_out(
                f"{photo.file.shown}#image {printable(_key(photo.entry['id']))}",
                f"its size is {show(stated[1])}x{show(stated[0])}, and {one_line(path)} has "
                f"{size[1]}x{size[0]} pixels",
            )
            return None
        things = (
            self._thing(_place(photo.file, one), one, size, faults) for one in photo.annotations
        )
        return Annotations([thing for thing in things if thing])

    def _thing(
        self, where: str, one: Mapping[str, Any], size: Size, faults: Faults
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

    def _points(self, where: str, given: Any, size: Size, faults: Faults) -> Any:
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


def _region(where: str, given: Any, size: Size, faults: Faults) -> Region | None:
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


def _run_lengths(where: str, given: Mapping[str, Any], size: Size, faults: Faults) -> Region | None:
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
