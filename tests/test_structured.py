"""Programs kept by a policy's structure: what shares one, and what must not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import numpy as np
import pytest
from kept_programs import BYTES, IMAGES, Kept, counted
from mixed_samples import batch
from samples import noise, policy

import augreg
from augreg.backends.tensorflow import structured


@pytest.fixture
def kept() -> Iterator[Kept]:
    with counted() as programs:
        yield programs


# --- numbers

ROTATE = {"op": "rotate", "degrees": [-30, 30]}
NUMBERS: dict[str, list[Any]] = {
    "ranges": [[ROTATE], [{**ROTATE, "degrees": [10, 80]}], [{**ROTATE, "degrees": 0}]],
    "distributions": [
        [{"op": "saturation", "factor": [0.5, 2]}],
        [{"op": "saturation", "factor": {"choice": [0, 1.5], "weights": [1, 2]}}],
        [{"op": "saturation", "factor": {"normal": [1, 0.5], "min": 0, "max": 2}}],
        [{"op": "saturation", "factor": {"schedule": {"from": 0, "to": 2, "epochs": 9}}}],
    ],
    "p": [
        [{"op": "gaussian_blur", "kernel_size": 3, "sigma": 1, "p": p}]
        for p in (0.1, 0.9, {"schedule": {"from": 0, "to": 1, "epochs": 4}})
    ],
    "weights": [
        [{"one_of": [ROTATE, {"op": "equalize"}], "weights": weights}]
        for weights in ([1, 1], [0.1, 9])
    ],
    "ids": [[{**ROTATE, "id": name}, {"op": "contrast", "factor": [0, 2]}] for name in "ab"],
    "in slots": [
        [
            {
                "some_of": [ROTATE, {"op": "solarize", "threshold": [0, t]}, {"op": "invert"}],
                "n": 2,
                "replace": True,
            }
        ]
        for t in (0.3, 1)
    ],
    "noise": [[{"op": "gaussian_noise", "std": [0, std]}] for std in (0.05, 0.2)],
    "offsets": [[{"op": "elastic", "amount": amount}] for amount in ([0, 0.4], 0.1)],
    "macros": [[{"op": "rand_augment", "magnitude": m}] for m in (3, 9)],
}


@pytest.mark.parametrize("name", list(NUMBERS))
def test_numbers_are_arguments(name: str, kept: Kept) -> None:
    for steps in NUMBERS[name]:
        kept.agrees(policy(*steps, **BYTES))
    kept.agrees(policy(*NUMBERS[name][0], **BYTES), seed=8, epoch=5, index=np.arange(5) + 70)

    assert kept.compiled == 1


def test_a_single_sample_runs_the_program_of_many(kept: Kept) -> None:
    steps = {"one_of": [ROTATE, {"op": "invert"}]}, {"op": "gamma", "gamma": [0.5, 2]}
    for images in (IMAGES, IMAGES[:1], IMAGES[:3]):
        kept.agrees(policy(*steps), images, index=np.arange(len(images)))

    assert kept.compiled == 1


# --- structure

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "fill": ([{**ROTATE, "fill": "reflect"}], [{**ROTATE, "fill": "nearest"}]),
    "fill_value": tuple(
        [{**ROTATE, "fill": "constant", "fill_value": value}] for value in (0.2, [0.2, 0.4, 0.2])
    ),
    "interpolation": tuple([{**ROTATE, "interpolation": way}] for way in ("bilinear", "nearest")),
    "kernel_size": tuple(
        [{"op": "gaussian_blur", "kernel_size": size, "sigma": 2}] for size in (3, 5)
    ),
    "a partial's argument": tuple([{"op": "median_blur", "kernel_size": s}] for s in (3, 5)),
    "tiles": tuple([{"op": "clahe", "tiles": tiles}] for tiles in (2, 3)),
    "function": ([{"op": "gamma", "gamma": 2}], [{"op": "solarize", "threshold": 0.5}]),
    "who takes part": tuple([{"op": "equalize", "p": p}] for p in (1, 0.5)),
    "order": (
        [{"op": "gamma", "gamma": 2}, {"op": "posterize", "bits": 2}],
        [{"op": "posterize", "bits": 2}, {"op": "gamma", "gamma": 2}],
    ),
    "size": tuple([{"op": "crop", "height": side, "width": 20}] for side in (10, 11)),
    "method": tuple(
        [{"op": "resize", "height": 10, "width": 12, "method": way}] for way in ("bilinear", "area")
    ),
    "branches": (
        [{"mixture": [{"op": "invert"}, {"op": "gamma", "gamma": 2}]}],
        [{"mixture": [{"op": "invert"}, {"op": "gamma", "gamma": 2}, {"op": "equalize"}]}],
    ),
    "slots": tuple(
        [{"some_of": [ROTATE, {"op": "equalize"}], "n": n, "replace": True}] for n in (2, 3)
    ),
}


@pytest.mark.parametrize("name", list(DIFFERENT))
def test_structure_is_not(name: str, kept: Kept) -> None:
    for steps in DIFFERENT[name]:
        kept.agrees(policy(*steps, **BYTES))

    assert kept.compiled == 2


@pytest.mark.parametrize(
    "output",
    [
        {"output": {"dtype": "uint8", "range": [0, 255]}},
        {"output": {"range": [-1, 1]}},
        {"output": {"normalize": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.2]}}},
    ],
)
def test_output_is_structure(output: Any, kept: Kept) -> None:
    kept(policy(ROTATE))
    found = kept(policy(ROTATE, **output))

    assert kept.compiled == 2
    expected = augreg.augment(
        IMAGES, policy(ROTATE, **output), seed=7, epoch=2, index=np.arange(5) * 3
    )
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(
        found.astype(float), expected, atol=1 if "dtype" in str(output) else 0.03
    )


def test_size_channels_and_dtype_of_images_are_structure(kept: Kept) -> None:
    for images in (IMAGES, IMAGES[:, :20], IMAGES[..., :1], np.float32(IMAGES / 255)):
        kept.agrees(policy(ROTATE), images)

    assert kept.compiled == 4


def test_without_modules_a_program_is_traced(kept: Kept) -> None:
    with mock.patch.object(structured, "module_of", return_value=None):
        kept.agrees(policy(ROTATE, {"op": "invert"}, **BYTES))
        kept.agrees(policy({**ROTATE, "degrees": [0, 50]}, {"op": "invert"}, **BYTES))

    assert kept.compiled == 1


def test_the_oldest_program_is_forgotten(kept: Kept) -> None:
    several = [policy({"op": "crop", "height": side, "width": 20}) for side in (10, 11, 12)]
    with mock.patch.object(structured, "KEPT", 2):
        for one in [*several, several[2], several[0]]:
            kept.agrees(one)

    assert kept.compiled == 4
    assert len(kept.programs._made) == 2


# --- batches and threads


@pytest.mark.parametrize(
    "step",
    [
        {"op": "mixup", "classes": 4, "alpha": 1},
        {"op": "cutmix", "classes": 4, "alpha": 1, "p": 0.5},
        {"op": "mosaic"},
    ],
)
def test_samples_that_are_mixed_are_one_batch(step: Any, kept: Kept) -> None:
    element = batch() if step["op"] == "mosaic" else {}
    element = {"images": noise(6, 24, 31, 3), **{k: v for k, v in element.items() if k == "boxes"}}
    if not element.keys() & {"boxes"}:
        element["labels"] = np.arange(6) % 4
    options = {"bounding_box_format": "xyxy"} if "boxes" in element else {}
    for degrees in (30, [-50, 50]):
        loaded = policy({**ROTATE, "degrees": degrees}, step, {"op": "invert"}, **BYTES)
        index = np.arange(6)

        found = kept(loaded, element, index=index)

        expected = augreg.augment(element, loaded, 7, index, 2, **options)
        assert np.abs(found["images"].astype(int) - expected["images"]).max() <= 1
    assert kept.compiled == 1


def test_answers_of_annotations_are_arguments(kept: Kept) -> None:
    element = {"images": noise(6, 24, 31, 3), "boxes": batch()["boxes"]}
    index = np.arange(6)
    for label in (0, 4):
        loaded = policy({"op": "invert", "when": {"label": [label]}}, **BYTES)

        found = kept(loaded, element, index=index)

        expected = augreg.augment(element, loaded, 7, index, 2, bounding_box_format="xyxy")
        np.testing.assert_array_equal(found["images"], expected["images"])
    assert kept.compiled == 1


def test_threads_share_programs(kept: Kept) -> None:
    several = [
        policy({**ROTATE, "degrees": [0, d]}, {"op": "invert"}, **BYTES) for d in range(1, 9)
    ]
    several += [policy({"op": "equalize"}, {"op": "contrast", "factor": [0, d]}) for d in (1, 2, 3)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(kept.agrees, several))

    assert kept.compiled == 2
