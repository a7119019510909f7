"""SIGINT and SIGTERM in a training run: finish the step, keep a checkpoint, then stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self


class Interrupted(KeyboardInterrupt):
    """A run that was stopped by a signal. `exit_code` is 130 (SIGINT) or 143 (SIGTERM).

    It is a `KeyboardInterrupt`, so that no `except Exception` takes it for a failure.
    """

    def __init__(self, signum: int, kept: str) -> None:
        self.signum = signum
        self.kept = kept
        self.exit_code = 128 + signum
        super().__init__(f"stopped by {signal.Signals(signum).name}; {kept}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Interrupted, (self.signum, self.kept)


class Stop(BaseException):
    """Unwinds the training loop to where its checkpoint is kept."""


class Signals:
    """Catches the two signals while it is entered.

    Outside of `patient`, a signal raises `Interrupted` at once. Inside, the first one only sets a
    flag that `check` turns into `Stop` between two steps, where the model is consistent; a second
    one does not wait any more. In a thread other than the main one Python delivers no signals, so
    nothing is installed. What the process was started to ignore, as a shell starts what it puts
    into the background, stays ignored.

    Attributes:
        together: whether several processes stop, after the same step: `check` waits for `heard`.
        heard: the signal that any of them caught, which all of them know.
    """

    def __init__(self) -> None:
        self.patient = self.together = False
        self.caught: int | None = None
        self.heard: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    self._before[signum] = signal.signal(signum, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler or signal.SIG_DFL)

    def check(self) -> None:
        """Raises `Stop` where a signal came."""
        if (self.heard if self.together else self.caught) is not None:
            raise Stop

    @contextmanager
    def left_to_the_system(self) -> Iterator[None]:
        """A signal ends the process: Python would not see it before TensorFlow has waited."""
        for signum in self._before:
            signal.signal(signum, signal.SIG_DFL)
        try:
            yield
        finally:
            for signum in self._before:
                signal.signal(signum, self._handle)

    def _handle(self, signum: int, _: FrameType | None) -> None:
        first, self.caught = self.caught is None, signum
        if not (self.patient and first):
            raise Interrupted(signum, "what was kept before is whole; continue with --resume")
