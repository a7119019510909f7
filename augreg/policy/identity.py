"""What tells policies and draws apart: a policy's hash, and the ids of its draws."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from augreg.errors import ParameterError, printable
from augreg.policy.nodes import Node, Step
from augreg.random import generator


def draw_mistakes(nodes: list[Node]) -> Iterator[ParameterError]:
    """Two steps whose draws would be the same, and ids that collide in 32 bits."""
    seen: dict[int, str] = {}
    for node in nodes:
        path = printable(node.path)
        if "#" in node.path:
            yield ParameterError(
                f'"{path}" holds a "#", which names the picks of some_of; choose another "id"',
                f"{node.pointer}/id",
            )
            continue
        keys = {generator.draw_id(node.path, name) for name in _draw_names(node)}
        if taken := keys & seen.keys():
            other = seen[min(taken)]
            yield ParameterError(
                f'"{path}" and the id of {other} give the same draws; choose another "id"',
                f"{node.pointer}/id" if node.path != node.pointer else node.pointer,
            )
        seen |= dict.fromkeys(keys - taken, node.pointer)


def _draw_names(node: Node) -> list[str]:
    if not isinstance(node, Step):
        return ["choice", "n", "mix", "p"]
    kept = [node.op.keeps] if node.op.keeps is not None else []
    return [*(name for name, *_ in node.drawn()), *kept, "p"]


def hash_of(value: dict[str, Any], versions: dict[str, int]) -> str:
    """SHA-256 of what decides pixels: steps and output, the ops' versions, and the draws'."""
    deciding = {k: value[k] for k in ("prepare", "augment", "output") if k in value}
    body = {"policy": _canonical(deciding), "ops": versions, "draws": generator.VERSION}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """1.0 and 1 are the same number in a policy, so they hash the same."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
