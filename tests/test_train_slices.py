"""Batches in slices: in one process and in workers, to the same weights, bit for bit.

The workers here are threads, whose numbers a barrier collects in the order of TensorFlow; those of
`test_train_workers` are processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from train_runs import POLICY, QUIET, assert_same, run, small

import augreg
from augreg.dataset import slice_rows
from augreg.errors import RunError, WorkerLostError
from augreg.train import TrainOptions, models, team
from augreg.train.checkpoint import Checkpoints, Progress
from augreg.train.cluster import Cluster
from augreg.train.data import Feed
from augreg.train.loop import Network
from augreg.train.run import Run
from augreg.train.signals import Signals, Stop
from augreg.train.sliced import SlicedNetwork
from augreg.train.team import Alone, Workers

MIXING = {**POLICY, "augment": [{"op": "flip", "p": 0.5}, {"op": "cutmix", "classes": 10}]}
EPOCH = tf.constant(0, tf.int64)


@pytest.fixture(autouse=True)
def without_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augreg.train.report.write", lambda *args: None)


def core(_: str, shape: Any, classes: int, dtype: str) -> Any:
    """Small, with all that a step may move: weights, statistics, seeds; and a loss of its own."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(4, 3, strides=4),
            layers.BatchNormalization(momentum=0.5),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(classes, kernel_regularizer=keras.regularizers.L2(0.1)),
        ]
    )


# --- which rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "count"), [(32, 1), (32, 2), (32, 3), (4, 3), (2, 5), (15, 11)])
def test_slices_take_every_row_once_and_in_order(size: int, count: int) -> None:
    ends = [slice_rows(size, i, count) for i in range(count)]
    assert [row for end in ends for row in range(*end)] == list(range(size))
    lengths = [end - first for first, end in ends]
    assert max(lengths) - min(lengths) <= 1 and lengths[0] > 0


# --- one process -----------------------------------------------------------------------------


def network(made: Any, slices: int, batch_size: int, who: Alone | None = None) -> SlicedNetwork:
    return SlicedNetwork(made, None, who or Alone(slices), batch_size, slices, mixes=False)


def batch(size: int, shape: tuple[int, ...] = (16, 16, 3)) -> dict[str, Any]:
    rng = np.random.default_rng(size)
    images = tf.constant(rng.random((size, *shape)), tf.float32)
    labels = tf.constant(rng.integers(0, 10, size))
    return {"images": images, "labels": labels, "index": tf.range(size)}


def test_three_slices_train_and_evaluate_as_one_batch_does_but_for_rounding() -> None:
    found = []
    for slices in (1, 3):
        keras.utils.set_random_seed(0)
        made = models.network("tutorial", (16, 16, 3), 10, "float32")
        one = Network(made, None) if slices == 1 else network(made, slices, 9)
        for size in (9, 5):  # slices of 3, 3 and 3; of 3, 2 and 0
            one.train(batch(size), EPOCH, size)
        trained = one.totals.numpy()
        one.evaluate(batch(5))
        kept = [variable.numpy() for variable in (*made.variables, *one.optimizer.variables)]
        found.append([*kept, trained, one.totals.numpy() - trained])
    for whole, sliced in zip(*found, strict=True):
        np.testing.assert_allclose(whole, sliced, atol=2e-6)


def test_statistics_of_batch_normalization_move_by_the_mean_over_the_slices() -> None:
    shape = (3,)
    normalization = keras.layers.BatchNormalization(momentum=0.5)
    made = keras.Sequential([keras.Input(shape), normalization, keras.layers.Dense(10)])
    given = batch(5, shape)  # the last one of batches of 9: slices of 3, 2 and 0
    network(made, 3, 9).train(given, EPOCH, 5)
    parts = np.split(given["images"].numpy().astype(float), [3])
    mean, variance = (
        (3 * of(parts[0], axis=0) + 2 * of(parts[1], axis=0)) / 5 for of in (np.mean, np.var)
    )
    np.testing.assert_allclose(normalization.moving_mean, 0.5 * mean, rtol=1e-5)
    np.testing.assert_allclose(normalization.moving_variance, 0.5 + 0.5 * variance, rtol=1e-5)


class Kept(Alone):
    """One process, whose slices' numbers can be looked at."""

    def rows(self, make: Callable[[int], Any]) -> Any:
        self.kept = list(super().rows(make))
        return self.kept


def test_a_loss_of_the_network_itself_counts_once() -> None:
    found = []
    for slices in (1, 3):
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(10, kernel_regularizer=keras.regularizers.L2(5.0))
        who = Kept(slices)
        made = keras.Sequential([keras.Input((3,)), dense])
        network(made, slices, 9, who).train(batch(5, (3,)), EPOCH, 5)
        found.append(np.sum([gradients for gradients, _ in who.kept], axis=0))
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_random_layers_draw_anew_in_each_slice_and_step() -> None:
    dropout = keras.layers.Dropout(0.5)
    who = Kept(2)
    made = keras.Sequential([keras.Input((64,)), dropout, keras.layers.Dense(10)])
    sliced = network(made, 2, 2, who)
    same = {"images": tf.ones((2, 64)), "labels": tf.constant([1, 1]), "index": tf.range(2)}
    drawn = []
    for _ in range(2):
        before = dropout.seed_generator.state.numpy()
        sliced.train(same, EPOCH, 2)
        kernels = [wide.numpy()[:640].reshape(64, 10) for wide, _ in who.kept]
        drawn += [frozenset(np.flatnonzero(kernel.any(axis=1))) for kernel in kernels]
        np.testing.assert_array_equal(dropout.seed_generator.state - before, [0, 1])
    assert len({*drawn}) == 4 and all(8 < len(one) < 56 for one in drawn)


