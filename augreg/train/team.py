"""Who computes the slices of a batch: one process all of them, or each of several workers one.

Of TensorFlow's MultiWorkerMirroredStrategy only the connection and `gather` are used. Its
all-reduce adds in an order of its own: of three workers' sums, a fifth were not those of adding in
order. So each worker gets the numbers of all, and adds them itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.errors import RunError, WorkerLostError
from augreg.train.cluster import Cluster
from augreg.train.signals import Signals

Row = tuple[tf.Tensor, ...]  # a slice's numbers, the last of them float64 [K]


class Alone:
    """One process.

    Attributes:
        worker: (i, n) of a worker, which computes slice i of n; None for all of them.
        leads: whether this process writes what a run leaves behind, and shows its progress.
    """

    worker: tuple[int, int] | None = None
    leads = True

    def __init__(self, slices: int) -> None:
        self._slices = slices

    def rows(self, make: Callable[[int], Row]) -> Iterable[Row]:
        """`make(i)` of every slice, in order."""
        return map(make, range(self._slices))

    def check_alike(self, facts: Mapping[str, Any], weights: Iterable[Any]) -> None:
        """Raises `RunError` where facts or weights differ between the workers."""

    def wait(self) -> None:
        """Returns when all workers are here."""


class Workers(Alone):
    """One of several processes, which all do the same steps; joins the others when it is made.

    Raises:
        RunError: the connection can't be set up.
        WorkerLostError: from any method: a worker ended, or has not answered for ten seconds.
    """

    def __init__(self, cluster: Cluster, signals: Signals) -> None:
        super().__init__(len(cluster.workers))
        self._cluster, self._signals = cluster, signals
        self.worker = (cluster.index, len(cluster.workers))
        self.leads = cluster.index == 0
        with signals.left_to_the_system():
            self._gather = _join(cluster)
        signals.together = True
        # TensorFlow sorts workers by name, and so worker 10 comes before worker 2
        self._places: Any = range(len(cluster.workers))
        self._places = np.argsort(self._all(tf.constant(cluster.index))[0])

    def rows(self, make: Callable[[int], Row]) -> Iterable[Row]:
        """`make(i)` of every slice, in order; each comes from its worker.

        A signal that one of them caught goes along, so that all stop after the same step.
        """
        *others, last = make(self._cluster.index)
        caught = tf.constant([self._signals.caught or 0], tf.float64)
        *others, last = self._all(*others, tf.concat([last, caught], 0))
        self._signals.heard = int(tf.reduce_max(last[:, -1])) or None
        return zip(*(tf.unstack(part) for part in (*others, last[:, :-1])), strict=True)

    def check_alike(self, facts: Mapping[str, Any], weights: Iterable[Any]) -> None:
        whole = hashlib.sha256()
        for variable in weights:
            whole.update(np.asarray(variable.numpy()).tobytes())
        facts = {**facts, "weights": whole.hexdigest()}
        digests = [hashlib.sha256(repr(fact).encode()).digest()[:7] for fact in facts.values()]
        mine = [int.from_bytes(digest) for digest in digests]
        (found,) = self._all(tf.constant(mine, tf.int64))
        for number, row in enumerate(found.numpy()):
            differ = [name for name, same in zip(facts, row == found[0], strict=True) if not same]
            if differ:
                differ = [name for name in differ if name != "weights"] or differ  # they follow
                raise RunError(
                    f"worker {number} differs from worker 0 in: {', '.join(differ)}. Start all "
                    "workers with the same options, data and versions, and with an --output that "
                    "all of them see"
                )

    def wait(self) -> None:
        self._all(tf.constant(0))

    def _all(self, *parts: tf.Tensor) -> Row:
        """Of each part, those of all workers in order, in one tensor."""
        try:
            rows = self._gather(*parts)
        except tf.errors.OpError as error:
            number, count = self._cluster.index, len(self._cluster.workers)
            raise WorkerLostError(
                f"worker {number} of {count}: another worker ended or no longer answers, so this "
                "one ends too; start all of them again with --resume"
            ) from error
        return tuple(tf.gather(part, self._places) for part in rows)


def _join(cluster: Cluster) -> Callable[..., Row]:
    """Waits for the others; gives what puts the parts of all workers into one tensor."""
    gpus = tf.config.list_physical_devices("GPU")
    try:
        if gpus:  # each worker of a machine takes one
            tf.config.set_visible_devices(gpus[cluster.index % len(gpus)], "GPU")
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        if "startup" not in str(error) and "initialized" not in str(error):
            raise
        raise RunError(
            "TF_CONFIG names several workers, and TensorFlow can only join them before it is used "
            "in this process; call train first, and name the data instead of passing a source"
        ) from error
    except tf.errors.OpError as error:
        address = cluster.workers[cluster.index]
        text = str(error.message).splitlines()[0]
        raise RunError(f"{address}: this worker can't listen there: {text}") from error

    def gather(*parts: tf.Tensor) -> Row:
        return tuple(strategy.gather(part[tf.newaxis], axis=0) for part in parts)

    return tf.function(gather, autograph=False)
