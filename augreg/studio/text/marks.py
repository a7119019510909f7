"""Where in the text the mistakes of a policy are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from augreg.errors import PolicyError
from augreg.policy.document import parts_of
from augreg.policy.outline import find, outline


@dataclass(frozen=True)
class Mark:
    """A mistake: what is wrong with the text between two offsets, which begins in this line."""

    start: int
    end: int
    line: int
    pointer: str
    message: str


def marks_of(text: str, error: PolicyError | None) -> list[Mark]:
    """The mistakes of an error, each at its part of the text; of a container, at its first line."""
    return [] if error is None else list(_marks(text, error))


def _marks(text: str, error: PolicyError) -> Iterator[Mark]:
    root = outline(text)
    lines = text.split("\n")
    for mistake in error.mistakes:
        line, column = mistake.line or 1, mistake.column or 1
        start = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
        part = find(root, parts_of(mistake.pointer))
        end = start + 1 if part is None or part.start != start else part.end
        end = min(end, len(text), start + max(len(lines[line - 1]) - column + 1, 1))
        yield Mark(min(start, end), end, line, mistake.pointer, mistake.message)
