"""Everything that a finished run writes besides its history and its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from augreg import files
from augreg.policy import Policy
from augreg.sources import Source
from augreg.train import data, models, report
from augreg.train.options import TrainOptions
from augreg.train.report import Summary


def write(
    options: TrainOptions,
    policy: Policy,
    source: Source,
    feed: data.Feed,
    core: Any,
    history: Sequence[dict[str, float]],
    test: tuple[float, float],
) -> Summary:
    """Writes the model, the export, the curves, and last the summary: where it is, all is.

    Args:
        options, policy, source, feed: of the run.
        core: the trained network.
        history: a row for each epoch.
        test: loss and accuracy on the test split.
    """
    output = options.output
    wanted = data.sections(options)
    model = models.whole(core, policy, options.seed, feed.taken, wanted)
    with files.replacing(output / "model.keras") as path:
        model.save(path)
    with files.replacing(output / "export") as path:
        model.export(path, format="tf_saved_model", verbose=False)
    report.write_history(output / "history.csv", history)
    title = f"{options.model}, {policy.name}, {options.data}"
    report.write_curves(output / "curves.png", history, title)
    summary = _summary(options, policy, source, history, test)
    report.write_summary(output / "summary.json", summary)
    return summary


def _summary(
    options: TrainOptions,
    policy: Policy,
    source: Source,
    history: Sequence[dict[str, float]],
    test: tuple[float, float],
) -> Summary:
    return Summary(
        test_accuracy=test[1],
        test_loss=test[0],
        epochs=len(history),
        seed=options.seed,
        placement=options.placement,
        policy=policy.name,
        policy_hash=policy.hash,
        augment=options.augment,
        data=options.data,
        model=options.model,
        batch_size=options.batch_size,
        deterministic=options.deterministic,
        class_names=list(source.class_names),
        samples={name: split.size for name, split in source.splits.items()},
        images_per_second=report.rate(history, source.splits["train"].size),
        bad_images=[asdict(bad) for bad in source.bad],
        notes=list(source.notes),
        versions=report.versions(policy.plugins),
        output=str(options.output),
    )
