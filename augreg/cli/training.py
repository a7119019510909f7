"""`train`: its options, and nothing else; `augreg.train` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augreg.cli.console import INTERRUPTED, parse_size, say
from augreg.cli.quiet import quiet_tensorflow

if TYPE_CHECKING:
    from augreg.train import TrainOptions

PLACEMENTS = ("data", "model")

# The options as types: typer reads them from `train`'s signature.
PolicyName = Annotated[
    str | None,
    typer.Argument(metavar="[POLICY]", help="Policy file, or the name of a ready policy."),
]
Data = Annotated[
    str, typer.Option("--data", help="digits, folder:PATH, or a TFDS name such as tf_flowers.")
]
Placement = Annotated[
    str, typer.Option("--placement", help="Where augmentation runs: data or model.")
]
Model = Annotated[str, typer.Option("--model", help="tutorial, or a model of keras.applications.")]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Number of epochs.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Images per batch.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Random seed.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Run folder; runs/POLICY by default.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume a stopped run.")]
Augment = Annotated[
    bool, typer.Option("--augment/--no-augment", help="Run the policy's augment section.")
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="TFDS data directory.")]
ManualDir = Annotated[
    Path | None, typer.Option("--manual-dir", help="Folder of manually downloaded TFDS archives.")
]
MaxBad = Annotated[
    float,
    typer.Option(
        "--max-bad", min=0, max=1, help="Fraction of unreadable images that is tolerated."
    ),
]
Size = Annotated[
    str | None, typer.Option("--size", help="Resize to HEIGHTxWIDTH if the policy does not.")
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="Deterministic ops; turns XLA off.")
]


def add_to(app: typer.Typer) -> None:
    """Adds this family's commands."""
    app.command()(train)


def train(
    policy: PolicyName = None,
    data: Data = "digits",
    placement: Placement = "data",
    model: Model = "tutorial",
    epochs: Epochs = 5,
    batch_size: BatchSize = 32,
    seed: Seed = 0,
    output: Output = None,
    resume: Resume = False,
    augment: Augment = True,
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    max_bad: MaxBad = 0.01,
    size: Size = None,
    deterministic: Deterministic = False,
) -> None:
    """Trains a model with a policy. Writes the model, an export, curves and a summary."""
    given = dict(locals())  # every option, under the name that `TrainOptions` has for it
    if placement not in PLACEMENTS:
        raise typer.BadParameter(f'"{placement}" is no placement; allowed are data and model')
    from augreg.policy import find_policy
    from augreg.train import TrainOptions

    given["size"] = parse_size(size)
    given["policy"] = None if policy is None else str(find_policy(policy))
    name = "none" if policy is None else Path(given["policy"]).stem
    given["output"] = output or Path("runs") / name
    _run(TrainOptions(**given))


def _run(options: TrainOptions) -> None:
    try:
        with quiet_tensorflow():
            from augreg.train import train as run

            run(options)
    except KeyboardInterrupt as stop:  # typer would keep its exit code and lose what it says
        say(str(stop))
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from stop
