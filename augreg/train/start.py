"""`train`: from options to a run, in this process or as one of several workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from augreg import files
from augreg.checks import check_keras_backend
from augreg.dataset.service import check_service
from augreg.errors import RunError
from augreg.sources import Source, open_source
from augreg.train import data
from augreg.train.checkpoint import FOLDER, refuse_to_overwrite
from augreg.train.cluster import cluster_of_environment
from augreg.train.given import check_given
from augreg.train.limited import limited
from augreg.train.options import TrainOptions
from augreg.train.report import Summary
from augreg.train.run import Run
from augreg.train.signals import Signals
from augreg.train.team import Alone, Workers


def train(
    options: TrainOptions,
    *,
    source: Source | None = None,
    model: Any = None,
    console: Console | None = None,
    after_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> Summary:
    """Trains a classifier and writes the run's folder.

    Writes policy.json, history.csv, confusion.csv, model.keras, export/, curves.png, train.toml and
    finally summary.json to `options.output`, each file atomically (`export/`, a folder, by two
    renames). The call sets the seeds of Python, NumPy and TensorFlow; `options.deterministic`
    switches TensorFlow in this process to deterministic ops.

    Where TF_CONFIG names several workers, this process is one of them: all call it with the same
    options and compute one slice of each batch; worker 0 writes.

    Args:
        options: what to train.
        source: the data, where it is not to be opened by `options.data`.
        model: a Keras model to train, where it is not to be built by `options.model`; see
            `augreg.train.fit`.
        console: where progress goes; `Console(quiet=True)` for nowhere.
        after_epoch: called with each new row of the history, after its checkpoint; what it raises
            ends the run.

    Raises:
        PolicyError, DataError, RunError: policy, data or options can't work.
        ServiceError: nobody answers at `options.input_service`.
        WorkerLostError: another worker ended; a checkpoint was kept.
        Interrupted: a SIGINT or SIGTERM came; a checkpoint was kept.

    >>> from augreg.train import TrainOptions, train  # doctest: +SKIP
    >>> train(TrainOptions("policies/digits.json", output="runs/digits")).test_accuracy > 0.9
    True
    """
    options.check_places()
    check_keras_backend(keras.config.backend(), "augreg.train")
    if options.input_service is not None:
        check_service(options.input_service)
    policy = data.policy_of(options)
    if options.policy is None:
        options = replace(options, size=None)  # it resizes, and says nothing about the data
    console = console or Console()
    with Signals() as signals, ExitStack() as stack:
        options, team = _team(options, signals, console)
        if model is not None:
            check_given(model, options)  # which depends on the number of workers
        if team.leads:
            stack.enter_context(_written(options))
        if options.deterministic:
            tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        opened = source or open_source(
            options.data,
            data_dir=options.data_dir,
            manual_dir=options.manual_dir,
            max_bad=options.max_bad,
        )
        if options.limit_train is not None:
            opened = limited(opened, options.limit_train, options.seed)
        feed = data.Feed(opened, policy, options, team.worker)
        console = console if team.leads else Console(quiet=True)
        return Run(feed, team, signals, console, model, after_epoch).run()


def _team(options: TrainOptions, signals: Signals, console: Console) -> tuple[TrainOptions, Alone]:
    """The run's processes, once all are there, and its options with their number of slices.

    They join before the output folder is locked: a worker that fails later on is missed at once.
    """
    cluster = cluster_of_environment()
    if cluster is None:
        return options, Alone(options.slices)
    count = len(cluster.workers)
    if options.slices not in (1, count):
        raise RunError(
            f"slices is {options.slices}, and TF_CONFIG names {count} workers; each computes one "
            "slice: leave slices out, or start as many workers"
        )
    own = cluster.workers[cluster.index]
    console.print(f"worker {cluster.index} of {count} at {own} waits for the others", style="dim")
    return replace(options, slices=count), Workers(cluster, signals)


@contextmanager
def _written(options: TrainOptions) -> Iterator[None]:
    """Holds the output folder, tidied."""
    with files.exclusive_lock(options.output):
        for folder in (options.output, options.output / FOLDER):
            files.sweep(folder)
        refuse_to_overwrite(options)
        yield
