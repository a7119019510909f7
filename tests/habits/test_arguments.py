"""Arguments that are no numbers, no flags and no datasets: one sentence each, in every function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import augreg

POLICY = {"version": 1, "augment": [{"op": "flip", "axis": "horizontal"}]}
IMAGES = np.arange(8 * 4 * 4 * 3, dtype=np.uint8).reshape(8, 4, 4, 3)


def _dataset(**given: Any) -> tf.data.Dataset:
    ds = tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(len(IMAGES))))
    return augreg.augment_dataset(ds, POLICY, **{"batch_size": 4, **given})


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("batch_size", [None, 0, -1, 2.5, "32", True, [2]], "allowed are 1, 2, ..."),
        ("epochs", ["5", [1], 0, 2.0, True, float("nan")], "allowed are 1, 2, ... and None"),
        ("first_batch", [None, -1, 1.5, "1", True], "allowed are 0, 1, ..."),
        ("shuffle", [None, -1, 2.5, "yes", []], "allowed are 0, 1, ..., True and False"),
        ("drop_remainder", [None, "no", 1], "allowed are True and False"),
    ],
)
def test_a_dataset_s_numbers_and_flags_are_looked_at(
    name: str, wrong: list[Any], allowed: str
) -> None:
    for value in wrong:
        with pytest.raises(ValueError, match=f"^{name}=.*; {allowed}"):
            _dataset(**{name: value})


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("seed", [None, "a", -1, 1.5, True, [1]], "^seed has to be"),
        ("training", [None, "False", 0], "^training=.*; allowed are True and False"),
        ("min_visible", [None, "x", -1, 2, float("nan")], "^min_visible has to be in 0 to 1"),
        ("sections", [None, 5, "all", ("output", 5)], "^unknown sections .*; allowed are"),
        ("debug", ["no", 0], "^debug=.*; allowed are True and False"),
    ],
)
def test_what_all_functions_take_is_looked_at_in_all(
    name: str, wrong: list[Any], message: str
) -> None:
    def augment(**given: Any) -> Any:
        return augreg.augment(IMAGES, POLICY, **{"seed": 0, **given})

    functions = [_dataset, lambda **given: augreg.map_fn(POLICY, **given)]
    if name != "training":  # a layer is told when it is called, by Keras
        functions.append(lambda **given: augreg.AugmentationLayer(POLICY, **given))
    if name != "debug":
        functions.append(augment)
    for value in wrong:
        for function in functions:
            with pytest.raises(ValueError, match=message):
                function(**{name: value})


def test_a_map_function_and_a_preview_are_looked_at() -> None:
    with pytest.raises(ValueError, match=r"^batched='x'; allowed are True and False"):
        augreg.map_fn(POLICY, batched="x")
    for samples in (0, 2.5, None):
        with pytest.raises(ValueError, match=r"^samples=.*; allowed are 1, 2"):
            augreg.preview(POLICY, IMAGES[0], samples=samples)
    with pytest.raises(ValueError, match=r"^input_range=255; allowed is"):
        augreg.preview(POLICY, IMAGES[0] / 255, input_range=255)


def test_what_is_no_dataset_is_named() -> None:
    for wrong in (None, IMAGES, list(IMAGES), (IMAGES, IMAGES), {"images": IMAGES}, "folder", 5):
        for take in (lambda ds: augreg.augment_dataset(ds, POLICY), augreg.enumerate_epochs):
            with pytest.raises(augreg.AugregError, match=r"takes a tf.data.Dataset, found a \w+;"):
                take(wrong)


def test_numbers_and_flags_of_numpy_are_python_s() -> None:
    def labels(**given: Any) -> list[int]:
        return [int(one) for _, batch in _dataset(**given) for one in batch]

    assert labels(shuffle=np.True_) == labels(shuffle=True) != list(range(8))
    assert labels(shuffle=np.False_, batch_size=np.int64(3)) == list(range(8))
    assert labels(epochs=np.int32(2), first_batch=np.int64(1), seed=np.uint32(3)) == [
        *range(4, 8),
        *range(8),
    ]
    augreg.augment(IMAGES, POLICY, seed=np.int64(3), training=np.True_)
