"""Steps: the numbers of batches, from which their samples follow, whoever carries the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.annotations.mixing import mixing_steps
from augreg.backends.options import RunOptions
from augreg.dataset.batching import batch
from augreg.dataset.epoch_counter import counted
from augreg.dataset.maps import flat_map, parallel_map, plain_map
from augreg.dataset.shuffling import Order
from augreg.dataset.sizes import alike, is_encoded
from augreg.dataset.slices import slice_rows
from augreg.dataset.work import Batching, Work, batches_of
from augreg.random.generator import view_seed

Shard = tuple[int, int]


class Steps:
    """Makes the batches of a source with random access.

    A step is a number, epoch * `per_epoch` + batch: which samples it holds, in which order, follows
    from it and the seed alone. Nothing is read before it is wanted. view: whose draws they have;
    the samples are the same in all views.
    """

    def __init__(
        self,
        source: Indexed,
        options: RunOptions,
        how: Batching,
        shard: Shard = (0, 1),
        view: int = 0,
    ) -> None:
        self.source, self.how = source, how
        self.layout, self.seed = options.layout, options.seed
        self.per_epoch = batches_of(source.size, how)
        whole = min(how.size, source.size)
        self.kept = slice(*(min(row, whole) for row in slice_rows(how.size, *shard)))
        # partners are of the whole batch, whoever keeps which part of it
        mixes = options.training and "augment" in options.sections and mixing_steps(options.policy)
        self.rows = slice(0, whole) if mixes else self.kept
        filled = self.per_epoch * whole != source.size and not how.drop_remainder
        self.shorter = filled or self.rows.start == self.rows.stop
        spec = plain_map(tf.data.Dataset.range(1), source.element).element_spec
        encoded = is_encoded(spec, self.layout)
        options = replace(options, seed=view_seed(options.seed, view))
        self.work = Work.of(options, encoded, longest=self.length, restarted=how.restarted)

    @property
    def length(self) -> int:
        """How many samples a batch has, but the last."""
        return max(self.rows.stop - self.rows.start, 1)

    def of_next_epoch(self, first: int) -> tf.data.Dataset:
        """The batches of one epoch: of `first` in the first iteration, then of the next ones."""

        def steps(epoch: tf.Tensor) -> tf.data.Dataset:
            start = epoch * self.per_epoch
            return tf.data.Dataset.range(start, start + self.per_epoch)

        return self._of(flat_map(counted(first), steps))

    def between(self, first: int, last: int, first_batch: int) -> tf.data.Dataset:
        """The batches of the epochs `first` to `last` - 1, of the first from `first_batch` on."""
        numbers = self.numbers(first, last, first_batch)
        return self._of(tf.data.Dataset.range(numbers.start, numbers.stop))

    def numbers(self, first: int, last: int, first_batch: int) -> range:
        """The steps of these epochs."""
        begin = first * self.per_epoch + min(first_batch, self.per_epoch)
        return range(begin, last * self.per_epoch)

    def _of(self, steps: tf.data.Dataset) -> tf.data.Dataset:
        return parallel_map(self.read(steps), self.augmented)

    def read(self, steps: tf.data.Dataset) -> tf.data.Dataset:
        """(numbers, element) for each step: prepared, in batches of one length.

        numbers: int64 [length, 3]: positions, the step, and how many samples are its own. The last
        batch of an epoch is filled up, so that `Dataset.batch` keeps steps apart.
        """

        def numbered(step: tf.Tensor) -> tf.Tensor:
            places, count = self.positions(step)
            return tf.stack(
                [places, tf.fill([self.length], step), tf.fill([self.length], count)], 1
            )

        def one(numbers: tf.Tensor) -> tuple[tf.Tensor, Any]:
            i, step = numbers[0], numbers[1]
            return numbers, self.work.prepared(i, self.source.element(i), self.epoch(step))

        singles = parallel_map(plain_map(steps, numbered).unbatch(), one)
        return batch(alike(singles, self.length, self.layout), self.length, True, self.layout, None)

    def augmented(self, numbers: tf.Tensor, element: Any) -> Any:
        """What `read` gives, without what filled it up."""
        index, step, count = numbers[:, 0], numbers[0, 1], numbers[0, 2]
        if self.shorter:
            index, element = _each_part((index, element), slice(count))
        element = self.work.augment(index, element, self.epoch(step))
        if self.rows != self.kept:
            index, element = _each_part((index, element), self.kept)
        return self.how.delivered(self.epoch(step), step, index, element)

    def epoch(self, step: tf.Tensor) -> tf.Tensor:
        return step // max(self.per_epoch, 1)

    def positions(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where a step's samples are: int64 [length], and how many of them are its own."""
        start = step % max(self.per_epoch, 1) * self.how.size + self.rows.start
        count = tf.clip_by_value(self.source.size - start, 0, self.rows.stop - self.rows.start)
        places = start + tf.range(self.length, dtype=tf.int64)
        places = tf.minimum(places, self.source.size - 1)
        if self.how.shuffle:
            places = Order(self.seed, self.epoch(step)).at(places, self.source.size)
        return places, count


def _each_part(batch: Any, rows: slice) -> Any:
    return tf.nest.map_structure(lambda x: x[rows], batch)
