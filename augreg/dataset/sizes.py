"""What is known of a source's images before they are read, and what has to hold of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg.annotations.element import Indexed, Parts, image_of, targets_of
from augreg.annotations.parts import KEYPOINTS
from augreg.dataset.maps import scan

Part = tuple[str, str, Callable[[Any], Any]]  # what differs, how to fix it, where it is
# TensorFlow's classes of what `cache`, `prefetch` and `with_options` return
_AS_IT_IS = ("CacheDataset", "OptionsDataset", "PrefetchDataset")


def alike(ds: tf.data.Dataset, batch_size: int, parts: Parts | None) -> tf.data.Dataset:
    """Raises if the parts of a batch differ in shape, and says how to fix it.

    That is for (index, element) whose shapes are not known. A number is read from our words, which
    fails with them: an assertion would make the dataset stateful, and its iterator could not be
    saved.
    """
    checks = [part for part in _parts(parts) if unknown(part[2](ds.element_spec[1]))]
    if not checks:
        return ds

    def check(state: Any, numbered: Any) -> Any:
        (number, firsts), (_, element) = state, numbered
        shapes = tuple(tf.shape(get(element))[:2] for _, _, get in checks)
        new = number % batch_size == 0
        firsts = tuple(tf.where(new, *pair) for pair in zip(shapes, firsts, strict=True))
        failed = [
            _said(what, fix, shape, first)
            for (what, fix, _), shape, first in zip(checks, shapes, firsts, strict=True)
        ]
        return (number + 1 + tf.add_n(failed), firsts), numbered

    start = (tf.constant(0, tf.int64), tuple(tf.constant([0, 0]) for _ in checks))
    return scan(ds, start, check)


def _parts(parts: Parts | None) -> tuple[Part, ...]:
    def points(element: Any) -> Any:
        """Those without a column that could mark padding."""
        found = next((v for k, v in targets_of(element, parts).items() if k in KEYPOINTS), None)
        return None if found is None or (found.shape[-1] or 0) > 2 else found

    resize = 'add a "resize" to the policy\'s "prepare"'
    column = "give them a third column, their visibility, and they are padded with 0 in it"
    return (
        ("images of one batch differ in size", resize, lambda element: image_of(element, parts)),
        ("keypoints of one batch differ in number", column, points),
    )


def unknown(spec: Any) -> bool:
    """Whether a part's first two sides are not known before it is read."""
    if not isinstance(spec, tf.TensorSpec) or spec.dtype == tf.string:
        return False
    return spec.shape.rank is None or None in spec.shape[:2]


def _said(what: str, fix: str, shape: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """0, or an end with these words."""
    sides = [tf.strings.reduce_join(tf.as_string(s), separator="x") for s in (shape, first)]
    words = [f"{what}: ", sides[0], " after ", sides[1], f"; {fix}"]
    return tf.cond(
        tf.reduce_all(shape == first),
        lambda: tf.constant(0, tf.int64),
        lambda: tf.strings.to_number(tf.strings.join(words), tf.int64),
    )


def length(ds: tf.data.Dataset | Indexed) -> int | None:
    """How many elements there are; None where it is not known, or there is no end."""
    if isinstance(ds, Indexed):
        return ds.size
    count = tf.get_static_value(ds.cardinality())  # a graph's own dataset does not know it yet
    return int(count) if count is not None and count >= 0 else None


def length_of_singles(ds: tf.data.Dataset) -> int | None:
    """How many images a data set of batches holds; None where that is not sure.

    `keras.utils.image_dataset_from_directory` keeps its list of files. Else the last batch may be
    short, and nothing public says so: the data sets behind are followed down to the one that was
    batched, through those that leave a batch as it is. A `map` may not.
    """
    paths = getattr(ds, "file_paths", None)
    if isinstance(paths, list):
        return len(paths)
    before = getattr(ds, "_input_dataset", None)
    if not isinstance(before, tf.data.Dataset):
        return None
    kind = type(ds).__name__.strip("_")
    if kind in ("BatchDataset", "ParallelBatchDataset"):
        size, count = length(before), length(ds)
        per_batch = tf.get_static_value(getattr(ds, "_batch_size", None))
        if size is None or count is None or per_batch is None:
            return None
        return min(size, count * int(per_batch))
    return length_of_singles(before) if kind in _AS_IT_IS else None


def is_encoded(spec: Any, parts: Parts | None) -> bool:
    """Whether elements hold the bytes of a file."""
    return bool(image_of(spec, parts).dtype == tf.string)
