"""How long one waits: the command line, and the first batch from a cold start."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine, work
from benchmarks.report import show_plain
from benchmarks.results import spread

# Each prints the seconds of its own first batch; importing TensorFlow comes before the clock.
OURS = """
import json, sys, time
import tensorflow as tf
from benchmarks import work
from benchmarks.peers import Source, ours
case = work.Case("full", 180)
source = Source(case, work.images(case))
start = time.perf_counter()
ours._in_data(source).sample()
print(time.perf_counter() - start)
"""
KERAS = OURS.replace("ours", "keras_layers")


def command() -> list[str]:
    """The `augreg` command of this environment, else the module."""
    beside = Path(sysconfig.get_path("scripts")) / "augreg"
    found = str(beside) if beside.exists() else shutil.which("augreg")
    return [found] if found else [sys.executable, "-m", "augreg"]


def wall(arguments: list[str]) -> float:
    """Seconds from start to end of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(arguments, capture_output=True, text=True)
    spent = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout)[-400:])
    return spent


def told(code: str) -> float:
    """The last line of what a Python process prints, in seconds."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-400:])
    return float(done.stdout.split()[-1])


def subjects() -> dict[str, tuple[float | None, Callable[[], float]]]:
    """What is timed: the most it may take, where that was set, and how it is taken."""
    policy = str(work.FOLDER / "full.json")
    bare = [sys.executable, "-c", "pass"]
    return {
        "python -c pass": (None, lambda: wall(bare)),
        "augreg --help": (0.4, lambda: wall([*command(), "--help"])),
        "augreg validate": (0.8, lambda: wall([*command(), "validate", policy])),
        "first batch of full, augreg": (6.0, lambda: told(OURS)),
        "first batch of full, Keras layers in tf.data": (None, lambda: told(KERAS)),
    }


def run(quick: bool, console: Console) -> dict[str, Any]:
    """Everything in turn, seven times (three where quick), each in a process of its own."""
    found: dict[str, list[float]] = {name: [] for name in subjects()}
    failed: dict[str, str] = {}
    for _ in range(3 if quick else 7):
        for name, (_, take) in subjects().items():
            if name in failed:
                continue
            try:
                found[name].append(take())
            except (RuntimeError, OSError) as error:
                failed[name] = " ".join(str(error).split())[-200:]
    entries = [
        {"name": name, "most": most, "seconds": spread(found[name])}
        if name not in failed
        else {"name": name, "title": name, "most": most, "skipped": failed[name]}
        for name, (most, _) in subjects().items()
    ]
    result = {"kind": "startup", "machine": machine.describe(), "entries": entries}
    show_plain("start-up", HEADERS, rows(result), console)
    for name, why in failed.items():
        console.print(f"  {name}: {why}", style="dim", markup=False)
    return result


HEADERS = ("start-up", "seconds", "spread", "at most", "")


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Name, median, spread, the limit, and whether it is kept."""
    lines = []
    for entry in found["entries"]:
        if "skipped" in entry:
            lines.append([entry["name"], "failed", "", "", "missed" if entry["most"] else ""])
            continue
        value, most = entry["seconds"], entry["most"]
        limit = "" if most is None else f"{most:g}"
        kept = "" if most is None else ("reached" if value["median"] <= most else "missed")
        between = f"{value['min']:.2f}-{value['max']:.2f}"
        lines.append([entry["name"], f"{value['median']:.2f}", between, limit, kept])
    return lines
