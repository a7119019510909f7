"""Parts of an element as plain tensors: ragged boxes are padded, and what can't be one refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from augreg.annotations.parts import BOXES, KEYPOINTS, PADDED, each
from augreg.backends.tensorflow.assertions import after, assert_that
from augreg.errors import DataError

_VISIBLE = 3  # columns of keypoints with which a padded one says that it is none


def dense(value: Any, name: str) -> Any:
    """The part `name` as a tensor; boxes as a dict of them.

    Boxes and their labels may be ragged, [B, (N), 4] and [B, (N)]: they are padded with class -1.
    So are keypoints whose third column says which are visible, with zeros.

    Raises:
        DataError: the part is no array, or ragged or sparse where it can't be.
    """
    if name in BOXES and isinstance(value, Mapping):
        return _boxes(value, name)
    if name in KEYPOINTS and isinstance(value, tf.RaggedTensor):
        columns = value.shape[-1]
        if columns is not None and columns >= _VISIBLE:
            return value.to_tensor()
    return _tensor(value, name)


def _boxes(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    boxes, labels = value.get("boxes"), value.get("labels")
    checks = []
    if isinstance(boxes, tf.RaggedTensor) and isinstance(labels, tf.RaggedTensor):
        starts = boxes.row_splits, labels.row_splits  # of another batch: not equal either
        text = (
            f'"{name}" with another number of labels than of boxes: samples begin at {{}} and {{}}'
        )
        alike = tf.raw_ops.Equal(x=starts[0], y=starts[1], incompatible_shape_error=False)
        checks = [assert_that(tf.reduce_all(alike), text, *starts)]
    padded = {key: _padded(part, key) for key, part in value.items() if part is not None}
    return after(checks, each(lambda part: _tensor(part, name), padded))


def _padded(part: Any, key: str) -> Any:
    if not isinstance(part, tf.RaggedTensor):
        return part
    if key == "boxes":
        return part.to_tensor(shape=(*[None] * (part.shape.rank - 1), 4))
    filler = PADDED if key == "labels" and not part.dtype.is_unsigned else 0
    return part.to_tensor(tf.cast(filler, part.dtype))


def _tensor(value: Any, name: str) -> tf.Tensor:
    if isinstance(value, tf.RaggedTensor | tf.SparseTensor):
        kind, fix = "ragged", '.to_tensor(), or resize images in "prepare"'
        if isinstance(value, tf.SparseTensor):
            kind, fix = "sparse", "tf.sparse.to_dense"
        raise DataError(f'"{name}" is {kind}; allowed are dense arrays: use {fix}')
    try:
        return tf.convert_to_tensor(value)
    except (TypeError, ValueError) as error:
        found = "None" if value is None else f"a {type(value).__name__}"
        raise DataError(
            f'"{name}" is {found}, which is no array of numbers of one shape; allowed are arrays '
            "and tensors"
        ) from error
