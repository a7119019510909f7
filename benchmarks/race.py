"""A race: contestants are built, checked, timed by turns and closed; who can't run says why.

Its figures are JSON values: medians, spreads, and ratios taken within each round.
"""

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Runner, Skipped, Turn, interleave, settle
from benchmarks.work import Settings

OURS = "augreg"


@dataclass(frozen=True)
class Contestant:
    """name: the key in JSON; title: for people; build: sets it up, or raises `Skipped`."""

    name: str
    title: str
    build: Callable[[Any], Runner]


def named(known: Sequence[Contestant], only: Sequence[str]) -> list[Contestant]:
    """The contestants in `only`, or all of them where that is empty."""
    names = [contestant.name for contestant in known]
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise SystemExit(f"no contestant {', '.join(unknown)}; there are: {', '.join(names)}")
    return [contestant for contestant in known if not only or contestant.name in only]


def race(
    contestants: Sequence[Contestant],
    source: Any,
    settings: Settings,
    batch: int,
    floor: str = "floor",
    check: Callable[[Any], None] = lambda sample: None,
) -> tuple[dict[str, list[Turn]], list[dict[str, Any]]]:
    """The turns of those who ran, and one entry a contestant, as `summarize` makes them.

    source: what each is built from; check: raises where a sample is not what was asked for.
    """
    runners: dict[str, Runner] = {}
    skipped: dict[str, str] = {}
    with ExitStack() as closing:
        for contestant in contestants:
            try:
                settle()
                runner = contestant.build(source)
                closing.callback(runner.close)
                check(runner.sample())
                runners[contestant.name] = runner
            except Skipped as reason:
                skipped[contestant.name] = str(reason)
            except Exception as error:
                # One contestant that breaks must not cost the others their run; the table says so.
                skipped[contestant.name] = f"FAILED: {type(error).__name__}: {error}"[:500]
        turns = interleave(runners, settings.rounds, settings.seconds, batch)
    runners.clear()
    gc.collect()
    titles = {contestant.name: contestant.title for contestant in contestants}
    return turns, summarize(turns, titles, skipped, floor)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest, to four digits."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {key: float(f"{value:.4g}") for key, value in found.items()}


def ratio(turns: Mapping[str, Sequence[Turn]], one: str, other: str) -> dict[str, float] | None:
    """The rate of one over that of another, round by round; None where either did not run."""
    if one not in turns or other not in turns:
        return None
    pairs = zip(turns[one], turns[other], strict=True)
    return spread([mine.rate / theirs.rate for mine, theirs in pairs])


def summarize(
    turns: Mapping[str, Sequence[Turn]],
    titles: Mapping[str, str],
    skipped: Mapping[str, str],
    floor: str = "floor",
) -> list[dict[str, Any]]:
    """One entry a contestant, in the order of `titles`; those that could not run say why.

    images_per_second, and microseconds an image from its median; cores: CPU seconds a second;
    floors: how many times the floor's time an image takes; ahead: how many times augreg's rate
    its own goes into, both round by round.
    """
    entries: list[dict[str, Any]] = []
    for name, title in titles.items():
        entry: dict[str, Any] = {"name": name, "title": title}
        entries.append(entry)
        if name in skipped:
            entry["skipped"] = skipped[name]
            continue
        rates = [turn.rate for turn in turns[name]]
        entry["images_per_second"] = spread(rates)
        entry["microseconds"] = float(f"{1e6 / statistics.median(rates):.4g}")
        entry["cores"] = spread([turn.cores for turn in turns[name]])
        entry["turns"] = [round(rate, 1) for rate in rates]
        entry["images_a_turn"] = turns[name][0].images
        if name != floor and floor in turns:
            entry["floors"] = ratio(turns, floor, name)
        # No one is ahead of the floor, which does none of the work.
        if name != OURS and OURS in turns and not name.startswith("floor"):
            entry["ahead"] = ratio(turns, OURS, name)
    return entries


def measured(case: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The entry of a contestant, None where it is missing or was skipped."""
    found = (entry for entry in case["contestants"] if entry["name"] == name)
    return next((entry for entry in found if "skipped" not in entry), None)
