"""A training run, over every interruption: from its data to a folder with a trained model."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich.console import Console

from augreg import files
from augreg.errors import RunError, WorkerLostError
from augreg.layer import AugmentationLayer
from augreg.train import data, report
from augreg.train.best import Best
from augreg.train.build import build
from augreg.train.checkpoint import Checkpoints, Progress, identity
from augreg.train.logs import Logs
from augreg.train.loop import Network, class_numbers
from augreg.train.progress import Display
from augreg.train.report import Summary
from augreg.train.schedule import Schedule, best_row, is_over
from augreg.train.signals import Interrupted, Signals, Stop
from augreg.train.sliced import SlicedNetwork
from augreg.train.team import Alone


class Run:
    """One run: the network, where it is, and what it writes."""

    def __init__(
        self,
        feed: data.Feed,
        team: Alone,
        signals: Signals,
        console: Console,
        model: Any = None,
        after_epoch: Callable[[Mapping[str, float]], None] | None = None,
    ) -> None:
        self.feed, self.team, self.signals, self.console = feed, team, signals, console
        self.after_epoch = after_epoch
        self.options, self.policy, self.source = feed.options, feed.policy, feed.source
        self.output = self.options.output
        self.core, self.recipe = build(feed, model)
        self.network = self._network()
        variables = self.network.variables()
        self.best = None if self.options.early_stopping is None else Best(variables["model"])
        if self.best is not None:
            variables["best"] = self.best.kept
        self.checkpoints = Checkpoints(self.output, identity(feed), variables)
        rate = self.recipe.first_rate
        self.schedule = None if rate is None else Schedule(self.options, feed.steps, rate)
        self.progress, self.saved = Progress(), time.monotonic()
        self.is_best = False  # whether the network has the best weights, not the last

    def run(self) -> Summary:
        """Continues where a checkpoint says, trains to the end, and writes everything."""
        for note in self.source.notes:
            self._say(note)
        self._restore()
        self._check_alike()
        if self.team.leads:
            text = json.dumps(self.policy.written, indent=2, ensure_ascii=False)
            files.write_text(self.output / "policy.json", text + "\n")
        with self._kept_on_signal(), data.reading(self.options.data):
            self._fit()
            self._take_best()
            confusion = self._no_confusion()
            test = self._evaluated("test", confusion)
        write = report.write if self.team.leads else report.summary
        summary = write(self.feed, self.network, self.progress.history, test, confusion)
        self.team.wait()
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
        if is_over(options, progress.history):
            return
        batches = self.feed.training(progress.epoch, progress.batch)
        display = Display(self.console, options.epochs, self.source.splits["train"].size)
        with display.bar, self._logs() as logs:
            while not is_over(options, progress.history):
                self._begin_epoch()
                self._train_epoch(batches, display)
                loss, accuracy = self.network.means()
                if not math.isfinite(loss):
                    raise RunError(
                        f"the loss is {loss} in epoch {progress.epoch + 1}: the model diverged; "
                        "check the policy's output range, or try a lower learning rate, another "
                        "model or seed"
                    )
                self._close_epoch(loss, accuracy, display, logs)

    def _begin_epoch(self) -> None:
        """Sets what is trained, which changes after `freeze_epochs`."""
        border, progress = self.options.freeze_epochs, self.progress
        frozen = progress.epoch < border
        if frozen != self.network.frozen:
            self.network.freeze(frozen)
        if progress.epoch == border > 0 and progress.batch == 0:
            self.network.restart_optimizer()

    def _train_epoch(self, batches: Iterator[Any], display: Display) -> None:
        progress, options = self.progress, self.options
        epoch = tf.constant(progress.epoch, tf.int64)
        begun, before = time.perf_counter(), progress.seconds
        display.begin(progress.epoch, progress.batch * options.batch_size)
        if progress.batch == 0:
            self.network.clear()
        for _ in range(progress.batch, self.feed.steps):
            if self.schedule is not None:
                self.network.set_rate(self.schedule.rate(progress.step))
            self.network.train(next(batches), epoch, self.feed.samples(progress.batch))
            progress.batch, progress.step = progress.batch + 1, progress.step + 1
            progress.seconds = before + time.perf_counter() - begun
            display.step(progress.batch * options.batch_size, self.network.means)
            if time.monotonic() - self.saved >= options.checkpoint_seconds:
                self._save()
            self.signals.check()
        self.network.means()  # waits for the last step
        progress.seconds = before + time.perf_counter() - begun

    def _close_epoch(
        self, loss: float, accuracy: float, display: Display, logs: Logs | None
    ) -> None:
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
            "learning_rate": self.network.rate(),  # of the last step
        }
        progress.history.append(row)
        progress.epoch, progress.batch, progress.seconds = progress.epoch + 1, 0, 0.0
        if self.best is not None and best_row(progress.history) == progress.epoch - 1:
            self.best.keep()
        if logs is not None:
            logs.epoch(row)
        self._save()
        if self.team.leads:
            report.write_history(self.output / "history.csv", progress.history)
        display.end(row)
        if self.after_epoch is not None:
            self.after_epoch(row)

    def _take_best(self) -> None:
        if self.best is not None:
            self.best.restore()
            self.is_best = True
            epoch = best_row(self.progress.history) + 1
            self._say(
                f"takes the weights after epoch {epoch}, which has the lowest validation loss"
            )

    def _no_confusion(self) -> NDArray[np.int64] | None:
        """Where test images are counted by class and prediction, which slices don't give."""
        classes = len(self.source.class_names)
        return np.zeros((classes, classes), np.int64) if self.options.slices == 1 else None

    def _evaluated(
        self, split: str, confusion: NDArray[np.int64] | None = None
    ) -> tuple[float, float]:
        """Loss and accuracy on a split; adds its images to `confusion`."""
        self.network.clear()
        for batch in self.feed.evaluation(split):
            predicted = self.network.evaluate(batch)
            if confusion is not None:
                true = class_numbers(batch["labels"].numpy())
                np.add.at(confusion, (true, np.asarray(predicted)), 1)
            self.signals.check()
        means = self.network.means()
        self.network.clear()
        return means

    def _save(self) -> str:
        self.saved = time.monotonic()
        if not self.team.leads:
            return "of worker 0"
        if self.is_best:  # to continue with more epochs takes the last weights, which are kept
            return str(self.checkpoints.paths()[0])
        return str(self.checkpoints.save(self.progress))

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

    def _check_alike(self) -> None:
        """Workers compute the same run, or none: what they add up has to fit together."""
        progress = self.progress
        facts = {
            **self.checkpoints.identity,
            "epochs": self.options.epochs,
            "versions": report.versions(self.policy.plugins),
            "checkpoint": (progress.epoch, progress.batch, progress.step),
        }
        self.team.check_alike(facts, self.checkpoints.variables.values())

    @contextmanager
    def _kept_on_signal(self) -> Iterator[None]:
        """A signal or a lost worker ends the run between two steps, with a checkpoint."""
        self.signals.patient = True
        try:
            yield
        except Stop:
            signum = self.signals.heard or self.signals.caught
            assert signum is not None
            kept = f"the checkpoint {self._save()} is kept; continue with --resume"
            with suppress(WorkerLostError):  # of one that was stopped twice
                self.team.wait()
            raise Interrupted(signum, kept) from None
        except WorkerLostError as lost:  # a step that lacks a slice has changed nothing
            kept = f". The checkpoint {self._save()} is kept" if self.team.leads else ""
            raise WorkerLostError(f"{lost}{kept}") from lost
        finally:
            self.signals.patient = False

    def _network(self) -> Network:
        options = self.options
        if options.slices == 1:
            return Network(self.core, self._layer(), self.recipe)
        batch, slices, mixes = options.batch_size, options.slices, self.feed.mixes
        how = (self.team, batch, slices, mixes, self.recipe)
        return SlicedNetwork(self.core, self._layer(), *how)

    def _logs(self) -> AbstractContextManager[Logs | None]:
        if not (self.options.tensorboard and self.team.leads):
            return nullcontext()
        logs = Logs(self.output)
        if self.progress.step == 0:
            logs.policy(self.policy.written)
        return closing(logs)

    def _layer(self) -> Any | None:
        if self.options.placement == "data":
            return None
        rest = tuple(name for name in self.feed.sections if name != "prepare")
        # floats that a resize left were looked at before it, which may have gone beyond 0..1
        known = (0, 1) if self.policy.prepare(True) else None
        return AugmentationLayer(
            self.policy, seed=self.options.seed, sections=rest, input_range=known
        )
