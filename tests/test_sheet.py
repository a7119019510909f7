"""Each step alone at quantiles of its ranges, against policies of constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import noise, policy
from scipy import stats

import augreg
from augreg.plugin.registry import default_registry
from augreg.views.sheet import Row, sheet
from augreg.views.trace import Sample

IMAGE = noise(24, 31, 3)
BYTES = {"dtype": "uint8", "range": [0, 255]}
MIXING = {"copy_paste", "cutmix", "mixup", "mosaic"}


def rows(*steps: Any, **more: Any) -> tuple[Row, ...]:
    return sheet(policy(*steps), Sample.of(IMAGE, seed=3, index=2, **more))


@pytest.mark.parametrize("name", sorted({*default_registry().ops} - MIXING))
def test_cells_are_the_op_with_constants(name: str) -> None:
    step = {"op": name, **default_registry().ops[name].example}
    step.pop("p", None)
    (row,) = rows({**step, "p": 0.01} if name == "invert" else step)

    assert (row.pointer, row.op) == ("/augment/0", name)
    assert np.array_equal(row.before, IMAGE)
    for cell in row.cells:
        constant = policy({**step, **cell.values}, output=BYTES)
        if cell.pixels is None:
            with pytest.raises(augreg.PolicyError) as refused:
                augreg.augment(IMAGE, constant, seed=3, index=[2])
            assert cell.error == refused.value.message
        else:
            expected = augreg.augment(IMAGE, constant, seed=3, index=[2])
            assert np.array_equal(cell.pixels, expected), cell.label


def test_all_ranges_of_a_step_are_at_the_same_quantile() -> None:
    step = {"op": "translate", "x": [-0.2, 0.2], "y": {"normal": [0, 0.1], "min": -0.5, "max": 0.5}}
    (row,) = rows(step)

    assert [cell.label for cell in row.cells] == ["5 %", "50 %", "95 %"]
    for cell, q in zip(row.cells, (0.05, 0.5, 0.95), strict=True):
        assert cell.values["x"] == pytest.approx(stats.uniform(-0.2, 0.4).ppf(q), abs=1e-6)
        assert cell.values["y"] == pytest.approx(stats.norm(0, 0.1).ppf(q), abs=1e-6)


def test_a_choice_shows_each_value_up_to_a_limit() -> None:
    step = {"op": "rotate", "degrees": {"choice": [90, 10, 30, 10]}}
    (row,) = rows(step)
    (few,) = sheet(policy(step), Sample.of(IMAGE), choices=2)

    assert [cell.values["degrees"] for cell in row.cells] == [10, 30, 90]
    assert [cell.label for cell in few.cells] == ["degrees 10", "degrees 30"]


def test_a_choice_is_shown_beside_the_middle_of_other_ranges() -> None:
    (row,) = rows({"op": "translate", "x": {"choice": [0.1, 0.3]}, "y": [0, 0.4]})

    assert [cell.label for cell in row.cells] == ["5 %", "50 %", "95 %", "x 0.3"]
    assert row.cells[1].values == {"x": 0.1, "y": 0.2}  # which "x 0.1" would show again
    assert row.cells[-1].values == {"x": 0.3, "y": 0.2}


def test_a_step_without_ranges_has_one_cell_and_equal_values_are_shown_once() -> None:
    invert, posterize = rows({"op": "invert", "p": 0.5}, {"op": "posterize", "bits": [3, 4]})

    assert [cell.label for cell in invert.cells] == [""]
    assert invert.cells[0].pixels is not None
    assert np.array_equal(invert.cells[0].pixels, 255 - IMAGE)
    assert [cell.values for cell in posterize.cells] == [{"bits": 3}, {"bits": 4}]


def test_a_schedule_is_shown_at_the_epoch() -> None:
    ramp = {"schedule": {"from": [0, 0], "to": [0, 40], "epochs": 4}}
    step = {"op": "rotate", "degrees": ramp}

    assert [cell.values["degrees"] for cell in rows(step, epoch=2)[0].cells] == [1, 10, 19]
    assert [cell.values["degrees"] for cell in rows(step, epoch=0)[0].cells] == [0]


def test_steps_of_augment_are_done_to_the_image_as_prepare_leaves_it() -> None:
    prepare = [{"op": "resize", "height": 16, "width": 16}]
    loaded = policy({"op": "invert"}, prepare=prepare)
    first, then = sheet(loaded, Sample.of(IMAGE))
    ready = augreg.augment(IMAGE, policy(prepare=prepare, output=BYTES), seed=0)

    assert (first.pointer, first.before.shape) == ("/prepare/0", IMAGE.shape)
    assert np.array_equal(first.cells[0].pixels, ready)
    assert np.array_equal(then.before, ready)
    assert np.array_equal(then.cells[0].pixels, 255 - ready)


def test_images_of_16_bits_and_floats_are_shown_as_they_are_trained() -> None:
    loaded = policy({"op": "invert"}, prepare=[{"op": "brightness", "delta": 0.5}])
    deep = IMAGE.astype(np.uint16) * 257
    for image in (deep, (IMAGE / 255).astype(np.float32)):
        first, then = sheet(loaded, Sample.of(image))
        bright = np.clip(IMAGE / 255 + 0.5, 0, 1) * 255
        assert np.abs(first.before - IMAGE.astype(float)).max() <= 1
        assert np.abs(then.before - bright).max() <= 1
