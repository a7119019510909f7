"""Trainers in several processes: what `--workers` does with them, and that they train alike."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from train_runs import QUIET, assert_same

import augreg.train
from augreg.cli import main, workers
from augreg.errors import RunError, WorkerLostError
from augreg.policy import find_policy
from augreg.train.cluster import Cluster, cluster_of_environment

DEADLINE = 60  # seconds until those that a dead worker leaves have ended: docs/train.md says it


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


# --- TF_CONFIG -------------------------------------------------------------------------------

TWO = {"worker": ["a:1", "b:2"]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "TF_CONFIG: not JSON .*; allowed is"),
        ("[]", "TF_CONFIG: list found; allowed is"),
        ({"cluster": 1}, '"cluster" and "task" have to be objects'),
        (
            {"cluster": {"chief": ["a:1"], **TWO}},
            'a task "chief"; .* name all tasks under "worker"',
        ),
        ({"cluster": TWO, "task": {"type": "evaluator", "index": 0}}, 'a task "evaluator"'),
        ({"cluster": {"worker": ["a:1", "b"]}}, "'b' is no address; allowed is"),
        ({"cluster": {"worker": ["a:1", "a:1"]}}, "two workers have one address"),
        ({"cluster": TWO}, "the task is None with the index None, of 2 workers; allowed is"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 2}}, "'worker' with the index 2"),
    ],
)
def test_a_cluster_of_other_than_workers_is_refused(
    monkeypatch: pytest.MonkeyPatch, config: Any, message: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(RunError, match=message):
        cluster_of_environment()


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ("", None),
        ("{}", None),
        (Cluster(("a:1",), 0).config(), None),
        (Cluster(("a:1", "b:2"), 1).config(), Cluster(("a:1", "b:2"), 1)),
    ],
)
def test_a_cluster_is_read_as_tensorflow_reads_it(
    monkeypatch: pytest.MonkeyPatch, config: str, found: Cluster | None
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    assert cluster_of_environment() == found


# --- starting them, and ending them ----------------------------------------------------------

WORKER = """
import json, os, signal, sys, time
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
def stop(number, _):
    open(f"{index}.{number}", "w")
    sys.exit(128 + number)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
open(f"{index}.started", "w").write(os.environ["TF_CONFIG"])
"""
WAIT = "time.sleep(60)"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Starts workers that do what is given for each of them; gives the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "_PATIENCE", 0.1)

    def start(*does: str) -> int:
        script = f"{WORKER}exec({does!r}[index])"
        monkeypatch.setattr(workers, "_PROGRAM", (sys.executable, "-c", script))
        return command("train", "--workers", len(does))

    return start


def test_workers_are_told_of_each_other(started: Any) -> None:
    assert started("", "", "") == 0
    configs = [json.loads(Path(f"{i}.started").read_text()) for i in range(3)]
    addresses = configs[0]["cluster"]["worker"]
    assert len({*addresses}) == 3 and all(one.startswith("127.0.0.1:") for one in addresses)
    for index, config in enumerate(configs):
        assert config == {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }


def test_a_worker_that_fails_ends_the_others_and_says_why(started: Any, capfd: Any) -> None:
    assert started(WAIT, "sys.exit('augreg: no such policy')") == 1
    assert capfd.readouterr().err == "worker 1: augreg: no such policy\n"


def test_a_worker_that_is_killed_ends_the_others_with_exit_code_5(started: Any, capfd: Any) -> None:
    assert started("sys.exit(5)", WAIT, "os.kill(os.getpid(), signal.SIGKILL)") == 5
    assert "augreg: worker 2 was ended by SIGKILL, so the others were" in capfd.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_workers(
    started: Any, tmp_path: Path, foreground: None, number: int, code: int
) -> None:
    def when_all_run() -> None:
        ends = time.monotonic() + 30
        while len([*tmp_path.glob("*.started")]) < 2 and time.monotonic() < ends:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    threading.Thread(target=when_all_run).start()
    assert started(WAIT, WAIT) == code
    assert len([*tmp_path.glob(f"*.{number}")]) == 2


def test_a_worker_ends_with_the_process_that_started_it() -> None:
    code = "import time; from augreg.cli.workers import *; stop_with_parent(); time.sleep(60)"
    environment = {**os.environ, workers.PARENT: str(os.getppid())}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=50)
    assert done.returncode == -signal.SIGTERM


def test_workers_get_the_options_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setitem(vars(augreg.train), "train", seen.append)
    given = "train digits --placement model --no-augment --resume --size 12x14 --max-bad 0.5 -o x"
    written: list[Any] = []
    monkeypatch.setattr("augreg.cli.training.train_with", lambda *how: written.append(how) or 0)
    assert command(*given.split(), "--workers", 2) == 0
    assert command("train", *workers._written(written[0][2])) == 0
    assert command(*given.split()) == 0
    assert seen[0] == seen[1]


def test_workers_and_slices_have_to_agree(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert command("train", "--workers", 2, "--slices", 3) == 2
    assert "--workers 2 computes 2 slices, and --slices is 3" in capsys.readouterr().err
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert command("train", "--workers", 2) == 2
    assert "--workers sets TF_CONFIG, which is set already" in capsys.readouterr().err


def test_a_lost_worker_is_exit_code_5(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def lost(options: Any) -> None:
        raise WorkerLostError("worker 0 of 2: another worker ended")

    monkeypatch.setitem(vars(augreg.train), "train", lost)
    assert command("train", "digits", "--slices", 2) == 5
    assert capsys.readouterr().err == "augreg: worker 0 of 2: another worker ended\n"


# --- real ones -------------------------------------------------------------------------------

TRAINER = """
import sys, time
from augreg.cli import main
from augreg.train.progress import Display
def step(*args):
    print("step", flush=True)
    time.sleep(0.5)
Display.step = step
main(sys.argv[1:])
"""


@pytest.mark.scale
def test_two_trainers_one_of_them_killed_end_as_two_slices_in_one_process_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1,297 images in batches of 500: the last one has 297, of which worker 1 has 47
    given = ["train", "digits", "--batch-size", "500", "--epochs", "2", "--output"]
    addresses = workers._free_addresses(2)
    trainers = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINER, *given, str(tmp_path / "two")],
            env={**os.environ, "TF_CONFIG": Cluster(addresses, index).config()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    try:
        assert trainers[0].stdout is not None
        for line in trainers[0].stdout:
            if line == "step\n":
                break
        trainers[1].kill()
        _, said = trainers[0].communicate(timeout=DEADLINE)
    finally:
        for trainer in trainers:
            trainer.kill()
            trainer.communicate()
    assert trainers[0].returncode == 5
    assert said.startswith("augreg: worker 0 of 2: another worker ended or no longer answers")
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "two" / "history.csv").exists()  # it was in the first epoch

    assert command(*given, tmp_path / "two", "--resume", "--workers", 2) == 0
    options = augreg.train.TrainOptions(
        find_policy("digits"), batch_size=500, epochs=2, slices=2, output=tmp_path / "one"
    )
    monkeypatch.setattr("augreg.train.report.write", lambda *args: None)
    augreg.train.train(options, console=QUIET)
    assert_same(tmp_path / "one", tmp_path / "two")
