"""Stages that repeat: one loop under XLA, with the pixels of the copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from mixed_samples import H, W
from samples import noise, policy

import augreg
from augreg.backends.tensorflow import compiled, kernels, module

COUNT = 6
SLOT = [
    {"op": "brightness", "delta": [-0.3, 0.3]},
    {"op": "rotate", "degrees": [-40, 40], "fill": "reflect"},
    {"op": "gaussian_blur", "kernel_size": 3, "sigma": [0.4, 2]},
]
CHOICE = {"one_of": [*SLOT, {"op": "equalize"}, {"op": "posterize", "bits": 3}], "p": 0.8}
MOVES = [SLOT[1], {"op": "zoom", "factor": [0.8, 1.2], "fill": "reflect"}]
SHARPER = {"op": "sharpness", "factor": 2}
FIXED = [
    [{"op": "rotate", "degrees": by}, {"op": "gamma", "gamma": power}, SHARPER]
    for by, power in ((10, 0.5), (-25, 2.0), ([0, 90], [0.5, 2]))
]
GROWING = {"op": "brightness", "delta": {"schedule": {"from": 0.0, "to": 0.5, "epochs": 10}}}

REPEATS = {
    "sequence": SLOT * 3,
    "p": [{**step, "p": 0.5} for step in SLOT] * 2,
    "choices": [CHOICE, CHOICE],
    "other numbers": [step for turn in FIXED for step in turn],
    "nothing drawn": FIXED[0] * 3,
    "noise": [{"op": "gaussian_noise", "std": 0.1}, SHARPER] * 3,
    "a group and its steps": [
        *({**step, "p": 0.5} for step in MOVES),
        SHARPER,
        {"sequence": MOVES, "p": 0.5},
        SHARPER,
    ],
    "turns of one stage": [{"op": "sharpness", "factor": [0.2, 2]}] * 3,
    "moves": [{"op": "flip", "p": 0.5}, {"op": "equalize", "p": 0.5}] * 3,
    "an odd one out": [*SLOT, *SLOT, {"op": "invert"}, *SLOT],
    "random_order": [{"random_order": [*SLOT, {"op": "posterize", "bits": 3}]}],
    "replace": [{"some_of": [*SLOT, {"op": "invert"}], "n": [1, 3], "replace": True}],
    "mixture": [{"mixture": [{"sequence": SLOT * 2}] * 3}],
    "some branches": [{"mixture": [*SLOT, *SLOT]}],
    "schedule": [GROWING, {"op": "sharpness", "factor": [0.5, 2]}] * 2,
}


@pytest.fixture(autouse=True)
def nothing_compiled() -> Iterator[None]:
    """Programs of these policies stay with this module, which looks at how they are traced."""
    yield
    compiled.shared_program.cache_clear()
    module.as_module.cache_clear()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, 24) for name in REPEATS),  # a batch at once
        *((name, 128) for name in ("sequence", "choices", "mixture", "replace")),  # in turns
    ],
)
def test_loops_give_the_pixels_of_the_reference(name: str, size: int) -> None:
    images, index = noise(COUNT, size, size, 3), np.arange(COUNT)
    given = policy(*REPEATS[name])
    made = augreg.map_fn(given, seed=7, batched=True)(index, tf.constant(images), 4).numpy()
    for i in index:
        wanted = augreg.augment(images[i : i + 1], given, seed=7, index=[i], epoch=4)
        off = np.abs(made[i : i + 1] - wanted)
        assert np.quantile(off, 0.999) <= 1.01 / 255, (i, off.max())  # of 8-bit steps, a few flip


def test_each_sample_of_a_loop_has_its_own_epoch() -> None:
    images, epochs = noise(3, 24, 24, 3), np.array([0, 5, 10], np.uint32)
    given = policy(*REPEATS["schedule"])
    layer = augreg.map_fn(given, seed=7, batched=True)
    made = layer(np.arange(3), tf.constant(images), tf.constant(epochs)).numpy()
    for i, epoch in enumerate(epochs):
        wanted = augreg.augment(images[i : i + 1], given, seed=7, index=[i], epoch=int(epoch))
        assert np.abs(made[i : i + 1] - wanted).max() <= 1 / 255


@pytest.mark.parametrize(
    "step",
    [
        {"op": "resized_crop", "height": H, "width": W, "area": [0.3, 0.9], "keep": "all"},
        {"op": "copy_paste"},
    ],
    ids=lambda step: step["op"],
)
def test_steps_that_annotations_answer_are_no_turns_of_one(step: dict[str, Any]) -> None:
    """The answer to each is another: to the second, of what the first left."""
    masks = np.zeros((4, H, W), np.int32)
    masks[:, 3:9, 3:9], masks[:, 12:20, 12:20] = 1, 2
    boxes = np.float32([[[3, 3, 9, 9], [12, 12, 20, 20]]] * 4)
    element = {"images": noise(4, H, W, 3), "masks": masks}
    element["boxes"] = {"boxes": boxes, "labels": np.zeros((4, 2), np.int64)}
    how = {"bounding_box_format": "xyxy", "box_from": "mask"}
    made = augreg.map_fn(policy(step, step), seed=3, batched=True, **how)(np.arange(4), element)

    wanted = augreg.augment(element, policy(step, step), seed=3, **how)
    np.testing.assert_allclose(made["images"], wanted["images"], atol=1.01 / 255)


def kernels_of(*steps: object, size: int = 24) -> list[str]:
    """The kernels that a program is traced with."""
    compiled.shared_program.cache_clear()
    image, number = tf.TensorSpec((2, size, size, 3), tf.uint8), tf.TensorSpec((2,), tf.uint32)
    found: list[str] = []

    def watched(table: object, stage: object, backend: str) -> object:
        found.append(type(stage).__name__)
        return original(table, stage, backend)

    original = kernels.kernel_of
    with mock.patch.object(kernels, "kernel_of", watched):
        fn = augreg.map_fn(policy(*steps), batched=True)
        tf.function(lambda i, x: fn(i, x, 0), autograph=False).get_concrete_function(number, image)
    return found


@pytest.mark.parametrize("size", [24, 128])
def test_what_repeats_is_traced_once(size: int) -> None:
    once = kernels_of(*SLOT, size=size)
    assert kernels_of(*SLOT * 4, size=size) == once
    assert kernels_of(CHOICE, CHOICE, size=size) == kernels_of(CHOICE, size=size)
    mixture = kernels_of({"mixture": [{"sequence": SLOT * 2}] * 3}, size=size)
    assert mixture == ["MixtureStage", *once]


def test_random_order_is_traced_as_one_slot() -> None:
    steps = [*SLOT, {"op": "posterize", "bits": 3}]
    assert len(kernels_of({"random_order": steps})) <= len(steps)


@pytest.mark.parametrize(
    "other",
    [
        {"op": "rotate", "degrees": [-40, 40], "fill": "nearest"},
        {"op": "rotate", "degrees": [-40, 40], "fill": "reflect", "interpolation": "nearest"},
    ],
)
def test_stages_of_other_kernels_are_not_taken_for_a_repeat(other: dict[str, object]) -> None:
    turns = [*SLOT, SLOT[0], other, SLOT[2]]
    assert len(kernels_of(*turns)) == 6


def test_samples_are_mixed_as_often_as_the_policy_says() -> None:
    images, labels = tf.constant(noise(4, 24, 24, 3)), tf.one_hot([0, 1, 2, 0], 3)
    given = policy(*[{"op": "mixup", "alpha": 0.5, "classes": 3}] * 3)
    element = {"images": images, "labels": labels}
    made = augreg.map_fn(given, seed=7, batched=True)(np.arange(4), element, 0)
    wanted = augreg.augment({k: v.numpy() for k, v in element.items()}, given, seed=7)
    for key, value in wanted.items():
        assert np.abs(made[key] - value).max() <= 1 / 255
