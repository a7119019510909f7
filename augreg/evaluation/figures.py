"""What a classifier's outputs say of it: accuracy, loss, confusion, figures of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-7  # a probability, as Keras's cross-entropy clips it


@dataclass(frozen=True)
class ClassFigures:
    """Of one class; None where a fraction has no denominator.

    Attributes:
        precision: of the images that were taken for this class, the fraction that is of it.
        recall: of the images of this class, the fraction that was found.
        f1: the harmonic mean of both.
        support: how many images are of this class.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Figures:
    """Of all images.

    Attributes:
        accuracy: the fraction of right answers, 0..1.
        loss: the mean cross-entropy, in nats.
        confusion: how often an image of class i was taken for class j, `confusion[i][j]`.
    """

    accuracy: float
    loss: float
    classes: list[ClassFigures]
    confusion: list[list[int]]


def figures(
    truth: NDArray[np.int64],
    probabilities: NDArray[Any],
    losses: NDArray[Any],
    names: Sequence[str],
) -> Figures:
    """Of class numbers [N], float [N,classes] probabilities and float [N] losses."""
    count = len(names)
    predicted = probabilities.argmax(axis=-1)
    confusion = np.zeros((count, count), int)
    np.add.at(confusion, (truth, predicted), 1)
    right, support, taken = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    classes = [
        ClassFigures(
            name,
            _fraction(right[i], taken[i]),
            _fraction(right[i], support[i]),
            _fraction(2 * right[i], taken[i] + support[i]),
            int(support[i]),
        )
        for i, name in enumerate(names)
    ]
    accuracy, loss = float(right.sum() / len(truth)), float(losses.mean())
    return Figures(accuracy, loss, classes, confusion.tolist())


def losses_of_logits(logits: NDArray[Any], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [N]: the cross-entropy of each image."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=-1)) - _of_truth(shifted, truth)


def losses_of_probabilities(
    probabilities: NDArray[Any], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """float64 [N]: the cross-entropy of each image; probabilities are clipped to 1e-7 and more."""
    return -np.log(np.clip(_of_truth(probabilities.astype(np.float64), truth), _LEAST, 1 - _LEAST))


def _of_truth(rows: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    return rows[np.arange(len(rows)), truth]


def _fraction(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None
