"""Batches that the workers of a tf.data service read and prepare, in their order all the same.

Steps are numbers, and the service hands them out as workers ask. What comes back is put in order by
its step. A step that does not come is read here: the service loses what a dead worker held, and
never says that there is no more.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from augreg.dataset.steps import Steps
from augreg.errors import ServiceError

DEADLINE = 10.0  # seconds without a batch, after which those that lack are read here
_ANSWER = 5.0  # seconds for somebody to answer at an address
_AHEAD = 32  # batches that came too early and are kept


def through_service(steps: Steps, numbers: range, address: str) -> tf.data.Dataset:
    """The batches of these steps, as `Steps.read` gives them.

    Raises:
        ServiceError: the address is none, or nobody answers there.
    """
    check_service(address)
    local = steps.read(tf.data.Dataset.range(numbers.start, numbers.stop))
    remote = _registered(local, address)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    def here(step: tf.Tensor) -> Any:
        return steps.read(tf.data.Dataset.from_tensors(step)).get_single_element()

    def batches() -> Iterator[Any]:
        arrivals = _Arrivals(iter(remote), address)
        try:
            for number in numbers:
                batch = arrivals.take(number)
                yield here(number) if batch is None else batch
        finally:
            arrivals.close()

    return tf.data.Dataset.from_generator(batches, output_signature=local.element_spec)


def _registered(ds: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """The dataset as the service's workers make it; a thread waits, who knows what answers."""
    service, made = tf.data.experimental.service, queue.Queue[Any]()
    # uncompressed: a batch of bytes is ready to be sent
    distribute = service.distribute(service.ShardingPolicy.DYNAMIC, address, compression=None)

    def register() -> None:
        try:
            made.put(ds.apply(distribute))
        except tf.errors.OpError as error:
            made.put(error)

    threading.Thread(target=register, daemon=True).start()
    try:
        found = made.get(timeout=DEADLINE)
    except queue.Empty:
        found = f"no answer in {DEADLINE:.0f} seconds"
    if not isinstance(found, tf.data.Dataset):
        raise ServiceError(f"{address}: no dispatcher of a tf.data service ({found})") from None
    return found


@dataclass
class _Arrivals:
    """What has come of a service, by step; a thread fills it."""

    iterator: Iterator[Any]
    address: str
    batches: dict[int, Any] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: str = ""  # why no more will come
    silent: bool = False  # whether a deadline has passed since the last one came
    closed: bool = False

    def __post_init__(self) -> None:
        # a daemon: it may wait for a service that is gone, which nothing can end
        threading.Thread(target=self._fill, daemon=True).start()

    def take(self, step: int) -> Any | None:
        """The batch of a step; None where it has to be made here."""
        with self.changed:
            for early in [other for other in self.batches if other < step]:
                del self.batches[early]  # it came after all
            self.changed.notify_all()
            until = time.monotonic() + DEADLINE
            while step not in self.batches:
                left = until - time.monotonic()
                if self.ended or self.silent or left <= 0 or len(self.batches) >= _AHEAD:
                    self._say(step)
                    return None
                self.changed.wait(left)
            return self.batches.pop(step)

    def _say(self, step: int) -> None:
        if not self.silent:
            why = self.ended or f"it did not come in {DEADLINE:.0f} seconds"
            warnings.warn(
                f"{self.address}: step {step} is prepared in this process, as are others that "
                f"lack, because {why}",
                RuntimeWarning,
                stacklevel=2,
            )
        self.silent = True

    def _fill(self) -> None:
        try:
            for numbers, element in self.iterator:
                with self.changed:
                    self.batches[int(numbers[0, 1])] = numbers, element
                    self.silent = False
                    self.changed.notify_all()
                    self.changed.wait_for(lambda: self.closed or len(self.batches) < _AHEAD)
                    if self.closed:
                        return
            reason = "the service has no more"
        except (tf.errors.OpError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
        with self.changed:
            self.ended = reason
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def check_service(address: Any) -> None:
    """Raises `ServiceError` where nobody answers at an address, which TensorFlow waits for."""
    protocol, _, place = str(address).partition("://")
    host, _, port = place.rpartition(":")
    if protocol != "grpc" or not host or not port.isdigit():
        raise ServiceError(
            f"{address!r} is no address of a tf.data service; write it as grpc://HOST:PORT"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except OSError as error:
        raise ServiceError(
            f"{address}: nobody answers ({error.strerror or error}); start the dispatcher with "
            f"'augreg input-server dispatcher --port {port}'"
        ) from None
