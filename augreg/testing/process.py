"""A process that writes events as lines of JSON, and may be ended at any time."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any


@dataclass
class Worker:
    """A running process, the pipe that it writes to, and what it says on stderr."""

    process: subprocess.Popen[bytes]
    pipe: int
    said: IO[bytes]
    unread: bytes = b""

    def event(self, seconds: float) -> dict[str, Any] | None:
        """The next event; None: the process has ended. Raises TimeoutError after `seconds`."""
        ends = time.monotonic() + seconds
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.pipe], [], [], max(0.0, ends - time.monotonic()))
            if not ready:
                raise TimeoutError
            more = os.read(self.pipe, 65536)
            if not more:
                return None
            self.unread += more
        line, _, self.unread = self.unread.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event

    def why_ended(self) -> str:
        """By which signal, or with which code and, of an exception, with which error."""
        code = self.process.wait()
        if code < 0:
            return f"{signal.Signals(-code).name} ended the process"
        self.said.seek(0)
        # TensorFlow writes there, too, so only the last line of Python's own words is an error
        _, traceback, words = self.said.read().decode(errors="replace").rpartition("Traceback (")
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        return f"the process ended with code {code}" + (f": {lines[-1]}" if traceback else "")


@contextmanager
def started(module: str, folder: str, given: Mapping[str, Any]) -> Iterator[Worker]:
    """`python -m MODULE PIPE JSON`, which imports what is imported here, from `folder` first.

    It is killed at the end, with all that it has started. It reads nothing, and what it prints is
    lost: a plugin may print anything.
    """
    path = os.pathsep.join(filter(None, [folder, *sys.path]))
    read, write = os.pipe()
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(write), json.dumps(given)],
                env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=[write],
                start_new_session=True,
            )
        finally:
            os.close(write)
        try:
            yield Worker(process, read, said)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(read)
