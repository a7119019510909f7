"""A shuffle without state: the order is a function of (seed, epoch); an iterator can be saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.dataset import by_reference
from augreg.dataset.maps import flat_map, plain_map, scan
from augreg.random import generator

_ORDER = generator.draw_id("shuffle", "order")
WINDOW = 10_000  # how many elements `shuffle=True` mixes where a source's length is unknown
# A cipher of 4 rounds, TensorFlow's default, keeps neighbours together: single epochs of 3,670 kept
# 79 where chance keeps 2. Of 8 rounds it can't be told from NumPy's permutations, but for few
# elements, which are sorted by random words: at 100 that costs as much.
_ROUNDS = 8
_FEW = 100
_PARTS = 16  # of a window: in and out goes one at a time


@dataclass(frozen=True)
class Order:
    """The order of an epoch's elements, a function of (seed, epoch)."""

    seed: int
    epoch: tf.Tensor

    def at(self, places: tf.Tensor, size: int) -> tf.Tensor:
        """int64 [N]: the positions at these places in a permutation of 0 to `size` - 1."""
        if size < _FEW:
            return tf.gather(self.permutation(0, size), places)
        return _enciphered(places, self._key(0), tf.constant(size, tf.int64))

    def in_windows(self, ds: tf.data.Dataset, window: int, size: int | None) -> tf.data.Dataset:
        """The elements, each drawn out of a window of so many, as tf.data's own buffer does it.

        An element comes at most `window` - 1 places earlier than it would, and may come late. A
        window as long as the data (`size`) gives what `at` does. It holds elements as they
        are, of whatever sizes.
        """
        elements = plain_map(ds, lambda *element: by_reference.hold(element))
        if size is not None and window >= size:
            mixed = self._whole(elements, size)
        else:
            mixed = self._windows(elements, window)
        return plain_map(mixed, lambda *one: by_reference.release(one, ds.element_spec))

    def _whole(self, elements: tf.data.Dataset, size: int) -> tf.data.Dataset:
        """All of them at once, in an order that the epoch's own function works out."""
        order, pool = self.permutation(0, size), elements.batch(max(size, 1))
        return _singles(plain_map(pool, lambda *parts: tuple(tf.gather(x, order) for x in parts)))

    def _windows(self, elements: tf.data.Dataset, window: int) -> tf.data.Dataset:
        portion, count = max(window // _PARTS, 1), len(elements.element_spec)
        arriving = plain_map(elements.batch(portion), lambda *new: (new, False))
        end = plain_map(tf.data.Dataset.range(1), lambda _: (by_reference.none(count), True))

        def draw(state: Any, arrived: Any) -> Any:
            (number, kept), (new, ended) = state, arrived
            pool = tuple(map(by_reference.join, kept, new))
            size = tf.shape(pool[0])[0]
            order = self.permutation(number, size)
            leaving = tf.where(ended, size, tf.maximum(size - (window - portion), 0))
            pool = tuple(tf.gather(part, order) for part in pool)
            left = (number + 1, tuple(part[leaving:] for part in pool))
            return left, tuple(part[:leaving] for part in pool)

        start = (tf.constant(0, tf.int64), by_reference.none(count))
        return _singles(scan(arriving.concatenate(end), start, draw))

    def permutation(self, number: Any, size: Any) -> tf.Tensor:
        """int64 [size]: the places 0 to size - 1 in the order of window `number`."""
        key = self._key(number)
        if isinstance(size, int) and size >= _FEW:
            return _enciphered(tf.range(size, dtype=tf.int64), key, tf.constant(size, tf.int64))
        return _permutation(key, tf.cast(size, tf.int64))

    def _key(self, number: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Two words, uint32 [1] each, for window `number`."""
        words = (self.seed, self.epoch, number)
        return _key(*(tf.cast(tf.reshape(word, (1,)), tf.uint32) for word in words))


def _singles(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Handles one by one. `unbatch` moves them out, and saving it then reads what is gone."""
    return flat_map(batches, lambda *parts: tf.data.Dataset.from_tensor_slices(parts))


_WORD = tf.TensorSpec([1], tf.uint32)


@tf.function(input_signature=[_WORD, _WORD, _WORD], autograph=False)
def _key(*words: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Traced once for all datasets, as `_permutation` is."""
    first, second = generator.words(TENSORFLOW, (_ORDER,), generator.SampleKey(*words))
    return first[0], second[0]


@tf.function(input_signature=[(_WORD, _WORD), tf.TensorSpec([], tf.int64)], autograph=False)
def _permutation(key: tuple[tf.Tensor, tf.Tensor], size: tf.Tensor) -> tf.Tensor:
    places = tf.range(size)
    return tf.cond(
        size < _FEW, lambda: _sorted(places, key), lambda: _enciphered(places, key, size)
    )


def _enciphered(i: tf.Tensor, key: tuple[tf.Tensor, ...], size: tf.Tensor) -> tf.Tensor:
    """Where the positions go in a permutation of so many: a cipher of them, 27 ns each."""
    words = tf.concat([*key, tf.zeros(1, tf.uint32)], 0)
    return tf.raw_ops.RandomIndexShuffle(
        index=i, seed=words, max_index=tf.maximum(size - 1, 0), rounds=_ROUNDS
    )


def _sorted(places: tf.Tensor, key: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """The places by a random number of each, of 63 bits; ties stay in their order."""
    places = tf.cast(places, tf.uint32)
    pair = generator.threefry2x32(TENSORFLOW, key, (places, tf.zeros_like(places)))
    high, low = (tf.cast(word, tf.int64) for word in pair)
    return tf.cast(tf.argsort(high * 2**31 + low // 2, stable=True), tf.int64)
