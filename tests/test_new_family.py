"""A family that augreg does not have: a transform, a stage and two kernels, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.backends.reference import interpreter
from augreg.backends.tensorflow import kernels
from augreg.backends.tensorflow.batch import to_float
from augreg.backends.tensorflow.compiled import shared_program
from augreg.errors import OpError
from augreg.families import Item, Stage, Transform
from augreg.testing import registry_with
from augreg.views.explain import explain


@dataclass(frozen=True)
class Roll(Transform):
    """Rolls the columns to the right, cyclically, by int32 [B] pixels."""

    arrays: ClassVar[Mapping[str, tuple[int, ...]]] = {"columns": ()}
    dtype: ClassVar[str] = "int32"
    boundary: ClassVar[str] = "rolls"

    columns: Any

    def stage(self, item: Item, **common: Any) -> RollStage:
        return RollStage(items=(item,), **common)


@dataclass(frozen=True, kw_only=True)
class RollStage(Stage):
    """One roll."""

    title: ClassVar[str] = "roll"

    def lower(self, lowering: Any, size: Any) -> Any:
        (item,) = self.items
        return lowering.transform(item.step, size, item.suffix).columns, lowering.condition(item)

    def bounds(self, lowered: Any, low: Any, high: Any) -> tuple[Any, Any]:
        return low, high

    def describe(self, shared: str) -> str:
        return "one roll"


@augreg.op("acme/roll", gray=True, columns=augreg.Integer(0, 9))
def roll(xp: Any, columns: Any) -> Roll:
    """Rolls the columns."""
    return Roll(columns)


def _in_numpy(run: Any, stage: RollStage, lowered: Any, images: Any) -> Any:
    columns, condition = lowered
    columns = np.broadcast_to(columns, len(images))
    taken = np.ones(len(images), bool) if condition is None else condition
    rolled = [
        np.roll(x, n if done else 0, 1) for x, n, done in zip(images, columns, taken, strict=True)
    ]
    return np.stack(rolled)


def _in_tensorflow(run: Any, stage: RollStage, lowered: Any, pixels: Any) -> Any:
    columns, condition = lowered
    images = to_float(pixels)
    width = images.shape[2] or tf.shape(images)[2]
    if condition is not None:
        columns = tf.where(condition, columns, 0)
    columns = tf.broadcast_to(columns, tf.shape(images)[:1])
    places = (tf.range(width)[None] - columns[:, None]) % width
    return run.scope.barrier(lambda: tf.gather(images, places, axis=2, batch_dims=1))


STEPS = [
    {"op": "flip", "axis": "horizontal", "p": 0.5},
    {"op": "acme/roll", "columns": [0, 9], "p": 0.7},
    {"op": "brightness", "delta": [-0.2, 0.2]},
]
IMAGES = np.random.default_rng(3).integers(0, 256, (12, 10, 11, 3), np.uint8)


@pytest.fixture
def policy() -> Iterator[Any]:
    with (
        mock.patch.dict(interpreter.KERNELS, {RollStage: _in_numpy}),
        mock.patch.dict(kernels.KERNELS, {RollStage: _in_tensorflow}),
    ):
        yield _load()


def _load() -> Any:
    return augreg.load_policy({"version": 1, "augment": STEPS}, registry=registry_with(roll))


@pytest.mark.parametrize("debug", [False, True])
def test_it_runs_in_every_way(policy: Any, debug: bool) -> None:
    expected = augreg.augment(IMAGES, policy, seed=5)
    index = np.arange(len(IMAGES))
    plain = augreg.augment(
        IMAGES, {"version": 1, "augment": [STEPS[0], {**STEPS[2], "id": "/augment/2"}]}, seed=5
    )
    assert 0.3 < (np.abs(expected - plain).max(axis=(1, 2, 3)) > 0.01).mean() < 1

    fn = augreg.map_fn(policy, seed=5, batched=True, debug=debug)
    np.testing.assert_allclose(fn(index, IMAGES), expected, atol=1e-5)
    layer = augreg.AugmentationLayer(policy, seed=5, debug=debug)
    np.testing.assert_allclose(layer(IMAGES, training=True, index=index), expected, atol=1e-5)


def test_it_is_planned_and_explained(policy: Any) -> None:
    found = explain(policy, size=(10, 11))
    assert [stage.kind for stage in found.stages] == ["whole-pixel moves", "roll", "pointwise"]
    assert found.stages[1].why == "rolls" and found.stages[1].does == "one roll"


def test_without_kernels_it_is_named() -> None:
    shared_program.cache_clear()  # of the tests before, which had them
    policy = _load()
    with pytest.raises(OpError, match='op "acme/roll": the reference has no kernel for "roll"'):
        augreg.augment(IMAGES, policy, seed=5)
    with pytest.raises(OpError, match='op "acme/roll": TensorFlow has no kernel for "roll"'):
        augreg.map_fn(policy, batched=True)(np.arange(len(IMAGES)), IMAGES)
