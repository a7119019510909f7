"""`train`: its options, and nothing else; `augreg.train` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.completion import complete_policy
from augreg.cli.console import INTERRUPTED, DataDir, ManualDir, parse_size, say
from augreg.cli.quiet import quiet_tensorflow
from augreg.cli.workers import stop_with_parent, train_with
from augreg.sources import forms


def train(
    policy: Annotated[
        str | None,
        typer.Argument(
            metavar="[POLICY]",
            help="Policy file, or the name of a ready policy.",
            autocompletion=complete_policy,
        ),
    ] = None,
    data: Annotated[str, typer.Option(help=f"Dataset: {forms(annotated=False)}.")] = "digits",
    placement: Annotated[
        str, typer.Option(help="Where augmentation runs: data or model.")
    ] = "data",
    model: Annotated[
        str, typer.Option(help="tutorial, or a model of keras.applications.")
    ] = "tutorial",
    epochs: Annotated[int, typer.Option(min=1, help="Number of epochs.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 32,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; runs/POLICY by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume a stopped run.")] = False,
    augment: Annotated[bool, typer.Option(help="Run the policy's augment section.")] = True,
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    max_bad: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of unreadable images that is tolerated.")
    ] = 0.01,
    size: Annotated[
        str | None, typer.Option(help="Resize to HEIGHTxWIDTH if the policy does not.")
    ] = None,
    input_service: Annotated[
        str | None,
        typer.Option(help="grpc://HOST:PORT of an input-server that prepares the batches."),
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Deterministic ops; turns XLA off.")
    ] = False,
    slices: Annotated[
        int, typer.Option(min=1, help="Compute each batch in this many slices and add gradients.")
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=1, help="Start this many workers on this machine, a slice each.")
    ] = 1,
) -> None:
    """Trains a model with a policy. Writes the model, an export, curves and a summary."""
    given = dict(locals())  # every option, under the name that `TrainOptions` has for it
    del given["workers"]
    if placement not in ("data", "model"):
        raise typer.BadParameter(f'"{placement}" is no placement; allowed are data and model')
    from augreg.policy import find_policy
    from augreg.train import TrainOptions

    written = dict(given)
    given["size"] = parse_size(size)
    given["policy"] = None if policy is None else str(find_policy(policy))
    name = "none" if policy is None else Path(given["policy"]).stem
    given["output"] = output or Path("runs") / name
    options = TrainOptions(**given)
    if workers > 1:
        raise typer.Exit(train_with(workers, slices, written))
    stop_with_parent()
    try:
        with quiet_tensorflow():
            from augreg.train import train as run

            run(options)
    except KeyboardInterrupt as stop:  # typer would keep its exit code and lose what it says
        say(str(stop))
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from stop
