"""Images for the studio's renderer, and what `augment` makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from samples import noise

import augreg
from augreg.views.overlay import Drawn
from augreg.views.photos import Photo

RESIZE = {"prepare": [{"op": "resize", "height": 24, "width": 28}]}
STEPS = (
    {"op": "rotate", "degrees": [-30, 30]},
    {"one_of": [{"op": "saturation", "factor": [0, 2]}, {"op": "invert"}], "p": 0.7},
)
PAIRS = ((0, 1),)


def photo_at(index: int, size: tuple[int, int] = (32, 40), **parts: Any) -> Photo:
    drawn = Drawn(parts, "xyxy" if "boxes" in parts else None, (), PAIRS if parts else ())
    return Photo(f"{index}.png", noise(*size, 3, seed=index), drawn, index)


def epochs_of(photo: Photo, count: int = 9) -> tuple[list[Photo], list[tuple[int, int, int]]]:
    return [photo] * count, [(5, 2 + i, photo.index) for i in range(count)]


def images_of(photos: Sequence[Photo]) -> tuple[list[Photo], list[tuple[int, int, int]]]:
    return list(photos), [(5, 2, photo.index) for photo in photos]


def expected_of(given: Any, photo: Any, key: tuple[int, int, int], **options: Any) -> Any:
    """What `augment` makes of an element."""
    seed, epoch, index = key
    return augreg.augment(photo, given.as_bytes(), seed, [index], epoch, **options)


def assert_near(found: Any, expected: Any) -> None:
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1