# --- workers ---------------------------------------------------------------------------------


class Threads:
    """The connection of workers that are threads: as TensorFlow sorts them, 10 before 2."""

    def __init__(self, count: int) -> None:
        self.count, self.barrier = count, threading.Barrier(count)
        self.parts: dict[int, Any] = {}

    def join(self, cluster: Cluster) -> Callable[..., Any]:
        def gather(*parts: Any) -> Any:
            self.parts[cluster.index] = parts
            self.barrier.wait(60)
            found = [self.parts[i] for i in sorted(range(self.count), key=str)]
            self.barrier.wait(60)
            return [tf.stack(some) for some in zip(*found, strict=True)]

        return gather


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Calls a function with the `Workers` of each of several threads; gives what they return."""

    def call(count: int, function: Callable[[Workers], Any]) -> list[Any]:
        monkeypatch.setattr(team, "_join", Threads(count).join)
        addresses = tuple(f"host:{i + 1}" for i in range(count))
        clusters = [Cluster(addresses, i) for i in range(count)]
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda one: function(Workers(one, Signals())), clusters))

    return call


def test_two_workers_end_as_two_slices_in_one_process_do(
    in_threads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 35 images in batches of 15: the last one has 5, and so a worker has none of it
    monkeypatch.setattr("augreg.train.models.network", core)
    how = {"policy": MIXING, "placement": "model", "batch_size": 15, "epochs": 1, "slices": 2}
    source, lock = small(train=35, validation=16, test=1), threading.Lock()
    run(tmp_path / "one", source=source, **how)

    def work(who: Workers) -> None:
        options = TrainOptions(**how, seed=3, output=tmp_path / f"worker-{who.worker[0]}")
        feed = Feed(source, augreg.load_policy(MIXING), options, who.worker)
        with lock:  # the seeds are the process's
            keras.utils.set_random_seed(options.seed)
            made = Run(feed, who, Signals(), QUIET)
        made.run()

    in_threads(2, work)
    assert_same(tmp_path / "one", tmp_path / "worker-0")
    assert [path.name for path in tmp_path.glob("worker-*")] == ["worker-0"]  # only it writes


def test_slices_of_more_than_ten_workers_are_in_order(in_threads: Any) -> None:
    def work(who: Workers) -> list[int]:
        rows = who.rows(lambda i: (tf.constant([i], tf.float64),))
        return [int(row[0]) for (row,) in rows]

    assert in_threads(12, work) == [[*range(12)]] * 12


def test_a_signal_of_one_worker_stops_all_of_them_after_the_same_step(in_threads: Any) -> None:
    def work(who: Workers) -> Any:
        signals = who._signals
        numbers = (tf.zeros(1, tf.float64),)
        who.rows(lambda i: numbers)
        signals.check()
        if who.worker[0] == 1:
            signals.caught = 15
            signals.check()  # the others do not know yet
        who.rows(lambda i: numbers)
        with pytest.raises(Stop):
            signals.check()
        return signals.heard

    assert in_threads(3, work) == [15, 15, 15]


def test_workers_of_different_runs_are_refused_by_what_differs(in_threads: Any) -> None:
    def work(who: Workers) -> str:
        facts = {"seed": 3 if who.leads else 4, "batch size": 32}
        with pytest.raises(RunError) as error:
            who.check_alike(facts, [tf.Variable([1.0])])
        return str(error.value)

    for text in in_threads(2, work):
        assert text.startswith("worker 1 differs from worker 0 in: seed. Start all workers with")


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", Cluster(("a:1", "b:2"), 0).config())


def test_a_lost_worker_ends_the_run_with_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_workers: None
) -> None:
    steps = iter(range(5))  # the order, what they have in common, and two steps

    def gather(*parts: Any) -> Any:
        if next(steps, None) is None:
            raise tf.errors.UnavailableError(None, None, "Connection reset by peer")
        return [tf.stack([part, part + 1 if part.shape.rank == 0 else part]) for part in parts]

    monkeypatch.setattr(team, "_join", lambda cluster: gather)
    monkeypatch.setattr("augreg.train.models.network", core)
    text = r"worker 0 of 2: another worker ended or no longer answers.*step-000000003-.* is kept"
    with pytest.raises(WorkerLostError, match=text):
        run(tmp_path)


# --- what is refused -------------------------------------------------------------------------


def test_another_number_of_slices_than_the_workers_is_refused(
    tmp_path: Path, two_workers: None
) -> None:
    with pytest.raises(RunError, match="slices is 3, and TF_CONFIG names 2 workers; each computes"):
        run(tmp_path, slices=3)


def test_workers_can_not_join_once_tensorflow_is_used(tmp_path: Path, two_workers: None) -> None:
    tf.zeros(1)
    with pytest.raises(RunError, match="can only join them before it is used in this process"):
        run(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_of_a_number_of_slices(tmp_path: Path) -> None:
    kept = {"class_names": ["a"]}

    def checkpoints(output: str, **more: Any) -> Checkpoints:
        return Checkpoints(tmp_path / output, {**kept, **more}, {"v": [tf.Variable(1.0)]})

    checkpoints("sliced", slices=2).save(Progress())
    checkpoints("plain").save(Progress())
    with pytest.raises(RunError, match="slices was 2 and is now 1"):
        checkpoints("sliced").restore()
    with pytest.raises(RunError, match="slices was 1 and is now 3"):
        checkpoints("plain", slices=3).restore()
    assert checkpoints("sliced", slices=2).restore()[0] is not None
