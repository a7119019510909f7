"""A dataset that each epoch starts anew holds its program as one node; others as ops."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from samples import graph_of, noise, policy

import augreg
from augreg.backends.tensorflow import compiled, module

IMAGES = noise(10, 9, 7, 3)
STEPS = [{"op": "rotate", "degrees": [-30, 30]}, {"op": "brightness", "delta": [0, 0.2]}]
MODULE = "XlaCallModule"


def _dataset(*steps: Any, **options: Any) -> tf.data.Dataset:
    source = tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(10)))
    return augreg.augment_dataset(source, policy(*steps or STEPS), batch_size=4, seed=3, **options)


def _ops(ds: tf.data.Dataset) -> list[str]:
    return [node.op for function in graph_of(ds).library.function for node in function.node_def]


needs_modules = pytest.mark.skipif(
    tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21),
    reason="an older TensorFlow may make none",
)


@needs_modules
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"drop_remainder": True}])
def test_epoch_starts_with_a_module(options: dict[str, Any]) -> None:
    ops = _ops(_dataset(**options))

    assert MODULE in ops
    assert "BitwiseXor" in ops or "shuffle" not in options  # what the shuffle draws stays
    assert not {"While", "StatelessWhile"} & set(ops)


@pytest.mark.parametrize("options", [{"epochs": 2}, {"training": False}])
def test_dataset_whose_iterators_can_be_saved_holds_none(options: dict[str, Any]) -> None:
    assert MODULE not in _ops(_dataset(**options))


def test_batches_that_are_mixed_and_of_unknown_length_are_left_to_the_graph() -> None:
    assert MODULE not in _ops(_dataset({"op": "mixup", "classes": 10, "alpha": 1}))


@pytest.mark.parametrize("why", ["stage", "import", "eagerly"])
def test_without_modules_the_pixels_are_the_same(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [images.numpy() for images, _ in _dataset(shuffle=True)]
    module.as_module.cache_clear()
    compiled.shared_program.cache_clear()
    if why == "stage":  # as TensorFlow 2.18 does
        refused = mock.Mock(side_effect=ValueError("Invalid stage selected"))
        monkeypatch.setattr(module, "_written", lambda *_: None)
        kind = type(tf.function(lambda: 0))
        monkeypatch.setattr(kind, "experimental_get_compiler_ir", lambda *_: refused)
    elif why == "import":
        monkeypatch.setitem(sys.modules, "tensorflow.compiler.tf2xla.python", None)
    else:
        monkeypatch.setattr(tf.config, "functions_run_eagerly", lambda: True)

    ds = _dataset(shuffle=True)

    assert MODULE not in _ops(ds)
    for found, wanted in zip(ds, expected, strict=True):
        np.testing.assert_array_equal(found[0], wanted)


def test_epochs_of_modules_are_those_of_the_reference() -> None:
    ds = _dataset()
    for epoch in range(3):
        found = np.concatenate([images for images, _ in ds.as_numpy_iterator()])
        expected = augreg.augment(IMAGES, policy(*STEPS), seed=3, epoch=epoch)
        np.testing.assert_allclose(found, expected, atol=1 / 255)


@needs_modules
def test_a_dataset_made_in_a_function_gets_one_too() -> None:
    @tf.function
    def total() -> tf.Tensor:
        number = tf.constant(0.0)
        for images, _ in _dataset():
            number += tf.reduce_sum(images)
        return number

    np.testing.assert_allclose(total(), augreg.augment(IMAGES, policy(*STEPS), seed=3).sum(), 1e-3)


@needs_modules
def test_module_that_is_made_again_while_it_is_in_use_is_the_same() -> None:
    first = _dataset()
    module.as_module.cache_clear()
    second = _dataset()

    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], two[0])


@needs_modules
def test_eager_calls_on_bytes_run_modules_and_on_floats_what_has_a_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths = []
    as_module = module.as_module.__wrapped__
    monkeypatch.setattr(
        compiled,
        "as_module",
        lambda program, spec, epochs: (
            lengths.append(spec.shape[0]) or as_module(program, spec, epochs)
        ),
    )
    layer = augreg.AugmentationLayer(policy(*STEPS), seed=3)
    index = np.arange(10)
    for count in (10, 3, 10):
        found = layer(IMAGES[:count], training=True, index=index[:count])
        expected = augreg.augment(IMAGES[:count], policy(*STEPS), seed=3)
        np.testing.assert_allclose(found, expected, atol=1 / 255)
    assert lengths == [10, 3]

    floats = tf.constant(IMAGES / np.float32(255))
    with tf.GradientTape() as tape:
        tape.watch(floats)
        made = layer(floats, training=True, index=index)
    assert tape.gradient(made, floats).shape == floats.shape
    assert lengths == [10, 3]
