"""What is wrong with a document, and the rest of it, so that one look finds all mistakes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from augreg.errors import ParameterError, PolicyError, joined
from augreg.policy.document import order_of, parts_of
from augreg.policy.nodes import error_at, outermost
from augreg.policy.schema import GROUPS

_OPENED = frozenset({*GROUPS, "prepare", "augment", "train", "eval", "output"})


class Mistakes:
    """Collects `ParameterError`s, whose pointers are those of the document."""

    def __init__(self) -> None:
        self.found: list[ParameterError] = []

    def add(self, mistakes: Iterable[ParameterError], macros: tuple[str, ...] = ()) -> None:
        """Adds mistakes; those in what a macro wrote are its step's, at the pointers `macros`."""
        places = ((one.message, outermost(one.pointer, macros)) for one in mistakes)
        self.found += (ParameterError(message, pointer) for message, pointer in places)

    @contextmanager
    def caught(self, pointer: str = "") -> Iterator[None]:
        """Adds what is raised in the block, whose pointers begin at `pointer`."""
        try:
            yield
        except ParameterError as error:
            self.found.append(ParameterError(error.message, pointer + error.pointer))

    def error(self, value: Any, path: str | None, text: str | None) -> PolicyError:
        """All of them as one error, in the order of the document `value`."""
        ordered = sorted(self.found, key=lambda one: order_of(value, parts_of(one.pointer)))
        return joined(error_at(one.message, one.pointer, path, text) for one in ordered)


def without(value: dict[str, Any], mistakes: Iterable[ParameterError]) -> dict[str, Any]:
    """The document without what is wrong.

    A step or group is None then, so that others keep their places; any other part is left out.
    """
    rest = value
    for mistake in mistakes:
        rest = copy.deepcopy(value) if rest is value else rest
        _cut(rest, parts_of(mistake.pointer))
    return rest


def _cut(value: dict[str, Any], parts: list[str]) -> None:
    """Takes away the smallest part on the way that the document can do without."""
    places: list[tuple[Any, Any]] = []
    part: Any = value
    for name in parts:
        is_step = part is not value and isinstance(part, dict) and "op" in part
        if is_step or (isinstance(part, dict) and name not in part):
            break  # a step goes as a whole, and so does what lacks something
        key = int(name) if isinstance(part, list) else name
        places.append((part, key))
        part = part[key]
        if not isinstance(part, dict | list) or (isinstance(key, str) and key not in _OPENED):
            break
    while places and places[-1][1] in GROUPS:
        places.pop()  # a group without branches is none
    if places:
        container, key = places[-1]
        if isinstance(container, list):
            container[key] = None
        else:
            container.pop(key, None)
