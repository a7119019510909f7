"""`augreg evaluate`: a finished run on a split of its data, or of other data with its classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg import files
from augreg.checks import check_count, check_uint32
from augreg.errors import RunError
from augreg.evaluation.figures import (
    Figures,
    figures,
    losses_of_logits,
    losses_of_probabilities,
)
from augreg.evaluation.finished import Finished, open_run
from augreg.evaluation.pictures import Wrong, draw_confusion, draw_worst
from augreg.policy import Policy, load_policy
from augreg.random.generator import view_seed
from augreg.sources import Source, open_source
from augreg.sources.elements import element_at
from augreg.sources.source import BadImage
from augreg.test_time.predictor import check_separable, probabilities
from augreg.train import TrainOptions
from augreg.train.data import SPLITS, reading
from augreg.train.loop import class_numbers

WORST = 12  # images in worst.png


@dataclass(frozen=True)
class Views:
    """Test-time augmentation: its figures, from the mean of probabilities over the views.

    Attributes:
        count: how many, the image itself among them.
        policy, policy_hash: what they are augmented with.
    """

    count: int
    policy: str
    policy_hash: str
    seed: int
    figures: Figures


@dataclass(frozen=True)
class Evaluation:
    """What `evaluation.json` says.

    Attributes:
        samples: how many images of `split` were evaluated.
        figures: without augmentation.
        views: with it; None where it was not asked for.
        worst: those with the highest loss, the highest first, without augmentation.
        bad_images: what was left out of the data, and why.
        output: the folder that it was written to; not in `evaluation.json`.
    """

    run: str
    data: str
    split: str
    samples: int
    figures: Figures
    views: Views | None
    worst: list[Wrong]
    bad_images: list[BadImage]
    notes: list[str]
    output: str


def evaluate(
    run: str | PathLike[str],
    data: str | Source | None = None,
    *,
    split: str = "test",
    tta: int = 1,
    tta_policy: Any = None,
    seed: int = 0,
    output: str | PathLike[str] | None = None,
    data_dir: Path | None = None,
    manual_dir: Path | None = None,
    max_bad: float | None = None,
) -> Evaluation:
    """Evaluates a finished run, and writes evaluation.json, confusion.png and worst.png.

    Args:
        run: the folder of a finished run of `augreg train`.
        data: as `open_source` takes it, or what that returns; None: the run's data. Its classes are
            the run's, in any order.
        split: train, validation or test.
        tta: the number of views of each image, 1 for the image alone; of more, the figures of both
            are given. The first view is the image, the others are augmented.
        tta_policy: a policy, whose `augment` makes the views from images that are prepared as for
            evaluation; None: the run's policy, as in its last epoch.
        seed: of the views, 0 to 2**32-1.
        output: a folder; None: `evaluation` in the run's folder.
        data_dir, manual_dir: as `open_source` takes them; None: those of the run.
        max_bad: the fraction of images that may be unreadable; None: that of the run.

    Raises:
        RunError: the run is not finished, the data has other classes or sizes, or the views are not
            augmented.
        DataError: the data can't be opened, or is of another kind.
        PolicyError: the policy of the views is wrong or mixes samples.
        ValueError: a number is out of its range.

    >>> from augreg.evaluation import evaluate  # doctest: +SKIP
    >>> evaluate("runs/digits", tta=8).figures.accuracy > 0.9
    True
    """
    if split not in SPLITS:
        raise RunError(f'split "{split}"; allowed are {", ".join(SPLITS)}')
    check_count(tta, "tta")
    check_uint32(seed, "seed")
    if tta_policy is not None and tta == 1:
        raise RunError("tta_policy goes with tta, the number of views; set that to 2 or more")
    finished = open_run(Path(run))
    kept = finished.options
    source = (
        data if isinstance(data, Source) else _opened(kept, data, data_dir, manual_dir, max_bad)
    )
    into = finished.folder / "evaluation" if output is None else Path(output)
    replace(kept, data=source.name, output=into).check_places()
    answers = _answers(finished, source, split)
    views = None
    if tta > 1:
        policy = _policy_of_views(finished, tta_policy)
        views = _with_views(finished, source, answers, policy, tta, seed)
    made = Evaluation(
        run=str(run),
        data=source.name,
        split=split,
        samples=len(answers.truth),
        figures=answers.figures(finished.class_names),
        views=views,
        worst=_worst(finished, source, answers),
        bad_images=list(source.bad),
        notes=list(source.notes),
        output=str(into),
    )
    _write(into, made, source, answers)
    return made


def _opened(
    kept: TrainOptions,
    data: str | None,
    data_dir: Path | None,
    manual_dir: Path | None,
    max_bad: float | None,
) -> Source:
    return open_source(
        kept.data if data is None else data,
        data_dir=kept.data_dir if data_dir is None else data_dir,
        manual_dir=kept.manual_dir if manual_dir is None else manual_dir,
        max_bad=kept.max_bad if max_bad is None else max_bad,
    )


@dataclass(frozen=True)
class _Answers:
    """Of a network to the images of a split, in their order.

    Attributes:
        truth: class numbers [N] of the run.
        probabilities: [N,classes].
        losses: float64 [N].
    """

    split: str
    truth: NDArray[np.int64]
    probabilities: NDArray[Any]
    losses: NDArray[np.float64]

    def figures(self, names: Sequence[str]) -> Figures:
        return figures(self.truth, self.probabilities, self.losses, names)

    @property
    def worst(self) -> list[int]:
        """The positions of the images with the highest loss."""
        return np.argsort(-self.losses, kind="stable")[:WORST].tolist()


def _answers(finished: Finished, source: Source, split: str) -> _Answers:
    numbers = np.array(finished.numbers_in(source))
    feed = finished.feed(source, finished.policy)
    labels, outputs = _predicted(finished, source, feed.evaluation(split))
    truth = numbers[labels]
    if finished.from_logits:
        losses = losses_of_logits(outputs, truth)
        return _Answers(split, truth, probabilities(outputs), losses)
    return _Answers(split, truth, outputs, losses_of_probabilities(outputs, truth))


def _predicted(
    finished: Finished, source: Source, batches: Any
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The source's class numbers [N], and what the network gives, [N,classes]."""
    labels, outputs = [], []
    with reading(source.name):
        for batch in batches:
            labels.append(batch["labels"].numpy())
            outputs.append(finished.network.predict_on_batch(batch["images"]))
    # a policy that mixes samples gives fractions of the classes, in evaluation too
    return class_numbers(np.concatenate(labels)), np.concatenate(outputs)


