"""Figures as JSON values: medians, spreads, and ratios taken within each round."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import Turn

OURS = "augreg"


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest, to four digits."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {key: float(f"{value:.4g}") for key, value in found.items()}


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
        if name in skipped:
            entries.append({"name": name, "title": title, "skipped": skipped[name]})
            continue
        rates = [turn.rate for turn in turns[name]]
        entry: dict[str, Any] = {
            "name": name,
            "title": title,
            "images_per_second": spread(rates),
            "microseconds": float(f"{1e6 / statistics.median(rates):.4g}"),
            "cores": spread([turn.cores for turn in turns[name]]),
            "turns": [round(rate, 1) for rate in rates],
            "images_a_turn": turns[name][0].images,
        }
        for key, other in (("floors", floor), ("ahead", OURS)):
            # No one is ahead of the floor, which does none of the work.
            compared = other in turns and other != name
            if compared and not (key == "ahead" and name.startswith("floor")):
                theirs = [turn.rate for turn in turns[other]]
                pairs = zip(theirs, rates, strict=True)
                entry[key] = spread([their / rate for their, rate in pairs])
        entries.append(entry)
    return entries


def entry(case: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The measured entry of a contestant, None where it is missing or was skipped."""
    for found in case["contestants"]:
        if found["name"] == name and "skipped" not in found:
            return dict(found)
    return None
