"""The ways TensorFlow code is driven: a dataset, or a function called on batches.

And the floor: nothing but the cast to float32, which every contestant has to do as well.
"""

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

import tensorflow as tf

from benchmarks.measure import Runner
from benchmarks.peers import Source


def dataset(source: Source) -> Any:
    """Single uint8 images [H,W,3] from memory, without end in practice, but of known length.

    The same head for every pipeline: slicing and batching costs all of them alike, the floor too.
    """
    return tf.data.Dataset.from_tensor_slices(source.images).repeat(1_000_000)


def batches(source: Source) -> Any:
    """Full uint8 batches [B,H,W,3] of `dataset`."""
    return dataset(source).batch(source.case.batch, drop_remainder=True)


def parallel(data: Any, function: Callable[..., Any]) -> Any:
    """`function` of every element, as many side by side as tf.data likes."""
    return data.map(function, num_parallel_calls=tf.data.AUTOTUNE)


def seeded(data: Any) -> Any:
    """Each element with a seed of its own, int64 [2]."""
    counter = tf.data.Dataset.counter()
    return tf.data.Dataset.zip((data, tf.data.Dataset.zip((counter, counter))))


def stepped(step: Callable[[], Any]) -> Runner:
    """A runner of an endless pipeline: `step()` takes one batch through it and returns it."""
    held = [step]

    def run(count: int) -> None:
        for _ in range(count):
            held[0]()

    def drain(usual: float) -> None:
        """Take batches until they come at the usual pace: the last five, the slowest left out.

        The slowest may be another program's doing, and batches come in bursts of as many as are
        made side by side. A wait of a tenth of a second needs no second look.
        """
        end = time.perf_counter() + max(0.5, 30 * usual)
        last: deque[float] = deque(maxlen=5)
        while (start := time.perf_counter()) < end:
            held[0]()
            last.append(time.perf_counter() - start)
            if last[-1] >= max(0.1, usual / 2):
                return
            if len(last) == 5 and sum(last) - max(last) >= 1.5 * usual:
                return

    return Runner(run, sample=lambda: held[0](), drain=drain, close=held.clear)


def pulled(batched: Any) -> Runner:
    """A runner that pulls batches through one iterator, kept over all rounds.

    A fresh iterator for each turn would pay for its own start (and XLA's compile) each time.
    The peers' pipelines end in `prefetch(2)`: AUTOTUNE was seen to grow that buffer to dozens of
    batches without being faster, and all of them must be drained and filled around each turn.
    """
    iterator = iter(batched)
    return stepped(lambda: next(iterator))


def called(source: Source, function: Callable[[Any, Any], Any]) -> Runner:
    """A runner that calls `function(index int64 [B], images uint8 [B,H,W,3])` eagerly."""
    size = source.case.batch
    starts = range(0, min(len(source.images), 8 * size), size)
    ready = [
        (tf.range(at, at + size, dtype=tf.int64), tf.constant(source.images[at : at + size]))
        for at in starts
    ]
    endless = cycle(ready)

    def run(count: int) -> None:
        for batch in islice(endless, count):
            function(*batch)

    return Runner(run, sample=lambda: function(*ready[0]))


_cast = partial(tf.cast, dtype=tf.float32)


def floor_in_data(source: Source) -> Runner:
    return pulled(parallel(batches(source), _cast).prefetch(2))


def floor_called(source: Source) -> Runner:
    cast = tf.function(_cast, jit_compile=True)
    return called(source, lambda index, images: cast(images))
