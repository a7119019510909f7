"""What augreg set out to reach at 180×180, and whether this run shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.race import measured
from benchmarks.work import BASE

COLUMNS = {
    "policy": "{policy}",
    "against": "{peer}",
    "goal": "{goal}",
    "measured": "{value:.2f}x",
    "": "{verdict}",
}
TWO = "albumentations_2p"


@dataclass(frozen=True)
class Goal:
    """augreg's rate over another's: at least `least`; `aim`, if there is one.

    policy: what augreg does, or from files its contestant; peer: the other contestant.
    """

    policy: str
    peer: str
    least: float
    aim: float | None = None

    def entry(self, peer: str, value: float) -> dict[str, Any]:
        """What was measured against the peer of that title, for a table."""
        aim = f", aim {self.aim:g}x" if self.aim else ""
        goal, said = f"{self.least:g}x{aim}", verdict(value >= self.least)
        return {"policy": self.policy, "peer": peer, "goal": goal, "value": value, "verdict": said}


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


def verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def of_speed(speed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An entry for every goal that this run measured."""
    by_policy = {case["policy"]: case for case in speed["cases"] if case["size"] == BASE}
    found = []
    for goal in GOALS:
        peer = goal.policy in by_policy and measured(by_policy[goal.policy], goal.peer)
        if peer and "ahead" in peer:
            found.append(goal.entry(peer["title"], peer["ahead"]["median"]))
    return found
