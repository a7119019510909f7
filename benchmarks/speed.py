"""Images in memory: every policy and size through every contestant."""

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from benchmarks import work
from benchmarks.peers import MAIN, Source, contestants
from benchmarks.race import race


def check(case: work.Case, sample: Any) -> None:
    """See that a contestant makes what is asked: float32 [B,S,S,3], changing, within 0..1.

    The floor only casts, so 0..255 is let through as well.
    """
    made = np.asarray(sample)
    shape = (case.batch, case.size, case.size, 3)
    if made.dtype != np.float32 or made.shape != shape:
        raise ValueError(f"made {made.dtype} {made.shape}, not float32 {shape}")
    if not np.isfinite(made).all() or made.min() < 0 or made.max() > 255 or made.std() < 0.01:
        raise ValueError(f"values {made.min()} to {made.max()}, deviation {made.std()}")


def run_case(case: work.Case, settings: work.Settings) -> dict[str, Any]:
    """All contestants on one policy at one size, interleaved."""
    print(f"{case.policy}, {case.size} pixels", flush=True)
    few = MAIN if settings.quick or case.size != settings.main else ()
    _, entries = race(
        contestants(settings.peers or few),
        Source(case, work.images(case)),
        settings,
        case.batch,
        check=partial(check, case),
    )
    measured = {"images": case.images, "rounds": settings.rounds, "contestants": entries}
    return {**asdict(case), **measured}


def run(settings: work.Settings) -> dict[str, Any]:
    """The whole comparison."""
    return {"cases": [run_case(case, settings) for case in settings.cases()]}
