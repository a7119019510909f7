"""Batches of elements whose number of boxes or keypoints varies: padded to the largest of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from augreg.annotations.element import has_frames, targets_of, with_targets
from augreg.annotations.layout import Layout
from augreg.annotations.parts import BOXES, KEYPOINTS, PADDED
from augreg.dataset.maps import parallel_map


def batch(
    ds: tf.data.Dataset,
    size: int,
    drop_remainder: bool,
    layout: Layout,
    ragged: Any,
) -> tf.data.Dataset:
    """`Dataset.batch` of (index, element), but for what varies in number.

    Boxes are padded with class -1, keypoints with zeros, and so with visibility 0. Leaves where
    `ragged` holds (an element of truths from `singles`, or None) are rows of a ragged batch again.
    Each is the row of a ragged tensor while it is batched, so that Dataset's own batch does the
    work, whatever else is in an element.
    """
    _, spec = ds.element_spec
    rows = _rows(spec, layout, ragged)
    if not any(rows):
        return ds.batch(size, drop_remainder=drop_remainder)

    def each_row(ds: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
        def done(index: tf.Tensor, element: Any) -> tuple[tf.Tensor, Any]:
            leaves = zip(tf.nest.flatten(element), rows, strict=True)
            made = [leaf if row is None else function(leaf, row) for leaf, row in leaves]
            return index, tf.nest.pack_sequence_as(spec, made)

        return parallel_map(ds, done)

    batches = each_row(ds, _as_row).batch(size, drop_remainder=drop_remainder)
    return each_row(batches, _padded)


def varies(spec: Any, layout: Layout) -> bool:
    """Whether anything in elements like this one has to be padded."""
    return any(_rows(spec, layout, None))


@dataclass(frozen=True)
class Row:
    """A part whose number of rows varies: what it is padded with, or None where it stays ragged.

    depth: how many of its dimensions vary: of frames, each has as many rows as the longest.
    """

    filler: int | None
    depth: int = 1


def _rows(spec: Any, layout: Layout, ragged: Any) -> list[Row | None]:
    """For each leaf of an element its `Row`, or None where its length is known."""
    found, depth = dict[str, Any](), 1 + has_frames(spec, layout)
    for key, part in targets_of(spec, layout).items():
        if key in BOXES and isinstance(part, dict):
            found[key] = {
                name: _row(leaf, PADDED if name == "labels" else 0, depth)
                for name, leaf in part.items()
            }
        elif key in KEYPOINTS and (row := _row(part, 0, depth)) and (part.shape[-1] or 0) > 2:
            found[key] = row
    stays = spec if ragged is None else ragged
    marked = tf.nest.map_structure(lambda one: Row(None) if one is True else None, stays)
    return list(tf.nest.flatten(with_targets(marked, found, layout)))


def _row(spec: Any, filler: int, depth: int) -> Row | None:
    varies = isinstance(spec, tf.TensorSpec) and not spec.shape.is_fully_defined()
    return Row(filler, depth) if varies else None


def _as_row(tensor: tf.Tensor, row: Row) -> tf.RaggedTensor:
    """[N, ...] as the only row of [1, N, ...]."""
    return tf.RaggedTensor.from_tensor(tensor[tf.newaxis], ragged_rank=row.depth)


def _padded(rows: tf.RaggedTensor, row: Row) -> Any:
    """Rows [B, 1, N, ...] as [B, N, ...], with N of the longest, or ragged as they are."""
    rows = rows.merge_dims(0, 1)
    return rows if row.filler is None else rows.to_tensor(tf.cast(row.filler, rows.dtype))
