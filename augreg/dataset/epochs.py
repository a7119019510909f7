"""The epochs of a source that is read in its order: prepares, shuffles, batches and augments."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.backends.options import RunOptions
from augreg.dataset.batching import batch, varies
from augreg.dataset.epoch_counter import counted
from augreg.dataset.maps import always, flat_map, parallel_map
from augreg.dataset.shuffling import WINDOW, Order
from augreg.dataset.sizes import alike, is_encoded, length, length_of_singles, unknown
from augreg.dataset.unbatch import is_batched, singles
from augreg.dataset.work import Batching, Work, batches_of


class Epochs:
    """Makes the batches of epochs."""

    def __init__(self, ds: tf.data.Dataset, options: RunOptions, how: Batching) -> None:
        self.how, self.layout, self.seed = how, options.layout, options.seed
        batched = is_batched(ds.element_spec, self.layout)
        known = length_of_singles(ds) if batched else None
        self.ds, self.ragged = singles(ds, self.layout)
        self.size = known or length(self.ds)
        self.encoded = is_encoded(self.ds.element_spec, self.layout)
        longest = min(how.size, self.size or how.size)
        self.work = Work.of(options, self.encoded, longest=longest, restarted=how.restarted)

    @property
    def per_epoch(self) -> int | None:
        """Batches an epoch, where the source's length is known."""
        return None if self.size is None else batches_of(self.size, self.how)

    def of_next_epoch(self, first: int) -> tf.data.Dataset:
        """The batches of one epoch: of `first` in the first iteration, then of the next ones."""
        return self._of(counted(first), first, 0)

    def between(self, first: int, last: int, first_batch: int) -> tf.data.Dataset:
        """The batches of the epochs `first` to `last` - 1, of the first from `first_batch` on."""
        return self._of(tf.data.Dataset.range(first, last), first, first_batch)

    def _of(self, numbers: tf.data.Dataset, first: int, first_batch: int) -> tf.data.Dataset:
        """They are augmented outside of the epochs.

        What an epoch holds, TensorFlow instantiates and optimizes anew for each of them.
        """
        skipped = tf.constant(first_batch * self.how.size, tf.int64)

        def one(epoch: tf.Tensor) -> tf.data.Dataset:
            skip = tf.where(epoch == first, skipped, 0)
            batches = tf.data.Dataset.range(skip // self.how.size, tf.int64.max)
            return tf.data.Dataset.zip(always(epoch), batches, self._batches(epoch, skip))

        return parallel_map(flat_map(numbers, one), self._augmented)

    def _batches(self, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        """(index, element) of one epoch, in batches; index: [B], or of the first."""
        each = self.how.shuffle or self.work.prepare or self.encoded
        if not (each or self._differ(self.ds.element_spec)):
            return self._batches_first(self.ds, skip)
        ds = alike(self._singles(self.ds, epoch, skip), self.how.size, self.layout)
        return batch(ds, self.how.size, self.how.drop_remainder, self.layout, self.ragged)

    def _batches_first(self, ds: tf.data.Dataset, skip: tf.Tensor) -> tf.data.Dataset:
        """Nothing is done to single elements: batches are numbered, which costs less."""
        firsts = tf.data.Dataset.range(skip, tf.int64.max, self.how.size)
        batches = ds.skip(skip).batch(self.how.size, drop_remainder=self.how.drop_remainder)
        return tf.data.Dataset.zip(firsts, batches)

    def _augmented(self, epoch: tf.Tensor, batch: tf.Tensor, read: tuple[tf.Tensor, Any]) -> Any:
        index, element = read
        if index.shape.rank == 0:
            index += tf.range(tf.shape(tf.nest.flatten(element)[0], tf.int64)[0])
        element = self.work.augment(index, element, epoch)
        step = epoch * (self.per_epoch or 0) + batch
        return self.how.delivered(epoch, step, index, element)

    def _differ(self, spec: Any) -> bool:
        """Whether two elements may differ in shape, so that single ones have to be looked at."""
        leaves = tf.nest.flatten(spec)
        return self.ragged is not None or varies(spec, self.layout) or any(map(unknown, leaves))

    def _singles(self, ds: tf.data.Dataset, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        """Elements, prepared: before the shuffle, or after it where that holds files."""
        ds = ds.enumerate()
        if self.how.shuffle:
            window = (self.size or WINDOW) if self.how.shuffle is True else int(self.how.shuffle)
            mixed = ds if self.encoded else self._each(ds, epoch)
            ds = Order(self.seed, epoch).in_windows(mixed, window, self.size)
        ds = ds.skip(skip)
        return self._each(ds, epoch) if self.encoded or not self.how.shuffle else ds

    def _each(self, ds: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        if self.work.prepare is None and not self.encoded:
            return ds
        return parallel_map(ds, lambda i, element: (i, self.work.prepared(i, element, epoch)))
