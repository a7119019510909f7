"""`augreg sample`: one sample of training as an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augreg
from augreg.cli import main


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; gives its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["sample", *map(str, arguments)])
        output = capsys.readouterr()
        return int(stop.value.code or 0), output.out, output.err

    return run


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Two images of 31x24 pixels."""
    paths = []
    for seed in range(2):
        path = tmp_path / f"{seed}.png"
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 31, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        paths.append(path)
    return paths


def test_the_sample_is_that_of_augment(said: Any, images: list[Path], tmp_path: Path) -> None:
    policy = {"version": 1, "augment": [{"op": "flip", "p": 0.5}, {"op": "rotate", "degrees": 30}]}
    (tmp_path / "p.json").write_text(json.dumps(policy))
    output = tmp_path / "new" / "s.png"
    key = ("--seed", 3, "--epoch", 5, "--index", 1)
    code, out, _ = said(tmp_path / "p.json", *images, *key, "-o", output)
    assert (code, out) == (0, f"wrote {output}\n")
    given = np.asarray(Image.open(images[1]))
    expected = augreg.augment(given, policy, seed=3, epoch=5, index=[1]) * 255.0
    assert np.abs(np.asarray(Image.open(output)) - expected).max() < 1.5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-o", "s.jpg"), 2, '"s.jpg" has to end in .png'),
        (("--index", "2"), 1, "there is no image 2; there are 2, from 0 on"),
        (("--index", "-1"), 2, "Invalid value for '--index'"),
    ],
)
def test_what_cannot_be_written_is_refused(
    said: Any, images: list[Path], arguments: tuple[str, ...], code: int, message: str
) -> None:
    found, _, error = said("flowers", *images, *arguments)
    assert found == code
    assert message in " ".join(error.split())


def test_a_policy_that_mixes_is_refused(said: Any, images: list[Path], tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"version": 1, "augment": [{"op": "mixup", "classes": 2}]}')
    code, _, error = said(tmp_path / "p.json", *images, "-o", tmp_path / "s.png")
    assert code == 2
    assert '"mixup" mixes the images of a batch' in " ".join(error.replace("│", "").split())
    assert not (tmp_path / "s.png").exists()
