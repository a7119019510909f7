"""Habits with images of any size: right at every size, or refused before a pixel is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augreg.cli import main


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"op": "rot90", "p": 0.5}, '"rot90" may change the size'),
        ({"op": "central_crop", "fraction": 0.5, "p": 0.5}, '"central_crop" may change the size'),
        ({"one_of": [{"op": "rot90"}, {"op": "flip"}]}, "branches end in different sizes"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "apply"])
def test_validate_and_apply_refuse_the_same_with_the_remedy(
    command: str, step: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, policy, out = (tmp_path / name for name in ("photos", "p.json", "out"))
    photos.mkdir()
    Image.fromarray(np.zeros((7, 12, 3), np.uint8)).save(photos / "wide.png")
    policy.write_text(json.dumps({"version": 1, "augment": [step]}))
    paths = [str(policy)] if command == "validate" else [str(policy), str(photos), str(out)]

    with pytest.raises(SystemExit) as end:
        main([command, *paths])

    assert end.value.code == 3
    said = capsys.readouterr().err
    assert message in said and 'a "resize" before fixes it' in said
    assert not out.exists()
