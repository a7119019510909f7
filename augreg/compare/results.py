"""What a comparison found, for report.json and the page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from augreg.compare.student import CONFIDENCE, FEW_SEEDS, Paired, paired
from augreg.train.report import Summary

CURVES = ("loss", "accuracy")


@dataclass(frozen=True)
class Result:
    """Of one policy.

    Attributes:
        name: in the comparison.
        runs: of each seed.
        difference: of the test accuracies to those of the reference, seed by seed; None of the
            reference itself.
    """

    name: str
    runs: tuple[Summary, ...]
    difference: Paired | None

    @property
    def accuracies(self) -> list[float]:
        """On the test split, of each seed."""
        return [run.test_accuracy for run in self.runs]

    @property
    def mean(self) -> float:
        """Of the test accuracies."""
        return statistics.fmean(self.accuracies)

    @property
    def spread(self) -> float | None:
        """The standard deviation of the test accuracies; None for a single seed."""
        return statistics.stdev(self.accuracies) if len(self.runs) > 1 else None

    @property
    def images_per_second(self) -> float | None:
        """Training images, the mean over the runs; None where they had one epoch."""
        rates = [run.images_per_second for run in self.runs if run.images_per_second is not None]
        return statistics.fmean(rates) if rates else None

    @property
    def confusion(self) -> list[list[int]] | None:
        """Test images by class (row) and prediction (column), the sum over all seeds."""
        matrices = [run.confusion for run in self.runs if run.confusion is not None]
        return np.sum(matrices, axis=0).tolist() if len(matrices) == len(self.runs) else None

    def curve(self, column: str) -> list[float]:
        """The mean of a column of the histories, up to the last epoch that all runs have."""
        epochs = min(run.epochs for run in self.runs)
        rows = range(epochs)
        return [statistics.fmean(run.history[i][column] for run in self.runs) for i in rows]


@dataclass(frozen=True)
class Results:
    """Of all policies, the reference first.

    Attributes:
        policies: what was found of each.
        seeds: of the runs of each.
        prepared_alike: whether all policies have the same `prepare` and `output`.
        limited: whether each seed draws its training images.
    """

    policies: tuple[Result, ...]
    seeds: tuple[int, ...]
    prepared_alike: bool
    limited: bool

    @property
    def reference(self) -> Result:
        return self.policies[0]

    @property
    def notes(self) -> list[str]:
        """What to know before one believes the figures."""
        count = len(self.policies) - 1
        notes = [
            "An interval says how the mean difference would vary with other seeds (initial "
            f"weights, order, draws{', training images' * self.limited}). It does not say how it "
            "would vary with other test images."
        ]
        if len(self.seeds) < FEW_SEEDS:
            notes.insert(
                0,
                f"Warning: {len(self.seeds)} seed{'s' * (len(self.seeds) > 1)} can't tell a "
                f"difference from chance; use {FEW_SEEDS} or more.",
            )
        if count > 1:
            notes.append(
                f"{count} policies are compared with one reference, each at "
                f"{100 * CONFIDENCE:.0f} %: the chance that one of them differs by accident is "
                f"higher than {100 - 100 * CONFIDENCE:.0f} %."
            )
        if not self.prepared_alike:
            notes.append(
                "The policies differ in prepare or output, so the networks' images differ before "
                "any augmentation: in size, and then in the initial weights, or in range."
            )
        return notes

    def as_json(self) -> dict[str, Any]:
        """What report.json says."""
        run = self.reference.runs[0]
        return {
            "data": run.data,
            "model": run.model,
            "samples": run.samples,
            "class_names": run.class_names,
            "versions": run.versions,
            "seeds": list(self.seeds),
            "reference": self.reference.name,
            "confidence": CONFIDENCE,
            "notes": self.notes,
            "policies": {one.name: _as_json(one) for one in self.policies},
        }


def results(
    names: Sequence[str],
    runs: Sequence[Sequence[Summary]],
    prepared_alike: bool = True,
    limited: bool = False,
) -> Results:
    """Puts the runs of each policy, one of each seed, beside those of the first; see `Results`."""
    reference = [run.test_accuracy for run in runs[0]]
    found = [
        Result(
            name,
            tuple(own),
            None if i == 0 else paired([run.test_accuracy for run in own], reference),
        )
        for i, (name, own) in enumerate(zip(names, runs, strict=True))
    ]
    seeds = tuple(run.seed for run in runs[0])
    return Results(tuple(found), seeds, prepared_alike, limited)


def _as_json(result: Result) -> dict[str, Any]:
    difference = result.difference
    first = result.runs[0]
    return {
        "policy": first.policy,
        "policy_hash": first.policy_hash,
        "augment": first.augment,
        "test_accuracy": result.accuracies,
        "mean": result.mean,
        "standard_deviation": result.spread,
        "difference": None
        if difference is None
        else {**asdict(difference), "verdict": difference.verdict},
        "val_accuracy": [run.val_accuracy for run in result.runs],
        "epochs": [run.epochs for run in result.runs],
        "images_per_second": result.images_per_second,
        "curves": {
            prefix + name: result.curve(prefix + name) for prefix in ("", "val_") for name in CURVES
        },
        "confusion": result.confusion,
    }
