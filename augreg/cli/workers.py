"""`train --workers N`: starts N trainers on this machine, and ends all of them when one ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

import typer

from augreg.cli.console import INTERRUPTED, TERMINATED, WORKER_LOST, Terminated, say

_PROGRAM = (sys.executable, "-P", "-m", "augreg", "train")
PARENT = "AUGREG_PARENT"  # the process that started this one, which ends when that does
_PATIENCE, _MORE = 10.0, 20.0  # seconds: what is left is ended by SIGINT, then by SIGKILL
_STOPPED = {INTERRUPTED: INTERRUPTED, TERMINATED: TERMINATED, -signal.SIGINT: INTERRUPTED}


@dataclass(frozen=True)
class Worker:
    """A trainer, and where what it says on stderr is kept; worker 0 says it itself."""

    index: int
    process: subprocess.Popen[bytes]
    said: IO[bytes] | None


def train_with(count: int, slices: int, given: Mapping[str, Any]) -> int:
    """Runs `augreg train` with these options as `count` workers; returns the exit code.

    It is that of the worker that failed first, or 5 where one was killed. SIGINT and SIGTERM go on
    to all of them.
    """
    from augreg.train.cluster import TF_CONFIG, Cluster

    if slices not in (1, count):
        raise typer.BadParameter(
            f"--workers {count} computes {count} slices, and --slices is {slices}; leave it out"
        )
    if os.environ.get(TF_CONFIG):
        raise typer.BadParameter(
            f"--workers sets {TF_CONFIG}, which is set already; unset it, or leave --workers out"
        )
    arguments = _written(given)
    with ExitStack() as stack:
        addresses = _free_addresses(count)
        workers: list[Worker] = []
        stack.callback(_end, workers)
        for index in range(count):
            said = stack.enter_context(tempfile.TemporaryFile()) if index else None
            config = {TF_CONFIG: Cluster(addresses, index).config()}
            process = _start(config, arguments, said)
            workers.append(Worker(index, process, said))
        return _code(_watched(workers))


def stop_with_parent() -> None:
    """Has this worker stop, as on SIGTERM, where the process that started it is gone."""
    parent = os.environ.get(PARENT)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _written(given: Mapping[str, Any]) -> list[str]:
    """Options as a command line has them."""
    made = []
    for name, value in given.items():
        option = "--" + name.replace("_", "-")
        if name == "policy":
            made += [] if value is None else [str(value)]
        elif value is True:
            made.append(option)
        elif value is False:
            made += ["--no-augment"] if name == "augment" else []
        elif value is not None:
            made += [option, str(value)]
    return made


def _free_addresses(count: int) -> tuple[str, ...]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)


def _start(
    config: Mapping[str, str], arguments: Sequence[str], said: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches this process only, which hands it on once."""
    environment = {
        **os.environ,
        **config,
        PARENT: str(os.getpid()),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # the modules that run here
    }
    return subprocess.Popen(
        [*_PROGRAM, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=None if said is None else subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
    )


def _watched(workers: Sequence[Worker]) -> list[Worker]:
    """Waits for all; gives those that ended with another code than 0, the first one first."""
    failed: list[Worker] = []
    stops = 0
    ends = float("inf")
    while True:
        try:
            for worker in workers:
                if worker.process.poll() and worker not in failed:
                    failed.append(worker)
            if all(worker.process.returncode is not None for worker in workers):
                return failed
            if failed and ends == float("inf"):
                ends = time.monotonic() + _PATIENCE
            if time.monotonic() > ends:
                return failed
            time.sleep(0.05)
        except (KeyboardInterrupt, Terminated) as stop:
            stops += 1
            number = signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM
            for worker in workers:
                worker.process.send_signal(number)


def _end(workers: Sequence[Worker]) -> None:
    """Ends those that are left."""
    left = [worker.process for worker in workers if worker.process.poll() is None]
    for process in left:  # TensorFlow takes no SIGTERM while it waits for the others
        process.send_signal(signal.SIGINT)
    ends = time.monotonic() + _MORE
    for process in left:
        try:
            process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _code(failed: Sequence[Worker]) -> int:
    """The exit code, once it is said who failed: not those that only missed another one."""
    if not failed:
        return 0
    first = min(failed, key=lambda worker: worker.process.returncode == WORKER_LOST)
    code = first.process.returncode
    if code in _STOPPED:
        return _STOPPED[code]
    if code < 0:
        say(
            f"augreg: worker {first.index} was ended by {signal.Signals(-code).name}, so the "
            "others were ended too; continue with --resume"
        )
        return WORKER_LOST
    if first.said is not None:
        first.said.seek(0)
        for line in first.said.read().decode(errors="backslashreplace").splitlines():
            say(f"worker {first.index}: {line}")
    return int(code)
