"""The steps that can be added; they are found by other libraries' names for them, too."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from augreg.plugin import synonyms
from augreg.plugin.registry import Registry

_OP = re.compile(r'"op": "([\w/]+)"')


@dataclass(frozen=True)
class Entry:
    """A step that can be added.

    Attributes:
        name, summary: of the op.
        node: what is added.
        words: what it is found by, in small letters.
    """

    name: str
    summary: str
    node: dict[str, Any]
    words: str


def entries(registry: Registry) -> tuple[Entry, ...]:
    """An entry for each op and macro, with its example; p is left to be set."""
    others = _others()
    return tuple(
        Entry(
            op.name,
            op.summary,
            {"op": op.name, **json.loads(json.dumps(dict(op.example)))},
            " ".join([op.name, op.summary, others.get(op.name, "")]).lower(),
        )
        for op in registry.steps.values()
    )


def matches(entry: Entry, query: str) -> bool:
    """Whether an entry has every word of a query, also as other libraries write it."""
    squeezed = entry.words.replace("_", "")
    words = query.lower().split()
    return all(
        word in entry.words or any(key in squeezed for key in synonyms.keys(word)) for word in words
    )


def _others() -> dict[str, str]:
    """The names that other libraries have for each op."""
    found: dict[str, str] = {}
    for names, written, _ in synonyms.ROWS:
        for op in _OP.findall(written)[:1]:
            found[op] = f"{found.get(op, '')} {names}"
    return found
