"""What is known of a source's images before they are read, and what has to hold of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg.annotations.element import Indexed, has_frames, image_of, targets_of
from augreg.annotations.layout import BILINEAR, Layout
from augreg.annotations.parts import IMAGES, KEYPOINTS
from augreg.dataset.maps import scan

Part = tuple[str, str, Callable[[Any], Any]]  # what differs, how to fix it, where it is
# TensorFlow's classes of what `cache`, `prefetch` and `with_options` return
_AS_IT_IS = ("CacheDataset", "OptionsDataset", "PrefetchDataset")


def alike(ds: tf.data.Dataset, batch_size: int, layout: Layout) -> tf.data.Dataset:
    """Raises if the parts of a batch differ in shape, and says how to fix it.

    That is for (index, element) whose shapes are not known. A number is read from our words, which
    fails with them: an assertion would make the dataset stateful, and its iterator could not be
    saved.
    """
    _, spec = ds.element_spec
    checks = [part for part in _parts(spec, layout) if unknown(part[2](spec))]
    if not checks:
        return ds

    def check(state: Any, numbered: Any) -> Any:
        (number, firsts), (_, element) = state, numbered
        shapes = tuple(tf.shape(get(element))[:-1] for _, _, get in checks)
        new = number % batch_size == 0
        firsts = tuple(tf.where(new, *pair) for pair in zip(shapes, firsts, strict=True))
        failed = [
            _said(what, fix, shape, first)
            for (what, fix, _), shape, first in zip(checks, shapes, firsts, strict=True)
        ]
        return (number + 1 + tf.add_n(failed), firsts), numbered

    ranks = [get(spec).shape.rank for _, _, get in checks]
    start = (tf.constant(0, tf.int64), tuple(tf.zeros([rank - 1], tf.int32) for rank in ranks))
    return scan(ds, start, check)


def _parts(spec: Any, layout: Layout) -> tuple[Part, ...]:
    def points(element: Any) -> Any:
        """Those without a column that could mark padding."""
        found = next((v for k, v in targets_of(element, layout).items() if k in KEYPOINTS), None)
        return None if found is None or (found.shape[-1] or 0) > 2 else found

    resize = 'add a "resize" to the policy\'s "prepare"'
    column = "give them a third column, their visibility, and they are padded with 0 in it"
    what = "images of one batch differ in size"
    if has_frames(spec, layout):
        what = "frames of one batch differ in number or size"
        resize = f"take as many frames of each sample, and {resize}"
    return (
        (what, resize, lambda element: image_of(element, layout)),
        ("keypoints of one batch differ in number", column, points),
    )


def unknown(spec: Any) -> bool:
    """Whether one of a part's first sides is not known before it is read."""
    if not isinstance(spec, tf.TensorSpec) or spec.dtype == tf.string:
        return False
    return spec.shape.rank is None or None in spec.shape[:3]


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
    """How many images a dataset of batches holds; None where that is not sure.

    `keras.utils.image_dataset_from_directory` keeps its list of files. Else the last batch may be
    short, and nothing public says so: the datasets behind are followed down to the one that was
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


def images_of(element: Any, layout: Layout) -> dict[str, Any]:
    """The image of an element and further ones, by their names."""
    others = targets_of(element, layout)
    further = {name: others[name] for name in layout.resampled(BILINEAR)}
    return {IMAGES: image_of(element, layout), **further}


def is_encoded(spec: Any, layout: Layout) -> bool:
    """Whether elements hold the bytes of files."""
    return any(image.dtype == tf.string for image in images_of(spec, layout).values())
