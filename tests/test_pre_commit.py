"""The hook of pre-commit: which files it takes, and what its command says of them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from augreg.policy import ready_policies

ROOT = Path(__file__).parents[1]


@pytest.fixture
def hook() -> dict[str, Any]:
    (only,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return only


def run(hook: dict[str, Any], *paths: Path) -> subprocess.CompletedProcess[str]:
    """The hook's command as pre-commit runs it, by this Python's augreg."""
    program, *arguments = shlex.split(hook["entry"])
    command = [sys.executable, "-m", program, *arguments, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hook_has_what_pre_commit_requires(hook: dict[str, Any]) -> None:
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert (hook["id"], hook["language"]) == ("augreg-validate", "system")


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("policies/flowers.json", True),
        ("training/policies/a/b.json", True),
        ("policies/policy.schema.json", False),
        ("package.json", False),
        ("policies/notes.md", False),
    ],
)
def test_hook_takes_policies(hook: dict[str, Any], path: str, taken: bool) -> None:
    found = re.search(hook["files"], path) and not re.search(hook["exclude"], path)
    assert bool(found) is taken


def test_hook_passes_valid_policies(hook: dict[str, Any]) -> None:
    paths = [ready_policies() / f"{name}.json" for name in ("flowers", "digits")]
    assert run(hook, *paths).returncode == 0


def test_hook_fails_for_a_bad_policy_among_good_ones(hook: dict[str, Any], tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"version": 1,\n "augment": [{"op": "rotate", "degrees": 900}]}')
    done = run(hook, ready_policies() / "flowers.json", bad)
    assert done.returncode == 3
    assert done.stderr == (
        f'augreg: {bad}:2:42 /augment/0/degrees: 900 is above 360.0, the most that "rotate" takes\n'
    )
