"""Records of TFRecord files by their position, where TensorFlow reads them in their order only.

A record is its length (uint64, little-endian), a checksum of that (4 bytes), the data, and its
checksum (4 bytes): https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from augreg.errors import DataError
from augreg.images import one_line

HEAD, AROUND = 12, 16  # bytes before the data of a record, and before and after it


@dataclass(frozen=True)
class Part:
    """Of the records of a file, those from `skip` on, so many."""

    path: Path
    skip: int
    take: int


def reader(parts: Sequence[Part]) -> Callable[[Any], tf.Tensor]:
    """A function of a position among all of these records that reads one: string [].

    Raises:
        DataError: a file is damaged, or has fewer records.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = list(pool.map(_starts, parts))
    with tf.device("CPU:0"):
        names = tf.constant([os.fsencode(part.path) for part in parts])
        files = tf.constant(np.repeat(np.arange(len(parts)), [len(starts) for starts in found]))
        starts = tf.constant(np.concatenate(found) if found else np.zeros(0, np.int64))

    def read(position: Any) -> tf.Tensor:
        records = tf.raw_ops.TFRecordDatasetV2(
            filenames=tf.reshape(tf.gather(names, tf.gather(files, position)), (1,)),
            compression_type="",
            buffer_size=tf.constant(0, tf.int64),  # it would be filled beyond the record
            byte_offsets=tf.reshape(tf.gather(starts, position), (1,)),
        )
        ds = tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string))
        return ds.take(1).get_single_element()

    return read


def frames(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Where each record of a file of so many bytes begins, and the length of its data.

    Raises:
        ValueError: the file ends within a record.
    """
    at = 0
    while at < size:
        file.seek(at)
        length = int.from_bytes(file.read(8), "little")
        if at + length + AROUND > size:
            raise ValueError("the file ends within a record")
        yield at, length
        at += length + AROUND


def _starts(part: Part) -> np.ndarray:
    """Where the records of a part begin, int64 bytes; only their lengths are read."""
    starts: list[int] = []
    last = part.skip + part.take
    with part.path.open("rb") as file, contextlib.suppress(ValueError):
        for start, _ in islice(frames(file, part.path.stat().st_size), last):
            starts.append(start)
    if len(starts) < last:
        raise DataError(
            f"{one_line(part.path)}: the file ends before its record {len(starts)} of {last}; "
            "it is damaged: prepare the dataset again"
        )
    return np.array(starts[part.skip :], np.int64)
