"""Single ops beside Albumentations': the wall time of a pipeline, and the CPU time of an image."""

from dataclasses import replace
from typing import Any

from benchmarks import work
from benchmarks.goals import TWO
from benchmarks.race import OURS, measured
from benchmarks.speed import run_case


def run(settings: work.Settings) -> dict[str, Any]:
    """Every op of `policies/ops.json`, each in a race of its own."""
    entries, asked = [], replace(settings, peers=(OURS, TWO))
    for name in work.single_ops():
        case = run_case(work.Case(name, work.BASE, settings.batch), asked)
        ours, peer = measured(case, OURS), measured(case, TWO)
        if ours is None or peer is None:
            raise RuntimeError(f"{name}: {case['contestants']}")
        # microseconds of processor time an image, of all threads and processes
        mine, theirs = (one["cores"]["median"] * one["microseconds"] for one in (ours, peer))
        times = {"ours": ours["microseconds"], "ours_cpu": mine, "cpu": theirs}
        entries.append({**peer, **times, "name": name})
    return {"ops": entries}
