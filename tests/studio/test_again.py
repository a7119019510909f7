"""What is said of how a sample is made again."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from augreg.images import photo_paths
from augreg.studio.detail.again import caution, command, python
from augreg.studio.images.pictures import Pictures
from augreg.studio.session import Session, View

FLIP = {"version": 1, "augment": [{"op": "flip"}]}
MIXES = {"version": 1, "augment": [{"op": "mixup", "classes": 2}]}
KEY = (3, 5, 1)


def session(policy: Any, *images: str) -> Session:
    renderer: Any = None  # no sample is made here
    return Session(json.dumps(policy), View(), Pictures(images), renderer, "my policy.json")


def test_the_command_quotes_what_was_given(tmp_path: Path) -> None:
    images = [str(path) for path in photo_paths()]
    said = f"augreg sample 'my policy.json' {images[0]} {images[1]}"
    assert command(session(FLIP, *images), KEY) == (
        f"{said} --seed 3 --epoch 5 --index 1 -o sample.png"
    )
    assert caution(session(FLIP)) == ""


def test_a_sample_of_a_mix_has_no_command() -> None:
    mixes = session(MIXES)
    assert (command(mixes, KEY), python(mixes, KEY)) == ("", "")
    assert caution(mixes).startswith("The policy mixes images")


def test_changes_and_long_texts_are_said() -> None:
    changed = session(FLIP)
    noise = random.Random(1).randbytes(30_000).hex()
    changed.write(json.dumps({**FLIP, "description": noise}))
    assert caution(changed) == (
        "The text has changes that are not saved: command and Python read the file. "
        "The text is too long for a link, which opens the file."
    )
