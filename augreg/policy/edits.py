"""Changes of a policy's text that leave all else as it was written: order, spaces, numbers.

Texts are valid JSON without duplicate keys, and places are JSON pointers. What is new is laid out
as `layout` writes. All raise `LookupError` where a pointer leads nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from augreg.policy.document import parts_of, pointer_of
from augreg.policy.layout import WIDTH, as_policy
from augreg.policy.outline import Member, Part, find, index_of, outline

# (indentation of the line, characters before it in that line) -> the text of a value
Render = Callable[[int, int], str]


def set_value(text: str, pointer: str, value: Any) -> str:
    """Puts a value in the place of another one, or adds it to an object as its last key."""
    path = parts_of(pointer)
    part = find(outline(text), path)
    if part is not None:
        indent, before = _place(text, part.start)
        return text[: part.start] + as_policy(value, indent, before) + text[part.end :]
    *above, name = path
    parent = _container(text, pointer_of(above), "object")
    key = f"{json.dumps(name, ensure_ascii=False)}: "

    def render(indent: int, before: int) -> str:
        return key + as_policy(value, indent, before + len(key))

    return _inserted(text, parent, len(parent.members), render)


def rename(text: str, pointer: str, key: str) -> str:
    """Gives an object's member another key."""
    parent, at = _member(text, pointer)
    member = parent.members[at]
    return text[: member.start] + json.dumps(key, ensure_ascii=False) + text[member.key_end :]


def remove(text: str, pointer: str) -> str:
    """Removes an object's key or a list's element."""
    parent, at = _member(text, pointer)
    members = parent.members
    if len(members) == 1:
        return text[: parent.start + 1] + text[parent.end - 1 :]
    if at + 1 < len(members):
        return text[: members[at].start] + text[members[at + 1].start :]
    return text[: members[at - 1].end] + text[members[at].end :]


def insert(text: str, pointer: str, position: int, value: Any) -> str:
    """Inserts a value into the list at the pointer, where it then has this position."""
    render = partial(as_policy, value)
    return _inserted(text, _container(text, pointer, "array"), position, render)


def move(text: str, source: str, target: str, position: int) -> str:
    """Moves an element of a list to a position of that or another list.

    Args:
        source: the element's pointer.
        target: the list's pointer, before the move.
        position: the element's, after the move.

    Raises:
        LookupError: also where the target lies in the element itself.
    """
    if f"{target}/".startswith(f"{source}/"):
        raise LookupError(f"{source} can't be moved into itself")
    render = _raw(text, source)
    _container(text, target, "array")
    rest = remove(text, source)
    container = _container(rest, after_removal(target, source), "array")
    return _inserted(rest, container, position, render)


def wrap(text: str, pointer: str, count: int, key: str) -> str:
    """Puts `count` elements of a list, from the one at the pointer, into `{key: [...]}` there."""
    *above, first = parts_of(pointer)
    places = [pointer_of([*above, int(first) + i]) for i in range(count)]
    renders = [_raw(text, place) for place in places]
    rest = text
    for place in reversed(places):
        rest = remove(rest, place)
    opening = f"{{{json.dumps(key)}: ["

    def render(indent: int, before: int) -> str:
        inline = ", ".join(one(indent, 0) for one in renders)
        if "\n" not in inline and indent + before + len(opening + inline + "]}") < WIDTH:
            return f"{opening}{inline}]}}"
        outer, inner = " " * indent, " " * (indent + 2)
        body = ",\n".join(f"{inner}  {one(indent + 4, 0)}" for one in renders)
        return f"{{\n{inner}{json.dumps(key)}: [\n{body}\n{inner}]\n{outer}}}"

    return _inserted(rest, _container(rest, pointer_of(above), "array"), int(first), render)


def unwrap(text: str, pointer: str, key: str) -> str:
    """Puts the elements of an object's list `key` in the place of the object, in its list."""
    *above, first = parts_of(pointer)
    branches = _container(text, f"{pointer}{pointer_of([key])}", "array").members
    renders = [_raw(text, f"{pointer}{pointer_of([key, i])}") for i in range(len(branches))]
    rest = remove(text, pointer)
    for i, render in enumerate(renders):
        rest = _inserted(rest, _container(rest, pointer_of(above), "array"), int(first) + i, render)
    return rest


def after_removal(pointer: str, removed: str) -> str:
    """The pointer that a place has once a list's element before it is gone."""
    *above, position = parts_of(removed)
    path = parts_of(pointer)
    depth = len(above)
    if path[:depth] == above and len(path) > depth and int(path[depth]) > int(position):
        path[depth] = str(int(path[depth]) - 1)
    return pointer_of(path)


def _container(text: str, pointer: str, kind: str) -> Part:
    part = find(outline(text), parts_of(pointer))
    if part is None or part.kind != kind:
        raise LookupError(f"no {kind} at {pointer or 'the root'}")
    return part


def _member(text: str, pointer: str) -> tuple[Part, int]:
    """The container of a part, and its position there."""
    path = parts_of(pointer)
    parent = find(outline(text), path[:-1]) if path else None
    at = None if parent is None else index_of(parent, path[-1])
    if parent is None or at is None:
        raise LookupError(f"nothing at {pointer or 'the root'}")
    return parent, at


def _raw(text: str, pointer: str) -> Render:
    """What writes an element as it stands, with the indentation of its new place."""
    parent, at = _member(text, pointer)
    part = parent.members[at].value
    assert part is not None, "of valid JSON"
    first, *rest = text[part.start : part.end].split("\n")
    old = " " * _place(text, part.start)[0]

    def render(indent: int, before: int) -> str:
        moved = (" " * indent + line[len(old) :] if line.startswith(old) else line for line in rest)
        return "\n".join([first, *moved])

    return render


def _place(text: str, offset: int) -> tuple[int, int]:
    """The indentation of the line that holds the offset, and the characters between the two."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:offset]
    indent = len(line) - len(line.lstrip())
    return indent, len(line) - indent


def _inserted(text: str, container: Part, position: int, render: Render) -> str:
    """Inserts a member; a container of one line whose line gets too long gets a line for each."""
    members = container.members
    if not 0 <= position <= len(members):
        raise LookupError(f"no position {position} among {len(members)}")
    first = members[0].start if members else container.end - 1
    indent, before = _place(text, first)
    if members and "\n" in text[container.start : first]:
        return _spliced(text, members, position, render(indent, 0), f",\n{' ' * indent}")
    indent, before = _place(text, container.start)
    written = render(indent, before)
    inline = text[: container.start + 1] + written + text[container.end - 1 :]
    if members:
        inline = _spliced(text, members, position, written, ", ")
    here = text[container.start : container.end]
    if members and "\n" in here:
        return inline  # laid out in a way of its own
    length = indent + before + len(here) + len(", ") + len(written)
    if "\n" not in written and length < WIDTH:
        return inline
    each = [text[member.start : member.end] for member in members]
    each.insert(position, render(indent + 2, 0))
    inner, outer = " " * (indent + 2), " " * indent
    body = ",\n".join(inner + one for one in each)
    opening, closing = text[container.start], text[container.end - 1]
    laid = f"{opening}\n{body}\n{outer}{closing}"
    return text[: container.start] + laid + text[container.end :]


def _spliced(
    text: str, members: Sequence[Member], position: int, written: str, separator: str
) -> str:
    if position < len(members):
        at = members[position].start
        return text[:at] + written + separator + text[at:]
    at = members[-1].end
    return text[:at] + separator + written + text[at:]
