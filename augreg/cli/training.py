"""`train`: its options, and nothing else; `augreg.train` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.console import INTERRUPTED, DataDir, ManualDir, parse_size, say
from augreg.cli.quiet import quiet_tensorflow

# The options as types: typer reads them from `train`'s signature.
PolicyName = Annotated[
    str | None,
    typer.Argument(metavar="[POLICY]", help="Policy file, or the name of a ready policy."),
]
Data = Annotated[str, typer.Option(help="digits, folder:PATH, or a TFDS name such as tf_flowers.")]
Placement = Annotated[str, typer.Option(help="Where augmentation runs: data or model.")]
Model = Annotated[str, typer.Option(help="tutorial, or a name of keras.applications.")]
Positive = Annotated[int, typer.Option(min=1)]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1)]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="runs/POLICY where not given.")]
Resume = Annotated[bool, typer.Option("--resume", help="Resume a stopped run.")]
Augment = Annotated[
    bool, typer.Option("--augment/--no-augment", help="Run the policy's augment section.")
]
MaxBad = Annotated[
    float, typer.Option(min=0, max=1, help="Fraction of unreadable images that is tolerated.")
]
Size = Annotated[str | None, typer.Option(help="Resize to HEIGHTxWIDTH, where no policy does.")]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="Deterministic ops; turns XLA off.")
]


def train(
    policy: PolicyName = None,
    data: Data = "digits",
    placement: Placement = "data",
    model: Model = "tutorial",
    epochs: Positive = 5,
    batch_size: Positive = 32,
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
    if placement not in ("data", "model"):
        raise typer.BadParameter(f'"{placement}" is no placement; allowed are data and model')
    from augreg.policy import find_policy
    from augreg.train import TrainOptions

    given["size"] = parse_size(size)
    given["policy"] = None if policy is None else str(find_policy(policy))
    name = "none" if policy is None else Path(given["policy"]).stem
    given["output"] = output or Path("runs") / name
    options = TrainOptions(**given)
    try:
        with quiet_tensorflow():
            from augreg.train import train as run

            run(options)
    except KeyboardInterrupt as stop:  # typer would keep its exit code and lose what it says
        say(str(stop))
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from stop
