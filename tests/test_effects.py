"""What stages do to images: values clipped, pixels filled, boxes lost."""

from __future__ import annotations

import numpy as np
import pytest
from samples import noise, policy

import augreg
from augreg.policy import ready_names
from augreg.views.effects import effects
from augreg.views.trace import Sample


def test_clipped_is_the_share_of_values_beyond_0_and_1() -> None:
    image = noise(24, 31, 3)
    step = {"op": "brightness", "delta": 0.4}
    dark = np.zeros_like(image)
    (found,) = effects(policy(step), [Sample.of(image), Sample.of(dark)])

    assert found.clipped == np.mean(image / 255 + 0.4 > 1) / 2
    assert (found.filled, found.name, found.pointers) == (
        0,
        "/augment/0 brightness",
        ("/augment/0",),
    )


def test_filled_is_the_share_that_shows_nothing_of_the_image() -> None:
    white = np.full((20, 40, 3), 255, np.uint8)
    steps = [{"op": "translate", "x": 0.25, "fill": "constant"}, {"op": "invert"}]
    moved, inverted = effects(policy(*steps), [Sample.of(white), Sample.of(white, index=1)])
    black = np.mean(augreg.augment(white, policy(steps[0]), seed=0) == 0)

    assert moved.filled == black == 0.25
    assert inverted.filled == 0


def test_boxes_lost_are_counted_at_the_stage_that_loses_them() -> None:
    boxes = np.float32([[0, 0, 4, 4], [14, 8, 20, 14]])
    element = {
        "images": noise(24, 31, 3),
        "boxes": {"boxes": boxes, "labels": np.int32([0, 1])},
    }
    steps = [{"op": "invert"}, {"op": "central_crop", "fraction": 0.5}, {"op": "invert"}]
    found = effects(policy(*steps), [Sample.of(element, bounding_box_format="xyxy")] * 2)

    assert [(stage.boxes_lost, stage.boxes) for stage in found] == [(0, 4), (2, 2), (0, 2)]


@pytest.mark.parametrize("name", ready_names())
def test_every_ready_policy_has_its_effects(name: str) -> None:
    found = effects(augreg.load_policy(name), [Sample.of(noise(24, 31, 3))])

    assert found
    assert all(0 <= share <= 1 for stage in found for share in (stage.clipped, stage.filled))
