"""`train`: its options, and nothing else; `augreg.train` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.console import INTERRUPTED, parse_size, say
from augreg.cli.policies import find_policy
from augreg.cli.quiet import quiet_tensorflow


def add_to(app: typer.Typer) -> None:
    """Adds this family's commands."""
    app.command()(train)


def train(
    policy: Annotated[
        str | None, typer.Argument(metavar="[POLICY]", help="A file, or a ready policy.")
    ] = None,
    data: Annotated[
        str, typer.Option("--data", help="digits, folder:PATH, or a TFDS name such as tf_flowers.")
    ] = "digits",
    placement: Annotated[
        str, typer.Option("--placement", help="Where augmentation runs: data or model.")
    ] = "data",
    model: Annotated[
        str, typer.Option("--model", help="tutorial, or a name of keras.applications.")
    ] = "tutorial",
    epochs: Annotated[int, typer.Option("--epochs", min=1)] = 5,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 32,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1)] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="runs/POLICY where not given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", help="Run the policy's augment section.")
    ] = True,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where TFDS keeps its data sets.")
    ] = None,
    manual_dir: Annotated[
        Path | None, typer.Option("--manual-dir", help="Archives that were downloaded by hand.")
    ] = None,
    max_bad: Annotated[
        float, typer.Option("--max-bad", min=0, max=1, help="The share of bad images to bear.")
    ] = 0.01,
    size: Annotated[
        str | None, typer.Option("--size", help="Resize to HEIGHTxWIDTH, where no policy does.")
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Deterministic ops; turns XLA off.")
    ] = False,
) -> None:
    """Trains a model with a policy. Writes the model, an export, curves and a summary."""
    if placement not in ("data", "model"):
        raise typer.BadParameter(f'"{placement}" is no placement; allowed are data and model')
    from augreg.train import TrainOptions

    found = None if policy is None else str(find_policy(policy))
    name = "none" if found is None else Path(found).stem
    options = TrainOptions(
        policy=found,
        data=data,
        placement=placement,
        model=model,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        output=output or Path("runs") / name,
        resume=resume,
        data_dir=data_dir,
        manual_dir=manual_dir,
        max_bad=max_bad,
        size=parse_size(size),
        deterministic=deterministic,
        augment=augment,
    )
    try:
        with quiet_tensorflow():
            from augreg.train import train as run

            run(options)
    except KeyboardInterrupt as stop:  # typer would keep its exit code and lose what it says
        say(str(stop))
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from stop
