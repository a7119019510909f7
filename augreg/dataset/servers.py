"""The two servers of a tf.data service, which `augment_dataset(service=...)` has batches made by.

TensorFlow's protocol has no authentication, and its servers listen on all interfaces: who reaches
one can read what its user can. So they are kept to this machine, unless a name says otherwise.
"""

from __future__ import annotations

import os
import socket
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from augreg.dataset.service import check_service
from augreg.errors import ServiceError

LOOPBACK = ("127.0.0.1", "localhost")


def dispatcher(host: str, port: int, state: Path | None) -> Any:
    """A server that hands out step numbers; workers and trainers find it at HOST:PORT.

    state: a folder in which it notes what it has handed out, to go on after a restart.
    """
    service = tf.data.experimental.service
    config = service.DispatcherConfig(
        port=port,
        work_dir=None if state is None else os.fspath(state),
        fault_tolerant_mode=state is not None,
    )
    return _started(host, port, lambda: service.DispatchServer(config))


def worker(host: str, port: int, of: str) -> Any:
    """A server that reads and prepares batches for the dispatcher at HOST:PORT.

    Raises:
        ServiceError: nobody answers there.
    """
    check_service(f"grpc://{of}")
    service = tf.data.experimental.service
    config = service.WorkerConfig(of, worker_address=f"{host}:%port%", port=port)
    return _started(host, port, lambda: service.WorkerServer(config))


def _started(host: str, port: int, start: Any) -> Any:
    before = set(_listening())
    try:
        server = start()
    except (tf.errors.OpError, RuntimeError) as error:
        raise ServiceError(f"port {port}: TensorFlow's server can't start: {error}") from None
    kept = host in LOOPBACK and _keep_to_this_machine(set(_listening()) - before)
    if not kept:
        warnings.warn(
            "TensorFlow's server listens on all interfaces of this machine, without "
            "authentication: whoever reaches it can read what you can; use a network that "
            "nobody else is in",
            RuntimeWarning,
            stacklevel=3,
        )
    return server


def _listening() -> list[int]:
    """The descriptors of this process at which others can connect."""
    found = []
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.append(int(name))
        except OSError:  # no socket, or closed meanwhile
            continue
    return found


def _keep_to_this_machine(numbers: set[int]) -> bool:
    """Whether nothing that comes in by a network reaches the sockets now; TensorFlow can't do it.

    Linux can, where a user may (since 5.7).
    """
    try:
        for number in numbers:
            with socket.socket(fileno=os.dup(number)) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    except (OSError, AttributeError):
        return False
    return bool(numbers)
