"""`augreg studio` as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

START = 60  # seconds; an idle machine takes one or two


class StudioProcess:
    """A studio that runs. It ends by `stop`, or with the fixture that started it.

    Attributes:
        address: what was printed: with the token.
        origin: the address of the page without it, such as http://127.0.0.1:8123.
        lines: what was printed, line by line.
    """

    def __init__(
        self,
        *arguments: str,
        cache: Path,
        cwd: Path | None = None,
        program: Sequence[str] = ("-m", "augreg"),
    ) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *program, "studio", "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "AUGREG_CACHE": str(cache)},
            cwd=cwd,
        )
        self._printed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.address = self.wait_for("http://127.0.0.1:").split()[-1]
        except BaseException:
            self.stop()
            raise
        parts = urlsplit(self.address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.port = parts.port or 0
        self.token = parts.query.removeprefix("token=")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it by a signal, if it still runs, and returns its exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout=START)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(timeout=START)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as printed:
            for line in printed:
                self.lines.append(line.rstrip("\n"))
                self._printed.put(line)
        self._printed.put("")  # the end

    def wait_for(self, text: str) -> str:
        """The next line that has this in it."""
        while line := self._printed.get(timeout=START):
            if text in line:
                return line
        raise AssertionError("\n".join([f"it ended before it said {text!r}:", *self.lines]))
