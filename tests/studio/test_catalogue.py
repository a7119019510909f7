"""Steps that can be added: how they are found, and their pictures."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from augreg.plugin.registry import default_registry
from augreg.policy.loader import load_text
from augreg.studio.form.catalogue import entries, matches
from augreg.studio.form.thumbnails import HEIGHT, WIDTH, thumbnail


def found(query: str) -> list[str]:
    return [entry.name for entry in entries(default_registry()) if matches(entry, query)]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("rotate", "rotate"),
        ("RandomHorizontalFlip", "flip"),
        ("A.GaussNoise", "gaussian_noise"),
        ("cutout", "erase"),
        ("random erasing", "erase"),
        ("ShiftScaleRotate", "rotate"),
        ("CLAHE", "clahe"),
        ("adjust_hue", "hue"),
    ],
)
def test_steps_are_found_by_their_names_and_those_of_other_libraries(query: str, name: str) -> None:
    assert name in found(query)
    assert len(found(query)) < 12


def test_what_no_step_has_finds_none() -> None:
    assert found("zebra") == []
    assert len(found("")) == len(default_registry().steps)


def test_every_step_can_be_added() -> None:
    for entry in entries(default_registry()):
        load_text(json.dumps({"version": 1, "augment": [entry.node]}))


def test_steps_have_pictures() -> None:
    steps = default_registry().steps
    for name in ("rotate", "crop", "grayscale", "mixup", "mosaic", "rand_augment"):
        contents = thumbnail(steps[name])
        assert contents is not None
        with Image.open(io.BytesIO(contents)) as image:
            assert image.format == "JPEG"
            assert image.width <= WIDTH and image.height <= HEIGHT
    assert thumbnail(steps["copy_paste"]) is None  # it needs objects
