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
    """Makes the batches of epochs.

    Attributes:
        prepares: something is done to each element before they are batched.
        later: not before a shuffle, which holds files then, or there is none.
    """

    def __init__(self, ds: tf.data.Dataset, options: RunOptions, how: Batching) -> None:
        self.how, self.layout, self.seed = how, options.layout, options.seed
        batched = is_batched(ds.element_spec, self.layout)
        known = length_of_singles(ds) if batched else None
        self.ds, self.ragged = singles(ds, self.layout)
        self.size = known or length(self.ds)
        self.encoded = is_encoded(self.ds.element_spec, self.layout)
        longest = min(how.size, self.size or how.size)
        self.work = Work.of(options, self.encoded, longest=longest, restarted=how.restarted)
        self.prepares = self.encoded or self.work.prepare is not None
        self.later = self.prepares and (self.encoded or not how.shuffle)

    @property
    def per_epoch(self) -> int | None:
        """Batches an epoch, where the source's length is known."""
        return None if self.size is None else batches_of(self.size, self.how)

    def of_next_epoch(self, first: int) -> tf.data.Dataset:
        """The batches of one epoch: of `first` in the first iteration, then of the next ones."""
        numbers = counted(first)
        return self._of_one(numbers, 0) if self.later else self._of(numbers, first, 0)

    def between(self, first: int, last: int, first_batch: int) -> tf.data.Dataset:
        """The batches of the epochs `first` to `last` - 1, of the first from `first_batch` on."""
        numbers = tf.data.Dataset.range(first, last)
        if self.later and last == first + 1:
            return self._of_one(numbers, first_batch)
        return self._of(numbers, first, first_batch)

    def _of_one(self, numbers: tf.data.Dataset, first_batch: int) -> tf.data.Dataset:
        """As `_of`, where there is one epoch: elements are prepared outside of it, too."""
        skip = tf.constant(first_batch * self.how.size, tf.int64)

        def prepared(epoch: tf.Tensor, numbered: tuple[tf.Tensor, Any]) -> tuple[tf.Tensor, Any]:
            i, element = numbered
            return tf.stack([i, epoch]), self.work.prepared(i, element, epoch)

        def augmented(batch: tf.Tensor, read: tuple[tf.Tensor, Any]) -> Any:
            numbers, element = read
            return self._augmented(numbers[0, 1], batch, (numbers[:, 0], element))

        singles = flat_map(
            numbers, lambda epoch: tf.data.Dataset.zip(always(epoch), self._in_order(epoch, skip))
        )
        batches = self._in_batches(parallel_map(singles, prepared))
        return parallel_map(batches.enumerate(first_batch), augmented)

    def _of(self, numbers: tf.data.Dataset, first: int, first_batch: int) -> tf.data.Dataset:
        """They are augmented outside of the epochs.

        What an epoch holds, TensorFlow optimizes anew for each of them, and as a part of what makes
        it once more.
        """
        skipped = tf.constant(first_batch * self.how.size, tf.int64)

        def one(epoch: tf.Tensor) -> tf.data.Dataset:
            skip = tf.where(epoch == first, skipped, 0)
            batches = tf.data.Dataset.range(skip // self.how.size, tf.int64.max)
            return tf.data.Dataset.zip(always(epoch), batches, self._batches(epoch, skip))

        return parallel_map(flat_map(numbers, one), self._augmented)

    def _batches(self, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        """(index, element) of one epoch, in batches; index: [B], or of the first."""
        each = self.how.shuffle or self.prepares
        if not (each or self._differ(self.ds.element_spec)):
            return self._batches_first(self.ds, skip)
        ds = self._in_order(epoch, skip)
        return self._in_batches(self._each(ds, epoch) if self.later else ds)

    def _in_batches(self, ds: tf.data.Dataset) -> tf.data.Dataset:
        ds = alike(ds, self.how.size, self.layout)
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

    def _in_order(self, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        """Elements with their numbers, prepared where they are not to be `later`."""
        ds = self.ds.enumerate()
        if self.how.shuffle:
            window = (self.size or WINDOW) if self.how.shuffle is True else int(self.how.shuffle)
            mixed = self._each(ds, epoch) if self.prepares and not self.later else ds
            ds = Order(self.seed, epoch).in_windows(mixed, window, self.size)
        return ds.skip(skip)

    def _each(self, ds: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        return parallel_map(ds, lambda i, element: (i, self.work.prepared(i, element, epoch)))
