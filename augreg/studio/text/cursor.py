"""What is being written at an offset of a text: a key or a value, and of which part."""

from __future__ import annotations

from dataclasses import dataclass

from augreg.policy.outline import Part, outline


@dataclass(frozen=True)
class Cursor:
    """A place in a container where something is written or can be.

    Attributes:
        container: the innermost object or array around it, at `path`.
        root: the value of the text.
        name: the key of the value, or its position; None where a key is written.
        start, end: offsets of what stands there already, and would be replaced.
        lacks_comma: of a new member, whether one is needed before it.
        has_colon: of a key, whether its value follows.
    """

    root: Part
    container: Part
    path: tuple[str, ...]
    name: str | None
    start: int
    end: int
    lacks_comma: bool = False
    has_colon: bool = False


def cursor_at(text: str, offset: int) -> Cursor | None:
    """The place at an offset; None outside of all containers."""
    root = outline(text)
    container: Part | None = None
    path: tuple[str, ...] = ()
    part = root if root is not None and _holds(root, offset) else None
    while part is not None:
        container, part = part, None
        for i, member in enumerate(container.members):
            if member.value is not None and _holds(member.value, offset):
                path = (*path, str(i) if container.kind == "array" else member.key or "")
                part = member.value
    if root is None or container is None:
        return None
    return _place(text, offset, root, container, path)


def _holds(part: Part, offset: int) -> bool:
    if part.kind == "scalar":
        return False
    return part.start < offset and (offset < part.end or not part.closed)


def _place(
    text: str, offset: int, root: Part, container: Part, path: tuple[str, ...]
) -> Cursor | None:
    before = [member for member in container.members if member.start < offset]
    last = before[-1] if before else None
    comma = last is None or "," in text[last.end : offset]
    if container.kind == "array":
        if last is not None and offset <= last.end:  # in a scalar, or at the end of a container
            return Cursor(root, container, path, str(len(before) - 1), last.start, last.end)
        return Cursor(root, container, path, str(len(before)), offset, offset, not comma)
    if last is None or comma:
        return Cursor(root, container, path, None, offset, offset)
    if last.key is not None and offset <= last.key_end:
        start, end = last.start, last.key_end
        return Cursor(root, container, path, None, start, end, has_colon=last.colon)
    if last.colon and ":" in text[last.key_end : offset]:
        value = last.value
        if value is None:
            return Cursor(root, container, path, last.key, offset, offset)
        if offset <= value.end:
            return Cursor(root, container, path, last.key, value.start, value.end)
        return Cursor(root, container, path, None, offset, offset, lacks_comma=True)
    return None
