"""What a run leaves behind besides its checkpoints: model, export, history, curves, summary."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import augreg
from augreg import files
from augreg.errors import RunError
from augreg.train import config, models
from augreg.train.curves import Outcome, curves
from augreg.train.data import Feed
from augreg.train.loop import Network
from augreg.train.options import TrainOptions
from augreg.train.schedule import History, best_row

# A run's folder may be moved; the others have files of their own.
NOT_IN_SUMMARY = ("output", "history", "confusion")


@dataclass(frozen=True)
class Summary:
    """What `summary.json` says.

    Attributes:
        test_accuracy, test_loss: of the model that was written: after the last epoch, or after the
            best one with `early_stopping`.
        val_accuracy, val_loss: of the same model.
        best_epoch: the epoch after which it was, counted from 1.
        epochs: how many there were.
        class_weights: by class, where they are not the same.
        from_logits: whether the network gives logits; else probabilities.
        images_per_second: training samples over the epochs after the first; None of a single one.
        bad_images: what was left out of the data, and why.
        output: the run's folder.
        history: the rows of history.csv; not in `summary.json`.
        confusion: of the test images, how many of each class (row) were predicted as each class
            (column): confusion.csv; not in `summary.json`. None where batches were computed in
            slices.
    """

    test_accuracy: float
    test_loss: float
    val_accuracy: float
    val_loss: float
    best_epoch: int
    epochs: int
    seed: int
    placement: str
    policy: str
    policy_hash: str
    augment: bool
    data: str
    model: str
    batch_size: int
    slices: int
    deterministic: bool
    class_names: list[str]
    class_weights: dict[str, float] | None
    samples: dict[str, int]
    images_per_second: float | None
    bad_images: list[Any]
    notes: list[str]
    versions: dict[str, str]
    output: str
    history: list[dict[str, float]]
    confusion: list[list[int]] | None
    from_logits: bool = True


def write(
    feed: Feed,
    network: Network,
    history: History,
    test: tuple[float, float],
    confusion: NDArray[np.int64] | None,
) -> Summary:
    """Writes the model, the export, the curves, and last the summary: where it is, all is.

    Args:
        feed: of the run, with its options, policy and source.
        network: the trained network.
        history: a row for each epoch.
        test: loss and accuracy on the test split.
        confusion: see `Summary`.
    """
    options, output = feed.options, feed.options.output
    model = models.whole(feed, network.core)
    with files.replacing(output / "model.keras") as path:
        model.save(path)
    _write_export(output / "export", model)
    write_history(output / "history.csv", history)
    if confusion is not None:
        _write_confusion(output / "confusion.csv", confusion, feed.source.class_names)
    tested = Outcome(*test, int(_kept(options, history)["epoch"]))
    _write_curves(output / "curves.png", feed, history, tested)
    without = ("model",) if network.recipe.given else ()
    config.write_config(output / config.NAME, options, without)
    made = summary(feed, network, history, test, confusion)
    values = asdict(made)
    for name in NOT_IN_SUMMARY:
        del values[name]
    text = json.dumps(values, indent=2, allow_nan=False)
    files.write_text(output / "summary.json", text + "\n")
    return made


def summary(
    feed: Feed,
    network: Network,
    history: History,
    test: tuple[float, float],
    confusion: NDArray[np.int64] | None,
) -> Summary:
    """What there is to say of a run that is done."""
    options, policy, source = feed.options, feed.policy, feed.source
    kept = _kept(options, history)
    weights = network.recipe.class_weights
    by_class = None if weights is None else dict(zip(source.class_names, weights, strict=True))
    return Summary(
        test_accuracy=test[1],
        test_loss=test[0],
        val_accuracy=kept["val_accuracy"],
        val_loss=kept["val_loss"],
        best_epoch=int(kept["epoch"]),
        epochs=len(history),
        seed=options.seed,
        placement=options.placement,
        policy=policy.name,
        policy_hash=policy.hash,
        augment=options.augment,
        data=options.data,
        model=options.model,
        batch_size=options.batch_size,
        slices=options.slices,
        deterministic=options.deterministic,
        class_names=list(source.class_names),
        class_weights=by_class,
        from_logits=network.recipe.from_logits,
        samples={name: split.size for name, split in source.splits.items()},
        images_per_second=rate(history, source.splits["train"].size),
        bad_images=[asdict(bad) for bad in source.bad],
        notes=list(source.notes),
        versions=versions(policy.plugins),
        output=str(options.output),
        history=[dict(row) for row in history],
        confusion=None if confusion is None else confusion.tolist(),
    )


def _kept(options: TrainOptions, history: History) -> Mapping[str, float]:
    """The row of the epoch after which the model was that is written."""
    return history[-1 if options.early_stopping is None else best_row(history)]


def versions(plugins: Mapping[str, str]) -> dict[str, str]:
    """Of everything that decides numbers."""
    # Asked of the modules: a wheel may have another name, such as tensorflow-cpu.
    found = {module.__name__: module.__version__ for module in (tf, keras, np)}
    python = {"python": platform.python_version()}
    return {"augreg": augreg.__version__, **found, **python, **plugins}


def rate(history: History, samples: int) -> float | None:
    """Training samples a second, over the epochs after the first: that one compiles."""
    later = history[1:]
    seconds = sum(row["seconds"] for row in later)
    return len(later) * samples / seconds if seconds > 0 else None


def write_history(path: Path, history: History) -> None:
    """Writes `history.csv`, a row for each epoch; epochs count from 1."""
    text = io.StringIO()
    # rows of a run that an earlier release began have fewer columns
    writer = csv.DictWriter(text, list(history[-1]), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    files.write_text(path, text.getvalue())


def _write_export(path: Path, model: Any) -> None:
    """Writes `export/`, a SavedModel."""
    with files.replacing(path) as partial:
        model.export(partial, format="tf_saved_model", verbose=False)


def _write_curves(path: Path, feed: Feed, history: History, tested: Outcome) -> None:
    """Writes `curves.png`."""
    options = feed.options
    title = f"{options.model}, {feed.policy.name}, {options.data}"
    figure = curves(history, tested, title, border=options.freeze_epochs)
    with files.replacing(path) as partial:
        figure.savefig(partial)


def _write_confusion(path: Path, confusion: NDArray[np.int64], names: Sequence[str]) -> None:
    """Writes `confusion.csv`: a row for each class, a column for each prediction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", *names])
    writer.writerows([name, *row] for name, row in zip(names, confusion.tolist(), strict=True))
    files.write_text(path, text.getvalue())


def read(folder: Path) -> Summary | None:
    """What `write` has written; None where the run is not finished.

    Raises:
        RunError: a file of it is missing or damaged, or another release wrote it.
    """
    path = folder / "summary.json"
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
            history = [_numbers(row) for row in csv.DictReader(file)]
        confusion = None
        if values["slices"] == 1:
            with (folder / "confusion.csv").open(encoding="utf-8", newline="") as file:
                confusion = [[int(n) for n in row[1:]] for row in list(csv.reader(file))[1:]]
        return Summary(**values, output=str(folder), history=history, confusion=confusion)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{folder}: the finished run can't be read ({error}); remove the folder to train it "
            "again"
        ) from error


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    return {name: int(value) if name == "epoch" else float(value) for name, value in row.items()}
