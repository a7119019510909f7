"""COCO's JSON files: which of a folder are read for which split, and the images that they list."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augreg.errors import DataError, printable
from augreg.images import one_line
from augreg.sources.faults import Faults
from augreg.sources.splitting import SPLITS, splits_among

WANTED = (
    "coco:FILE.json, or a folder with annotations/instances_train.json and the images, or with "
    "train/_annotations.coco.json"
)
_KINDS = ("instances", "person_keypoints")  # of files in annotations/, the first that is there
_LOOKED_AT = 20  # images that say which folder they all are in


@dataclass(frozen=True)
class CocoFile:
    """A JSON file: its path, and what it holds, checked to be lists of objects."""

    path: Path
    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    categories: list[dict[str, Any]]

    @property
    def shown(self) -> str:
        return one_line(self.path)

    def place(self, annotation: Mapping[str, Any]) -> str:
        """Where an annotation is, for messages."""
        return f"{self.shown}#annotation {printable(key_of(annotation.get('id')))}"


@dataclass
class CocoPhoto:
    """An image that a file lists, and its annotations."""

    entry: Mapping[str, Any]
    file: CocoFile
    annotations: list[dict[str, Any]] = field(default_factory=list)


def json_files(root: Path) -> tuple[dict[str, Path], list[str]]:
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
        raise DataError(f"{one_line(root)}: found {names}; wanted is {WANTED}")
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


def read_file(path: Path) -> CocoFile:
    """A JSON file; raises `DataError` for what is none of COCO's."""
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
    return CocoFile(path, *lists)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def photos_of(file: CocoFile, faults: Faults) -> dict[Path, CocoPhoto]:
    """The images of a file by their paths, with their annotations."""
    folder, by_id, photos = _image_folder(file), dict[str, CocoPhoto](), dict[Path, CocoPhoto]()
    listed = set[str]()
    for entry in file.images:
        identity, name = key_of(entry.get("id")), entry.get("file_name")
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
            photos[path] = by_id[identity] = CocoPhoto(entry, file)
        listed.add(identity)
    seen = set[str]()
    for one in file.annotations:
        identity, image = key_of(one.get("id")), key_of(one.get("image_id"))
        where = file.place(one)
        if identity in seen and "id" in one:
            faults.leave_out(where, "a second annotation with this id")
        elif image not in listed:
            faults.leave_out(where, f"its image_id {printable(image)} is not among the images")
        elif image in by_id:
            by_id[image].annotations.append(one)
        seen.add(identity)
    return photos


def key_of(identity: Any) -> str:
    """An id, which may be anything that JSON has."""
    return json.dumps(identity)


def _image_folder(file: CocoFile) -> Path:
    """Where a file's images are: beside it, or in a folder of the split's name or `images`."""
    at, above = file.path.parent, file.path.parent.parent
    last = re.split("[_.]", file.path.stem)[-1]
    names = SPLITS.get(_split_in(file.path.stem), ())
    folders = [last, *names, "images", f"images/{last}", *(f"images/{name}" for name in names)]
    places = [at, *(root / name for root in (at, above) for name in folders), above]
    sample = [str(entry.get("file_name")) for entry in file.images[:_LOOKED_AT]]
    return next((p for p in places if any((p / name).is_file() for name in sample)), at)
