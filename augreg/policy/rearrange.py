"""Changes of a policy's steps in its text: what belongs to a step goes with it.

Texts are valid JSON, places are JSON pointers; `LookupError` where one leads nowhere. The weights
of `one_of` follow its branches, and a group that lost its last branch goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from augreg.policy import edits
from augreg.policy.document import parts_of, pointer_of
from augreg.policy.outline import find, outline, value_of
from augreg.policy.schema import GROUPS


def at(text: str, pointer: str) -> Any:
    """The value at a pointer; None where there is none."""
    return value_of(text, find(outline(text), parts_of(pointer)))


def split(pointer: str) -> tuple[str, int]:
    """The list that a step stands in, and its position there."""
    *above, position = parts_of(pointer)
    return pointer_of(above), int(position)


def kind_of(node: Any) -> str | None:
    """The kind of a group; None of a step and of what is neither."""
    if not isinstance(node, dict) or "op" in node:
        return None
    return next((kind for kind in GROUPS if isinstance(node.get(kind), list)), None)


def add(text: str, pointer: str, position: int, node: Any) -> str:
    """Inserts a step or group into the list at the pointer; a section that is missing is made."""
    if at(text, pointer) is None:
        return edits.set_value(text, pointer, [node])
    return _weighed(edits.insert(text, pointer, position, node), pointer, position, 1)


def delete(text: str, pointer: str) -> str:
    """Removes a step or group."""
    return _without_empty(_taken(text, pointer))


def duplicate(text: str, pointer: str) -> str:
    """Puts a copy of a step or group behind it, without its "id", which names draws of its own."""
    where, position = split(pointer)
    node = at(text, pointer)
    copy = {key: value for key, value in node.items() if key != "id"}
    return add(text, where, position + 1, copy)


def move(text: str, source: str, target: str, position: int) -> str:
    """Moves a step or group; arguments as of `edits.move`."""
    where, first = split(source)
    weights = _weights(text, where)
    weight = 1 if weights is None else at(text, weights)[first]
    landed = edits.after_removal(target, source)
    moved = edits.move(text, source, target, position)
    if weights is not None:
        moved = edits.remove(moved, f"{_after_insertion(weights, landed, position)}/{first}")
    return _without_empty(_weighed(moved, landed, position, weight))


def group(text: str, pointer: str, kind: str, count: int = 1) -> str:
    """Puts `count` steps, from the one at the pointer, into a group of this kind."""
    where, first = split(pointer)
    weights = _weights(text, where)
    wrapped = edits.wrap(text, pointer, count, kind)
    if kind == "some_of":
        wrapped = edits.set_value(wrapped, f"{pointer}/n", 1)
    if weights is not None:
        for _ in range(count - 1):
            wrapped = edits.remove(wrapped, f"{weights}/{first + 1}")
    return wrapped


def ungroup(text: str, pointer: str) -> str:
    """Puts a group's branches in its place; its kind, weights and p go."""
    where, first = split(pointer)
    kind = kind_of(at(text, pointer))
    if kind is None:
        raise LookupError(f"no group at {pointer}")
    weights = _weights(text, where)
    count = len(at(text, f"{pointer}/{kind}"))
    opened = edits.unwrap(text, pointer, kind)
    if weights is not None:
        weight = at(text, weights)[first]
        for _ in range(count - 1):
            opened = edits.insert(opened, weights, first, weight)
    return opened


def regroup(text: str, pointer: str, kind: str) -> str:
    """Makes a group one of another kind; what only the old kind takes goes."""
    old = kind_of(at(text, pointer))
    if old is None:
        raise LookupError(f"no group at {pointer}")
    changed = edits.rename(text, f"{pointer}/{old}", kind)
    for key in ("weights", "n", "replace"):
        if at(changed, f"{pointer}/{key}") is not None:
            changed = edits.remove(changed, f"{pointer}/{key}")
    return edits.set_value(changed, f"{pointer}/n", 1) if kind == "some_of" else changed


def _taken(text: str, pointer: str) -> str:
    where, position = split(pointer)
    weights = _weights(text, where)
    rest = edits.remove(text, pointer)
    return rest if weights is None else edits.remove(rest, f"{weights}/{position}")


def _weights(text: str, where: str) -> str | None:
    """The pointer of the weights of the branches in a list, where there is one for each."""
    *above, kind = parts_of(where)
    pointer = pointer_of([*above, "weights"])
    weights = at(text, pointer) if kind == "one_of" else None
    whole = isinstance(weights, list) and len(weights) == len(at(text, where))
    return pointer if whole else None


def _weighed(text: str, where: str, position: int, weight: Any) -> str:
    """Gives a branch that was inserted a weight, where the others have some."""
    *above, kind = parts_of(where)
    pointer = pointer_of([*above, "weights"])
    weights = at(text, pointer) if kind == "one_of" else None
    if not isinstance(weights, list) or len(weights) != len(at(text, where)) - 1:
        return text
    return edits.insert(text, pointer, position, weight)


def _after_insertion(pointer: str, where: str, position: int) -> str:
    """The pointer that a place has once an element was inserted into a list before it."""
    above, path = parts_of(where), parts_of(pointer)
    depth = len(above)
    if path[:depth] == above and len(path) > depth and int(path[depth]) >= position:
        path[depth] = str(int(path[depth]) + 1)
    return pointer_of(path)


def _without_empty(text: str) -> str:
    """The text without groups that have no branches, which are none."""
    while (pointer := next(_empty(json.loads(text), []), None)) is not None:
        text = _taken(text, pointer)
    return text


def _empty(value: Any, path: list[str | int]) -> Iterator[str]:
    kind = kind_of(value)
    if kind is not None and not value[kind] and path and isinstance(path[-1], int):
        yield pointer_of(path)
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inside:
        if isinstance(part, dict | list):
            yield from _empty(part, [*path, name])
