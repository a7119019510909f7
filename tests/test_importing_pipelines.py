"""Twenty pipelines in the shape of public ones: what the documentation says came over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import augreg
from augreg.cli import main

FOLDER = Path(__file__).parent / "data" / "pipelines"  # by record_pipelines.py
PAGE = Path(__file__).parents[1] / "docs" / "coming-from-albumentations.md"
L = keras.layers
STATUSES = ("exact", "near", "left out")
KERAS = {
    "keras-tutorial": lambda: [
        L.Resizing(180, 180),
        L.Rescaling(1 / 255),
        L.RandomFlip("horizontal_and_vertical"),
        L.RandomRotation(0.2),
    ],
    "keras-transfer": lambda: [
        L.RandomFlip("horizontal"),
        L.RandomRotation(0.1),
        L.RandomZoom(0.1),
        L.RandomTranslation(0.1, 0.1),
        L.Rescaling(1 / 127.5, offset=-1),
    ],
    "keras-color": lambda: [
        L.Resizing(224, 224, crop_to_aspect_ratio=True),
        L.RandomFlip("horizontal"),
        L.RandomBrightness(0.2),
        L.RandomContrast(0.2),
        L.RandomSaturation((0.4, 0.6)),
        L.RandomHue(0.05),
        L.RandomGrayscale(0.1),
        L.RandomErasing(0.5),
    ],
    "keras-automatic": lambda: [
        L.Resizing(224, 224),
        L.RandomCrop(192, 192),
        L.RandomFlip("horizontal"),
        L.RandAugment(),
        L.MixUp(),
    ],
}


def documents() -> list[str]:
    return [*sorted(path.name for path in FOLDER.iterdir()), *KERAS]


def document(name: str) -> Any:
    if name not in KERAS:
        return FOLDER / name
    if not hasattr(L, "RandomErasing"):
        pytest.skip(f"Keras {keras.__version__} lacks some of the layers")
    return json.loads(keras.Sequential(KERAS[name]()).to_json())


def documented() -> dict[str, list[int]]:
    rows = re.findall(r"^\| `([\w.-]+)` \| (\d+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.M)
    return {name: [int(n) for n in counts] for name, *counts in rows}


def test_twenty_pipelines_are_in_the_documentation() -> None:
    assert sorted(documented()) == sorted(documents())
    assert len(documents()) == 20
    total = [sum(column) for column in zip(*documented().values(), strict=True)]
    sentence = "Of {} steps, {} came over exactly, {} nearly, and {} not".format(sum(total), *total)
    assert sentence in " ".join(PAGE.read_text().split())


@pytest.mark.parametrize("name", documents())
def test_documented_numbers_are_those_of_the_report(name: str) -> None:
    imported = augreg.import_policy(document(name), partial=True)
    assert [imported.count(status) for status in STATUSES] == documented()[name]


@pytest.mark.parametrize("name", documents())
def test_imported_policy_is_valid_and_runs(name: str, tmp_path: Path) -> None:
    imported = augreg.import_policy(document(name), partial=True)
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(imported.policy))
    with pytest.raises(SystemExit) as end:
        main(["validate", str(path)])
    assert not end.value.code
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    shapes = {
        augreg.augment(image, path, seed=7, training=training).shape for training in (True, False)
    }
    assert len(shapes) == 1
