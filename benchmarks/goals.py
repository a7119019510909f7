"""What augreg set out to reach at 180×180, and whether this run shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.results import entry
from benchmarks.work import BASE

TWO = "albumentations_2p"


@dataclass(frozen=True)
class Goal:
    """augreg's rate over a contestant's, on a policy: at least `least`; `aim`, if there is one."""

    policy: str
    peer: str
    least: float
    aim: float | None = None


GOALS = (
    Goal("tutorial_keras", "keras_data", 9),
    Goal("tutorial_keras", TWO, 1.3, 2),
    Goal("geometry", "keras_data", 25),
    Goal("geometry", TWO, 1.3, 2),
    Goal("colour", "keras_data", 25),
    Goal("colour", TWO, 1.3, 2),
    Goal("full", "keras_data", 20),
    Goal("full", TWO, 1.4, 2),
    Goal("tutorial_tf_image", "tf_image", 2.5),
    Goal("tutorial_tf_image", TWO, 1.1, 2),
    Goal("randaugment", "keras_data", 30),
)

# From files: the rate of the first over that of the second, at least.
FILE_GOALS = (
    ("augreg_tutorial", "decode_resize", 0.75),
    ("augreg_full", "decode_resize", 0.65),
    ("augreg_tutorial", "tutorial", 1.6),
)


def verdict(value: float, least: float) -> str:
    return "reached" if value >= least else "missed"


def speed_rows(speed: Mapping[str, Any]) -> list[list[str]]:
    """Policy, peer, at least, measured, verdict: for every goal that this run measured."""
    lines: list[list[str]] = []
    by_policy = {case["policy"]: case for case in speed["cases"] if case["size"] == BASE}
    for goal in GOALS:
        if goal.policy not in by_policy:
            continue
        peer = entry(by_policy[goal.policy], goal.peer)
        if peer is None or "ahead" not in peer:
            continue
        value = peer["ahead"]["median"]
        aim = f", aim {goal.aim:g}x" if goal.aim else ""
        asked = f"{goal.least:g}x{aim}"
        said = verdict(value, goal.least)
        lines.append([goal.policy, peer["title"], asked, f"{value:.2f}x", said])
    return lines


def file_rows(files: Mapping[str, Any]) -> list[list[str]]:
    """The same columns for the end-to-end run, from the pairs measured round by round."""
    lines: list[list[str]] = []
    for pair, (ours, other, least) in zip(files["pairs"], FILE_GOALS, strict=True):
        if pair is None:
            continue
        value = pair["median"]
        said = verdict(value, least)
        lines.append([ours, other, f"{least:g}x", f"{value:.2f}x", said])
    return lines
