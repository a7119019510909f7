"""Layers, datasets and functions of one policy share traced programs, and never wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy, with_ops

import augreg
from augreg.backends.tensorflow import compiled
from augreg.backends.tensorflow.compiled import shared_program
from augreg.backends.tensorflow.module import as_module
from augreg.backends.tensorflow.program import Program

IMAGES = noise(4, 9, 7, 3)
INDEX = np.arange(4)
STEPS = [{"op": "rotate", "degrees": [-30, 30]}, {"op": "brightness", "delta": [0, 0.2]}]


@pytest.fixture
def traces() -> Iterator[mock.Mock]:
    """Counts how often a program is traced, of which none is kept from before."""
    shared_program.cache_clear()
    as_module.cache_clear()
    with mock.patch.object(Program, "__call__", autospec=True, side_effect=Program.__call__) as spy:
        yield spy


@pytest.mark.parametrize(
    ("whole", "lengths"),
    [(IMAGES, [4, 3]), (IMAGES / np.float32(255), [None, 4])],
    ids=["bytes: a module a length", "floats: a trace, and a dataset's module"],
)
def test_all_ways_share_programs_whatever_seed_epoch_and_batch(
    whole: Any, lengths: list[int | None], traces: mock.Mock
) -> None:
    fn = augreg.map_fn(policy(*STEPS), seed=1, batched=True)
    for seed, count, epoch in ((1, 4, 0), (2, 4, 1), (3, 3, 2)):
        images, index = whole[:count], INDEX[:count]
        layer = augreg.AugmentationLayer(policy(*STEPS), seed=seed)
        expected = augreg.augment(images, policy(*STEPS), seed=seed, epoch=epoch)
        found = layer(images, training=True, index=index, epoch=epoch)
        np.testing.assert_allclose(found, expected, atol=1 / 255)
    np.testing.assert_allclose(
        fn(INDEX, whole), augreg.augment(whole, policy(*STEPS), seed=1), atol=1 / 255
    )
    source = tf.data.Dataset.from_tensor_slices(whole)
    for seed in (1, 5):
        (found,) = augreg.augment_dataset(source, policy(*STEPS), batch_size=4, seed=seed)
        expected = augreg.augment(whole, policy(*STEPS), seed=seed)
        np.testing.assert_allclose(found, expected, atol=1 / 255)
    assert [call.args[1].shape[0] for call in traces.call_args_list] == lengths


def test_an_op_of_the_same_name_that_does_otherwise_shares_nothing() -> None:
    def scaled(by: float) -> augreg.Op:
        @augreg.op("acme/scale")
        def scale(xp):
            """Scales."""
            return augreg.ColorMap(xp.reshape(xp.eye(3), (1, 3, 3)) * by, xp.array([[0.0] * 3]))

        return scale

    for by in (0.5, 0.25):
        loaded = policy({"op": "acme/scale"}, registry=with_ops(scaled(by)))
        found = augreg.AugmentationLayer(loaded)(IMAGES, training=True)
        np.testing.assert_allclose(found, IMAGES / 255 * by, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_batch_size_that_is_known_stays_known(training: bool) -> None:
    ds = tf.data.Dataset.from_tensor_slices(IMAGES).batch(2, drop_remainder=True)
    fn = augreg.map_fn(policy(*STEPS), batched=True, training=training)
    made = ds.map(lambda images: fn(tf.constant([0, 1]), images))
    assert made.element_spec.shape == (2, 9, 7, 3)


def _lengths(policy_: augreg.Policy, **options: Any) -> tuple[set[int | None], list[int]]:
    """The static lengths of the batches that a dataset's program gets, and those that it yields."""
    seen = set()
    make = compiled.shared_program

    def spied(*args: Any) -> Any:
        program = make(*args)
        inner = program.python_function
        spy, written = (
            mock.Mock(side_effect=lambda x, key, of=of: seen.add(x.shape[0]) or of(x, key))
            for of in (program, inner)
        )
        spy.python_function, written.plan = written, inner.plan
        return spy

    source = tf.data.Dataset.from_tensor_slices((noise(7, 9, 9, 3), np.arange(7)))
    with mock.patch.object(compiled, "shared_program", spied):
        ds = augreg.augment_dataset(source, policy_, batch_size=4, **options)
        return seen, [len(labels) for _, labels in ds]


def test_last_batch_is_filled_up_for_xla_which_compiles_for_each_length() -> None:
    assert _lengths(policy(*STEPS)) == ({4}, [4, 3])
    assert _lengths(policy(*STEPS), shuffle=True) == ({4}, [4, 3])
    assert _lengths(policy(*STEPS), drop_remainder=True) == ({4}, [4])


def test_batch_that_is_mixed_is_not_filled_up() -> None:
    step = {"op": "mixup", "classes": 7, "alpha": 1}
    assert _lengths(policy(step)) == ({None}, [4, 3])
