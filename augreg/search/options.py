"""What is searched, and how. Nothing here imports Optuna or TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from augreg.compare.options import CompareOptions, Given
from augreg.errors import RunError
from augreg.policy import Policy, load_policy
from augreg.search.space import Knob, space
from augreg.train.options import TrainOptions

START, BEST, RAND_AUGMENT = "start", "best", "rand_augment"


@dataclass(frozen=True)
class SearchOptions:
    """The options of `augreg search`.

    Attributes:
        policy: where the search starts, as `load_policy` takes it.
        budget: how many trials there are, the start itself included; 2 or more.
        seeds: runs for the final figure of each policy, 1 or more.
        seed: of the search and of the run of each trial; the final runs have those that follow.
        output: the folder of all: study.db, the trials, best.json and `final/`.
        train: options of `TrainOptions` for all runs, as in `CompareOptions`.

    Raises:
        RunError: an option is not allowed, or the policy has nothing to search.
        PolicyError: the policy is wrong.
    """

    policy: Given
    budget: int = 20
    seeds: int = 5
    seed: int = 0
    output: Path = Path("runs/search")
    train: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", Path(self.output))
        if self.budget < 2:
            raise RunError(
                f"budget is {self.budget}; it has to be 2 or more, the first of which is the "
                "policy as it is"
            )
        if not self.knobs:
            raise RunError(
                f'policy "{self.start.name}" has nothing to search: no range [lo, hi] and no "p" '
                'in its augment; write ranges for constants, and "p": 1 for what may be left out'
            )
        self.final({START: self.start, RAND_AUGMENT: self.rand_augment})

    @cached_property
    def start(self) -> Policy:
        return load_policy(self.policy)

    @cached_property
    def knobs(self) -> tuple[Knob, ...]:
        """What a trial varies."""
        return space(self.start)

    @cached_property
    def rand_augment(self) -> Policy:
        """RandAugment (two operations at magnitude 9 of 10), prepared as the start is."""
        source = {
            key: self.start.source[key] for key in ("prepare", "output") if key in self.start.source
        }
        step = {"op": "rand_augment", "n": 2, "magnitude": 9}
        return load_policy({"version": 1, "name": RAND_AUGMENT, **source, "augment": [step]})

    def run_options(self, policy: Policy) -> TrainOptions:
        """Of a trial's run. Its folder is the policy's, so that a trial finds what it began."""
        output = self.output / "trials" / policy.hash[:16]
        return TrainOptions(policy=policy, seed=self.seed, output=output, **self.train)

    def final(self, policies: Mapping[str, Policy]) -> CompareOptions:
        """The comparison that gives the final figures."""
        return CompareOptions(
            policies, self.seeds, self.seed + 1, self.output / "final", self.train
        )
