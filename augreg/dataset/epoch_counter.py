"""Which epoch an iteration is: a counter, read and raised in one step when an iteration starts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

from augreg.checks import check_dataset, check_uint32
from augreg.dataset.maps import flat_map, plain_map


def counted(first: int) -> tf.data.Dataset:
    """A dataset of one number, int64: `first` in its first iteration, one more in each other.

    The number is taken when an iteration asks for its first element, so that an iterator that
    nobody reads leaves no gap. It is what makes a dataset stateful: no iterator of it can be saved.
    """
    counter = _variable(first)

    def count(_: tf.Tensor) -> tf.Tensor:
        # read and raised at once: two iterations that start together are two epochs
        return tf.raw_ops.ResourceCountUpTo(resource=counter.handle, limit=tf.int64.max, T=tf.int64)

    return plain_map(tf.data.Dataset.range(1), count)


def enumerate_epochs(ds: tf.data.Dataset, first_epoch: int = 0) -> tf.data.Dataset:
    """Numbers a dataset's elements and its iterations, for `map_fn`.

    Each new iteration of the result is the next epoch: for each epoch of `fit`, and for each pass
    of `.repeat()`. Shuffle and batch the result, not `ds`, so that an index stays an element's
    position in `ds`.

    Args:
        ds: single elements, in a fixed order.
        first_epoch: the number of the first iteration, 0 to 2**32-1.

    Returns:
        A dataset of (index, element, epoch), of the length of `ds`; index and epoch are int64
        scalars. Its iterators can't be saved; those of `augment_dataset(epochs=n)` can.

    >>> import augreg, tensorflow as tf
    >>> ds = augreg.enumerate_epochs(tf.data.Dataset.from_tensor_slices([50, 60]))
    >>> [[tuple(map(int, one)) for one in ds] for _ in range(2)]
    [[(0, 50, 0), (1, 60, 0)], [(0, 50, 1), (1, 60, 1)]]
    """
    check_dataset(ds, "enumerate_epochs")
    first = check_uint32(first_epoch, "first_epoch")

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        return plain_map(ds.enumerate(), lambda index, element: (index, element, epoch))

    numbered = flat_map(counted(first), one_epoch)
    count = tf.get_static_value(ds.cardinality())  # None for a dataset of a graph
    if count is None or count == tf.data.UNKNOWN_CARDINALITY:
        return numbered
    return numbered.apply(tf.data.experimental.assert_cardinality(count))


@tf.autograph.experimental.do_not_convert
def _variable(first: int) -> Any:
    """The counter, on the CPU, where all of tf.data is.

    It is made in a thread of its own, which no scope of the caller reaches: a strategy's would make
    copies for its replicas of it, and a function that is traced a part of its graph. Functions hold
    its handle, and the handle holds what it counts.
    """

    def make() -> Any:
        with tf.device("CPU:0"):
            return tf.Variable(first, trainable=False, dtype=tf.int64, name="epoch")

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(make).result()
