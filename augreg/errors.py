"""What augreg raises. A user's mistake is an `AugregError`; anything else is a fault of ours."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

_LONGEST = 60  # characters of a name that a message repeats


class AugregError(Exception):
    """A mistake that a user can fix: it says where, what was found and what is allowed."""


MAX_MISTAKES = 20  # of a policy, in one error; who has fixed these asks again


class PolicyError(AugregError):
    """A policy that can't be loaded or planned.

    It reports up to twenty mistakes at once: the text has one line per mistake, in document order.
    The attributes are those of the first.

    Attributes:
        path: the policy's file, or None for a dict.
        pointer: JSON pointer (RFC 6901) of the invalid part; empty for the whole document.
        line, column: the start of that part in the file, from 1; None for a dict.
        message: what was found, what is allowed and how to fix it.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        pointer: str = "",
        line: int | None = None,
        column: int | None = None,
        others: Iterable[PolicyError] = (),
    ) -> None:
        self.path = path
        self.pointer = pointer
        self.line = line
        self.column = column
        self.message = message
        self._others = tuple(others)
        super().__init__(message)

    @property
    def mistakes(self) -> tuple[PolicyError, ...]:
        """Every mistake as an error of its own, this one first."""
        return (_rebuild(self._place), *self._others) if self._others else (self,)

    def __str__(self) -> str:
        return "\n".join(mistake._line for mistake in self.mistakes)

    @property
    def _line(self) -> str:
        where = self.path or ""
        if self.line is not None:
            where += f":{self.line}:{self.column}"
        pointer = "/".join(map(printable, self.pointer.split("/")))
        head = " ".join(part for part in (where, pointer) if part)
        return f"{head}: {self.message}" if head else self.message

    @property
    def _place(self) -> tuple[Any, ...]:
        return self.message, self.path, self.pointer, self.line, self.column

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self._place, self._others)


def _rebuild(place: tuple[Any, ...], others: Iterable[PolicyError] = ()) -> PolicyError:
    message, path, pointer, line, column = place
    return PolicyError(message, path=path, pointer=pointer, line=line, column=column, others=others)


def joined(mistakes: Iterable[PolicyError]) -> PolicyError:
    """One error of several, in their order and without what stands there twice, up to twenty."""
    every = list({mistake._place: mistake for one in mistakes for mistake in one.mistakes}.values())
    first, *others = every[:MAX_MISTAKES]
    if len(every) > MAX_MISTAKES:
        last = others.pop()
        others.append(_rebuild((f"{last.message} (more mistakes follow)", *last._place[1:])))
    return _rebuild(first._place, others)


class ParameterError(AugregError):
    """A value that a parameter's specification refuses. `pointer` is relative to the parameter."""

    def __init__(self, message: str, pointer: str = "") -> None:
        self.message = message
        self.pointer = pointer
        super().__init__(message)


class OpError(AugregError):
    """An op that breaks the contract: its declaration, or what it returned.

    op: its name, where that is known.
    pointer: of the step that uses it, once that is known; the message then begins with its place.
    """

    def __init__(self, message: str, op: str = "", pointer: str | None = None) -> None:
        self.op, self.pointer = op, pointer
        super().__init__(message)


class PluginError(AugregError):
    """A plugin that can't be used: it failed at import, or two plugins claim one name."""


class ImageError(AugregError):
    """An image that can't be read, or whose values or shape don't fit."""


class DataError(AugregError):
    """A dataset that can't be opened or doesn't fit."""


class PathError(AugregError):
    """A path that can't be served, such as `gs://bucket/folder`."""


class ServiceError(AugregError):
    """A tf.data service that can't be used: its address is none, or nobody answers there."""


class RunError(AugregError):
    """A run (of `apply` or `train`) that can't start or go on."""


class WorkerLostError(RunError):
    """A run of several trainers, one of which ended or no longer answers."""


def printable(text: str) -> str:
    r"""A name out of a file, for a message: on one line, and cut where it is long.

    >>> printable("a\nb"), len(printable("x" * 1000))
    ('a\\nb', 60)
    """
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut
    )


def show(value: Any) -> str:
    """A value as JSON, shortened: for messages."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."


def suggest(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest of `known`, or an empty string.

    >>> suggest("rotat", ["rotate", "flip"])
    ' (did you mean "rotate"?)'
    """
    if len(name) > _LONGEST:  # it is no misspelling, and comparing takes the product of lengths
        return ""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""
