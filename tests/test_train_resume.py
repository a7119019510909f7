"""Training over interruptions: the same weights as without them, or a clear refusal."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console
from train_runs import POLICY, assert_same, run, small

from augreg.errors import RunError
from augreg.plugin.registry import default_registry
from augreg.sources import Source
from augreg.train import Interrupted
from augreg.train.checkpoint import Checkpoints
from augreg.train.loop import Network
from augreg.train.progress import Display

STEPS = 3  # in an epoch of 80 images in batches of 32


@pytest.fixture(scope="module", autouse=True)
def without_artifacts() -> Iterator[None]:
    """Weights and history are compared here; what else is written, `test_train` looks at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("augreg.train.report.write", lambda *args: None)
        yield


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, without_artifacts: None) -> Path:
    output = tmp_path_factory.mktemp("runs") / "uninterrupted"
    run(output, epochs=3)
    return output


@pytest.fixture
def copy(uninterrupted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(uninterrupted, tmp_path / "copy"))


def checkpoints(output: Path) -> list[Path]:
    """The newest first."""
    return sorted((output / "checkpoints").glob("step-*.npz"), reverse=True)


def step(output: Path) -> int:
    return int(checkpoints(output)[0].name[5:14])


# --- kill -9 ---------------------------------------------------------------------------------

CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import train_runs
from augreg.train.progress import Display
Display.step = lambda *args: time.sleep(0.2)
train_runs.run(Path(sys.argv[2]), epochs=3, checkpoint_seconds=0)
"""


def test_kill_9_in_mid_epoch_then_resume_gives_the_uninterrupted_weights_bit_for_bit(
    uninterrupted: Path, tmp_path: Path
) -> None:
    # With XLA on; the process that goes on is not the one that was killed. docs/train.md says it.
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wanted = random.Random().choice([n for n in range(1, 2 * STEPS) if n % STEPS])
        while not checkpoints(tmp_path) or step(tmp_path) < wanted:
            assert child.poll() is None
            time.sleep(random.random() * 0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert step(tmp_path) < 3 * STEPS
    run(tmp_path, epochs=3, resume=True)
    assert_same(tmp_path, uninterrupted)
    assert not list(tmp_path.rglob(".partial-*"))


# --- damaged checkpoints ---------------------------------------------------------------------


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)


@pytest.mark.parametrize("damage", [truncated, emptied, flipped])
def test_fault_55_a_damaged_checkpoint_gives_way_to_the_one_before(
    copy: Path, damage: Callable[[Path], None]
) -> None:
    newest, before = checkpoints(copy)
    damage(newest)
    found, said = Checkpoints(copy, *kept(before)).restore()
    assert found is not None and (found.epoch, found.step) == (2, 2 * STEPS)
    assert len(said) == 1 and str(newest) in said[0] and "the one before it is used" in said[0]


def kept(path: Path) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The identity, and variables of the shapes, that are in a checkpoint."""
    with np.load(path) as file:
        identity = json.loads(file["meta"].tobytes())["identity"]
        made: dict[str, list[Any]] = {}
        for name in file.files:
            if "/" in name:
                made.setdefault(name.partition("/")[0], []).append(tf.Variable(file[name]))
    return identity, made


def test_fault_55_a_run_goes_on_from_the_checkpoint_before_to_the_same_weights(
    copy: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    truncated(checkpoints(copy)[0])
    for left in (copy / ".partial-1-model.keras", copy / "checkpoints" / ".partial-1-step.npz"):
        left.write_bytes(b"left by a run that was killed")
    said = tmp_path / "said.txt"
    with said.open("w") as file:
        run(copy, epochs=3, resume=True, console=Console(file=file, width=500))
    assert "damaged" in said.read_text()
    assert_same(copy, uninterrupted)
    assert not list(copy.rglob(".partial-*"))


def test_fault_55_when_all_checkpoints_are_damaged_the_folder_is_named(copy: Path) -> None:
    for path in checkpoints(copy):
        flipped(path)
    with pytest.raises(RunError, match=r"checkpoints: all 2 checkpoints are damaged"):
        run(copy, resume=True)


# --- another run -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, "seed was 3 and is now 4"),
        ({"batch_size": 16}, "batch size was 32 and is now 16"),
        ({"placement": "model"}, "placement was 'data' and is now 'model'"),
        ({"augment": False}, "augment was True and is now False"),
        ({"policy": {**POLICY, "augment": []}}, "policy hash was '.{64}' and is now '.{64}'"),
        ({"source": small(train=64)}, "training images was 80 and is now 64"),
    ],
)
def test_fault_56_a_run_does_not_continue_as_another(
    uninterrupted: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunError, match=message + r".*Give the same\s+again"):
        run(uninterrupted, resume=True, **changes)


def test_fault_56_a_run_does_not_continue_with_another_version_of_an_op(
    uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = default_registry().ops
    monkeypatch.setitem(ops, "rotate", dataclasses.replace(ops["rotate"], version=99))
    with pytest.raises(RunError, match="policy hash was"):
        run(uninterrupted, resume=True)


def test_fault_76_other_classes_are_refused_with_both_lists(uninterrupted: Path) -> None:
    source = small()
    other = Source("digits", ("no", "yes", *"23456789"), source.splits)
    message = r"classes are \[0, 1, 2, .*9\]; the data's are \[no, yes, 2, .*9\]"
    with pytest.raises(RunError, match=message):
        run(uninterrupted, resume=True, source=other)


# --- signals ---------------------------------------------------------------------------------


def test_fault_57_sigint_in_mid_epoch_keeps_a_checkpoint_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreground: None
) -> None:
    stop_at(monkeypatch, Display, "step", call=2, signum=signal.SIGINT)
    said = io.StringIO()
    with pytest.raises(Interrupted, match=r"step-000000002-.* is kept; continue with") as caught:
        run(tmp_path, epochs=3, resume=True, console=Console(file=said, width=500))
    assert caught.value.exit_code == 130
    assert [path.name[:14] for path in checkpoints(tmp_path)] == ["step-000000002"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "no checkpoint yet, so the run begins anew" in said.getvalue()


def test_fault_57_sigterm_while_validating_keeps_the_epoch_and_it_goes_on(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreground: None
) -> None:
    stop_at(monkeypatch, Network, "clear", call=2, signum=signal.SIGTERM)
    with pytest.raises(Interrupted, match="epoch-00000-batch-000003") as caught:
        run(tmp_path, epochs=3)
    assert caught.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    monkeypatch.undo()
    run(tmp_path, epochs=3, resume=True)
    assert_same(tmp_path, uninterrupted)


def test_a_signal_before_training_ends_the_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreground: None
) -> None:
    stop_at(monkeypatch, Network, "variables", call=1, signum=signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped by SIGINT; what was kept before is whole"):
        run(tmp_path)
    assert not (tmp_path / "summary.json").exists()


def test_a_signal_that_the_process_was_started_to_ignore_stays_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreground: None
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop_at(monkeypatch, Display, "step", call=2, signum=signal.SIGINT)
    run(tmp_path)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3  # both epochs
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def stop_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int, signum: int) -> None:
    """Has `owner.name` raise a signal when it is called for the `call`-th time."""
    original, calls = getattr(owner, name), [0]

    def wrapper(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            signal.raise_signal(signum)
        return original(*args)

    monkeypatch.setattr(owner, name, wrapper)
