"""A shuffle without state: positions are permuted, so that an iterator can be saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from augreg import draws
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batching import batch
from augreg.dataset.plain import parallel_map

_ORDER = draws.draw_id("shuffle", "order")
WINDOW = 10_000  # how many elements `shuffle=True` mixes where a source has no random access


@dataclass(frozen=True)
class Order:
    """The order of an epoch's elements, a function of (seed, epoch)."""

    seed: int
    epoch: tf.Tensor

    def everywhere(self, positions: tf.data.Dataset, size: int) -> tf.data.Dataset:
        """The positions 0 to `size` - 1, permuted."""
        return parallel_map(positions, lambda i: self._permuted(i, 0, size))

    def in_windows(self, ds: tf.data.Dataset, window: int) -> tf.data.Dataset:
        """The elements, permuted in windows of so many."""

        def permute(number: tf.Tensor, elements: Any) -> Any:
            count = tf.shape(tf.nest.flatten(elements)[0], out_type=tf.int64)[0]
            places = self._permuted(tf.range(count), number, count)
            return tf.nest.map_structure(lambda part: tf.gather(part, places), elements)

        return parallel_map(batch(ds, window).enumerate(), permute).unbatch()

    def _permuted(self, i: tf.Tensor, number: Any, size: Any) -> tf.Tensor:
        """Where position `i` goes in the permutation of window `number`."""
        seed, epoch, number = (
            tf.reshape(tf.cast(word, tf.uint32), (1,)) for word in (self.seed, self.epoch, number)
        )
        pair = draws.words(TENSORFLOW, seed, (_ORDER,), epoch, number)
        key = tf.reshape(tf.stack(pair), (2,))
        return tf.random.experimental.index_shuffle(i, key, tf.cast(size, tf.int64) - 1)
