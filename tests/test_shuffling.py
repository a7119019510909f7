"""The order of a shuffled epoch: a permutation that chance might have made, and what a window does.

NumPy's permutations say what chance makes.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import augreg
from augreg.annotations.element import Indexed
from augreg.dataset.shuffling import Order


def _orders(size, epochs, seed=5):
    """int64 [epochs, size]: the orders of so many epochs."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    def order(epoch):
        return Order(seed, epoch).permutation(0, size)

    return np.stack([order(tf.constant(epoch, tf.int64)).numpy() for epoch in range(epochs)])


def _neighbours(orders):
    """For each epoch, how many elements are followed by one that followed within three."""
    steps = np.diff(orders, axis=1)
    return ((steps >= 1) & (steps <= 3)).sum(axis=1)


@pytest.mark.parametrize("size", [1, 2, 5, 99, 100, 101, 1000, 3670])
def test_every_order_is_a_permutation(size):
    for order in _orders(size, 3):
        assert sorted(order) == list(range(size))


@pytest.mark.parametrize("size", [99, 100, 150, 3670])
def test_neighbours_part_as_often_as_in_numpy_s_permutations(size):
    rng = np.random.default_rng(0)
    found = _neighbours(_orders(size, 200))
    chance = _neighbours(np.stack([rng.permutation(size) for _ in range(2000)]))
    assert scipy.stats.mannwhitneyu(found, chance).pvalue > 0.001
    assert found.max() <= chance.max() + 3  # no single epoch stays as it was


@pytest.mark.parametrize("size", [20, 100, 3670])
def test_first_places_are_as_random_as_numpy_s(size):
    """Whoever comes first, and what comes to the first place, is anyone as often as another."""
    orders = _orders(size, 600)
    for value in (orders[:, 0], orders[:, 1], orders[:, -1], np.argmin(orders, axis=1)):
        counts, _ = np.histogram(value, bins=10, range=(0, size))
        assert scipy.stats.chisquare(counts).pvalue > 1e-4
    descents = (np.diff(orders[:, :15], axis=1) > 0).mean()  # 0, 1, 2, ... 14 has none
    assert abs(descents - 0.5) < 0.02


def test_all_orders_of_a_few_come_up_alike():
    orders = _orders(4, 1200)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


def _labels(size, **options):
    source = tf.data.Dataset.range(size).map(lambda i: (tf.zeros((1, 1, 3), tf.uint8), i))
    if options.pop("unknown", False):
        source = source.filter(lambda *_: True)
    ds = augreg.augment_dataset(source, STILL, batch_size=32, epochs=1, **options)
    return np.concatenate([labels for _, labels in ds.as_numpy_iterator()])


STILL = {"version": 1, "prepare": [{"op": "clip"}]}
SIZE = 1200


def _classes(order):
    """Of elements sorted into five classes, how many classes a batch of 32 holds."""
    labels = np.asarray(order) * 5 // SIZE
    return np.mean([len(set(labels[i : i + 32])) for i in range(0, SIZE - 31, 32)])


def test_a_window_mixes_as_tf_data_s_buffer_does():
    window, options = 300, {"sections": ("prepare",)}
    found = _labels(SIZE, shuffle=window, seed=1, unknown=True, **options)
    assert sorted(found) == list(range(SIZE))
    buffered = [
        _classes([int(i) for i in tf.data.Dataset.range(SIZE).shuffle(window, seed=seed)])
        for seed in range(3)
    ]
    assert _classes(found) > 0.93 * np.mean(buffered)
    places = np.arange(SIZE)
    assert (found - places).max() < window  # none comes earlier than a window lets it
    assert (places - found).max() > window  # some wait for long, as they do in a buffer
    whole = _labels(SIZE, shuffle=True, seed=1, **options)
    assert _classes(whole) > 4.9


def test_shuffle_true_of_unknown_length_mixes_all_that_a_window_holds():
    found = _labels(150, shuffle=True, seed=1, unknown=True, sections=("prepare",))
    assert sorted(found) == list(range(150))
    assert _neighbours(found[None])[0] < 12


def test_indexed_sources_have_the_whole_permutation_whatever_window_is_asked_for():
    def element(i):
        return tf.zeros((1, 1, 3), tf.uint8), i

    options = {"batch_size": 32, "seed": 1, "sections": ("prepare",), "epochs": 1}
    ds = augreg.augment_dataset(Indexed(SIZE, element), STILL, shuffle=10, **options)
    found = np.concatenate([labels for _, labels in ds.as_numpy_iterator()])
    np.testing.assert_array_equal(found, _labels(SIZE, shuffle=True, seed=1, sections=("prepare",)))


def test_a_window_is_saved_in_mid_epoch_and_goes_on(tmp_path):
    """Images of several sizes are in it, too: it holds them as they are."""
    sides = [4, 5, 7, 6]
    resize = {"version": 1, "prepare": [{"op": "resize", "height": 4, "width": 4}]}

    def fresh():
        source = tf.data.Dataset.range(40).map(
            lambda i: tf.fill((tf.gather(sides, i % 4), 5, 3), tf.cast(i, tf.uint8))
        )
        options = {"batch_size": 4, "epochs": 1, "shuffle": 16, "sections": ("prepare",)}
        return iter(augreg.augment_dataset(source, resize, **options))

    running = fresh()
    for _ in range(3):
        next(running)
    saved = tf.train.Checkpoint(iterator=running).save(str(tmp_path / "it"))
    rest = [batch.numpy()[:, 0, 0, 0].tolist() for batch in running]
    again = fresh()
    tf.train.Checkpoint(iterator=again).restore(saved)
    assert [batch.numpy()[:, 0, 0, 0].tolist() for batch in again] == rest
    assert len({value for batch in rest for value in batch}) == 28


def test_shuffled_iterator_is_saved_again_and_again(tmp_path):
    """Elements that were given out before must be whole: saving crashed, once in twenty times."""
    ds = augreg.augment_dataset(
        tf.data.Dataset.from_tensor_slices(np.zeros((40, 4, 4, 3), np.uint8)),
        {"version": 1, "prepare": [{"op": "brightness", "delta": [-0.3, 0.3]}]},
        **{"batch_size": 4, "epochs": 2, "shuffle": True, "sections": ("prepare",)},
    )
    for number in range(20):
        iterator = iter(ds)
        for _ in range(1 + number % 3):
            next(iterator)
        tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / str(number)))
