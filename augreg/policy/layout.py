"""A policy as text, laid out as people write it."""

from __future__ import annotations

import json
import textwrap
from typing import Any

WIDTH = 100  # characters of a line, which it stays below


def as_policy(value: Any, indent: int = 0, before: int = 0) -> str:
    """JSON as people write policies: what fits into a line stands in one.

    Args:
        indent: of the line that the value begins in.
        before: characters that stand in that line already.
    """
    line = json.dumps(value, ensure_ascii=False)
    if indent + before + len(line) < WIDTH or not isinstance(value, dict | list):
        return line
    inner, outer = " " * (indent + 2), " " * indent
    if isinstance(value, list):
        if all(isinstance(part, int | float) for part in value):  # 62 strengths, each its own line
            numbers = textwrap.fill(line[1:-1], WIDTH - 2 - indent)
            return f"[\n{textwrap.indent(numbers, inner)}\n{outer}]"
        parts = [as_policy(part, indent + 2) for part in value]
    else:
        keys = {key: json.dumps(key, ensure_ascii=False) + ": " for key in value}
        parts = [keys[k] + as_policy(part, indent + 2, len(keys[k])) for k, part in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    body = ",\n".join(inner + part for part in parts)
    return f"{opening}\n{body}\n{outer}{closing}"
