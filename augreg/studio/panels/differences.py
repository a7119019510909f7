"""What differs between two policies as documents, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from augreg.policy.document import pointer_of

NOTHING = object()  # in place of a part that only the other has
_UNSEEN = ("$schema", "name", "description")  # which change no sample


@dataclass(frozen=True)
class Difference:
    """A part that differs: where it is, by its pointer, in the policy that has it; both values."""

    pointer: str
    a: Any
    b: Any

    def __str__(self) -> str:
        if self.b is NOTHING:
            return f"{self.pointer}: only in A: {json.dumps(self.a)}"
        if self.a is NOTHING:
            return f"{self.pointer}: only in B: {json.dumps(self.b)}"
        return f"{self.pointer}: {json.dumps(self.a)} in A, {json.dumps(self.b)} in B"


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """The parts of two policies that differ and may change samples.

    Steps that are in both are compared with each other, wherever they are in their list. Pointers
    are of A, and of B for what only B has.
    """
    return list(_between(_seen(a), _seen(b), ()))


def _seen(policy: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in policy.items() if key not in _UNSEEN}


def _between(a: Any, b: Any, path: tuple[str | int, ...]) -> Iterator[Difference]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys((*a, *b)):
            yield from _between(a.get(key, NOTHING), b.get(key, NOTHING), (*path, key))
    elif _has_parts(a) and _has_parts(b):
        yield from _in_lists(a, b, path)
    elif a is NOTHING or b is NOTHING or a != b:
        yield Difference(pointer_of(path), a, b)


def _has_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, dict) for part in value)


def _in_lists(a: list[Any], b: list[Any], path: tuple[str | int, ...]) -> Iterator[Difference]:
    """Of two lists of steps: those of one op are the same step, in the order of both."""
    matcher = SequenceMatcher(None, [_kind(one) for one in a], [_kind(one) for one in b], False)
    for how, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if how == "equal":
            for i, j in zip(range(a_from, a_to), range(b_from, b_to), strict=True):
                yield from _between(a[i], b[j], (*path, i))
        else:
            for i in range(a_from, a_to):
                yield Difference(pointer_of((*path, i)), a[i], NOTHING)
            for j in range(b_from, b_to):
                yield Difference(pointer_of((*path, j)), NOTHING, b[j])


def _kind(step: Any) -> str:
    """The op of a step, the kind of a group."""
    if not isinstance(step, dict):
        return json.dumps(step)
    return str(step.get("op") or next(iter(step), ""))
