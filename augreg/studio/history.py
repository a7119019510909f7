"""What a text was before: one history for whoever changes it."""

from __future__ import annotations

import time
from collections.abc import Callable

_PAUSE = 0.5  # seconds: what follows sooner belongs to the same change, as letters of a word do
_LONGEST = 500  # changes


class History:
    """Changes of a text that can be undone, and those that were."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, -_PAUSE
        self._before: list[str] = []
        self._after: list[str] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a change was undone, and nothing changed since."""
        return bool(self._after)

    def add(self, before: str) -> None:
        """Notes what the text was, just before it changes."""
        now = self._clock()
        if now - self._last >= _PAUSE or not self._before:
            self._before = [*self._before[1 - _LONGEST :], before]
        self._last = now
        self._after.clear()

    def clear(self) -> None:
        """Forgets all changes."""
        self._before.clear()
        self._after.clear()

    def undo(self, text: str) -> str:
        """The text before the last change, for the one that it is."""
        return self._moved(self._before, self._after, text)

    def redo(self, text: str) -> str:
        """The text after the change that was undone last."""
        return self._moved(self._after, self._before, text)

    def _moved(self, source: list[str], target: list[str], text: str) -> str:
        self._last = -_PAUSE  # the next change is one of its own
        if not source:
            return text
        target.append(text)
        return source.pop()
