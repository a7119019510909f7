"""How long one waits: the command line, and the first batch from a cold start."""

import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import machine, work
from benchmarks.goals import verdict
from benchmarks.page import show, startup_text
from benchmarks.peers import Source, contestants
from benchmarks.race import spread


def first_batch(name: str) -> None:
    """Print the seconds of a contestant's; importing TensorFlow comes before the clock."""
    import tensorflow  # noqa: F401

    case = work.Case("full", 180)
    source = Source(case, work.images(case))
    (contestant,) = contestants((name,))
    start = time.perf_counter()
    contestant.build(source).sample()
    print(time.perf_counter() - start)


def _wall(*arguments: str) -> float:
    """Seconds from start to end of a Python process that must succeed."""
    start = time.perf_counter()
    machine.output(sys.executable, *arguments)
    return time.perf_counter() - start


def _told(name: str) -> float:
    """Seconds of a contestant's first batch, in a process of its own."""
    code = f"from benchmarks.startup import first_batch; first_batch({name!r})"
    return float(machine.output(sys.executable, "-c", code).split()[-1])


POLICY = str(work.FOLDER / "full.json")

# What is timed: the most it may take, where that was set, and how it is taken.
SUBJECTS: dict[str, tuple[float | None, Callable[[], float]]] = {
    "python -c pass": (None, lambda: _wall("-c", "pass")),
    "augreg --help": (0.4, lambda: _wall("-m", "augreg", "--help")),
    "augreg validate": (0.8, lambda: _wall("-m", "augreg", "validate", POLICY)),
    "first batch of full, augreg": (6.0, lambda: _told("augreg")),
    "first batch of full, Keras layers in tf.data": (None, lambda: _told("keras_data")),
}


def run(settings: work.Settings) -> dict[str, Any]:
    """Everything in turn, each in a process of its own."""
    entries: dict[str, Any] = {name: {"name": name, "title": name} for name in SUBJECTS}
    seconds: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for _ in range(settings.rounds):
        for name, (_, take) in SUBJECTS.items():
            if "skipped" in entries[name]:
                continue
            try:
                seconds[name].append(take())
            except (RuntimeError, OSError) as error:
                entries[name]["skipped"] = " ".join(str(error).split())[-200:]
    for name, (most, _) in SUBJECTS.items():
        ran = "skipped" not in entries[name]
        if ran:
            entries[name]["seconds"] = spread(seconds[name])
        if most:
            kept = ran and entries[name]["seconds"]["median"] <= most
            entries[name] |= {"most": most, "verdict": verdict(kept)}
    found = {"kind": "startup", "machine": machine.describe(), "entries": [*entries.values()]}
    show(startup_text(found))
    return found
