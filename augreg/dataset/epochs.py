"""The pipeline of one epoch: prepares, shuffles, batches and augments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from augreg.annotations.element import Indexed, image_of, with_image
from augreg.backends.options import RunOptions
from augreg.dataset.batching import batch, varies
from augreg.dataset.function import map_function
from augreg.dataset.maps import always, flat_map, parallel_map
from augreg.dataset.shuffling import WINDOW, Order
from augreg.dataset.sizes import alike, is_encoded, length, length_of_singles, unknown
from augreg.dataset.unbatch import is_batched, singles
from augreg.images.decode import decode


class Epochs:
    """Makes the batches of an epoch."""

    def __init__(
        self,
        ds: tf.data.Dataset | Indexed,
        options: RunOptions,
        batch_size: int,
        shuffle: bool | int,
        drop_remainder: bool,
        restarted: bool,
    ) -> None:
        self.batch_size, self.shuffle, self.drop_remainder = batch_size, shuffle, drop_remainder
        self.parts, self.seed, self.size = options.parts, options.seed, length(ds)
        self.encoded = False
        self.ragged: tuple[bool, ...] = ()
        if not isinstance(ds, Indexed):
            batched = is_batched(ds.element_spec, self.parts)
            known = length_of_singles(ds) if batched else None
            ds, self.ragged = singles(ds, self.parts)
            self.size = known or length(ds)
            self.encoded = is_encoded(ds.element_spec, self.parts)
        self.ds = ds
        first = tuple(name for name in options.sections if name == "prepare")
        rest = tuple(name for name in options.sections if name != "prepare")
        prepares = options.policy.prepare(options.training)
        if not (prepares or self.encoded or isinstance(ds, Indexed)):
            # nothing to do for single images; floats are brought to their range all the same
            first, rest = (), rest or first
        self.prepare: Callable[..., Any] | None = None
        self.augment: Callable[..., Any] = lambda index, element, epoch: element
        if first:
            self.prepare = map_function(replace(options, sections=first), False, 0)
        if rest:
            after = (0.0, 1.0) if first else options.input_range
            later = replace(options, sections=rest, input_range=after)
            longest = min(batch_size, self.size or batch_size)
            self.augment = map_function(later, True, 0, longest=longest, restarted=restarted)

    def of(self, numbers: tf.data.Dataset) -> tf.data.Dataset:
        """The augmented batches of these (epoch, elements to skip), one epoch after the other.

        They are augmented outside of the epochs: what an epoch holds, TensorFlow instantiates and
        optimizes anew for each of them.
        """
        return parallel_map(flat_map(numbers, self._epoch), self._augmented)

    def _epoch(self, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.zip(always(epoch), self._batches(epoch, skip))

    def _batches(self, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        """(index, element) of one epoch, in batches; index: [B], or of the first."""
        if isinstance(self.ds, Indexed):
            ds = self._indexed(self.ds, epoch, skip)
        elif self.shuffle or self.prepare or self.encoded or self._differ(self.ds.element_spec):
            ds = self._sequential(self.ds, epoch, skip)
        else:
            return self._batches_first(self.ds, skip)
        ds = alike(ds, self.batch_size, self.parts)
        return batch(ds, self.batch_size, self.drop_remainder, self.parts, self.ragged)

    def _batches_first(self, ds: tf.data.Dataset, skip: tf.Tensor) -> tf.data.Dataset:
        """Nothing is done to single elements: batches are numbered, which costs less."""
        firsts = tf.data.Dataset.range(skip, tf.int64.max, self.batch_size)
        batches = ds.skip(skip).batch(self.batch_size, drop_remainder=self.drop_remainder)
        return tf.data.Dataset.zip(firsts, batches)

    def _augmented(self, epoch: tf.Tensor, numbered: tuple[tf.Tensor, Any]) -> Any:
        index, element = numbered
        if index.shape.rank == 0:
            index += tf.range(tf.shape(tf.nest.flatten(element)[0], tf.int64)[0])
        return self.augment(index, element, epoch)

    def _differ(self, spec: Any) -> bool:
        """Whether two elements may differ in shape, so that single ones have to be looked at."""
        leaves = tf.nest.flatten(spec)
        return any(self.ragged) or varies(spec, self.parts) or any(map(unknown, leaves))

    def batches(self) -> int | None:
        """Batches an epoch, where the source's length is known."""
        size = self.size
        if size is None:
            return None
        return size // self.batch_size if self.drop_remainder else math.ceil(size / self.batch_size)

    def _indexed(self, source: Indexed, epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        size = source.size
        order = Order(self.seed, epoch)
        ds = order.everywhere(size) if self.shuffle else tf.data.Dataset.range(size)
        return parallel_map(ds.skip(skip), lambda i: self._prepared(i, source.element(i), epoch))

    def _sequential(
        self, ds: tf.data.Dataset, epoch: tf.Tensor, skip: tf.Tensor
    ) -> tf.data.Dataset:
        """Elements, prepared: before the shuffle, or after it where that holds files."""
        ds = ds.enumerate()
        if self.shuffle:
            window = (self.size or WINDOW) if self.shuffle is True else int(self.shuffle)
            mixed = ds if self.encoded else self._each(ds, epoch)
            ds = Order(self.seed, epoch).in_windows(mixed, window, self.size)
        ds = ds.skip(skip)
        return self._each(ds, epoch) if self.encoded or not self.shuffle else ds

    def _each(self, ds: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        if self.prepare is None and not self.encoded:
            return ds
        return parallel_map(ds, lambda i, element: self._prepared(i, element, epoch))

    def _prepared(self, index: tf.Tensor, element: Any, epoch: tf.Tensor) -> tuple[tf.Tensor, Any]:
        if self.prepare is not None:
            return index, self.prepare(index, element, epoch)
        image = image_of(element, self.parts)
        if image.dtype == tf.string:
            element = with_image(element, decode(image), self.parts)
        return index, element
