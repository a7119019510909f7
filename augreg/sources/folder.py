"""A folder of images as a source: `split/label/*` or `label/*`.

Where a split is missing, its images come out of the training images by a rule that looks at a
file's name only (`hashed_split`). Of an image that `augreg apply` made, that is the name of the
photograph that it was made from: all copies of one are in one split, with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.dataset.indexed import in_order, of_arrays
from augreg.errors import DataError
from augreg.images import list_images, one_line
from augreg.images.files import Directory, identity
from augreg.paths import check_here
from augreg.sources.checking import check_all, check_bad_images, decoding_notes, require_splits
from augreg.sources.openers import Reading
from augreg.sources.originals import Originals
from augreg.sources.source import Source, Split
from augreg.sources.splitting import SPLITS, hashed_split

_RULE = "by the SHA-256 of the files' names, copies with their original"
_LAYOUTS = "wanted are PATH/split/label/*.jpg or PATH/label/*.jpg"


@dataclass(frozen=True)
class _File:
    path: Path
    label: bytes  # the folder's name


def open_folder(spec: str, reading: Reading) -> Source:
    """Opens `folder:PATH`. See `augreg.sources.open_source`."""
    name = spec.removeprefix("folder:")
    if not name.strip():
        raise DataError(f'"{spec}" names no folder; {_LAYOUTS}')
    check_here(name)
    root = Path(name)
    where = one_line(root)
    found, carved = _find(root)
    files = [file for part in found.values() for file in part]
    candidates = ((one_line(file.path), file.path.read_bytes) for file in files)
    verdicts = list(check_all(candidates, reading.max_pixels)) if reading.verify else []
    bad = check_bad_images(where, verdicts, reading.max_bad)
    out = {file for file, verdict in zip(files, verdicts, strict=False) if verdict.reason}
    kept = {name: [file for file in part if file not in out] for name, part in found.items()}
    labels = sorted({file.label for file in kept["train"]})
    _require_classes(where, kept, {file.label for file in files}, labels)
    class_names = tuple(one_line(label) for label in labels)
    fix = f"add images, or give it a folder of its own: {_LAYOUTS}"
    require_splits(where, class_names, {name: len(part) for name, part in kept.items()}, fix)
    splits = {name: _split(part, labels) for name, part in kept.items()}
    return Source(spec, class_names, splits, bad, (*carved, *decoding_notes(verdicts)))


def _find(root: Path) -> tuple[dict[str, list[_File]], tuple[str, ...]]:
    """The files of each split, class by class in bytewise order, and how splits were made."""
    folders = _folders(root)
    if not folders:
        raise DataError(f"{one_line(root)}: no folders of images in it; {_LAYOUTS}")
    given = {
        split: folders[os.fsencode(name)]
        for split, names in SPLITS.items()
        for name in names
        if os.fsencode(name) in folders and _folders(folders[os.fsencode(name)])
    }
    # A link from one class or split into another would bring its images in under a wrong label.
    known = {identity(path) for path in (root, *folders.values())}
    if not given:
        return _carve(_labelled(folders, frozenset(known)), {}), (f"split 80/10/10 {_RULE}",)
    if "train" not in given:
        raise DataError(
            f"{one_line(root)}: there is a {next(iter(given))!r} split but no 'train'; {_LAYOUTS}"
        )
    classes = {split: _folders(path) for split, path in given.items()}
    known.update(identity(path) for inner in classes.values() for path in inner.values())
    parts = {split: _labelled(inner, frozenset(known)) for split, inner in classes.items()}
    found = _carve(parts.pop("train"), parts)
    notes = [f"no {split!r} folder: taken from 'train' {_RULE}" for split in found.keys() - given]
    extra = sorted(one_line(name) for name, path in folders.items() if path not in given.values())
    if extra:
        notes.append(f"not a split, ignored: {', '.join(extra)}")
    return found, tuple(sorted(notes))


def _folders(root: Path) -> dict[bytes, Path]:
    """The folders in `root` by name, in bytewise order, hidden ones left out."""
    try:
        at = os.fsencode(root)
        names = [name for name in sorted(os.listdir(at)) if os.path.isdir(os.path.join(at, name))]
    except OSError as error:
        raise DataError(
            f"{one_line(root)}: the folder can't be read ({error.strerror}); {_LAYOUTS}"
        ) from None
    return {name: root / os.fsdecode(name) for name in names if not name.startswith(b".")}


def _labelled(folders: Mapping[bytes, Path], known: frozenset[Directory]) -> list[_File]:
    files: list[_File] = []
    for label, path in folders.items():
        images = list_images(path, known)
        if not images:
            raise DataError(
                f"{one_line(path)}: the class folder is empty; "
                "put images of that class into it, or remove it"
            )
        files.extend(_File(image, label) for image in images)
    return files


def _carve(train: list[_File], given: Mapping[str, list[_File]]) -> dict[str, list[_File]]:
    found: dict[str, list[_File]] = {"train": [], "validation": [], "test": [], **given}
    originals = Originals()
    for file in train:
        split = hashed_split(originals.name(file.path))
        found["train" if split in given else split].append(file)
    return found


def _require_classes(
    where: str, kept: Mapping[str, list[_File]], listed: set[bytes], trained: list[bytes]
) -> None:
    lacking = sorted(listed - set(trained))
    if not lacking:
        return
    label = lacking[0]
    counts = {name: sum(file.label == label for file in part) for name, part in kept.items()}
    found = ", ".join(f"{count} in {name}" for name, count in counts.items())
    raise DataError(
        f"{where}: the class {one_line(label)!r} has no usable image to train on ({found}); "
        "add some to 'train', or remove the class"
    )


def _split(files: list[_File], labels: list[bytes]) -> Split:
    # As arrays of bytes: TensorFlow takes str for UTF-8, and a path may be anything.
    paths = np.array([os.fsencode(file.path.absolute()) for file in files], dtype=object)
    numbers = np.array([labels.index(file.label) for file in files], dtype=np.int64)
    listed = of_arrays((paths, numbers))

    def read(position: Any) -> tuple[tf.Tensor, tf.Tensor]:
        path, label = listed.element(position)
        return tf.io.read_file(path), label

    names = tuple(one_line(file.path) for file in files)
    return Split(len(files), in_order(Indexed(len(files), read)), names)
