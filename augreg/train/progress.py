"""The progress bar: loss, accuracy and images per second while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_EVERY = 0.25  # seconds: reading the loss waits for the device


class Display:
    """A bar for each epoch, shown while `bar` is entered, and a line that stays when it is done."""

    def __init__(self, console: Console, epochs: int, samples: int) -> None:
        self.console, self.epochs, self.samples = console, epochs, samples
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=samples, figures="")
        self.begun, self.first, self.shown = 0.0, 0, 0.0

    def begin(self, epoch: int, done: int) -> None:
        """An epoch (from 0) of which `done` samples are done starts."""
        self.begun, self.first = time.perf_counter(), done
        text = f"epoch {epoch + 1}/{self.epochs}"
        self.bar.reset(self.task, completed=done, description=text, figures="")

    def step(self, done: int, means: Callable[[], tuple[float, float]]) -> None:
        """`done` samples of the epoch are done; `means` is asked for loss and accuracy at times."""
        now = time.perf_counter()
        if self.bar.disable or now - self.shown < _EVERY:
            return
        self.shown, done = now, min(done, self.samples)
        loss, accuracy = means()
        rate = (done - self.first) / max(now - self.begun, 1e-9)
        figures = f"loss {loss:.4f}  accuracy {accuracy:.3f}  {rate:,.0f} images/s"
        self.bar.update(self.task, completed=done, figures=figures)

    def end(self, row: Mapping[str, float]) -> None:
        """An epoch is done and validated."""
        self.console.print(
            f"epoch {row['epoch']}/{self.epochs}  "
            f"loss {row['loss']:.4f}  accuracy {row['accuracy']:.3f}  "
            f"validation {row['val_loss']:.4f} {row['val_accuracy']:.3f}  "
            f"{row['images_per_second']:,.0f} images/s",
            highlight=False,
            soft_wrap=True,
        )
