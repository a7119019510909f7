"""Samples that are too large to show are refused before they are made."""

from __future__ import annotations

import numpy as np
import pytest

import augreg
from augreg.errors import DataError
from augreg.studio.samples.limits import check_sizes
from augreg.studio.samples.renderer import Renderer
from augreg.views.overlay import Drawn
from augreg.views.photos import Photo

SMALL = [{"op": "resize", "height": 24, "width": 31}]
LARGE = [{"op": "resize", "height": 2500, "width": 2000}]


@pytest.mark.parametrize(
    ("prepare", "augment", "found"),
    [
        ([], [{"op": "flip"}], "3000x2000"),
        (LARGE, [], "2000x2500"),
        (LARGE + SMALL, [], "2000x2500"),
        ({"train": LARGE, "eval": SMALL}, [], "2000x2500"),
        (SMALL, [{"op": "pad_or_crop", "height": 2500, "width": 2000}], "2000x2500"),
        (SMALL, [*LARGE, *SMALL], "2000x2500"),
    ],
)
def test_sample_that_is_too_large_is_refused(
    prepare: object, augment: list[object], found: str
) -> None:
    policy = augreg.load_policy({"version": 1, "prepare": prepare, "augment": augment})
    with pytest.raises(DataError) as raised:
        check_sizes(policy, (2000, 3000))
    assert str(raised.value) == (
        f"the policy makes {found} pixels (width x height) of an image of 3000x2000; the studio "
        'shows samples of up to 4 million pixels: put a smaller "resize" into "prepare"'
    )


def test_large_image_is_shown_once_it_is_made_smaller() -> None:
    policy = augreg.load_policy({"version": 1, "prepare": SMALL, "augment": [{"op": "flip"}]})
    check_sizes(policy, (2000, 3000))


def test_renderer_says_which_images_are_too_large() -> None:
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "flip", "p": 0.5}]})
    sizes = ((24, 31), (2000, 3000))
    photos = [Photo("", np.zeros((*size, 3), np.uint8), Drawn(), i) for i, size in enumerate(sizes)]
    small, large = Renderer().samples(policy, photos, [(0, 0, 0), (0, 0, 1)])
    assert small.error is None
    assert "3000x2000" in str(large.error)
