"""Where the parts of a policy's text stand, also while it is being written and is no JSON yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from augreg.policy.document import MAX_DEPTH

# a string that is not closed yet ends with its line, so that the lines below keep their meaning
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"?|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass
class Part:
    """A value in a text.

    Attributes:
        start, end: offsets, in characters; of a container that is not closed yet, `end` is the
            text's.
        kind: "object", "array" or "scalar".
        closed: of a container, whether its closing bracket is there.
        members: of a container, in their order.
    """

    start: int
    end: int
    kind: str
    closed: bool = True
    members: list[Member] = field(default_factory=list)


@dataclass
class Member:
    """What stands between two commas of a container.

    Attributes:
        start: offset of the key or, in an array, of the value.
        key: of an object's member; None in an array.
        key_end: offset behind the key.
        value: None as long as it is missing.
    """

    start: int
    key: str | None
    key_end: int
    value: Part | None = None
    colon: bool = False

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.key_end if self.value is None else self.value.end


def outline(text: str) -> Part | None:
    """The outermost value of a text with all that is in it; None of a text without one."""
    root: Part | None = None
    stack: list[Part] = []
    follows = True  # a comma or an opening bracket: a new member may begin
    for token in _TOKEN.finditer(text):
        word, start = token.group(), token.start()
        if word in "}]":
            if stack:
                done = stack.pop()
                done.end, done.closed = token.end(), True
        elif word == ",":
            follows = True
        elif word == ":":
            if stack and stack[-1].members:
                stack[-1].members[-1].colon = True
        elif stack and stack[-1].kind == "object" and word not in "{[" and _is_key(stack, follows):
            stack[-1].members.append(Member(start, _string(word), token.end()))
            follows = False
        else:
            part = Part(start, token.end(), {"{": "object", "[": "array"}.get(word, "scalar"))
            if stack:
                _attach(stack[-1], part)
            elif root is not None:
                break  # something behind the value
            root = root or part
            follows = part.kind != "scalar"
            if part.kind != "scalar":
                part.end, part.closed = len(text), False
                stack.append(part)
                if len(stack) > MAX_DEPTH:
                    break
    return root


def _is_key(stack: list[Part], follows: bool) -> bool:
    members = stack[-1].members
    return follows or not members or not members[-1].colon or members[-1].value is not None


def _attach(container: Part, part: Part) -> None:
    members = container.members
    if container.kind == "object" and members and members[-1].value is None and members[-1].colon:
        members[-1].value = part
    else:
        members.append(Member(part.start, None, part.start, part))


def _string(word: str) -> str:
    try:
        return str(json.loads(word))
    except ValueError:
        return word.strip('"')


def find(root: Part | None, path: Sequence[str]) -> Part | None:
    """The part at a path of keys and positions."""
    part = root
    for name in path:
        if part is None:
            return None
        at = index_of(part, name)
        part = None if at is None else part.members[at].value
    return part


def index_of(part: Part, name: str) -> int | None:
    """The position of a container's member by its key or, in an array, by its position."""
    if part.kind == "array":
        return int(name) if name.isdigit() and int(name) < len(part.members) else None
    return next((i for i, member in enumerate(part.members) if member.key == name), None)


def enclosing(root: Part | None, offset: int) -> Iterator[tuple[str, Part]]:
    """From outside in, the parts that hold the offset, each with its name in the one around it."""
    name, part = "", root
    while part is not None and part.start <= offset <= part.end:
        yield name, part
        inside = None
        for i, member in enumerate(part.members):
            if member.value is not None and member.start <= offset <= member.end:
                name = str(i) if part.kind == "array" else member.key or ""
                inside = member.value if member.value.start <= offset else None
        part = inside


def value_of(text: str, part: Part | None) -> Any:
    """The value as far as it is written; None for what is missing or no JSON."""
    if part is None:
        return None
    if part.kind == "object":
        return {
            member.key: value_of(text, member.value)
            for member in part.members
            if member.key is not None
        }
    if part.kind == "array":
        return [value_of(text, member.value) for member in part.members]
    try:
        return json.loads(text[part.start : part.end])
    except ValueError:
        return None
