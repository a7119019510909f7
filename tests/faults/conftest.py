"""The command that the fault tests of files and processes run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apply_driver import HashMaker
from fault_tools import encoded, pixels, policy_file


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """An `apply` command on three images, whose outputs are hashes instead of pixels."""
    monkeypatch.setattr("augreg.apply.run.Renderer", HashMaker)
    for i in range(3):
        path = tmp_path / "in" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(pixels(seed=i)))
    return ["apply", policy_file(tmp_path), tmp_path / "in", tmp_path / "out"]
