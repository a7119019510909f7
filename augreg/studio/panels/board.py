"""What the panels share: a line for messages, and a place that is grey where it shows old work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from nicegui import Event, ui

from augreg.errors import AugregError
from augreg.policy import Policy
from augreg.studio.elements.controls import message
from augreg.studio.elements.pane import Pane
from augreg.studio.latest import in_thread
from augreg.studio.samples.batches import Key
from augreg.studio.samples.chosen import chosen_key
from augreg.studio.session import Session

_OLD = "The policy has errors. This is the last one without."
_NONE = "There is no policy without errors yet."

T = TypeVar("T")


class Board:
    """A panel of the last policy that works; where that is not the text's, it is grey.

    Attributes:
        place: where the panel's elements go.
    """

    def __init__(self, session: Session, pane: Pane, name: str) -> None:
        self.session, self.pane, self.client = session, pane, ui.context.client
        self.status = message()
        self.place = ui.element("div").classes("board")
        self.place.props("tabindex=0 role=region").props["aria-label"] = name

    def follow(self, make: Callable[[Policy], Awaitable[str]], *events: Event[[]]) -> None:
        """Makes the panel by `make`, which says how, of each policy, view and further event."""

        async def ask() -> None:
            policy = self.session.policy
            if policy is None:
                self.say(_NONE, True)
                return
            try:
                said = await make(policy)
            except AugregError as error:
                self.say(str(error), True)
            else:
                self.say(_OLD if self.session.error else said)

        self.session.edited.subscribe(self._age)
        self.pane.follow(ask, self.session.loaded, self.session.looked, *events)

    def say(self, text: str, fault: bool = False) -> None:
        """Says something in the line; a `fault`: what is shown is not what the text says."""
        self.status.set_text(text)
        stale = fault or self.session.error is not None
        self.place.classes(**{"add" if stale else "remove": "stale"})

    async def arriving(self, items: Iterator[T], policy: Policy, key: Key) -> AsyncIterator[T]:
        """Items, each made in a thread, as long as this policy and this sample are shown."""
        while not self.client.is_deleted:
            item = await in_thread(next, items, None)
            if item is None or (self.session.policy, chosen_key(self.session)) != (policy, key):
                return
            yield item

    def _age(self) -> None:
        if self.session.error and self.session.policy is not None:
            self.say(_OLD)
