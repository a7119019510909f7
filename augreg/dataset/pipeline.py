"""The whole pipeline: epochs of augmented batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.annotations.layout import Also, Parts
from augreg.annotations.parts import MIN_VISIBLE
from augreg.backends.options import RunOptions
from augreg.checks import InputRange, check_count, check_dataset, check_flag, check_uint32
from augreg.dataset.display import described
from augreg.dataset.epochs import Epochs
from augreg.dataset.indexed import behind
from augreg.dataset.maps import parallel_map, plain_map
from augreg.dataset.service import through_service
from augreg.dataset.steps import Shard, Steps
from augreg.dataset.work import Batching
from augreg.errors import DataError
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
    also: Also | None = None,
    sections: Iterable[str] = SECTIONS,
    first_batch: int = 0,
    drop_remainder: bool = False,
    numbered: bool = False,
    views: int = 1,
    shard: Shard | None = None,
    service: str | None = None,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
    box_from: str = "corners",
    keypoint_pairs: Iterable[tuple[int, int]] = (),
    oriented: bool = False,
    debug: bool | None = None,
) -> tf.data.Dataset:
    """Prepares, shuffles, batches, augments (in training only) and prefetches.

    Boxes are padded to the largest number in a batch, with class -1; keypoints with visibility 0. A
    batched source (`image_dataset_from_directory`, `ds.batch(32)`, ragged batches too) is unbatched
    first.

    Args:
        ds: elements as in `map_fn`, or batches of them, in a fixed order: an element's index is its
            position. Arrays (`from_tensor_slices`), the splits of `augreg.sources.open_source` and
            `Indexed` have random access.
        policy: as in `map_fn`; so are seed, training, input_range, parts, also, sections,
            bounding_box_format, min_visible, box_from, keypoint_pairs, oriented and debug.
        batch_size: the last batch of an epoch may be smaller, unless `drop_remainder`.
        shuffle: True permutes all of `ds`, held in memory after "prepare" (or as encoded files, if
            `ds` holds files); if the length is unknown, in a window of 10,000. A number is the size
            of such a window, as in `Dataset.shuffle`: of 3,670 elements sorted into 5 classes,
            1,000 puts 3.8 classes into a batch of 32, `Dataset.shuffle` 3.9, True 5.0. The order
            depends on (seed, epoch). Sources with random access are permuted without reading them.
        epochs: None yields one epoch, and each new iteration is the next one: `fit(ds, epochs=5)`
            has five different epochs. A number yields that many in one iteration; no batch crosses
            an epoch, and iterating again repeats them.
        first_epoch: the number of the first epoch, to continue an interrupted run.
        first_batch: the first batch of that epoch; needs a number of `epochs`.
        numbered: yields (numbers, element): {"epoch": int64 [], "step": int64 [], "index": int64
            [B]}, where step is epoch * (batches an epoch) + batch.
        views: yields a tuple of so many augmentations of each sample, for contrastive learning.
            Each view has draws of its own, the first those of 1. Needs random access.
        shard: (i, n): the i-th of n parts of each batch, for n processes that train together.
            `batch_size` is that of all parts. A policy that mixes samples mixes all parts first.
        service: the dispatcher of a tf.data service, as "grpc://HOST:PORT": its workers read and
            prepare, and need the same files but no augreg. The batches are those of a run without
            it, in their order; those that lack for 10 seconds are prepared here. Needs a number of
            `epochs`, in training.

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
        also=also,
        bounding_box_format=bounding_box_format,
        min_visible=min_visible,
        box_from=box_from,
        keypoint_pairs=keypoint_pairs,
        oriented=oriented,
        debug=debug,
    )
    if not isinstance(ds, Indexed):
        check_dataset(ds, "augment_dataset")
    first = check_uint32(first_epoch, "first_epoch")
    epochs, first_batch = _check_epochs(epochs, first_batch)
    counts = epochs is None and options.training
    if counts and service is not None:
        raise ValueError(f"service={service!r} with epochs=None; say how many, as epochs=5")
    how = Batching(
        size=check_count(batch_size, "batch_size"),
        shuffle=_check_shuffle(shuffle),
        drop_remainder=check_flag(drop_remainder, "drop_remainder"),
        numbered=check_flag(numbered, "numbered"),
        restarted=counts,
    )
    needing = {
        "shard": _check_shard(shard),
        "service": service,
        "views": _check_views(views, service),
    }
    access = _random_access(ds, how.shuffle is True, **needing)
    sources: list[Steps | Epochs]
    if access is None:
        sources = [Epochs(ds, options, how)]
    else:
        sources = [Steps(access, options, how, shard or (0, 1), view) for view in range(views)]
    numbers = (first, first + (epochs or 1), first_batch)
    source = sources[0]
    if service is not None and isinstance(source, Steps):
        batches = through_service(source, source.numbers(*numbers), service)
        batches = parallel_map(batches, source.augmented)
    else:
        every = [one.of_next_epoch(first) if counts else one.between(*numbers) for one in sources]
        batches = every[0] if views == 1 else _side_by_side(every, how.numbered)
    if source.per_epoch is not None:
        count = source.per_epoch * (epochs or 1) - min(first_batch, source.per_epoch)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
    what = "training" if options.training else "evaluation"
    about = f"{what}, batches of {how.size}, seed {options.seed}"
    return described(batches.prefetch(tf.data.AUTOTUNE), options.policy, about)


def _random_access(ds: Any, wanted: bool, **needing: Any) -> Indexed | None:
    """The source that `ds` is, or yields as it is; None where its order will do."""
    if isinstance(ds, Indexed):
        return ds
    needs = [f"{name}={value!r}" for name, value in needing.items() if value is not None]
    found = behind(ds) if wanted or needs else None
    if found is None and needs:
        raise DataError(
            f"{needs[0]} needs random access, which a {type(ds).__name__.strip('_')} has not; pass "
            "tf.data.Dataset.from_tensor_slices(arrays), a split of augreg.sources.open_source, or "
            "an augreg.Indexed, without a map of your own"
        )
    return found


def _check_shard(shard: Any) -> Shard | None:
    if shard is None:
        return None
    numbers = isinstance(shard, tuple) and len(shard) == 2 and all(type(n) is int for n in shard)
    if not numbers or not 0 <= shard[0] < shard[1]:
        raise ValueError(f"shard={shard!r}; allowed is (i, n), the i-th of n parts, i from 0")
    return shard[0], shard[1]


def _check_views(views: Any, service: str | None) -> int | None:
    """How many, where there are several."""
    several = check_count(views, "views") > 1
    if several and service is not None:
        raise ValueError(f"views={views!r} with service={service!r}; leave one of them out")
    return int(views) if several else None


def _side_by_side(views: list[tf.data.Dataset], numbered: bool) -> tf.data.Dataset:
    """Batches of all views as a tuple; their numbers once."""
    batches = tf.data.Dataset.zip(tuple(views))
    if not numbered:
        return batches
    return plain_map(batches, lambda *both: (both[0][0], tuple(element for _, element in both)))


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
