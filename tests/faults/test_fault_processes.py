"""Faults 54 to 59 of processes: a kill is injected at the system call that it is to hit."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_tools import KEEP, command, encoded, pixels, policy_file, tree

from augreg.apply.folder import OutputFolder
from augreg.plugin.registry import default_registry
from augreg.train.checkpoint import Checkpoints

TESTS = Path(__file__).parents[1]
IMAGE = encoded(pixels())


KILLED = """
import os, signal, sys
import apply_driver
call, at = sys.argv[1], int(sys.argv[2])
real, calls = getattr(os, call), iter(range(10**6))
def dying(*args, **more):
    if next(calls) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **more)
setattr(os, call, dying)
apply_driver.patch()
apply_driver.main(sys.argv[3:])
"""


def killed(script: str, *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                map(str, (TESTS, TESTS.parent, TESTS.parent / "plugins"))
            ),
        },
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(("call", "at"), [("write", 3), ("fsync", 3), ("rename", 3), ("rename", 0)])
def test_fault_54_kill_9_at_a_system_call_then_the_same_command_is_as_if_never_killed(
    tmp_path: Path, run: list[Any], call: str, at: int
) -> None:
    killed(KILLED, call, at, *run)
    assert command(*run).code == 0
    assert command(*run[:3], tmp_path / "whole").code == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


class Weights:
    """What a checkpoint needs of a variable, without TensorFlow."""

    def __init__(self, value: float) -> None:
        self.assign(np.full(4, value, np.float32))

    def assign(self, value: Any) -> None:
        self.value, self.shape, self.dtype = value, value.shape, value.dtype

    def numpy(self) -> Any:
        return self.value


KILLED_IN_CHECKPOINT = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[2])
from augreg.train.checkpoint import Checkpoints, Progress
from test_fault_processes import Weights
weights = Weights(1)
kept = Checkpoints(pathlib.Path(sys.argv[1]), {"class_names": []}, {"model": [weights]})
kept.save(Progress(step=1))
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
weights.assign(weights.value + 1)
kept.save(Progress(step=2))
"""


def test_fault_55_kill_9_while_a_checkpoint_is_written_leaves_the_one_before(
    tmp_path: Path,
) -> None:
    killed(KILLED_IN_CHECKPOINT, tmp_path, Path(__file__).parent)
    weights = Weights(9)
    progress, notes = Checkpoints(tmp_path, {"class_names": []}, {"model": [weights]}).restore()
    assert progress is not None and progress.step == 1 and not notes
    np.testing.assert_array_equal(weights.value, 1)


def test_fault_56_apply_does_not_go_on_with_another_policy_seed_or_op_version(
    tmp_path: Path, run: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(*run).code == 0
    before = tree(tmp_path / "out")
    said = command(*run, "--seed", 1)
    assert said.code == 1 and "begun with other settings (seed 0 there, 1 here)" in said.err
    other = policy_file(tmp_path, {**KEEP, "output": {"range": [-1, 1]}}, "other.json")
    said = command("apply", other, *run[2:])
    assert said.code == 1 and "begun with other settings (policy " in said.err
    ops = default_registry().ops
    monkeypatch.setitem(ops, "flip", dataclasses.replace(ops["flip"], version=99))
    said = command(*run)
    assert said.code == 1 and "begun with other settings (policy " in said.err
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_fault_57_signal_keeps_what_is_done_and_says_so(
    tmp_path: Path,
    run: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
    foreground: None,
) -> None:
    from augreg.apply.journal import Journal

    append = Journal.append

    def stopping(journal: Journal, line: Any) -> None:
        append(journal, line)
        if len(journal.lines) == 2:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", stopping)
        said = command(*run)
    assert said.code == code
    assert "stopped: 1 of 3 outputs are whole" in said.err or "stopped: 2 of 3" in said.err
    assert "run the same command to continue" in said.err
    left = tree(tmp_path / "out")
    assert ".augreg.part" not in left and len(left["manifest.jsonl"].splitlines()) == 2
    assert "made 1 of 3 outputs, 2 were there" in command(*run).out


def test_fault_58_reader_that_leaves_gets_no_traceback() -> None:
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" -m augreg ops | head -1', sys.executable],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.count("\n") == 1


def test_fault_59_second_apply_on_one_folder_is_refused(tmp_path: Path, run: list[Any]) -> None:
    with OutputFolder(tmp_path / "out"):
        said = command(*run)
        assert said.code == 1 and "another run is writing to this folder" in said.err
        assert tree(tmp_path / "out") == {}
    assert command(*run).code == 0
