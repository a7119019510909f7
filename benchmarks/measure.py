"""Fair timing: contestants take turns in one run, and nothing works in the background.

A turn is at least half a second of steady work. A tf.data pipeline goes on working after its
turn until its buffers are full, so the next turn starts when the process has gone quiet; and it
would hand out those buffered batches for nothing, so they are taken before the clock starts, up
to the first one that has to be waited for.
Turns of one round lie seconds apart, so a machine that slows down slows everyone: compare within
a round, then take the median over the rounds.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil


class Skipped(Exception):
    """This contestant has no way to do this work, or is not installed. str(): the reason."""


@dataclass(frozen=True)
class Runner:
    """A contestant, set up for one case.

    run: does that many batches, and returns when they are done.
    drain: takes the batches that lie finished, given the seconds that one usually takes.
    even: a turn is a multiple of this many batches, so that no worker waits for another's last.
    sample: one finished batch as an array, to see that the work was done.
    close: lets go of processes and iterators.
    """

    run: Callable[[int], None]
    sample: Callable[[], Any]
    drain: Callable[[float], None] | None = None
    even: int = 1
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Turn:
    """images done in `seconds` of wall time with `cpu` seconds of all processes and threads."""

    images: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds

    @property
    def cores(self) -> float:
        """Cores kept busy on average."""
        return self.cpu / self.seconds


def cpu_seconds() -> float:
    """CPU time of this process, all its threads, and its worker processes.

    Those count while they live, and once they have ended and been waited for.
    """
    ended = os.times()
    total = time.process_time() + ended.children_user + ended.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def settle(quiet: float = 0.05, limit: float = 60.0) -> None:
    """Wait until no thread of ours works: twice in a row under a tenth of one core."""
    end, calm, before = time.perf_counter() + limit, 0, cpu_seconds()
    while calm < 2 and time.perf_counter() < end:
        time.sleep(quiet)
        now = cpu_seconds()
        calm = calm + 1 if now - before < 0.1 * quiet else 0
        before = now


@dataclass(frozen=True)
class Length:
    """A turn's batches, and the seconds that one batch takes in steady work."""

    batches: int
    seconds: float


def take_turn(runner: Runner, length: Length, batch: int) -> Turn:
    """One timed turn, from a quiet process, past what was buffered."""
    settle()
    if runner.drain:
        runner.drain(length.seconds)
    cpu, start = cpu_seconds(), time.perf_counter()
    runner.run(length.batches)
    seconds = time.perf_counter() - start
    return Turn(length.batches * batch, seconds, cpu_seconds() - cpu)


def calibrate(runner: Runner, seconds: float) -> Length:
    """Warm up (compile, fill caches, let AUTOTUNE settle) and say how long a turn must be.

    A pipeline's turn is at least four batches, so that one more or less in its buffers at the
    end is not the result.
    """
    settle()
    batches, least = runner.even, 4 if runner.drain else 2
    runner.run(least)
    while True:
        start = time.perf_counter()
        runner.run(batches)
        spent = time.perf_counter() - start
        if spent >= seconds / 2:
            length = max(least, round(batches * seconds / spent))
            return Length(-(-length // runner.even) * runner.even, spent / batches)
        batches = max(2 * batches, min(64 * batches, int(batches * seconds / max(spent, 1e-4))))


def interleave(
    runners: Mapping[str, Runner], rounds: int, seconds: float, batch: int
) -> dict[str, list[Turn]]:
    """`rounds` turns for each runner, all of them in every round, each round from another start."""
    lengths = {name: calibrate(runner, seconds) for name, runner in runners.items()}
    names = list(runners)
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    for i in range(rounds):
        at = i % max(1, len(names))
        for name in (*names[at:], *names[:at]):
            turns[name].append(take_turn(runners[name], lengths[name], batch))
    return turns
