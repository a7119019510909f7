"""The whole pipeline: epochs of augmented batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.annotations.element import Indexed, Parts
from augreg.annotations.parts import MIN_VISIBLE
from augreg.backends.options import RunOptions
from augreg.checks import InputRange, check_count, check_dataset, check_flag, check_uint32
from augreg.dataset.display import described
from augreg.dataset.epoch_counter import counted
from augreg.dataset.epochs import Epochs
from augreg.dataset.maps import plain_map
from augreg.plan import SECTIONS


def augment_dataset(
    ds: tf.data.Dataset | Indexed,
    policy: Any,
    batch_size: int = 32,
    seed: int = 0,
    training: bool = True,
    shuffle: bool | int = False,
    epochs: int | None = None,
    first_epoch: int = 0,
    *,
    input_range: InputRange = None,
    parts: Parts | None = None,
    sections: Iterable[str] = SECTIONS,
    first_batch: int = 0,
    drop_remainder: bool = False,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
    debug: bool | None = None,
) -> tf.data.Dataset:
    """Prepares, shuffles, batches, augments (in training only) and prefetches.

    Boxes are padded to the largest number in a batch, with class -1; keypoints with visibility 0. A
    batched source (`image_dataset_from_directory`, `ds.batch(32)`, ragged batches too) is unbatched
    first.

    Args:
        ds: elements as in `map_fn`, or batches of them, in a fixed order: an element's index is its
            position. An `Indexed` source is shuffled without a buffer.
        policy: as in `map_fn`; so are seed, training, input_range, parts, sections,
            bounding_box_format, min_visible and debug.
        batch_size: the last batch of an epoch may be smaller, unless `drop_remainder`.
        shuffle: True permutes all of `ds`, held in memory after "prepare" (or as encoded files, if
            `ds` holds files); if the length is unknown, in a window of 10,000. A number is the size
            of such a window, as in `Dataset.shuffle`: of 3,670 elements sorted into 5 classes,
            1,000 puts 3.8 classes into a batch of 32, `Dataset.shuffle` 3.9, True 5.0. An `Indexed`
            source is always permuted as a whole. The order depends on (seed, epoch).
        epochs: None yields one epoch, and each new iteration is the next one: `fit(ds, epochs=5)`
            has five different epochs. A number yields that many in one iteration; no batch crosses
            an epoch, and iterating again repeats them.
        first_epoch: the number of the first epoch, to continue an interrupted run.
        first_batch: the first batch of that epoch; needs a number of `epochs`.

    Returns:
        A dataset of batches. With a number of `epochs`, or with `training=False`, it has no state:
        all iterations are equal, and `tf.train.Checkpoint` can save an iterator. In training with
        `epochs=None` it counts its iterations, and TensorFlow can't save it.

    Raises:
        PolicyError: the policy is wrong, or can't work at this size.
        ValueError: a number is out of range, or `first_batch` is given without `epochs`.
    """
    options = RunOptions.of(
        policy,
        seed,
        training,
        sections=sections,
        input_range=input_range,
        parts=parts,
        bounding_box_format=bounding_box_format,
        min_visible=min_visible,
        debug=debug,
    )
    if not isinstance(ds, Indexed):
        check_dataset(ds, "augment_dataset")
    first = check_uint32(first_epoch, "first_epoch")
    batch_size = check_count(batch_size, "batch_size")
    drop_remainder = check_flag(drop_remainder, "drop_remainder")
    epochs, first_batch = _check_epochs(epochs, first_batch)
    counts = epochs is None and options.training
    steps = Epochs(ds, options, batch_size, _check_shuffle(shuffle), drop_remainder, counts)
    numbers = counted(first) if counts else tf.data.Dataset.range(first, first + (epochs or 1))
    skipped = tf.constant(first_batch * batch_size, tf.int64)
    batches = steps.of(
        plain_map(numbers, lambda epoch: (epoch, tf.where(epoch == first, skipped, 0)))
    )
    per_epoch = steps.batches()
    if per_epoch is not None:
        count = per_epoch * (epochs or 1) - min(first_batch, per_epoch)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
    kind = "training" if options.training else "evaluation"
    about = f"{kind}, batches of {batch_size}, seed {options.seed}"
    return described(batches.prefetch(tf.data.AUTOTUNE), options.policy, about)


def _check_epochs(epochs: Any, first_batch: Any) -> tuple[int | None, int]:
    first_batch = check_count(first_batch, "first_batch", least=0)
    if epochs is not None:
        return check_count(epochs, "epochs", others=" and None"), first_batch
    if first_batch:
        raise ValueError(
            f"first_batch={first_batch} with epochs=None, where each iteration is an epoch of "
            "its own; say how many epochs are left, as epochs=5"
        )
    return None, 0


def _check_shuffle(shuffle: Any) -> bool | int:
    if isinstance(shuffle, bool | np.bool_):
        return bool(shuffle)
    return check_count(shuffle, "shuffle", least=0, others=", True and False")
