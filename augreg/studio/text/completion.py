"""What may be written at a place of a policy's text, and what stands there: from the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from augreg.plugin.params import REQUIRED, Range
from augreg.plugin.registry import Registry
from augreg.policy.document import part_at
from augreg.policy.outline import value_of
from augreg.policy.schema import GROUPS, policy_schema
from augreg.studio.text.cursor import Cursor, cursor_at
from augreg.studio.text.schemas import Schema, schemas_at
from augreg.studio.values import NUMBER, as_kind, kinds

_NODE = {"$ref": "#/$defs/node"}
_BEFORE_A_MEMBER = re.compile(r'\s*["{\[\w-]')


@dataclass(frozen=True)
class Option:
    """Something that can be written.

    Attributes:
        label: what is listed, and compared with what is typed.
        written: what replaces the text between the completion's ends.
        detail: a word or two beside it.
        info: sentences about it.
        rank: what comes first has the higher one.
    """

    label: str
    written: str
    detail: str = ""
    info: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Completion:
    """The options at a place, the best first, and the offsets of what they replace."""

    start: int
    end: int
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Explanation:
    """What a part of the text is about: the offsets of the part, a title, and sentences."""

    start: int
    end: int
    title: str
    text: str


class Completer:
    """Knows what the ops of a registry take."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.schema = policy_schema(registry)

    def complete(self, text: str, offset: int) -> Completion | None:
        """What may be written at an offset; None where there is nothing to say."""
        cursor = cursor_at(text, offset)
        if cursor is None:
            return None
        value = value_of(text, cursor.root)
        path = cursor.path if cursor.name is None else (*cursor.path, cursor.name)
        schemas = schemas_at(self.schema, value, path)
        if cursor.name is None:
            options = list(_keys(schemas, _other_keys(cursor), cursor.has_colon))
        else:
            options = [*self._values(schemas, cursor), *self._distributions(value, cursor)]
        typed = text[cursor.start : offset].strip('"').lower()
        options = _matching(_distinct(options), typed)
        if not options:
            return None
        if cursor.start == cursor.end:
            options = [_joined(one, cursor, text) for one in options]
        return Completion(cursor.start, cursor.end, tuple(options))

    def explain(self, text: str, offset: int) -> Explanation | None:
        """What the key, or the value of a key, at an offset means."""
        cursor = cursor_at(text, offset)
        if cursor is None or cursor.start == cursor.end:
            return None
        value = value_of(text, cursor.root)
        name = cursor.name
        if name is None:
            name = text[cursor.start : cursor.end].strip('"')
        written = text[cursor.start : cursor.end].strip('"')
        if cursor.name == "op" and written in self.registry.steps:
            op = self.registry.steps[written]
            return Explanation(cursor.start, cursor.end, written, _paragraphs(op.doc))
        schemas = schemas_at(self.schema, value, (*cursor.path, name))
        title = next((one["title"] for one in schemas if "title" in one), name)
        about = next((one["description"] for one in schemas if "description" in one), "")
        return Explanation(cursor.start, cursor.end, title, about) if about else None

    def _values(self, schemas: Iterable[Schema], cursor: Cursor) -> Iterator[Option]:
        for schema in schemas:
            if schema == _NODE and cursor.start == cursor.end:
                yield from self._nodes()
                return
            default = schema.get("default")
            about = schema.get("enumDescriptions") or [""] * len(schema.get("enum", ()))
            for i, (allowed, info) in enumerate(zip(schema.get("enum", ()), about, strict=True)):
                detail = "default" if allowed == default else ""
                yield Option(json.dumps(allowed), json.dumps(allowed), detail, info, -i)
            given = [("example", found) for found in schema.get("examples", ())]
            for word, found in (*given, ("default", default)):
                if found is not None and "op" not in schema.get("properties", {}):
                    yield Option(json.dumps(found), json.dumps(found), word, rank=50)
            if "const" in schema and "op" not in cursor.path and cursor.name != "op":
                yield Option(json.dumps(schema["const"]), json.dumps(schema["const"]))
            if schema.get("type") == "boolean":
                yield from (Option(word, word) for word in ("true", "false"))

    def _distributions(self, value: Any, cursor: Cursor) -> Iterator[Option]:
        """Every kind of distribution, where a drawn number is written."""
        name = cursor.name or ""
        op = self.registry.steps.get(str(part_at(value, (*cursor.path, "op"))))
        spec = None if op is None else op.settable.get(name)
        if op is None or not isinstance(spec, Range) or spec.static:
            return
        example = op.example.get(name, spec.default)
        about = None if example is REQUIRED else example
        for kind in kinds(spec.bounds):
            if kind != NUMBER:
                written = json.dumps(as_kind(about, kind, spec.bounds))
                yield Option(written, written, kind.replace("_", "-"), rank=-1)

    def _nodes(self) -> Iterator[Option]:
        """Whole steps, and groups to be filled."""
        for op in self.registry.steps.values():
            written = json.dumps({"op": op.name, **op.example}, ensure_ascii=False)
            yield Option(op.name, written, "step", op.summary)
        for kind, about in GROUPS.items():
            written = f'{{"{kind}": []' + (', "n": 1}' if kind == "some_of" else "}")
            yield Option(kind, written, "group", about, -1)


