"""`python -m net`: many cases, in several processes; exit 1 where any way differs from the oracle.

A case is made from its number alone: `python -m net --first 17 --count 1 --every 1` runs it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from typing import Any

from net.work import chunk

CHUNK = 200  # cases of one process: TensorFlow keeps what it has compiled
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs, prints progress, failures as they come, and what was covered."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    given = _parsed(arguments)
    starts = range(given.first, given.first + given.count, CHUNK)
    end = given.first + given.count
    work = [(s, min(s + CHUNK, end), given.every, tuple(given.way)) for s in starts]
    began, done, failed = time.monotonic(), 0, 0
    totals: list[Any] = [None] * 4
    context = multiprocessing.get_context("spawn")
    with context.Pool(given.jobs, maxtasksperchild=1) as pool:
        for count, more, *counts in pool.imap_unordered(chunk, work):
            done, failed = done + count, failed + more
            totals = [c if t is None else t + c for t, c in zip(totals, counts, strict=True)]
            rate = done / (time.monotonic() - began)
            said = f"{done} of {given.count} cases, {failed} differ, {rate:.1f} a second"
            print(said, flush=True)
    _summary(*totals)
    print(f"{done} cases, {failed} differ")
    return int(failed > 0)


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m net", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="the first case's number")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--every", type=int, default=40, help="each costly way once in so many")
    parser.add_argument("--way", action="append", default=[], help="only these ways")
    return parser.parse_args(arguments)


def _summary(ran: Any, skipped: Any, refused: Any, seen: Any) -> None:
    for title, counter in (
        ("ways", ran),
        ("plans that know less refused", skipped),
        ("policies refused before one was taken", refused),
    ):
        print(f"{title}: " + ", ".join(f"{name} {n}" for name, n in sorted(counter.items())))
    for kind in sorted({kind for kind, _ in seen}):
        every = sorted((name, n) for (k, name), n in seen.items() if k == kind)
        print(f"{kind}: " + ", ".join(f"{name} {n}" for name, n in every))


if __name__ == "__main__":
    sys.exit(main())
