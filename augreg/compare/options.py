"""What is compared, and how its runs are trained. Nothing here imports TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from augreg.errors import RunError
from augreg.policy import Policy, load_policy
from augreg.train.options import TrainOptions

NONE = "none"
Given = str | PathLike[str] | Mapping[str, Any] | Policy
_FOLDER = re.compile(r"\w[\w.-]*")
# Options that differ between the runs of a comparison, or that it sets itself.
OWN = ("policy", "augment", "seed", "output", "resume")


@dataclass(frozen=True)
class Contender:
    """A policy under its name in the comparison; `none` is a policy whose `augment` is skipped."""

    name: str
    policy: Policy | None
    augment: bool = True


@dataclass(frozen=True)
class CompareOptions:
    """The options of `augreg compare`.

    Attributes:
        policies: two or more, of which the first is the reference: as `load_policy` takes them, or
            "none": no augmentation, with `prepare` and `output` of the first policy that is named.
            A mapping gives names; in a sequence, a file's name or the policy's is taken.
        seeds: runs of each policy, 1 or more; three are the fewest that say anything.
        first_seed: the others follow.
        output: the folder of all runs (`POLICY/seed-N`), report.html and report.json.
        train: options of `TrainOptions` for all runs, but `policy`, `augment`, `seed`, `output` and
            `resume`.

    Raises:
        RunError: an option is not allowed, or two policies have the same name.
        PolicyError: a policy is wrong.
    """

    policies: Sequence[Given] | Mapping[str, Given]
    seeds: int = 5
    first_seed: int = 0
    output: Path = Path("runs/compare")
    train: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", Path(self.output))
        if self.seeds < 1:
            raise RunError(f"seeds is {self.seeds}; it has to be 1 or more")
        if taken := [name for name in self.train if name in OWN]:
            raise RunError(
                f"{taken[0]} is set for each run of a comparison; leave it out of the options"
            )
        contenders = self.contenders()
        if len(contenders) < 2:
            raise RunError(
                f"{len(contenders)} policy can't be compared; name two or more, such as none and "
                "flowers"
            )
        self.run_options(contenders[0], self.first_seed).check_places()

    def contenders(self) -> list[Contender]:
        """The policies, in order."""
        named = list(_named(self.policies))
        names = [name for name, _ in named]
        for name in names:
            if not _FOLDER.fullmatch(name):
                raise RunError(
                    f'"{name}" can\'t name a folder of runs; rename the policy with letters, '
                    'digits, "-", "_" and "."'
                )
            if names.count(name) > 1:
                raise RunError(f'two policies are called "{name}"; rename one of them')
        loaded = [policy for _, policy in named if policy is not None]
        base = loaded[0] if loaded else None
        return [
            Contender(name, policy or base, augment=policy is not None) for name, policy in named
        ]

    def run_options(self, contender: Contender, seed: int) -> TrainOptions:
        """Of one run."""
        return TrainOptions(
            policy=contender.policy,
            augment=contender.augment,
            seed=seed,
            output=self.output / contender.name / f"seed-{seed}",
            **self.train,
        )


def _named(policies: Sequence[Given] | Mapping[str, Given]) -> Iterator[tuple[str, Policy | None]]:
    given = policies.items() if isinstance(policies, Mapping) else ((None, p) for p in policies)
    for name, policy in given:
        if isinstance(policy, str) and policy == NONE:
            yield name or NONE, None
            continue
        loaded = load_policy(policy)
        file = Path(policy).stem if isinstance(policy, str | PathLike) else loaded.name
        yield name or file, loaded
