"""Datasets whose elements can be read in any order, and how to tell."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.dataset.maps import parallel_map

_BEHIND = "_augreg_indexed"


def in_order(source: Indexed) -> tf.data.Dataset:
    """All elements of a source, one after another; `behind` finds the source again."""
    return with_access(parallel_map(tf.data.Dataset.range(source.size), source.element), source)


def with_access(ds: tf.data.Dataset, source: Indexed) -> tf.data.Dataset:
    """The dataset, which `behind` says to hold the elements of this source, in its order."""
    setattr(ds, _BEHIND, source)
    return ds


def of_arrays(arrays: Any) -> Indexed:
    """The rows of arrays or tensors, in any structure, of the same length."""
    with tf.device("CPU:0"):  # where all of tf.data is
        tensors = tf.nest.map_structure(tf.convert_to_tensor, arrays)
    size = int(tf.nest.flatten(tensors)[0].shape[0])
    return Indexed(size, lambda i: tf.nest.map_structure(lambda x: tf.gather(x, i), tensors))


def behind(ds: tf.data.Dataset) -> Indexed | None:
    """The source with random access that a dataset yields as it is; None where there is none.

    Arrays behind `from_tensor_slices` are one. TensorFlow says so to nobody: where a later version
    keeps them elsewhere, such a dataset is read in its order.
    """
    found = getattr(ds, _BEHIND, None)
    tensors = getattr(ds, "_tensors", None)
    if found is not None or type(ds).__name__ != "_TensorSliceDataset" or not tensors:
        return found
    spec = ds.element_spec
    dense = all(isinstance(leaf, tf.TensorSpec) for leaf in tf.nest.flatten(spec))
    # its length is 0, or in a graph, where it is known only when it runs
    if not dense or not tensors[0].shape[0] or not tf.executing_eagerly():
        return None
    return of_arrays(tf.nest.pack_sequence_as(spec, tensors))
