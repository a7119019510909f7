"""`curves.png`: loss and accuracy by epoch, and what the test split gave."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augreg.train.schedule import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of Okabe and Ito, told apart by all who see few colours: https://jfly.uni-koeln.de/color/
_TRAINING, _VALIDATION, _TEST, _FAINT = "#0072B2", "#D55E00", "#222222", "#767676"
_LETTERS = 100  # of a title's line
_MARKED = 30  # epochs up to which each has a mark
_LABELS = {"loss": "loss (cross-entropy, nats)", "accuracy": "accuracy (fraction of images)"}


@dataclass(frozen=True)
class Outcome:
    """Loss and accuracy on the test split, of the model after an epoch, counted from 1."""

    loss: float
    accuracy: float
    epoch: int


def curves(history: History, tested: Outcome, title: str, *, border: int = 0) -> Figure:
    """Training and validation loss and accuracy, and a line for the test split.

    Both axes begin at 0. The numbers below are of the model that was written.

    Args:
        history: a row for each epoch.
        tested: of the model that was written.
        title: above both charts.
        border: the epochs of a first phase, which trains the head alone; 0: there is one phase.
    """
    # Takes half a second, and a run may fail long before.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.4), dpi=120, layout="constrained", facecolor="white")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.12, h_pad=0.1)
    figure.suptitle(textwrap.fill(title, _LETTERS), fontsize=11, parse_math=False)
    for axes, name in zip(figure.subplots(1, 2), _LABELS, strict=True):
        _draw(axes, name, history, tested, border)
    return figure


def _draw(axes: Any, name: str, history: History, tested: Outcome, border: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs, test = [row["epoch"] for row in history], getattr(tested, name)
    for key, label, color, mark in (
        (name, "training", _TRAINING, "o"),
        (f"val_{name}", "validation", _VALIDATION, "s"),
    ):
        values = [row[key] for row in history]
        mark = mark if len(epochs) <= _MARKED else ""
        said = f"{label} {values[tested.epoch - 1]:.3f}"
        axes.plot(epochs, values, color=color, marker=mark, markersize=4, label=said)
    axes.axhline(test, color=_TEST, linestyle="--", linewidth=1.2)
    point = {"marker": "D", "markersize": 5, "clip_on": False, "zorder": 3}
    said = f"test {test:.3f}"
    axes.plot([tested.epoch], [test], color=_TEST, linestyle="--", label=said, **point)
    if 0 < border < len(history):
        _mark_phases(axes, border, len(history))
    axes.set(xlabel="epoch", ylabel=_LABELS[name])
    axes.set_xlim(0.5, len(history) + 0.5)
    axes.set_ylim(0, 1.02 if name == "accuracy" else 1.05 * _highest(axes) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "frameon": False}
    model = f"of the model after epoch {tested.epoch}:"
    axes.legend(title=model, title_fontsize=9, fontsize=9, ncols=3, columnspacing=1.4, **below)


def _mark_phases(axes: Any, border: int, epochs: int) -> None:
    """A line where all layers begin to be trained, and words where there is room."""
    axes.axvline(border + 0.5, color=_FAINT, linestyle=":", linewidth=1.2)
    early = border < epochs / 2
    axes.annotate(
        f"all layers from epoch {border + 1}",
        (border + 0.5, 1),
        (4 if early else -4, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if early else "right",
        va="top",
        fontsize=8,
        color=_FAINT,
    )


def _highest(axes: Any) -> float:
    """Of the values that are drawn."""
    values = [float(value) for line in axes.lines for value in line.get_ydata()]
    return max((value for value in values if math.isfinite(value)), default=0.0)
