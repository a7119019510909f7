"""`compare`: its options, and what it found as a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augreg.cli.console import INTERRUPTED, DataDir, ManualDir, parse_size, say, stdout, table
from augreg.cli.policies import SizeText
from augreg.cli.quiet import quiet_tensorflow
from augreg.cli.training import (
    BatchSize,
    Data,
    Epochs,
    LimitTrain,
    MaxBad,
    Model,
    set_defaults,
)

if TYPE_CHECKING:
    from augreg.compare import Results


def _defaults(context: typer.Context, path: Path | None) -> Path | None:
    """As that of `train`, without what a comparison sets for each run."""
    from augreg.compare.options import OWN

    return set_defaults(context, path, OWN)


# An option of `search`, too.
Config = Annotated[
    Path | None,
    typer.Option(
        callback=_defaults, help="TOML file of options of augreg train; the command line wins."
    ),
]


def compare(
    policies: Annotated[
        list[str],
        typer.Argument(
            metavar="POLICY",
            help="Two or more; the first is the reference. none: no augmentation.",
        ),
    ],
    data: Data = "digits",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each policy.")] = 5,
    epochs: Epochs = 5,
    limit_train: LimitTrain = None,
    model: Model = "tutorial",
    batch_size: BatchSize = 32,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the runs and the report.")
    ] = Path("runs/compare"),
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    max_bad: MaxBad = 0.01,
    size: SizeText = None,
    config: Config = None,
) -> None:
    """Trains policies side by side over several seeds. Writes report.html and report.json.

    Runs of one seed have the same initial weights, images and order. The same command continues
    one that was stopped, and adds policies and seeds.
    """
    given = dict(locals())
    from augreg.compare import CompareOptions

    del given["policies"], given["seeds"], given["output"]
    options = CompareOptions(policies, seeds, output=output, train=train_options(given))
    with many_runs():
        from augreg.compare import compare as run

        found = run(options)
    show(found)
    print(f"wrote {output / 'report.html'}")


def train_options(given: dict[str, Any]) -> dict[str, Any]:
    """Options of each run: of the command line, and of a config file what that does not have."""
    from augreg.compare.options import OWN
    from augreg.train import read_config

    path = given.pop("config")
    given["size"] = parse_size(given["size"])
    found = {} if path is None else read_config(path)
    more = {name: value for name, value in found.items() if name not in (*OWN, *given)}
    return {**more, **given}


@contextmanager
def many_runs() -> Iterator[None]:
    """Around runs that the same command continues."""
    try:
        with quiet_tensorflow():
            yield
    except KeyboardInterrupt as stop:  # typer would keep its exit code and lose what it says
        say("stopped; what is done is kept: run the same command to continue")
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from stop


def show(found: Results) -> None:
    """What was found, as a table on stdout."""
    from augreg.compare.page import between, percent, points

    reference = found.reference.name
    made = table("policy", "test accuracy", f"difference to {reference}", "95 % interval", "result")
    for one in found.policies:
        spread = "" if one.spread is None else f" ± {percent(one.spread)}"
        paired = one.difference
        cells = ("", "", "reference")
        if paired is not None:
            cells = (points(paired.mean), between(paired.interval), paired.verdict)
        made.add_row(one.name, percent(one.mean) + spread, *cells)
    stdout().print(made)
    print("Differences are in percentage points of accuracy.")
    for note in found.notes:
        print(note)
