"""What a form does to the text of a policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nicegui import ui

from augreg.errors import AugregError, PolicyError
from augreg.plan import plan
from augreg.policy import edits, rearrange
from augreg.policy.document import parse, parts_of, pointer_of
from augreg.policy.loader import load_text
from augreg.policy.outline import find, outline
from augreg.studio.session import Session


class Editing:
    """Changes of a session's text.

    A step is switched off by "p": 0, which keeps its place in the file and so the draws of all
    others; what p was is remembered as long as the page is open.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._remembered: dict[str, Any] = {}  # p of what is switched off, by the rest of it

    def at(self, pointer: str) -> Any:
        """The value at a pointer."""
        return rearrange.at(self.session.text, pointer)

    def set(self, pointer: str, value: Any) -> None:
        """Sets a value or adds a key; one that is the same stays as it is written."""
        if self.at(pointer) != value:
            self.apply(lambda text: edits.set_value(text, pointer, value))

    def set_in(self, node: str, name: str, value: Any) -> None:
        """Sets a part of a step or group, such as "degrees/0"."""
        before = self._key(node)
        self.set(f"{node}/{name}", value)
        if before in self._remembered:
            self._remembered[self._key(node)] = self._remembered.pop(before)

    def remove(self, pointer: str) -> None:
        """Removes a key."""
        if self.at(pointer) is not None:
            self.apply(lambda text: edits.remove(text, pointer))

    def apply(self, edit: Callable[[str], str]) -> bool:
        """Makes a change of the text; False where there is no such place any more."""
        text = self.session.text
        try:
            parse(text)  # what is no JSON has no places
            self.session.write(edit(text))
        except (LookupError, PolicyError) as error:
            ui.notify(f"This can't be done: {error}", type="warning")
            return False
        return True

    def move(self, source: str, target: str, position: int) -> bool:
        """Moves a step to a position of a list, which a section that is missing gets first."""

        def edit(text: str) -> str:
            if rearrange.at(text, target) is None:
                text = edits.set_value(text, target, [])
            return rearrange.move(text, source, target, position)

        return self.apply(edit)

    def regroup(self, node: str, kind: str) -> None:
        """Makes a group one of another kind."""
        self.apply(lambda text: rearrange.regroup(text, node, kind))

    def switch(self, node: str, on: bool) -> bool:
        """Switches a step or group on or off; whether it could be done."""
        value = self.at(node)
        if on == is_on(value):
            return True
        text = self.session.text
        if on:
            p = self._remembered.pop(self._key(node), None)
            self.remove(f"{node}/p") if p is None else self.set(f"{node}/p", p)
            return True
        changed = edits.set_value(text, f"{node}/p", 0)
        if (fault := _fault(changed)) and not _fault(text):
            ui.notify(f"This can't be switched off: {fault}", type="warning", multi_line=True)
            return False
        self._remembered[self._key(node)] = value.get("p")
        self.session.write(changed)
        return True

    def show(self, pointer: str) -> None:
        """Shows a part in the text."""
        part = find(outline(self.session.text), parts_of(pointer))
        self.session.seek(0 if part is None else part.start)

    def _key(self, node: str) -> str:
        """What a step or group is remembered by: all of it but its p."""
        value = self.at(node) or {}
        return json.dumps({key: part for key, part in value.items() if key != "p"})


def is_on(node: Any) -> bool:
    """Whether a step or group is ever done."""
    p = node.get("p", 1)
    return isinstance(p, dict) or bool(p)


def neighbour(pointer: str, by: int) -> str:
    """The pointer of the step that is `by` further in its list."""
    *above, position = parts_of(pointer)
    return pointer_of([*above, int(position) + by])


def _fault(text: str) -> str:
    """Why a policy that could be loaded can't be planned; empty where it can."""
    try:
        policy = load_text(text)
        for training in (True, False):
            plan(policy, training=training)
    except AugregError as error:
        return str(getattr(error, "message", error))
    return ""
