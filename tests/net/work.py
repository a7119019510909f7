"""What one process of `python -m net` does; light to import, for the process that waits."""

from __future__ import annotations

from typing import Any


def chunk(work: tuple[int, int, int, tuple[str, ...]]) -> Any:
    """Runs the cases from the first to before the last, and prints what fails as it comes."""
    from net.coverage import Coverage
    from net.running import Tally, run, ways_of

    first, last, every, only = work
    tally, coverage, unmade = Tally(), Coverage(), 0
    for number in range(first, last):
        before = len(tally.failures)
        try:
            coverage.add(run(number, only or ways_of(number, every), tally))
        except AssertionError as error:  # no case, but a refusal to look at; others go on
            unmade += 1
            print(f"DIFFERS case {number}: {error}", flush=True)
        for failure in tally.failures[before:]:
            print(f"DIFFERS {failure}", flush=True)
    counts = (tally.ran, tally.skipped, tally.refused, coverage.seen)
    return last - first, len(tally.failures) + unmade, *counts
