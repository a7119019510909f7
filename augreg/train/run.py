"""`train`: from options to a folder with a trained model, over every interruption."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from augreg import files
from augreg.checks import check_keras_backend
from augreg.errors import RunError
from augreg.layer import AugmentationLayer
from augreg.sources import Source, open_source
from augreg.train import data, models, report
from augreg.train.checkpoint import FOLDER, Checkpoints, Progress
from augreg.train.loop import Network
from augreg.train.options import TrainOptions
from augreg.train.progress import Display
from augreg.train.report import Summary
from augreg.train.signals import Interrupted, Signals, Stop


def train(
    options: TrainOptions, *, source: Source | None = None, console: Console | None = None
) -> Summary:
    """Trains a classifier and writes the run's folder.

    Writes policy.json, history.csv, model.keras, export/, curves.png and finally summary.json to
    `options.output`, each file atomically (`export/`, a folder, by two renames). The call sets the
    seeds of Python, NumPy and TensorFlow; `options.deterministic` switches TensorFlow in this
    process to deterministic ops.

    Args:
        options: what to train.
        source: the data, where it is not to be opened by `options.data`.
        console: where progress goes; `Console(quiet=True)` for nowhere.

    Raises:
        PolicyError, DataError, RunError: policy, data or options can't work.
        Interrupted: a SIGINT or SIGTERM came; a checkpoint was kept.

    >>> from augreg.train import TrainOptions, train  # doctest: +SKIP
    >>> train(TrainOptions("policies/digits.json", output="runs/digits")).test_accuracy > 0.9
    True
    """
    options.check_places()
    check_keras_backend(keras.config.backend(), "augreg.train")
    policy = data.policy_of(options)
    if options.policy is None:
        options = replace(options, size=None)  # it resizes, and says nothing about the data
    with Signals() as signals, files.exclusive_lock(options.output):
        for folder in (options.output, options.output / FOLDER):
            files.sweep(folder)
        _refuse_to_overwrite(options)
        if options.deterministic:
            tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        opened = source or open_source(
            options.data,
            data_dir=options.data_dir,
            manual_dir=options.manual_dir,
            max_bad=options.max_bad,
        )
        feed = data.Feed(opened, policy, options)
        return _Run(feed, signals, console or Console()).run()


class _Run:
    """One run: the network, where it is, and what it writes."""

    def __init__(self, feed: data.Feed, signals: Signals, console: Console) -> None:
        self.feed, self.signals, self.console = feed, signals, console
        self.options, self.policy, self.source = feed.options, feed.policy, feed.source
        self.output = self.options.output
        classes, dtype = len(self.source.class_names), self.policy.output.dtype
        self.core = models.network(self.options.model, feed.fed, classes, dtype)
        self.network = Network(self.core, self._layer())
        variables = self.network.variables()
        self.checkpoints = Checkpoints(self.output, self._identity(), variables)
        self.progress, self.saved = Progress(), time.monotonic()

    def run(self) -> Summary:
        """Continues where a checkpoint says, trains to the end, and writes everything."""
        for note in self.source.notes:
            self._say(note)
        self._restore()
        text = json.dumps(self.policy.written, indent=2, ensure_ascii=False)
        files.write_text(self.output / "policy.json", text + "\n")
        with self._kept_on_signal(), data.reading(self.options.data):
            self._fit()
            test = self._evaluated("test")
        summary = report.write(self.feed, self.core, self.progress.history, test)
        if self.source.bad:
            self._say(f"left out, because they can't be read: {len(self.source.bad)}")
        for bad in self.source.bad:
            self._say(f"  {bad.path}: {bad.reason}")
        self._say(f"test loss {test[0]:.4f}  accuracy {test[1]:.3f}  written to {self.output}")
        return summary

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _fit(self) -> None:
        options, progress = self.options, self.progress
        if progress.epoch >= options.epochs:
            return
        batches = self.feed.training(progress.epoch, progress.batch)
        display = Display(self.console, options.epochs, self.source.splits["train"].size)
        with display.bar:
            while progress.epoch < options.epochs:
                self._train_epoch(batches, display)
                loss, accuracy = self.network.means()
                if not math.isfinite(loss):
                    raise RunError(
                        f"the loss is {loss} in epoch {progress.epoch + 1}: the model diverged; "
                        "check the policy's output range, or try another model or seed"
                    )
                self._close_epoch(loss, accuracy, display)

    def _train_epoch(self, batches: Iterator[Any], display: Display) -> None:
        progress, options = self.progress, self.options
        epoch = tf.constant(progress.epoch, tf.int64)
        begun, before = time.perf_counter(), progress.seconds
        display.begin(progress.epoch, progress.batch * options.batch_size)
        if progress.batch == 0:
            self.network.clear()
        for _ in range(progress.batch, self.feed.steps):
            self.network.train(next(batches), epoch)
            progress.batch, progress.step = progress.batch + 1, progress.step + 1
            progress.seconds = before + time.perf_counter() - begun
            display.step(progress.batch * options.batch_size, self.network.means)
            if time.monotonic() - self.saved >= options.checkpoint_seconds:
                self._save()
            self.signals.check()
        self.network.means()  # waits for the last step
        progress.seconds = before + time.perf_counter() - begun

    def _close_epoch(self, loss: float, accuracy: float, display: Display) -> None:
        """Validates, adds a row to the history, and keeps a checkpoint."""
        progress, samples = self.progress, self.source.splits["train"].size
        trained = self.network.totals.numpy()
        try:
            val_loss, val_accuracy = self._evaluated("validation")
        except BaseException:
            self.network.totals.assign(trained)  # what a checkpoint kept now has to hold
            raise
        row = {
            "epoch": progress.epoch + 1,
            "loss": loss,
            "accuracy": accuracy,
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "seconds": round(progress.seconds, 3),
            "images_per_second": round(samples / max(progress.seconds, 1e-9), 1),
        }
        progress.history.append(row)
        progress.epoch, progress.batch, progress.seconds = progress.epoch + 1, 0, 0.0
        self._save()
        report.write_history(self.output / "history.csv", progress.history)
        display.end(row)

    def _evaluated(self, split: str) -> tuple[float, float]:
        self.network.clear()
        for batch in self.feed.evaluation(split):
            self.network.evaluate(batch)
            self.signals.check()
        means = self.network.means()
        self.network.clear()
        return means

    def _save(self) -> str:
        path = self.checkpoints.save(self.progress)
        self.saved = time.monotonic()
        return str(path)

    def _restore(self) -> None:
        if not self.options.resume:
            return
        found, notes = self.checkpoints.restore()
        for note in notes:
            self._say(note)
        if found is None:
            self._say(f"{self.output}: no checkpoint yet, so the run begins anew")
            return
        self.progress = found
        self._say(f"continues at epoch {found.epoch + 1}, batch {found.batch}, step {found.step}")

    @contextmanager
    def _kept_on_signal(self) -> Iterator[None]:
        """A signal that comes in here ends the run after the step, with a checkpoint."""
        self.signals.patient = True
        try:
            yield
        except Stop:
            signum = self.signals.caught
            assert signum is not None
            kept = f"the checkpoint {self._save()} is kept; continue with --resume"
            raise Interrupted(signum, kept) from None
        finally:
            self.signals.patient = False

    def _layer(self) -> Any | None:
        if self.options.placement == "data":
            return None
        rest = tuple(name for name in self.feed.sections if name != "prepare")
        # floats that a resize left were looked at before it, which may have gone beyond 0..1
        known = (0, 1) if self.policy.prepare(True) else None
        return AugmentationLayer(
            self.policy, seed=self.options.seed, sections=rest, input_range=known
        )

    def _identity(self) -> dict[str, Any]:
        """What decides the weights: a checkpoint of a run that differs here is refused."""
        options = self.options
        return {
            "class_names": list(self.source.class_names),
            "policy hash": self.policy.hash,  # over steps, output, op versions and draws
            "augment": options.augment,
            "seed": options.seed,
            "batch size": options.batch_size,
            "placement": options.placement,
            "model": options.model,
            "data": options.data,
            "training images": self.source.splits["train"].size,
            "image size": list(self.feed.fed),
            "deterministic": options.deterministic,
        }


def _refuse_to_overwrite(options: TrainOptions) -> None:
    output = options.output
    used = [name for name in ("summary.json", FOLDER) if (output / name).exists()]
    if used and not options.resume:
        raise RunError(
            f"{output}: there is a run in it already ({used[0]}); continue it with --resume, "
            "remove it, or name another --output"
        )
