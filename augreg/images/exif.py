"""The orientation in a JPEG's EXIF block, in graph operations.

Few files have one, and finding out takes 20 µs for 60 KB; walking the segments takes 270.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from augreg.images.lazy import seldom

Tensor = Any

# Rows are orientations 0..8; 0 stands for 1.
_AXES = ((0, 1, 2),) * 5 + ((1, 0, 2),) * 4
_FLIPPED_ROWS = (0, 0, 0, 1, 1, 0, 0, 1, 1)
_FLIPPED_COLUMNS = (0, 0, 1, 1, 0, 0, 1, 1, 0)
_FLIPS = tuple(zip(_FLIPPED_ROWS, _FLIPPED_COLUMNS, (0,) * 9, strict=True))
_MARK = b"Exif\0\0"

# How many numbers of a TIFF type fit into a field, for those types that are integers. The standard
# says one SHORT (3), a LONG (4) is seen, and any integer says what it means.
_MOST = (0, 4, 0, 2, 1, 0, 4, 0, 2, 1, 0)

# Of a field, 12 bytes, where numbers begin and how many bytes they have: tag, type, count, and the
# value as one, two or four.
_NUMBERS = ((0, 2), (2, 2), (4, 4), (8, 1), (8, 2), (8, 4))


def _weights(first_is_low: bool) -> NDArray[np.int32]:
    """What the bytes of a field count in its numbers: int32 [12, 6]."""
    weights = np.zeros((12, len(_NUMBERS)), np.int32)
    for number, (at, length) in enumerate(_NUMBERS):
        powers = 256 ** np.arange(length)
        weights[at : at + length, number] = powers if first_is_low else powers[::-1]
    return weights


_LITTLE, _BIG = _weights(True), _weights(False)


def split_at_exif(contents: Tensor) -> Tensor:
    """A file's bytes before and after the first name of an EXIF block: string [2], or [1]."""
    return tf.raw_ops.StringSplitV2(input=[contents], sep=_MARK, maxsplit=1).values


def orientation_of(contents: Tensor) -> Tensor:
    """The EXIF orientation of a JPEG, int32 [], 1..8; 1 where there is none or it makes no sense.

    The first APP1 segment before the pixels that begins with "Exif" counts; the name may stand in
    other segments, too. `augreg.images.headers` has the same rule in Python.
    """
    named = tf.size(split_at_exif(contents)) > 1
    return tf.cond(named, lambda: _walk(contents), lambda: tf.constant(1))


@seldom
def _walk(contents: Tensor) -> Tensor:
    last = tf.strings.length(contents) - 10  # no EXIF segment begins after this
    (at,) = tf.while_loop(
        lambda at: (at >= 0) & ~_is_exif(contents, at),
        lambda at: [_next_segment(contents, at, last)],
        [tf.constant(2)],
        parallel_iterations=1,
    )
    found = tf.maximum(at, 0)
    head = tf.strings.substr(contents, found + 2, 2)
    length = tf.cast(tf.io.decode_raw(head, tf.uint16, little_endian=False)[0], tf.int32)
    block = tf.strings.substr(contents, found + 10, tf.maximum(length - 8, 0))
    return tf.where(at >= 0, _tiff_orientation(block), 1)


def turn(image: Tensor, orientation: Tensor) -> Tensor:
    """Turns a stored image upright: uint8 [H, W, 3], int32 [] to uint8 [H or W, W or H, 3]."""
    upright = tf.transpose(image, tf.gather(_AXES, orientation))
    return tf.raw_ops.Reverse(tensor=upright, dims=tf.gather(_FLIPS, orientation) == 1)


def swap(pair: Tensor, orientation: Tensor) -> Tensor:
    """(rows, columns) of a stored image as those of the upright one, or the other way round."""
    return tf.where(orientation >= 5, pair[::-1], pair)


def stored_corner(corner: Tensor, size: Tensor, whole: Tensor, orientation: Tensor) -> Tensor:
    """The first row and column, in the stored image, of a window of the upright one.

    corner, size: int32 [2], of the window. whole: int32 [2], the upright image's size.
    """
    flipped = tf.gather(_FLIPS, orientation)[:2] == 1
    return swap(tf.where(flipped, whole - corner - size, corner), orientation)


def _is_exif(contents: Tensor, at: Tensor) -> Tensor:
    marker, name = tf.strings.substr(contents, at, 2), tf.strings.substr(contents, at + 4, 6)
    return (marker == b"\xff\xe1") & (name == _MARK)


def _next_segment(contents: Tensor, at: Tensor, last: Tensor) -> Tensor:
    """Where the segment after the one at `at` begins; -1 after the last header.

    A byte 0xFF before a marker is passed over, as ITU T.81 allows any number of them (B.1.1.2).
    """
    head = tf.io.decode_raw(tf.strings.substr(contents, at, 4), tf.uint16, little_endian=False)
    marker, length = tf.unstack(tf.cast(head, tf.int32), 2)
    after = at + tf.where(marker == 0xFFFF, 1, 2 + length)
    more = (marker > 0xFF00) & (marker != 0xFFDA) & (after <= last)
    return tf.where(more, after, -1)


def _tiff_orientation(tiff: Tensor) -> Tensor:
    """Tag 0x0112 of the first directory: the first that holds an integer of 1 to 8, or else 1."""
    order = tf.strings.substr(tiff, 0, 4)
    little = order == b"II*\0"
    # a branch for each order is more nodes, which the start of each iterator goes over
    return tf.where(little | (order == b"MM\0*"), _in_order(tiff, little), 1)


def _in_order(tiff: Tensor, little: Tensor) -> Tensor:
    end = tf.strings.length(tiff)
    padded = tf.strings.join([tiff, bytes(14)])  # so that no field of it lies outside
    data = tf.cast(tf.io.decode_raw(padded, tf.uint8), tf.int32)
    columns = tf.where(little, _LITTLE, _BIG)

    def fields(at: Any, count: Any) -> list[Tensor]:
        """The `_NUMBERS`, each int32 [count], of the fields that begin at a byte."""
        part = tf.reshape(tf.slice(data, [at], [12 * count]), [-1, 12])
        return list(tf.unstack(tf.matmul(part, columns), axis=1))

    # The header is as long as a field, and has the directory's place where a field has its count.
    start = tf.reshape(fields(0, 1)[2], [])  # below 0 from 2**31 on
    start = tf.where((start < 0) | (start > end), end, start)
    rows = tf.reshape(fields(start, 1)[0], [])  # a directory begins with how many it has
    rows = tf.minimum(rows, (end + 12 - start) // 12)
    tag, kind, count, single, short, long = fields(start + 2, rows)
    most = tf.gather(_MOST, tf.minimum(kind, len(_MOST) - 1))
    value = tf.where(most == 4, single, tf.where(most == 2, short, long))
    sound = (tag == 0x0112) & (count >= 1) & (count <= most)
    sound &= (value >= 1) & (value <= 8)
    # The last row answers where there is none: upright.
    sound, value = tf.concat([sound, [True]], 0), tf.concat([value, [1]], 0)
    return value[tf.argmax(sound)]
