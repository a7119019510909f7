"""How much each class weighs in the loss, so that rare ones count as much as others."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from augreg.dataset.indexed import behind
from augreg.sources import Split


def balanced(split: Split, classes: int) -> list[float]:
    """n / (k * images of the class), of n images in k classes that have any; the mean is 1.

    A class without images gets 0. The formula is that of scikit-learn's `compute_class_weight`:
    https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html
    """
    counts = np.bincount(_labels(split), minlength=classes)
    present = np.count_nonzero(counts)
    weights = counts.sum() / (present * np.maximum(counts, 1))
    return [float(weight) for weight in np.where(counts > 0, weights, 0.0)]


def _labels(split: Split) -> Any:
    """All labels of a split. TensorFlow prunes what reads the images."""
    source = behind(split.dataset)
    if source is None:
        labels = split.dataset.map(_label)
    else:
        element = source.element
        labels = tf.data.Dataset.range(split.size).map(lambda i: _label(*element(i)))
    return np.fromiter(labels.as_numpy_iterator(), np.int64)


@tf.autograph.experimental.do_not_convert
def _label(_: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    return label
