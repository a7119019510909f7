"""Single elements out of whatever a source yields: batches, ragged ones too, are taken apart."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.annotations.element import Parts, image_of, targets_of, with_image, with_targets
from augreg.annotations.parts import BOXES, LABELS, PADDED, each
from augreg.checks import check_images
from augreg.dataset.maps import parallel_map
from augreg.errors import DataError


def singles(ds: tf.data.Dataset, parts: Parts | None) -> tuple[tf.data.Dataset, Any]:
    """The elements of a data set, one by one, in their order.

    With them, an element of whether each leaf was a row of a ragged batch; None where none was.
    Of batches, boxes that are there to fill one up are taken off again: what a sample becomes does
    not depend on how its source was batched. Images, masks, boxes and keypoints are dense tensors
    then.

    Raises:
        DataError: images of an unknown rank, or a part of a batch that has no batch dimension.
    """
    batched = is_batched(ds.element_spec, parts)
    rows = None
    if batched:
        _check_batches(ds.element_spec)
        rows = _passing_rows(ds.element_spec, parts)
        ds = ds.unbatch()
    elif (image := image_of(ds.element_spec, parts)).dtype != tf.string:
        check_images(tuple(image.shape), image.dtype.name)  # as a batch, all would pass
    spec = ds.element_spec
    padded = batched and any(_is_padded(targets_of(spec, parts).get(key)) for key in BOXES)
    ragged = any(isinstance(leaf, tf.RaggedTensorSpec) for leaf in tf.nest.flatten(spec))
    if ragged or padded:
        ds = parallel_map(ds, lambda *one: _plain(one if len(one) > 1 else one[0], parts, padded))
    return ds, rows if any(tf.nest.flatten(rows)) else None


def _passing_rows(spec: Any, parts: Parts | None) -> Any:
    """Which leaves of batches are ragged in their first dimension, and are no part that moves."""
    marked = tf.nest.map_structure(
        lambda leaf: isinstance(leaf, tf.RaggedTensorSpec) and leaf.ragged_rank == 1, spec
    )
    moving = {key: part for key, part in targets_of(marked, parts).items() if key != LABELS}
    dense = each(lambda _: False, moving)
    return with_targets(marked, dense, parts)


def is_batched(spec: Any, parts: Parts | None) -> bool:
    """Whether elements are batches: images of four dimensions, or files of one."""
    image = image_of(spec, parts)
    rank = image.shape.rank
    if rank is None:
        raise DataError(
            "images of an unknown number of dimensions; state their shape, as "
            "tf.ensure_shape(image, [None, None, 3]) in a map before"
        )
    return bool(rank == (1 if image.dtype == tf.string else 4))


def _check_batches(spec: Any) -> None:
    if any(
        isinstance(leaf, tf.TensorSpec) and leaf.shape.rank == 0 for leaf in tf.nest.flatten(spec)
    ):
        raise DataError(
            "a batch of images with a part that is one number or text for all of them; give each "
            "image its own, or leave it out"
        )


def _plain(element: Any, parts: Parts | None, padded: bool) -> Any:
    element = with_image(element, _dense(image_of(element, parts)), parts)
    targets = targets_of(element, parts)
    moving = each(_dense, {key: part for key, part in targets.items() if key != LABELS})
    for key, part in moving.items():
        if padded and isinstance(part, dict):
            moving[key] = _unpadded(part)
    return with_targets(element, moving, parts)


def _dense(tensor: Any) -> Any:
    return tensor.to_tensor() if isinstance(tensor, tf.RaggedTensor) else tensor


def _is_padded(boxes: Any) -> bool:
    """Whether boxes may have been filled up: of classes [N], N unknown."""
    labels = boxes.get("labels") if isinstance(boxes, dict) else None
    return labels is not None and labels.shape.rank == 1 and labels.shape[0] is None


def _unpadded(boxes: dict[str, Any]) -> dict[str, Any]:
    """Boxes up to the last that has a class."""
    labels = boxes["labels"]
    there = tf.where(labels != tf.cast(PADDED, labels.dtype))
    count = tf.reduce_max(tf.concat([there[:, 0], [-1]], 0)) + 1
    return {name: leaf[:count] for name, leaf in boxes.items()}
