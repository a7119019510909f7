"""`search`: its options, and what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.comparing import Config, many_runs, show, train_options
from augreg.cli.console import DataDir, ManualDir
from augreg.cli.pictures import Seed
from augreg.cli.policies import PolicyArgument, SizeText
from augreg.cli.training import BatchSize, Data, Epochs, LimitTrain, MaxBad, Model


def search(
    policy: PolicyArgument,
    data: Data = "digits",
    budget: Annotated[
        int, typer.Option(min=2, help="Number of trials, the policy as it is included.")
    ] = 20,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each policy for the final figures.")
    ] = 5,
    seed: Seed = 0,
    epochs: Epochs = 5,
    limit_train: LimitTrain = None,
    model: Model = "tutorial",
    batch_size: BatchSize = 32,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the trials and the winner.")
    ] = Path("runs/search"),
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    max_bad: MaxBad = 0.01,
    size: SizeText = None,
    config: Config = None,
) -> None:
    """Searches a policy's ranges and probabilities. Writes best.json and final/report.html.

    Trials are chosen by their validation accuracy. Test accuracies of the start, the winner and
    RandAugment follow, over other seeds. The same command continues a search that was stopped.
    """
    given = dict(locals())
    for name in ("policy", "budget", "seeds", "seed", "output"):
        del given[name]
    from augreg.search import SearchOptions

    options = SearchOptions(policy, budget, seeds, seed, output, train_options(given))
    with many_runs():
        from augreg.search import search as run

        found = run(options)
    best, start = found.val_accuracy
    beside = "" if start is None else f" (start: {start:.3f})"
    print(f"best of {budget}: trial {found.trial}, validation accuracy {best:.3f}{beside}")
    show(found.final)
    print(f"wrote {output / 'best.json'} and {output / 'final' / 'report.html'}")
