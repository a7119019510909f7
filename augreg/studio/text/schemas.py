"""What the schema of policies says about a place, also in a document that is not finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jsonschema import Draft202012Validator

from augreg.policy.document import part_at

Schema = dict[str, Any]


def schemas_at(root: Schema, value: Any, path: Sequence[str]) -> list[Schema]:
    """All schemas that hold at a path of keys and positions of a value.

    Args:
        root: the schema of the whole value.
        value: as far as it is written; what is missing is None.
    """
    found = list(_holding(root, value, root))
    for name in path:
        inner = [child for schema in found if (child := _child(schema, name)) is not None]
        value = part_at(value, [name])
        found = [one for schema in inner for one in _holding(schema, value, root)]
    return found


def _holding(schema: Schema, value: Any, root: Schema) -> Iterator[Schema]:
    """The schema, and those that it takes in for this value."""
    yield schema
    if "$ref" in schema:
        yield from _holding(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root)
    for inner in (*schema.get("allOf", ()), *schema.get("anyOf", ())):
        yield from _holding(inner, value, root)
    if "if" in schema:
        branch = "then" if Draft202012Validator(schema["if"]).is_valid(value) else "else"
        if branch in schema:
            yield from _holding(schema[branch], value, root)


def _child(schema: Schema, name: str) -> Schema | None:
    if name.isdigit() and "items" in schema:
        items: Schema = schema["items"]
        return items
    child: Schema | None = schema.get("properties", {}).get(name)
    return child
