"""Images in memory: every policy and size through every contestant."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import machine, work
from benchmarks.goals import speed_rows
from benchmarks.measure import Runner, Skipped, interleave, settle
from benchmarks.peers import MAIN, Contestant, Source, contestants
from benchmarks.report import show_case, show_plain
from benchmarks.results import summarize


@dataclass(frozen=True)
class Settings:
    """rounds: turns for each contestant; seconds: the length of a turn."""

    rounds: int = 7
    seconds: float = 0.25
    policies: tuple[str, ...] = work.POLICIES
    sizes: tuple[int, ...] = work.SIZES
    peers: tuple[str, ...] = ()
    batch: int = 32
    every: bool = False

    @property
    def main(self) -> int:
        """The size at which every contestant and policy is measured."""
        return work.BASE if work.BASE in self.sizes else self.sizes[0]


QUICK = Settings(rounds=3, seconds=0.25, sizes=(work.BASE,), peers=MAIN)


def build(chosen: Sequence[Contestant], source: Source) -> tuple[dict[str, Runner], dict[str, str]]:
    """Runners, and the reasons of those that were skipped."""
    runners: dict[str, Runner] = {}
    skipped: dict[str, str] = {}
    for contestant in chosen:
        try:
            settle()
            runner = contestant.build(source)
            check(runner.sample(), source.case)
            runners[contestant.name] = runner
        except Skipped as reason:
            skipped[contestant.name] = str(reason)
        except Exception as error:
            # One contestant that breaks must not cost the others their run; the table says so.
            skipped[contestant.name] = f"FAILED: {type(error).__name__}: {error}"[:500]
    return runners, skipped


def check(sample: Any, case: work.Case) -> None:
    """See that a contestant makes what is asked: float32 [B,S,S,3], changing, within 0..1.

    The floor only casts, so 0..255 is let through as well.
    """
    made = np.asarray(sample)
    shape = (case.batch, case.size, case.size, 3)
    if made.dtype != np.float32 or made.shape != shape:
        raise ValueError(f"made {made.dtype} {made.shape}, not float32 {shape}")
    if not np.isfinite(made).all() or made.min() < 0 or made.max() > 255 or made.std() < 0.01:
        raise ValueError(f"values {made.min()} to {made.max()}, deviation {made.std()}")


def run_case(case: work.Case, settings: Settings) -> dict[str, Any]:
    """All contestants on one policy at one size, interleaved."""
    peers = settings.peers
    if case.size != settings.main and not settings.every:
        peers = peers or MAIN
    chosen = contestants(peers, settings.every)
    source = Source(case, work.images(case))
    runners, skipped = build(chosen, source)
    try:
        turns = interleave(runners, settings.rounds, settings.seconds, case.batch)
    finally:
        for runner in runners.values():
            runner.close()
        runners.clear()
        gc.collect()
    titles = {contestant.name: contestant.title for contestant in chosen}
    return {
        "policy": case.policy,
        "size": case.size,
        "batch": case.batch,
        "images": case.images,
        "rounds": settings.rounds,
        "contestants": summarize(turns, titles, skipped),
    }


def run(settings: Settings, console: Console) -> dict[str, Any]:
    """The whole comparison, each case's table printed as soon as it is done."""
    found: dict[str, Any] = {"kind": "speed", "machine": machine.describe(), "cases": []}
    chosen = work.cases(
        settings.policies, settings.sizes, settings.main, settings.every, settings.batch
    )
    for case in chosen:
        done = run_case(case, settings)
        found["cases"].append(done)
        show_case(done, f"{case.title}, batches of {case.batch}", console)
    lines = speed_rows(found)
    if lines:
        show_plain("goals", ("policy", "against", "goal", "measured", ""), lines, console)
    return found
