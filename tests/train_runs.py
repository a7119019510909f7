"""Small training runs on the digits, and what the tests compare of them."""

from __future__ import annotations

import csv
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image
from rich.console import Console

from augreg.sources import Source, Split, open_source
from augreg.train import TrainOptions, report, train

SIZES = {"train": 80, "validation": 32, "test": 32}
POLICY: dict[str, Any] = {
    "version": 1,
    "name": "small",
    "prepare": [{"op": "resize", "height": 16, "width": 16}],
    "augment": [{"op": "rotate", "degrees": [-12, 12], "fill": "constant"}],
}
QUIET = Console(quiet=True)


def small(**sizes: int) -> Source:
    """The first of the digits."""
    full = open_source("digits")
    splits = {
        name: Split(size, full.splits[name].dataset.take(size))
        for name, size in {**SIZES, **sizes}.items()
    }
    return Source("digits", full.class_names, splits, notes=full.notes)


def without_export() -> AbstractContextManager[Any]:
    """Runs inside write neither export/ nor curves.png, a third of their time.

    For tests that look at neither. Of each kind of run, another test writes both.
    """
    nothing = dict.fromkeys(("_write_export", "_write_curves"), lambda *_: None)
    return mock.patch.multiple("augreg.train.report", **nothing)


def run(output: Path, *, export: bool = True, **changes: Any) -> report.Summary:
    """A run that takes seconds; `changes` go to `TrainOptions`, but what `train` takes.

    With `export=False` it is one `without_export`.
    """
    source = changes.pop("source", None) or small()
    how = {name: changes.pop(name) for name in ("after_epoch",) if name in changes}
    console = changes.pop("console", QUIET)
    options = {"policy": POLICY, "epochs": 2, "batch_size": 32, "seed": 3, "output": output}
    asked = TrainOptions(**{**options, **changes})
    with nullcontext() if export else without_export():
        return train(asked, source=source, console=console, **how)


def weights(output: Path) -> dict[str, Any]:
    """Everything in the newest checkpoint but the times."""
    newest = max((output / "checkpoints").glob("step-*.npz"))
    with np.load(newest) as file:
        return {name: file[name] for name in file.files if name != "meta"}


def history(output: Path) -> list[list[str]]:
    with (output / "history.csv").open() as file:
        return [row[:5] for row in csv.reader(file)]


def assert_same(first: Path, second: Path) -> None:
    one, two = weights(first), weights(second)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert history(first) == history(second)


def folder(root: Path, broken: bool = True) -> str:
    """PNG files of two classes and of different sizes; one is cut short."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 10), ("validation", 2), ("test", 2)):
        for label, low in (("dark", 0), ("light", 128)):
            place = root / split / label
            place.mkdir(parents=True)
            for i in range(count):
                image = rng.integers(low, low + 128, (20 + i, 30 - i, 3), np.uint8)
                Image.fromarray(image).save(place / f"{i}.png")
    if broken:
        whole = (root / "train" / "dark" / "0.png").read_bytes()
        (root / "train" / "dark" / "broken.png").write_bytes(whole[:200])
    return f"folder:{root}"
