"""`evaluate`: the figures of a finished run as a table; `augreg.evaluation` does the work."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augreg.cli.console import AsJson, DataDir, ManualDir, print_json, say, stdout, table
from augreg.cli.quiet import quiet_tensorflow
from augreg.sources import forms

if TYPE_CHECKING:
    from augreg.evaluation import Evaluation
    from augreg.evaluation.figures import Figures


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    data: Annotated[
        str | None,
        typer.Option(help=f"Dataset; the run's by default: {forms(annotated=False)}."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    tta: Annotated[
        int, typer.Option(min=1, help="Also average over this many views of each image.")
    ] = 1,
    tta_policy: Annotated[
        str | None, typer.Option(help="Policy of the views; the run's by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed of views.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Output folder; RUN/evaluation by default."),
    ] = None,
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    max_bad: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Fraction of unreadable images that is tolerated."),
    ] = None,
    in_json: AsJson = False,
) -> None:
    """Evaluates a trained model: accuracy, loss, precision, recall and F1 of each class.

    Writes evaluation.json, confusion.png and worst.png, the images with the highest loss.
    """
    from augreg.policy import find_policy

    with quiet_tensorflow():
        from augreg.evaluation import evaluate as run_evaluation

        made = run_evaluation(
            run,
            data,
            split=split,
            tta=tta,
            tta_policy=None if tta_policy is None else find_policy(tta_policy),
            seed=seed,
            output=output,
            data_dir=data_dir,
            manual_dir=manual_dir,
            max_bad=max_bad,
        )
    if in_json:
        print_json(asdict(made))
        return
    _print(made)


def _print(made: Evaluation) -> None:
    line = stdout().print
    for note in made.notes:
        line(note)
    line(f"{made.run}: {made.samples} images of {made.split} of {made.data}", style="bold")
    shown = {"": made.figures}
    if made.views is not None:
        views = made.views
        shown = {"one view": made.figures, f"{views.count} views, {views.policy}": views.figures}
    for title, figures in shown.items():
        _print_figures(title, figures)
    line(f"written to {made.output}: evaluation.json, confusion.png, worst.png")
    if made.bad_images:
        say(f"left out, because they can't be read: {len(made.bad_images)}")
    for bad in made.bad_images:
        say(f"  {bad}")


def _print_figures(title: str, figures: Figures) -> None:
    line = stdout().print
    line()
    said = f"accuracy {figures.accuracy:.4f}  loss {figures.loss:.4f}"
    rows = table(
        "class", "precision", "recall", "F1", "images", title=f"{title}: {said}".lstrip(": ")
    )
    for one in figures.classes:
        fractions = (one.precision, one.recall, one.f1)
        shown = ("-" if value is None else f"{value:.3f}" for value in fractions)
        rows.add_row(one.name, *shown, str(one.support))
    line(rows)
