"""Shell completion: bash is started with what was installed, and completes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from augreg.plugin.registry import default_registry
from augreg.policy import ready_names

BASH = shutil.which("bash")
ROOT = Path(__file__).parents[1]
# what readline does when Tab is pressed at the end of the last word
PRESS_TAB = """
source ~/.bashrc
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
$(complete -p augreg | sed 's/.*-F \\([^ ]*\\) .*/\\1/') augreg
printf '%s\\n' "${COMPREPLY[@]}"
"""

pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")


class Shell:
    """bash in a home of its own, with the command `augreg` of this checkout."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.work = folder / "work"
        for made in (self.home, self.work, folder / "bin"):
            made.mkdir()
        command = folder / "bin" / "augreg"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m augreg "$@"\n')
        command.chmod(0o755)
        search = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        packages = f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"
        self.environment = {"HOME": str(self.home), "PATH": search, "PYTHONPATH": packages}

    def run(self, script: str, *arguments: str) -> list[str]:
        done = subprocess.run(
            [str(BASH), "-c", script, "bash", *arguments],
            env=self.environment,
            cwd=self.work,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    def complete(self, *words: str) -> set[str]:
        return set(filter(None, self.run(PRESS_TAB, "augreg", *words)))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell(tmp_path_factory.mktemp("shell"))
    # `true` keeps bash from replacing itself with augreg, which looks for the shell that started it
    said = made.run("augreg --install-completion; true")
    assert said[0].startswith("bash completion installed in")
    return made


def test_commands_are_completed(shell: Shell) -> None:
    assert shell.complete("ex") == {"explain", "expand"}


def test_ops_are_completed(shell: Shell) -> None:
    assert shell.complete("ops", "rot") == {"rot90", "rotate"}
    assert shell.complete("ops", "") == set(default_registry().steps)


@pytest.mark.parametrize(
    "command", ["validate", "explain", "expand", "preview", "sample", "apply", "train"]
)
def test_policies_are_completed(shell: Shell, command: str) -> None:
    assert shell.complete(command, "tutorial_") == {"tutorial_keras", "tutorial_tf_image"}


def test_policy_files_are_completed_beside_ready_policies(shell: Shell) -> None:
    (shell.work / "mine").mkdir(exist_ok=True)
    for name in ("flat.json", "mine/one.json", "mine/two.txt"):
        (shell.work / name).write_text(json.dumps({"version": 1}))
    assert shell.complete("explain", "fl") == {"flat.json", "flip_left_right", "flowers"}
    assert shell.complete("explain", "mine/") == {"mine/one.json"}
    assert shell.complete("validate", "flowers", "") == {"flat.json", *ready_names()}


def test_path_is_left_to_bash(shell: Shell) -> None:
    assert shell.complete("explain", "no/such") == set()
    (setting,) = shell.run("source ~/.bashrc; complete -p augreg")
    assert "-o default" in setting


def test_options_are_completed(shell: Shell) -> None:
    assert shell.complete("preview", "--s") == {"--seed"}
    assert shell.complete("validate", "--bad") == {"--bad-annotations"}


def test_completion_does_not_import_tensorflow() -> None:
    code = (
        "import sys; from augreg.cli.completion import complete_op, complete_policy;"
        "assert complete_policy('f') and complete_op('r');"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
