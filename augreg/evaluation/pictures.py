"""Pictures of an evaluation: the confusion matrix, and the images with the highest loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from augreg import files

_MOST = 60  # classes that have their name and counts in a matrix
_COLUMNS, _TILE, _LETTERS = 4, 2.3, 34  # tiles in a row, inches, and letters below one


@dataclass(frozen=True)
class Wrong:
    """An image and what the model said of it.

    Attributes:
        name: the path of its file, or the split and its position.
        probability: that the model gave to its prediction.
        loss: its cross-entropy.
    """

    name: str
    true: str
    predicted: str
    probability: float
    loss: float


def draw_confusion(
    path: Path, matrices: dict[str, list[list[int]]], names: Sequence[str], title: str
) -> None:
    """Writes confusion matrices side by side, each under its own title."""
    shown = min(len(names), _MOST)
    side = 1.8 + 0.42 * shown
    figure = _figure((side * len(matrices) + 0.8, side + 0.6))
    figure.suptitle(title, parse_math=False)
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (said, matrix) in zip(panels, matrices.items(), strict=True):
        counts = np.array(matrix)
        whole = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = axes.imshow(counts / whole, cmap="Blues", vmin=0, vmax=1)
        axes.set(xlabel="predicted class", ylabel="true class", title=said)
        if shown == len(names):
            _write_counts(axes, counts, counts / whole, names)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.7)
    bar.set_label("fraction of the true class")
    _save(figure, path)


def _write_counts(
    axes: Any, counts: NDArray[Any], fractions: NDArray[Any], names: Sequence[str]
) -> None:
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90 if max(map(len, names)) > 3 else 0, parse_math=False)
    axes.set_yticks(places, names, parse_math=False)
    for row, column in np.ndindex(counts.shape):
        if count := counts[row, column]:
            color = "white" if fractions[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)


def draw_worst(
    path: Path, pixels: Sequence[NDArray[Any]], said: Sequence[Wrong], title: str
) -> None:
    """Writes images (uint8 or float 0..1 [H,W,C]) in a grid, with what was said of each."""
    rows = math.ceil(len(said) / _COLUMNS)
    figure = _figure((_COLUMNS * _TILE, rows * (_TILE + 0.75) + 0.5))
    figure.suptitle(title, parse_math=False)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, image, one in zip(panels, pixels, said, strict=False):
        white = 255 if image.dtype == np.uint8 else 1
        axes.imshow(image, cmap="gray", vmin=0, vmax=white)  # the colours of a single channel
        axes.set_anchor("N")  # so that the titles of a row stand in a line
        about = (
            f"{_ending(PurePath(one.name).name)}\ntrue: {one.true}\npredicted: {one.predicted} "
            f"({one.probability:.2f})\nloss {one.loss:.2f}"
        )
        axes.set_title(about, fontsize=7, parse_math=False)
    _save(figure, path)


def _ending(name: str) -> str:
    return name if len(name) <= _LETTERS else f"...{name[3 - _LETTERS :]}"


def _figure(size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
