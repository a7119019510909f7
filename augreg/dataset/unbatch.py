"""Single elements out of whatever a source yields: batches, ragged ones too, are taken apart."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.annotations.element import has_frames, image_of, targets_of, with_image, with_targets
from augreg.annotations.layout import Layout
from augreg.annotations.parts import BOXES, LABELS, PADDED, each
from augreg.checks import check_images
from augreg.dataset.maps import parallel_map
from augreg.errors import DataError


def singles(ds: tf.data.Dataset, layout: Layout) -> tuple[tf.data.Dataset, Any]:
    """The elements of a dataset, one by one, in their order.

    With them, an element of whether each leaf was a row of a ragged batch; None where none was.
    Of batches, boxes that are there to fill one up are taken off again: what a sample becomes does
    not depend on how its source was batched. Images, masks, boxes and keypoints are dense tensors
    then.

    Raises:
        DataError: images of an unknown rank, or a part of a batch that has no batch dimension.
    """
    batched = is_batched(ds.element_spec, layout)
    rows = None
    if batched:
        _check_batches(ds.element_spec)
        rows = _passing_rows(ds.element_spec, layout)
        ds = ds.unbatch()
    elif (image := image_of(ds.element_spec, layout)).dtype != tf.string:
        several = has_frames(ds.element_spec, layout)
        check_images(tuple(image.shape), image.dtype.name, several)  # as a batch, all would pass
    spec = ds.element_spec
    padded = batched and any(_is_padded(targets_of(spec, layout).get(key)) for key in BOXES)
    ragged = any(isinstance(leaf, tf.RaggedTensorSpec) for leaf in tf.nest.flatten(spec))
    if ragged or padded:
        ds = parallel_map(ds, lambda *one: _plain(one if len(one) > 1 else one[0], layout, padded))
    return ds, rows if any(tf.nest.flatten(rows)) else None


def _passing_rows(spec: Any, layout: Layout) -> Any:
    """Which leaves of batches are ragged in their first dimension, and are no part that moves."""
    marked = tf.nest.map_structure(
        lambda leaf: isinstance(leaf, tf.RaggedTensorSpec) and leaf.ragged_rank == 1, spec
    )
    moving = {key: part for key, part in targets_of(marked, layout).items() if key != LABELS}
    dense = each(lambda _: False, moving)
    return with_targets(marked, dense, layout)


def is_batched(spec: Any, layout: Layout) -> bool:
    """Whether elements are batches: images of four dimensions, frames of five, files of one."""
    image = image_of(spec, layout)
    rank = image.shape.rank
    if rank is None:
        raise DataError(
            "images of an unknown number of dimensions; state their shape, as "
            "tf.ensure_shape(image, [None, None, 3]) in a map before"
        )
    return bool(rank == (1 if image.dtype == tf.string else 4 + has_frames(spec, layout)))


def _check_batches(spec: Any) -> None:
    if any(
        isinstance(leaf, tf.TensorSpec) and leaf.shape.rank == 0 for leaf in tf.nest.flatten(spec)
    ):
        raise DataError(
            "a batch of images with a part that is one number or text for all of them; give each "
            "image its own, or leave it out"
        )


def _plain(element: Any, layout: Layout, padded: bool) -> Any:
    element = with_image(element, _dense(image_of(element, layout)), layout)
    targets = targets_of(element, layout)
    moving = each(_dense, {key: part for key, part in targets.items() if key != LABELS})
    for key, part in moving.items():
        if padded and isinstance(part, dict):
            moving[key] = _unpadded(part)
    return with_targets(element, moving, layout)


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