def _keys(schemas: Iterable[Schema], taken: set[str], has_colon: bool) -> Iterator[Option]:
    """The keys of an object that it doesn't have yet; required ones first."""
    for schema in schemas:
        required = schema.get("required", ())
        for i, (key, inner) in enumerate(schema.get("properties", {}).items()):
            if key in taken or ("const" in inner and key == "op"):
                continue
            label = json.dumps(key)
            written = label if has_colon else f"{label}: {_first(key, inner)}"
            detail = "required" if key in required else _default(inner)
            rank = (50 if key in required else 0) - i
            yield Option(label, written, detail, inner.get("description", ""), rank)


def _first(key: str, schema: Schema) -> str:
    """What is written for a new key: a value to change, which is valid where one is known."""
    for found in (*schema.get("examples", ()), schema.get("default"), schema.get("const")):
        if found is not None:
            return json.dumps(found)
    if "enum" in schema:
        return json.dumps(schema["enum"][0])
    for inner in schema.get("anyOf", ()):
        return _first(key, inner)
    empty = {"array": "[]", "object": "{}", "string": '""', "boolean": "true"}
    if key in GROUPS or key in ("prepare", "augment"):
        return "[]"
    if key in ("p", "when", "output"):
        return {"p": "0.5", "when": '{"label": [0]}', "output": "{}"}[key]
    return empty.get(schema.get("type", "string"), str(schema.get("minimum", 0)))


def _default(schema: Schema) -> str:
    return f"default {json.dumps(schema['default'])}" if "default" in schema else ""


def _other_keys(cursor: Cursor) -> set[str]:
    members = cursor.container.members
    return {one.key for one in members if one.key is not None and one.start != cursor.start}


def _paragraphs(doc: str) -> str:
    """A docstring with each paragraph on one line."""
    return "\n\n".join(" ".join(part.split()) for part in doc.split("\n\n"))


def _distinct(options: Iterable[Option]) -> list[Option]:
    found: dict[str, Option] = {}
    for option in options:
        found.setdefault(option.label, option)
    return list(found.values())


def _matching(options: Iterable[Option], typed: str) -> list[Option]:
    """Those that hold what is typed; those that begin with it first."""

    def place(option: Option) -> tuple[bool, int]:
        return not option.label.strip('"').lower().startswith(typed), -option.rank

    return sorted((one for one in options if typed in one.label.lower()), key=place)


def _joined(option: Option, cursor: Cursor, text: str) -> Option:
    """With the commas that a new member needs before and behind it."""
    before = ", " if cursor.lacks_comma else ""
    behind = ", " if _BEFORE_A_MEMBER.match(text, cursor.end) else ""
    written = f"{before}{option.written}{behind}"
    return Option(option.label, written, option.detail, option.info, option.rank)
