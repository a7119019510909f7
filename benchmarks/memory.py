"""Does the cost grow linearly with pixels and batch, and does memory stay flat?"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine, work
from benchmarks.measure import Skipped, interleave
from benchmarks.peers import Source, ours
from benchmarks.report import show_plain
from benchmarks.results import spread

SIDES = (32, 64, 128, 180, 224, 256, 384, 512)
BATCHES = (1, 8, 32, 128)
IMAGES, WARM = 10_000, 1_000

# The resident size after every thousand images, in MiB, in a process that does nothing else.
FLAT = f"""
import psutil
from benchmarks import work
from benchmarks.peers import Source, ours
case = work.Case("full", 180)
runner = ours._in_data(Source(case, work.images(case)))
process, sizes = psutil.Process(), []
for done in range(0, {IMAGES} + {WARM}, {WARM}):
    sizes.append(process.memory_info().rss / 2**20)
    runner.run({WARM} // case.batch + 1)
print(*sizes)
"""


def flat() -> list[float]:
    """MiB resident before the first image, then after every thousand of ten thousand."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", FLAT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-400:])
    return [float(f"{float(size):.5g}") for size in done.stdout.splitlines()[-1].split()]


def cost(cases: list[work.Case], quick: bool) -> list[dict[str, Any]]:
    """Microseconds an image of `full` through `augment_dataset`, all cases interleaved."""
    runners = {}
    for case in cases:
        runners[f"{case.size}/{case.batch}"] = ours._in_data(Source(case, work.images(case)))
    # Turns count in batches; every case has its own, so rates are put right below.
    turns = interleave(runners, 3 if quick else 7, 0.25, 1)
    for runner in runners.values():
        runner.close()
    found = []
    for case in cases:
        rates = [turn.rate * case.batch for turn in turns[f"{case.size}/{case.batch}"]]
        found.append(
            {
                "size": case.size,
                "batch": case.batch,
                "microseconds": spread([1e6 / rate for rate in rates]),
                "nanoseconds_a_pixel": spread([1e9 / rate / case.size**2 for rate in rates]),
            }
        )
    return found


def run(quick: bool, console: Console) -> dict[str, Any]:
    """Both questions, answered for `full`."""
    result: dict[str, Any] = {"kind": "memory", "machine": machine.describe()}
    try:
        result["resident_mib"] = flat()
        result["by_size"] = cost([work.Case("full", side) for side in SIDES], quick)
        result["by_batch"] = cost([work.Case("full", work.BASE, n) for n in BATCHES], quick)
    except (Skipped, RuntimeError) as error:
        result["skipped"] = str(error)
        console.print(f"memory: {error}", markup=False)
        return result
    show_plain("full, cost by size and by batch", HEADERS, rows(result), console)
    console.print(said(result))
    return result


HEADERS = ("full, augment_dataset", "µs/image", "spread", "ns/pixel")


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Size and batch, µs an image, its spread, ns a pixel."""
    return [
        [
            f"{entry['size']}x{entry['size']}, batches of {entry['batch']}",
            f"{entry['microseconds']['median']:,.0f}",
            f"{entry['microseconds']['min']:,.0f}-{entry['microseconds']['max']:,.0f}",
            f"{entry['nanoseconds_a_pixel']['median']:.2f}",
        ]
        for entry in [*found.get("by_size", []), *found.get("by_batch", [])]
    ]


def said(found: dict[str, Any]) -> str:
    """The growth after the first two thousand images, in one line."""
    sizes = found["resident_mib"]
    return (
        f"{IMAGES:,} images of 180x180: {sizes[0]:.0f} MiB resident before the first, "
        f"{sizes[2]:.0f} after 2,000, {sizes[-1]:.0f} at the end, "
        f"{max(sizes):.0f} at most."
    )
