"""How a policy shows itself at a prompt and in a notebook: as it was written, a step a line."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from augreg.errors import printable
from augreg.policy.schema import GROUPS

_LINES = 40  # that a policy may take: one of hundreds of steps is not for reading

Indented = tuple[int, str]  # how deep, and the text


def policy_text(name: str, digest: str, source: Mapping[str, Any]) -> str:
    """For `repr`.

    >>> print(policy_text("p", "0" * 64, {"augment": [{"op": "flip", "p": 0.5}]}))
    <Policy "p" 000000000000
      augment
        flip p 0.5>
    """
    lines = [f'<Policy "{printable(name)}" {digest[:12]}']
    lines += ["  " * depth + text for depth, text in _shortened(source)]
    return "\n".join(lines) + ">"


def policy_html(name: str, digest: str, source: Mapping[str, Any]) -> str:
    """For a notebook. Names and texts may be anyone's, so everything is escaped."""
    parts = [f"<b>{html.escape(printable(name))}</b> <code>{html.escape(digest[:12])}</code>"]
    if isinstance(about := source.get("description"), str) and about:
        parts.append(f"<br>{html.escape(about)}")
    depth = 0
    for level, text in _shortened(source):
        parts.append("<ul>" * (level - depth) + "</ul>" * (depth - level))
        parts.append(f"<li>{html.escape(text)}</li>")
        depth = level
    return f"<div>{''.join(parts)}{'</ul>' * depth}</div>"


def _shortened(source: Mapping[str, Any]) -> Iterator[Indented]:
    lines = list(_sections(source))
    yield from lines[:_LINES]
    if len(lines) > _LINES:
        yield 1, f"... {len(lines) - _LINES} lines more"


def _sections(source: Mapping[str, Any]) -> Iterator[Indented]:
    for section in ("prepare", "augment"):
        part = source.get(section)
        if isinstance(part, Mapping):
            for split, nodes in part.items():
                yield 1, f"{section} ({split})"
                yield from _nodes(nodes, 2)
        elif part:
            yield 1, section
            yield from _nodes(part, 2)
    if output := source.get("output"):
        yield 1, f"output {_arguments(output)}"


def _nodes(nodes: Any, depth: int) -> Iterator[Indented]:
    for node in nodes:
        kind = "op" if "op" in node else next(key for key in GROUPS if key in node)
        name = node["op"] if kind == "op" else kind
        rest = _arguments({key: value for key, value in node.items() if key != kind})
        yield depth, f"{printable(name)} {rest}".rstrip()
        if kind != "op":
            yield from _nodes(node[kind], depth + 1)


def _arguments(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{printable(key)} {printable(_value(value))}" for key, value in values.items()
    )


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
