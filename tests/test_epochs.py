"""Which epoch an iteration is: counted once, in whatever way iterations start."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.dataset.epoch_counter import counted

# All of it in prepare, alone: no XLA, whose compiling would take most of these tests' time.
DRAWN = {"version": 1, "prepare": [{"op": "brightness", "delta": [-0.3, 0.3]}]}
OPTIONS = {"batch_size": 4, "seed": 3, "sections": ("prepare",)}
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8)


def _epoch(number):
    return augreg.augment(IMAGES, DRAWN, seed=3, epoch=number, sections=("prepare",))


def _dataset(**options):
    source = tf.data.Dataset.from_tensor_slices(IMAGES)
    return augreg.augment_dataset(source, DRAWN, **OPTIONS, **options)


def test_each_iteration_is_the_next_epoch():
    ds = _dataset(first_epoch=4)
    gc.collect()  # nobody but the dataset holds the counter
    for number in (4, 5, 6):
        np.testing.assert_array_equal(np.concatenate(list(ds.as_numpy_iterator())), _epoch(number))
    twice = np.concatenate(list(ds.repeat(2).as_numpy_iterator()))
    np.testing.assert_array_equal(twice, np.concatenate([_epoch(7), _epoch(8)]))


def test_two_iterators_at_once_are_two_epochs_and_an_unread_one_is_none():
    ds = _dataset()
    iter(ds)
    one, other = iter(ds), iter(ds)
    first = [next(it).numpy() for it in (one, other, one, other)]
    np.testing.assert_array_equal(np.concatenate(first[::2]), _epoch(0))
    np.testing.assert_array_equal(np.concatenate(first[1::2]), _epoch(1))


def test_threads_share_one_count():
    ds, found = counted(0), []

    def read():
        found.extend(int(next(iter(ds))) for _ in range(40))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(160))


def test_counter_made_in_a_strategy_s_scope_counts_once():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        ds = counted(2)
    spread = strategy.experimental_distribute_dataset(ds.repeat(3))
    assert [int(number) for number in spread] == [2, 3, 4]
    assert [int(number) for number in ds] == [5]


def test_dataset_made_in_a_function_counts_over_its_calls():
    @tf.function
    def total():
        number = tf.constant(0, tf.int64)
        for one in augreg.enumerate_epochs(tf.data.Dataset.range(1), first_epoch=5):
            number += one[2]
        return number

    assert [int(total()) for _ in range(3)] == [5, 6, 7]


def test_evaluation_holds_no_state():
    ds = _dataset(training=False, shuffle=True)
    once, again = (list(ds.as_numpy_iterator()) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_only_a_counting_dataset_can_t_be_saved(tmp_path):
    for number, options in enumerate(({"epochs": 2}, {"training": False})):
        iterator = iter(_dataset(**options))
        next(iterator)
        tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / str(number)))
    # one that is still read: nothing more is asked of the counter's state after its last element
    source = tf.data.Dataset.from_tensor_slices(IMAGES).repeat(100)
    iterator = iter(augreg.augment_dataset(source, DRAWN, **OPTIONS))
    next(iterator)
    with pytest.raises(tf.errors.FailedPreconditionError, match="stateful"):
        tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "counting"))


def test_length_is_that_of_one_epoch():
    assert len(_dataset()) == 2
    assert len(_dataset(epochs=3)) == 6
    source = tf.data.Dataset.range(5)
    assert len(augreg.enumerate_epochs(source)) == 5
    unknown = augreg.enumerate_epochs(source.filter(lambda i: True))
    assert int(unknown.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    assert len(list(unknown)) == 5
    endless = augreg.enumerate_epochs(source.repeat())
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY


def test_enumerate_epochs_keeps_elements_of_every_form():
    given = {"images": IMAGES, "extra": (np.arange(8), np.array(["é"] * 8))}
    ds = augreg.enumerate_epochs(tf.data.Dataset.from_tensor_slices(given), first_epoch=9)
    index, element, epoch = ds.element_spec
    assert (index.dtype, index.shape, epoch.dtype, epoch.shape) == (tf.int64, (), tf.int64, ())
    assert element == tf.data.Dataset.from_tensor_slices(given).element_spec
    found = [(int(i), int(e)) for i, _, e in ds]
    assert found == [(i, 9) for i in range(8)]


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True])
def test_number_of_epochs_that_is_none_is_refused(epochs):
    with pytest.raises(ValueError, match=r"epochs=.*; allowed are 1, 2, ... and None"):
        _dataset(epochs=epochs)


def test_first_batch_asks_for_a_number_of_epochs():
    with pytest.raises(ValueError, match=r"first_batch=1 with epochs=None.*as epochs=5"):
        _dataset(first_batch=1)
    with pytest.raises(ValueError, match="first_epoch has to be in 0 to 4294967295"):
        augreg.enumerate_epochs(tf.data.Dataset.range(2), first_epoch=-1)
