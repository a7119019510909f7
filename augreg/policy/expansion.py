"""Writing macros out: each macro's step becomes the group that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from augreg.errors import ParameterError
from augreg.plugin.macro import Macro
from augreg.policy.chance import CHECKS
from augreg.policy.schema import GROUPS

MAX_NESTING = 8


@dataclass(frozen=True)
class Expansion:
    """What writing macros out met: `found`, where they stood, and `refused`, with their reasons."""

    macros: Mapping[str, Macro]
    found: list[str] = field(default_factory=list)
    refused: list[ParameterError] = field(default_factory=list)

    def nodes(self, nodes: list[Any], pointer: str, depth: int = 0) -> list[Any]:
        """`nodes` with each macro's step replaced by the group it writes, or None where refused."""
        return [self._node(node, f"{pointer}/{i}", depth) for i, node in enumerate(nodes)]

    def _node(self, node: Any, pointer: str, depth: int) -> Any:
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("op"), str) and node["op"] in self.macros:
            return self._written(node, pointer, depth)
        return {
            key: self.nodes(value, f"{pointer}/{key}", depth)
            if isinstance(value, list) and key in GROUPS
            else value
            for key, value in node.items()
        }

    def _written(self, step: dict[str, Any], pointer: str, depth: int) -> Any:
        try:
            if depth >= MAX_NESTING:
                raise ParameterError(f"macros nest deeper than {MAX_NESTING} levels")
            inner = f"{pointer}/sequence"
            nodes = self.nodes(self.macros[step["op"]].nodes(step), inner, depth + 1)
        except ParameterError as error:
            if depth:  # what the policy's author wrote is the outermost macro
                raise ParameterError(error.message) from error
            self.refused.append(ParameterError(error.message, pointer + error.pointer))
            return None
        self.found.append(pointer)
        return {"sequence": nodes, **{name: step[name] for name in CHECKS if name in step}}
