"""What a source is: images and labels in splits, in a fixed order, and what was said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class BadImage:
    """An image that was left out: its path (or split#position), and why, on one line each."""

    path: str
    reason: str


@dataclass(frozen=True)
class Split:
    """One part of a source.

    Attributes:
        size: how many elements `dataset` has.
        dataset: `(image, label)` in a fixed order, never shuffled. image: string [], an encoded
            file, or uint8 [H, W, 3]. label: int64 [], a position in the source's `class_names`.
    """

    size: int
    dataset: tf.data.Dataset


@dataclass(frozen=True)
class Source:
    """A data set that is ready for training.

    Attributes:
        name: the specification it was opened with.
        class_names: what the labels mean.
        splits: "train", "validation" and "test".
        bad: images that were left out; the positions of the others close up.
        notes: what a user should know, one line each: how splits were made, what decoding drops.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    bad: tuple[BadImage, ...] = ()
    notes: tuple[str, ...] = ()
