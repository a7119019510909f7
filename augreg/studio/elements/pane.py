"""Places of the page that may be hidden, and do nothing then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import Event

from augreg.studio.latest import Latest


class Pane:
    """Where a panel is. Its panel says what makes it again, and this decides when.

    Attributes:
        seen: whether it is shown; a hidden pane makes nothing.
    """

    def __init__(self, seen: bool) -> None:
        self.seen = seen
        self._latest, self._stale = Latest(), False
        self._make: Callable[[], Awaitable[None]] | None = None

    def follow(self, make: Callable[[], Awaitable[None]], *events: Event[[]]) -> None:
        """Makes the panel now and after each of the events; a hidden one, once it is shown."""
        self._make = make
        for event in events:
            event.subscribe(self.ask)
        self.ask()

    def ask(self) -> None:
        """Makes the panel again, if it is shown."""
        self._stale = not self.seen
        if self.seen and self._make is not None:
            self._latest.ask(self._make)

    def show(self, seen: bool) -> None:
        """Shows or hides it."""
        self.seen = seen
        if seen and self._stale:
            self.ask()