def _policy_of_views(finished: Finished, given: Any) -> Policy:
    policy = finished.policy
    if given is not None:
        own, run = load_policy(given), policy.source
        prepare = run.get("prepare", [])
        if isinstance(prepare, Mapping):
            prepare = prepare["eval"]
        steps = {"prepare": prepare, "augment": own.source.get("augment", [])}
        output = {"output": run["output"]} if "output" in run else {}
        policy = load_policy({"version": 1, "name": own.name, **steps, **output})
    check_separable(policy)
    if not policy.augment and policy.prepare(True) == policy.prepare(False):
        raise RunError(
            f'the policy "{policy.name}" augments nothing, so that all views would be alike; name '
            "another as tta_policy"
        )
    return policy


def _with_views(
    finished: Finished, source: Source, plain: _Answers, policy: Policy, count: int, seed: int
) -> Views:
    feed = finished.feed(source, policy, augment=True)
    total = plain.probabilities.astype(np.float64)
    for view in range(1, count):
        batches = feed.augmented(plain.split, view_seed(seed, view), finished.epochs - 1)
        _, outputs = _predicted(finished, source, batches)
        total = total + (probabilities(outputs) if finished.from_logits else outputs)
    mean = total / count
    losses = losses_of_probabilities(mean, plain.truth)
    together = figures(plain.truth, mean, losses, finished.class_names)
    return Views(count, policy.name, policy.hash, seed, together)


def _worst(finished: Finished, source: Source, answers: _Answers) -> list[Wrong]:
    names, found = source.splits[answers.split].names, []
    for place in answers.worst:
        chosen = int(answers.probabilities[place].argmax())
        found.append(
            Wrong(
                names[place] if names else f"{answers.split}#{place}",
                finished.class_names[answers.truth[place]],
                finished.class_names[chosen],
                float(answers.probabilities[place, chosen]),
                float(answers.losses[place]),
            )
        )
    return found


def _write(folder: Path, made: Evaluation, source: Source, answers: _Answers) -> None:
    """Writes the pictures, and last the JSON: where it is, all is."""
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{made.run} on {made.split} of {made.data}"
    shown = {"plain": made.figures}
    if made.views is not None:
        shown = {"one view": made.figures, f"{made.views.count} views": made.views.figures}
    matrices = {
        f"{name}, accuracy {one.accuracy:.3f}": one.confusion for name, one in shown.items()
    }
    names = [one.name for one in made.figures.classes]
    draw_confusion(folder / "confusion.png", matrices, names, title)
    split = source.splits[made.split]
    pixels = [element_at(split, place)["images"] for place in answers.worst]
    draw_worst(folder / "worst.png", pixels, made.worst, f"highest loss: {title}")
    values = asdict(made)
    del values["output"]  # a run's folder may be moved
    files.write_text(
        folder / "evaluation.json", json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    )
