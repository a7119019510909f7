"""Batches of elements whose number of boxes varies: padded as Keras pads them, with class -1."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.annotations import BOXES, PADDED


def batch(ds: tf.data.Dataset, size: int, drop_remainder: bool = False) -> tf.data.Dataset:
    """`Dataset.batch`, but for boxes: those of unknown number are padded to a batch's largest."""
    spec = ds.element_spec
    if not _varies(spec) or not all(part.shape.is_fully_defined() for part in _others(spec)):
        return ds.batch(size, drop_remainder=drop_remainder)
    shapes = tf.nest.map_structure(lambda part: part.shape, spec)
    return ds.padded_batch(size, shapes, _values(spec), drop_remainder)


def _varies(spec: Any) -> bool:
    """Whether boxes of unknown number are in an element, or in a tuple of it and its index."""
    if isinstance(spec, tuple | list):
        return any(map(_varies, spec))
    if not isinstance(spec, dict):
        return False
    found = (spec[key] for key in BOXES if isinstance(spec.get(key), dict))
    return any(not part.shape.is_fully_defined() for one in found for part in one.values())


def _others(spec: Any) -> list[tf.TensorSpec]:
    """All that does not belong to boxes: it can't be padded without a word."""
    if isinstance(spec, tuple | list):
        return [leaf for part in spec for leaf in _others(part)]
    if isinstance(spec, dict):
        return [leaf for key, part in spec.items() if key not in BOXES for leaf in _others(part)]
    return [spec]


def _values(spec: Any, key: str = "", boxes: bool = False) -> Any:
    """What each part of an element is padded with: 0, and class -1 for boxes."""
    if isinstance(spec, tuple | list):
        return tuple(_values(part) for part in spec)
    if isinstance(spec, dict):
        return {name: _values(part, name, key in BOXES) for name, part in spec.items()}
    filler = tf.zeros([], spec.dtype)
    return filler + tf.cast(PADDED, spec.dtype) if boxes and key == "labels" else filler
