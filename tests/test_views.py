"""Two views of a sample: the same samples, each view with draws of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.errors import DataError
from augreg.random.generator import view_seed

N, H, W = 10, 20, 24
RNG = np.random.default_rng(2)
IMAGES = RNG.integers(0, 256, (N, H, W, 3), np.uint8)
LABELS = np.arange(N)
POLICY: dict[str, Any] = {
    "version": 1,
    "prepare": [{"op": "resized_crop", "height": 16, "width": 16, "area": [0.2, 0.9]}],
    "augment": [{"op": "flip", "p": 0.5}, {"op": "brightness", "delta": [-0.3, 0.3]}],
}


def arrays() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))


def batches(views: int, **more: Any) -> list[Any]:
    ds = augreg.augment_dataset(arrays(), POLICY, 4, seed=7, views=views, **more)
    return [tf.nest.map_structure(np.asarray, batch) for batch in ds]


@pytest.mark.parametrize("shuffle", [False, True])
def test_each_view_is_what_augment_gives_under_its_seed(shuffle: bool) -> None:
    made = batches(3, epochs=2, shuffle=shuffle)
    assert [len(batch) for batch in made] == [3] * 6
    for step, batch in enumerate(made):
        labels = [view[1] for view in batch]
        assert (labels[0] == labels[1]).all() and (labels[0] == labels[2]).all()
        for view, (images, index) in enumerate(batch):
            place = {"seed": view_seed(7, view), "index": index, "epoch": step // 3}
            expected = augreg.augment(IMAGES[index], POLICY, **place)
            np.testing.assert_allclose(images, expected, atol=1 / 255)


def test_the_first_view_is_that_of_a_run_without_views() -> None:
    plain = batches(1, epochs=1, shuffle=True)
    for (images, labels), views in zip(plain, batches(2, epochs=1, shuffle=True), strict=True):
        np.testing.assert_array_equal(images, views[0][0])
        np.testing.assert_array_equal(labels, views[0][1])
        assert np.abs(views[0][0] - views[1][0]).mean() > 0.05


def test_each_iteration_is_the_next_epoch_of_all_views() -> None:
    ds = augreg.augment_dataset(arrays(), POLICY, N, seed=7, views=2)
    assert len(ds) == 1
    first, second = (next(iter(ds)) for _ in range(2))
    for view, epochs in enumerate(zip(first, second, strict=True)):
        for epoch, (images, _) in enumerate(epochs):
            seed = view_seed(7, view)
            expected = augreg.augment(IMAGES, POLICY, seed=seed, epoch=epoch)
            np.testing.assert_allclose(images, expected, atol=1 / 255)


def test_numbers_come_once() -> None:
    for numbers, views in batches(2, epochs=1, numbered=True):
        np.testing.assert_array_equal(numbers["index"], views[0][1])
        assert len(views) == 2


@pytest.mark.parametrize("batched", [False, True])
def test_map_fn_gives_a_tuple_of_elements(batched: bool) -> None:
    fn = augreg.map_fn(POLICY, seed=7, views=2, batched=batched)
    ds = augreg.enumerate_epochs(arrays())
    ds = ds.batch(N).map(fn) if batched else ds.map(fn).batch(N)
    ((one, labels), (two, same)) = next(iter(ds))
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(same, LABELS)
    for view, images in enumerate((one, two)):
        expected = augreg.augment(IMAGES, POLICY, seed=view_seed(7, view))
        np.testing.assert_allclose(images, expected, atol=1 / 255)


def test_seeds_of_views_differ() -> None:
    seeds = {view_seed(seed, view) for seed in range(50) for view in range(8)}
    assert len(seeds) == 400 and max(seeds) < 2**32
    assert [view_seed(seed, 0) for seed in (0, 9, 2**32 - 1)] == [0, 9, 2**32 - 1]


def test_what_has_no_views_is_named() -> None:
    generated = arrays().map(lambda image, label: (image, label))
    with pytest.raises(DataError, match="views=2 needs random access"):
        augreg.augment_dataset(generated, POLICY, views=2)
    for wrong in (0, -1, 1.5, "2", True):
        with pytest.raises(ValueError, match=r"views=.*; allowed are 1, 2"):
            augreg.augment_dataset(arrays(), POLICY, views=wrong)
        with pytest.raises(ValueError, match=r"views=.*; allowed are 1, 2"):
            augreg.map_fn(POLICY, views=wrong)
    with pytest.raises(ValueError, match="leave one of them out"):
        augreg.augment_dataset(arrays(), POLICY, views=2, epochs=1, service="grpc://localhost:1")
