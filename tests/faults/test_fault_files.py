"""Faults 47 to 59 of files and processes.

Where the machine can't have a fault (a full disk, a permission that root lacks, a kill at one
certain system call), it is injected at that call.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apply_driver import HashMaker
from fault_tools import KEEP, applied, command, encoded, pixels, policy_file, tree

from augreg.apply.folder import OutputFolder
from augreg.errors import RunError
from augreg.registry import default_registry
from augreg.train import files
from augreg.train.checkpoint import Checkpoints

TESTS = Path(__file__).parents[1]
IMAGE = encoded(pixels())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """An `apply` command on three images, whose outputs are hashes instead of pixels."""
    monkeypatch.setattr("augreg.apply.run.Maker", HashMaker)
    for i in range(3):
        path = tmp_path / "in" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(pixels(seed=i)))
    return ["apply", policy_file(tmp_path), tmp_path / "in", tmp_path / "out"]


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "a//x.png"])
def test_fault_47_output_path_stays_inside_of_the_output_folder(
    tmp_path: Path, name: str, run: list[Any]
) -> None:
    with OutputFolder(tmp_path / "out") as folder, pytest.raises(RunError, match="not a name"):
        folder.write(name, b"x")
    assert tree(tmp_path / "out") == {}
    assert command(*run).code == 0
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"0.png"', f'"{name}"', 1))
    said = command("replay", manifest, 1, "-o", tmp_path / "again.png")
    assert said.code == 1 and not (tmp_path / "again.png").exists()
    assert not list(tmp_path.rglob("x.png"))


def test_fault_48_link_waiting_in_the_output_folder_is_not_followed(
    tmp_path: Path, run: list[Any]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/0.png.0.png").symlink_to(victim)
    assert command(*run).code == 0
    assert victim.read_text() == "mine" and not (tmp_path / "out/0.png.0.png").is_symlink()
    (tmp_path / "out/manifest.jsonl").unlink()
    (tmp_path / "out/manifest.jsonl").symlink_to(victim)
    said = command(*run)
    assert said.code == 1 and "a symbolic link or another thing waits" in said.err
    assert victim.read_text() == "mine"


def test_fault_49_loop_of_links_in_the_input_ends(tmp_path: Path, run: list[Any]) -> None:
    (tmp_path / "in/deep").mkdir()
    (tmp_path / "in/deep/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    assert "made 3 of 3 outputs" in command(*run).out


def test_fault_50_images_that_differ_in_extension_give_two_outputs(tmp_path: Path) -> None:
    done = applied(tmp_path, {"a.jpg": encoded(pixels(), "JPEG"), "a.png": IMAGE})
    assert done.said.code == 0 and list(done.images) == ["a.jpg", "a.png"]


def test_fault_51_file_names_of_any_bytes_work(tmp_path: Path) -> None:
    names = [os.fsdecode(b"a\xff.png"), "line\nbreak.png"]
    done = applied(tmp_path, {**dict.fromkeys(names, IMAGE), "b\n\xe9.png": b""})
    assert done.said.code == 4 and sorted(done.images) == sorted(names)
    assert "b\\n\xe9.png: the file is empty" in done.said.err


def test_fault_52_output_folder_equal_to_the_input_folder_is_refused(
    tmp_path: Path, run: list[Any]
) -> None:
    before = tree(tmp_path)
    said = command(*run[:3], tmp_path / "in/../in")
    assert said.code == 1 and "the output folder is the input folder" in said.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_fault_53_full_disk_or_no_permission_leaves_no_partial_file(
    tmp_path: Path, run: list[Any], monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    assert command(*run).code == 0
    whole = tree(tmp_path / "out")
    for at in range(6):
        output = tmp_path / f"out{at}"
        with monkeypatch.context() as patch:
            fails_at(patch, call, at, number)
            said = command(*run[:3], output)
        if said.code == 0:  # there are fewer calls than that
            break
        assert said.code == 1 and os.strerror(number) in said.err
        left = tree(output)
        assert ".augreg.part" not in left
        for name, contents in left.items():
            complete = whole[name]
            assert contents == complete or name == "manifest.jsonl"
            assert complete.startswith(contents) and contents[-1:] in (b"", b"\n", complete[-1:])
        assert command(*run[:3], output).code == 0
        assert tree(output) == whole
    assert at > 0


def fails_at(patch: pytest.MonkeyPatch, call: str, at: int, number: int) -> None:
    real, calls = getattr(os, call), iter(range(10**6))

    def failing(*args: Any, **more: Any) -> Any:
        if next(calls) != at:
            return real(*args, **more)
        if call == "write":
            real(args[0], bytes(args[1])[:5])  # a part gets through, as on a real disk
        raise OSError(number, os.strerror(number))

    patch.setattr(os, call, failing)


@pytest.mark.parametrize(
    "arguments", [("schema", "-o"), ("preview", "flowers", "--copies", 1, "-o")], ids=str
)
def test_fault_53_other_commands_keep_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...]
) -> None:
    target = tmp_path / "old.png"
    target.write_text("what was there")
    fails_at(monkeypatch, "fsync", 0, errno.ENOSPC)
    said = command(*arguments, target)
    assert said.code == 1 and said.err == "augreg: No space left on device\n"
    assert tree(tmp_path) == {"old.png": b"what was there"}
    fails_at(monkeypatch, "fsync", 0, errno.ENOSPC)
    with pytest.raises(RunError, match="No space left"):
        files.write_text(target, "new")
    assert tree(tmp_path) == {"old.png": b"what was there"}


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
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
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
from test_fault_files import Weights
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
    tmp_path: Path, run: list[Any], monkeypatch: pytest.MonkeyPatch, number: int, code: int
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
    assert "the same command goes on" in said.err
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
