"""Does the cost grow linearly with pixels and batch, and does memory stay flat?"""

import sys
from dataclasses import asdict
from typing import Any

import psutil

from benchmarks import machine, work
from benchmarks.measure import interleave
from benchmarks.peers import Source, ours
from benchmarks.race import spread

SIDES = (32, 64, 128, 180, 224, 256, 384, 512)
BATCHES = (1, 8, 32, 128)


def resident() -> None:
    """Print the MiB resident before the first image, then after every thousand of ten thousand."""
    case = work.Case("full", 180)
    runner = ours.in_data(Source(case, work.images(case)))
    for _ in range(11):
        print(f"{psutil.Process().memory_info().rss / 2**20:.5g}")
        runner.run(1000 // case.batch + 1)


def flat() -> list[float]:
    """What `resident` prints in a process that does nothing else."""
    code = "from benchmarks import memory; memory.resident()"
    return [float(size) for size in machine.output(sys.executable, "-c", code).split()[-11:]]


def cost(cases: list[work.Case], settings: work.Settings) -> list[dict[str, Any]]:
    """Microseconds an image of `full` through `augment_dataset`, all cases interleaved."""
    runners = {str(case): ours.in_data(Source(case, work.images(case))) for case in cases}
    # Turns count in batches; every case has its own, so times are put right below.
    turns = interleave(runners, settings.rounds, settings.seconds, 1)
    for runner in runners.values():
        runner.close()
    found = []
    for case in cases:
        microseconds = [1e6 / (turn.rate * case.batch) for turn in turns[str(case)]]
        a_pixel = [1e3 * each / case.size**2 for each in microseconds]
        measured = {"microseconds": spread(microseconds), "nanoseconds_a_pixel": spread(a_pixel)}
        found.append({**asdict(case), **measured})
    return found


def run(settings: work.Settings) -> dict[str, Any]:
    """Both questions, answered for `full`."""
    try:
        return {
            "resident_mib": flat(),
            "by_size": cost([work.Case("full", side) for side in SIDES], settings),
            "by_batch": cost([work.Case("full", work.BASE, n) for n in BATCHES], settings),
        }
    except RuntimeError as error:
        return {"skipped": str(error)}
