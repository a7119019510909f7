"""`--format tfds`: outputs as records of files that TensorFlow Datasets opens.

The folder is a prepared dataset: its name is the set's, `1.0.0/` in it holds the files. Splits and
labels are those that `folder:INPUT` would have, all copies of a photograph in its split. In a file
photographs follow one another by a hash of their names, so that any part has all classes.

A file is written whole, and its lines after it. A record is a `tf.train.Example`, serialized in a
fixed order, which TFDS's own writer does not do.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf.message import DecodeError
from tensorflow.train import BytesList, Example, Feature, Features, Int64List

from augreg.apply.journal import ManifestLine
from augreg.apply.renderer import Made, Task
from augreg.apply.store import Store
from augreg.errors import DataError, RunError, printable
from augreg.images import one_line
from augreg.sources.records import HEAD, frames
from augreg.sources.splitting import SPLITS, hashed_split, splits_among

VERSION = "1.0.0"
PER_FILE = 1_000  # outputs: 64 MB of PNGs at 180x180
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class RecordFile:
    """One file: its path in the output folder, and the outputs that it is to hold."""

    path: str
    split: str
    tasks: tuple[Task, ...]


class RecordFormat:
    """The files of a run, which outputs they hold, and the metadata beside them.

    Raises:
        RunError: the output folder's name can't be a dataset's.
        DataError: some images lie in a folder of a class, or of a split, and some do not.
    """

    def __init__(
        self, output: Path | Store, tasks: Sequence[Task], channels: int, encoding: str
    ) -> None:
        self.name, self.channels, self.encoding = _checked_name(output), channels, encoding
        self.labels = _labels(tasks)
        self.files = _files(tasks, self.name)

    def records(self, made: Sequence[Made]) -> bytes:
        """The contents of a file."""
        path = f"ram://augreg-{uuid.uuid4()}"  # TensorFlow writes records to files only
        with tf.io.TFRecordWriter(path) as writer:
            for one in made:
                writer.write(self._example(one))
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                return file.read()
        finally:
            tf.io.gfile.remove(path)

    def kept(self, contents: bytes | None, lines: Sequence[ManifestLine]) -> list[int] | None:
        """The lengths of a file's outputs; None where they are not those of the lines, in order."""
        if contents is None:
            return None
        found, lengths = [], []
        try:
            for start, length in frames(io.BytesIO(contents), len(contents)):
                record = contents[start + HEAD : start + HEAD + length]
                feature = Example.FromString(record).features.feature
                (image,), (name,) = (feature[key].bytes_list.value for key in ("image", "name"))
                found.append((os.fsdecode(name), hashlib.sha256(image).hexdigest()))
                lengths.append(len(image))
        except (ValueError, DecodeError):
            return None
        return lengths if found == [(line.output, line.sha256) for line in lines] else None

    def _example(self, made: Made) -> bytes:
        line = made.line
        values = {
            "image": Feature(bytes_list=BytesList(value=[made.contents])),
            "name": Feature(bytes_list=BytesList(value=[os.fsencode(line.output)])),
        }
        if self.labels:
            label = self.labels.index(_label(line.source))
            values["label"] = Feature(int64_list=Int64List(value=[label]))
        return Example(features=Features(feature=values)).SerializeToString(deterministic=True)

    def metadata(self, made: Mapping[str, Sequence[int]]) -> dict[str, bytes]:
        """What TFDS reads first, by path; made: the lengths in bytes of each file's outputs."""
        features: dict[str, Any] = {
            "image": tfds.features.Image(
                shape=(None, None, self.channels), encoding_format=self.encoding
            ),
            "name": tfds.features.Text(),
        }
        if self.labels:
            features["label"] = tfds.features.ClassLabel(names=[one_line(x) for x in self.labels])
        splits = [
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[len(made[file.path]) for file in files],
                num_bytes=sum(sum(made[file.path]) for file in files),
            )
            for split in SPLITS
            if (files := [file for file in self.files if file.split == split])
        ]
        with tempfile.TemporaryDirectory() as around:
            root = Path(around, self.name, VERSION)  # TFDS writes into a folder that has its files
            root.mkdir(parents=True)
            for file in self.files:
                Path(around, self.name, file.path).touch()
            tfds.folder_dataset.write_metadata(
                data_dir=root,
                features=features,
                split_infos=splits,
                supervised_keys=("image", "label") if self.labels else None,
                check_data=False,
            )
            written = {path.name: path.read_bytes() for path in root.iterdir()}
        return {f"{VERSION}/{name}": text for name, text in sorted(written.items()) if text}


def _checked_name(output: Path | Store) -> str:
    name = output.resolve().name
    if not _NAME.fullmatch(name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "images"
        raise RunError(
            f"{one_line(output)}: the name of the folder becomes the dataset's, and "
            f'"{printable(name)}" can\'t be one; use small letters, digits and _, as in '
            f"{one_line(output.parent / better)}"
        )
    return name


def _labels(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The classes, in the order of their numbers; none where images lie in no folders."""
    labels = {_label(task.name) for task in tasks}
    if "" in labels and len(labels) > 1:
        flat = next(task.name for task in tasks if not _label(task.name))
        raise DataError(
            f"{one_line(flat)}: it lies in no folder of a class, and others do; move it into one"
        )
    return tuple(sorted(labels - {""}, key=os.fsencode))


def _label(name: str) -> str:
    return name.split("/")[-2] if "/" in name else ""


def _files(tasks: Sequence[Task], name: str) -> list[RecordFile]:
    given = splits_among({task.name.split("/")[0] for task in tasks if task.name.count("/") > 1})
    parts: dict[str, list[Task]] = {split: [] for split in SPLITS}
    for task in tasks:
        parts[_split(task, given)].append(task)
    return [
        RecordFile(f"{VERSION}/{name}-{split}.tfrecord-{number:05}-of-{count:05}", split, chunk)
        for split, part in parts.items()
        for count in (-(-len(part) // PER_FILE),)
        for number, chunk in enumerate(_chunks(sorted(part, key=_order)))
    ]


def _chunks(tasks: Sequence[Task]) -> Iterator[tuple[Task, ...]]:
    for start in range(0, len(tasks), PER_FILE):
        yield tuple(tasks[start : start + PER_FILE])


def _split(task: Task, given: Mapping[str, str]) -> str:
    """As `folder:` has it: by the folder, or by the photograph's name where a split has none."""
    split = given.get(task.name.split("/")[0], "" if given else "train")
    if not split:
        raise DataError(
            f"{one_line(task.name)}: it lies in no folder of a split, and others do; move it into "
            "train, validation or test"
        )
    hashed = hashed_split((task.original or task.name).rsplit("/", 1)[-1])
    return split if split != "train" or hashed in given.values() else hashed


def _order(task: Task) -> tuple[bytes, int, int]:
    digest = hashlib.sha256(os.fsencode(task.original or task.name)).digest()
    return digest, task.index, task.copy
