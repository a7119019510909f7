"""`train`: its options, and nothing else; `augreg.train` does the work."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.completion import complete_policy
from augreg.cli.console import INTERRUPTED, DataDir, ManualDir, parse_size, say
from augreg.cli.quiet import quiet_tensorflow
from augreg.cli.workers import stop_with_parent, train_with
from augreg.sources import forms

FINE_TUNING, OPTIMIZATION = "Pretrained weights", "Optimization"
# Options that `compare` and `search` have, too.
Data = Annotated[str, typer.Option(help=f"Dataset: {forms(annotated=False)}.")]
Model = Annotated[str, typer.Option(help="tutorial, or a model of keras.applications.")]
Epochs = Annotated[int, typer.Option(min=1, help="Number of epochs.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Images per batch.")]
LimitTrain = Annotated[
    int | None, typer.Option(min=1, help="Train on this many images, drawn by the seed.")
]
MaxBad = Annotated[
    float, typer.Option(min=0, max=1, help="Fraction of unreadable images that is tolerated.")
]


def _defaults(context: typer.Context, path: Path | None) -> Path | None:
    return set_defaults(context, path)


def set_defaults(
    context: typer.Context, path: Path | None, without: Collection[str] = ()
) -> Path | None:
    """Makes a file's values the defaults of the other options, so that the command line wins."""
    if path is not None:
        from augreg.train import read_config

        found = read_config(path)
        if "size" in found:
            found["size"] = "{}x{}".format(*found["size"])
        context.default_map = {
            name: value
            for name, value in found.items()
            if value is not None and name not in without
        }
    return path


def train(
    policy: Annotated[
        str | None,
        typer.Argument(
            metavar="[POLICY]",
            help="Policy file, or the name of a ready policy.",
            autocompletion=complete_policy,
        ),
    ] = None,
    data: Data = "digits",
    placement: Annotated[
        str, typer.Option(help="Where augmentation runs: data or model.")
    ] = "data",
    model: Model = "tutorial",
    epochs: Epochs = 5,
    batch_size: BatchSize = 32,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; runs/POLICY by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume a stopped run.")] = False,
    augment: Annotated[bool, typer.Option(help="Run the policy's augment section.")] = True,
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    max_bad: MaxBad = 0.01,
    size: Annotated[
        str | None, typer.Option(help="Resize to HEIGHTxWIDTH if the policy does not.")
    ] = None,
    limit_train: LimitTrain = None,
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
    config: Annotated[
        Path | None,
        typer.Option(callback=_defaults, help="TOML file of options; the command line wins."),
    ] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, hidden=True)] = 60.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard logs to the run folder.")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Pretrained weights of the model: imagenet, or a .h5 or .keras file.",
            rich_help_panel=FINE_TUNING,
        ),
    ] = None,
    freeze_epochs: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="<int>",
            help="Train the head alone in the first epochs.",
            rich_help_panel=FINE_TUNING,
        ),
    ] = 0,
    fine_tune_rate: Annotated[
        float | None,
        typer.Option(
            help="Learning rate after these epochs; a hundredth by default.",
            rich_help_panel=FINE_TUNING,
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Learning rate; 0.001 by default.", rich_help_panel=OPTIMIZATION),
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="Of the learning rate: constant, cosine or exponential.",
            rich_help_panel=OPTIMIZATION,
        ),
    ] = "constant",
    warmup_epochs: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="<int>",
            help="Epochs of linear warm-up before it.",
            rich_help_panel=OPTIMIZATION,
        ),
    ] = 0,
    decay: Annotated[
        float | None,
        typer.Option(
            help="Factor per epoch, of exponential; 0.95 by default.", rich_help_panel=OPTIMIZATION
        ),
    ] = None,
    early_stopping: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="<int>",
            help="Stop after this many epochs without a lower validation loss; keep the best.",
            rich_help_panel=OPTIMIZATION,
        ),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            help="balanced: rare classes weigh as much as others.", rich_help_panel=OPTIMIZATION
        ),
    ] = None,
    mixed_precision: Annotated[
        str | None,
        typer.Option(help="Compute in float16 or bfloat16.", rich_help_panel=OPTIMIZATION),
    ] = None,
) -> None:
    """Trains a model with a policy. Writes the model, an export, curves and a summary."""
    given = dict(locals())  # every option, under the name that `TrainOptions` has for it
    del given["workers"], given["config"]  # whose values are in the others
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
