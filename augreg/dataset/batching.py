"""Batches of elements whose number of boxes or keypoints varies: padded to the largest of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from augreg.annotations.element import Parts, targets_of
from augreg.annotations.parts import BOXES, KEYPOINTS, PADDED


def batch(
    ds: tf.data.Dataset,
    size: int,
    drop_remainder: bool = False,
    parts: Parts | None = None,
    ragged: Sequence[bool] = (),
) -> tf.data.Dataset:
    """`Dataset.batch` of (index, element), but for what varies in number.

    Boxes are padded with class -1, keypoints with zeros, and so with visibility 0. Leaves where
    `ragged` holds (those of elements that `singles` took out of batches) are rows of a ragged batch
    again. Each is the row of a ragged tensor while it is batched, so that Dataset's own batch does
    the work, whatever else is in an element.
    """
    _, spec = ds.element_spec
    rows = _rows(spec, parts, ragged)
    if not any(isinstance(leaf, Row) for leaf in rows):
        return ds.batch(size, drop_remainder=drop_remainder)

    def each_row(element: Any, function: Callable[..., Any]) -> Any:
        done = [
            function(leaf, row.filler) if isinstance(row, Row) else leaf
            for leaf, row in zip(tf.nest.flatten(element), rows, strict=True)
        ]
        return tf.nest.pack_sequence_as(spec, done)

    as_rows = _mapped(ds, lambda element: each_row(element, _as_row))
    batches = as_rows.batch(size, drop_remainder=drop_remainder)
    return _mapped(batches, lambda element: each_row(element, _padded))


def varies(spec: Any, parts: Parts | None = None) -> bool:
    """Whether anything in elements like this one has to be padded."""
    return any(isinstance(leaf, Row) for leaf in _rows(spec, parts, ()))


class Row(NamedTuple):
    """A part whose number of rows varies: what it is padded with, or None where it stays ragged."""

    filler: int | None


def _rows(spec: Any, parts: Parts | None, ragged: Sequence[bool]) -> list[Any]:
    """For each leaf of an element, its `Row`, or something else where its length is known."""
    places = iter(range(len(tf.nest.flatten(spec))))
    numbered = tf.nest.map_structure(lambda _: next(places), spec)
    fillers: dict[str, Any] = {}
    for key, part in targets_of(spec, parts).items():
        if key in BOXES and isinstance(part, dict):
            fillers[key] = {
                name: PADDED if name == "labels" else 0
                for name, leaf in part.items()
                if _varies(leaf)
            }
        elif key in KEYPOINTS and _varies(part) and (part.shape[-1] or 0) > 2:
            fillers[key] = 0
    rows: list[Any] = [Row(None) if stays else None for stays in ragged]
    rows = rows or [None] * len(tf.nest.flatten(spec))
    for key, place in targets_of(numbered, parts).items():
        filler = fillers.get(key)
        if isinstance(filler, dict):
            for name, value in filler.items():
                rows[place[name]] = Row(value)
        elif filler is not None:
            rows[place] = Row(filler)
    return rows


def _varies(spec: Any) -> bool:
    return isinstance(spec, tf.TensorSpec) and not spec.shape.is_fully_defined()


def _as_row(tensor: tf.Tensor, _: int | None) -> tf.RaggedTensor:
    """[N, ...] as the only row of [1, N, ...]."""
    return tf.RaggedTensor.from_tensor(tensor[tf.newaxis], ragged_rank=1)


def _padded(rows: tf.RaggedTensor, filler: int | None) -> Any:
    """Rows [B, 1, N, ...] as [B, N, ...], with N of the longest, or ragged as they are."""
    rows = rows.merge_dims(0, 1)
    return rows if filler is None else rows.to_tensor(tf.cast(filler, rows.dtype))


def _mapped(ds: tf.data.Dataset, function: Callable[[Any], Any]) -> tf.data.Dataset:
    plain = tf.autograph.experimental.do_not_convert(lambda i, element: (i, function(element)))
    return ds.map(plain, num_parallel_calls=tf.data.AUTOTUNE)
