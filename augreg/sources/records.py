"""Records of TFRecord files by their position, where TensorFlow reads them in their order only.

A record is its length (uint64, little-endian), a checksum of that (4 bytes), the data, and its
checksum (4 bytes): https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.errors import DataError
from augreg.images import one_line

_LENGTH, _AROUND = struct.Struct("<Q"), 16


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


def _starts(part: Part) -> np.ndarray:
    """Where the records of a part begin, int64 bytes; only their lengths are read."""
    starts, at, last = [], 0, part.skip + part.take
    size = part.path.stat().st_size
    with part.path.open("rb") as file:
        for _ in range(last):
            starts.append(at)
            file.seek(at)
            length = file.read(_LENGTH.size)
            if len(length) < _LENGTH.size:
                break
            at += _LENGTH.unpack(length)[0] + _AROUND
            if at > size:
                break
    if len(starts) < last or at > size:
        raise DataError(
            f"{one_line(part.path)}: the file ends before its record {len(starts) - 1} of {last}; "
            "it is damaged: prepare the data set again"
        )
    return np.array(starts[part.skip :], np.int64)
