"""`curves.png`: what is drawn of a run, and that all of it can be read."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from augreg.train.curves import Outcome, curves


def history(epochs: int) -> list[dict[str, float]]:
    down = np.linspace(1, 0.2, epochs)
    columns = {
        "epoch": range(1, epochs + 1),
        "loss": 2 * down,
        "accuracy": 1 - 0.9 * down,
        "val_loss": 2 * down + 0.3,
        "val_accuracy": 1 - 0.8 * down,
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def drawn(epochs: int, epoch: int, **more: Any) -> Any:
    title = "small_cnn, flowers, folder:" + "photographs/" * 12
    figure = curves(history(epochs), Outcome(0.7, 0.6, epoch), title, **more)
    FigureCanvasAgg(figure).draw()
    return figure


def test_lines_are_those_of_the_history_and_the_test_split() -> None:
    rows = history(12)
    for axes, name, test in zip(drawn(12, 9).axes, ("loss", "accuracy"), (0.7, 0.6), strict=True):
        training, validation, line, point = axes.lines
        for one, key in ((training, name), (validation, f"val_{name}")):
            np.testing.assert_array_equal(one.get_xdata(), range(1, 13))
            np.testing.assert_array_equal(one.get_ydata(), [row[key] for row in rows])
        assert list(line.get_ydata()) == [test, test]
        assert (list(point.get_xdata()), list(point.get_ydata())) == ([9], [test])


def test_numbers_are_of_the_model_that_was_written() -> None:
    row = history(12)[8]
    for axes, name, test in zip(drawn(12, 9).axes, ("loss", "accuracy"), (0.7, 0.6), strict=True):
        legend = axes.get_legend()
        assert legend.get_title().get_text() == "of the model after epoch 9:"
        assert [text.get_text() for text in legend.get_texts()] == [
            f"training {row[name]:.3f}",
            f"validation {row[f'val_{name}']:.3f}",
            f"test {test:.3f}",
        ]


@pytest.mark.parametrize("epochs", [1, 2, 200])
def test_axes_begin_at_0_hold_all_values_and_count_whole_epochs(epochs: int) -> None:
    loss, accuracy = drawn(epochs, epochs).axes
    assert loss.get_ylim()[0] == accuracy.get_ylim()[0] == 0
    assert loss.get_ylim()[1] > 2.3 and accuracy.get_ylim()[1] > 1
    assert (loss.get_ylabel(), loss.get_xlabel()) == ("loss (cross-entropy, nats)", "epoch")
    assert accuracy.get_ylabel() == "accuracy (fraction of images)"
    for axes in (loss, accuracy):
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == int(tick) for tick in ticks)


def test_two_phases_are_marked_where_the_second_begins() -> None:
    for axes in drawn(8, 8, border=3).axes:
        assert [list(line.get_xdata()) for line in axes.lines].count([3.5, 3.5]) == 1
        assert [text.get_text() for text in axes.texts] == ["all layers from epoch 4"]
    assert not drawn(3, 3, border=3).axes[0].texts  # it ended before the second


def seen(axis: Any) -> list[Any]:
    """The ticks of an axis that are drawn."""
    low, high = axis.get_view_interval()
    return [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


@pytest.mark.parametrize("border", [0, 3, 190])
@pytest.mark.parametrize("epochs", [1, 12, 200])
def test_no_text_overlaps_another_or_leaves_the_picture(epochs: int, border: int) -> None:
    figure = drawn(epochs, epochs, border=border)
    texts = [figure._suptitle]
    for axes in figure.axes:
        legend = axes.get_legend()
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label, legend.get_title()]
        texts += [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in seen(axis)]
        texts += legend.get_texts()
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other), (one, other)


def test_loss_that_is_no_number_leaves_a_gap() -> None:
    rows = history(3)
    rows[0]["val_loss"] = float("nan")
    rows[1]["val_loss"] = float("inf")
    assert curves(rows, Outcome(0.7, 0.6, 3), "t").axes[0].get_ylim()[1] < 3
