"""Timing the stages of a policy."""

from __future__ import annotations

import numpy as np
import pytest
from samples import noise, policy

import augreg
from augreg.backends.tensorflow import single_stage
from augreg.checks import sample_key
from augreg.plan import plan
from augreg.views.explain import explain
from augreg.views.timing import stage_times

STEPS = [
    {"op": "rotate", "degrees": [-20, 20]},
    {"op": "brightness", "delta": [-0.3, 0.3]},
    {"op": "gaussian_blur", "kernel_size": 3, "sigma": [1, 2]},
]


def test_every_stage_that_explain_shows_is_timed() -> None:
    prepare = [{"op": "resize", "height": 24, "width": 31}]
    loaded = policy(*STEPS, prepare=prepare)
    found = list(stage_times(loaded, noise(3, 20, 20, 3), runs=4))

    assert [one.stage for one in found] == list(explain(loaded, size=(20, 20)).stages)
    for one in found:
        assert 0 < one.fastest <= one.microseconds <= one.slowest
        assert 3 <= one.runs <= 4


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The dtype and the number of rows that each stage gets, of stages that cut a row away."""
    seen: list[tuple[str, int]] = []

    def fake(planned: object, stage: object, images: np.ndarray) -> object:
        seen.append((str(images.dtype), images.shape[1]))
        return lambda key: images[:, 1:].astype(np.float32) / 255

    monkeypatch.setattr(single_stage, "stage_program", fake)
    return seen


def test_stages_that_nobody_asks_for_are_not_compiled(given: list[tuple[str, int]]) -> None:
    next(stage_times(policy(*STEPS), noise(2, 20, 20, 3)))

    assert len(given) == 1


def test_prepare_leaves_bytes_and_other_stages_floats(given: list[tuple[str, int]]) -> None:
    prepare = [{"op": "resize", "height": 24, "width": 31}, {"op": "invert"}]
    list(stage_times(policy(*STEPS, prepare=prepare), noise(2, 20, 20, 3)))

    dtypes = ["uint8", "float32", "uint8", "float32", "float32"]
    assert given == list(zip(dtypes, (20, 19, 18, 17, 16), strict=True))


def test_stages_one_after_another_make_the_sample() -> None:
    loaded = policy(*STEPS, output={"dtype": "float32"})
    images = noise(2, 20, 20, 3)
    planned = plan(loaded, size=(20, 20))
    key = sample_key(5, 0, np.arange(2))
    made = images
    for stage in planned.augment:
        made = single_stage.stage_program(planned, stage, made)(key)

    assert np.clip(made, 0, 1) == pytest.approx(augreg.augment(images, loaded, 5), abs=1e-4)


@pytest.mark.parametrize("images", [noise(20, 20, 3), np.zeros((2, 20, 20, 3), np.float32)])
def test_what_is_no_batch_of_bytes_is_refused(images: np.ndarray) -> None:
    with pytest.raises(augreg.AugregError, match=r"timed on a batch, uint8 \[B, H, W, C\], found"):
        stage_times(policy(*STEPS), images)
