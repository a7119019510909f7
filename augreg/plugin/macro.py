"""Macros: ops that write policy. A macro's step becomes an ordinary group when a policy is loaded.

A macro is for what ops can't say: automatic policies are choices among many steps. It knows no
seed and touches no pixel; `augreg expand` prints what it wrote.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from augreg.errors import OpError, ParameterError
from augreg.plugin.op import check_declaration, strengths_of
from augreg.plugin.params import Settable

MAX_NESTING = 8


@dataclass(frozen=True)
class Macro:
    """A registered macro.

    Attributes:
        name: how policies call it, as an op's.
        function: `function(**arguments)` returning a list of steps and groups, as in a policy.
        params: the specification of each parameter by name; all are static.
        version: raise it when what it writes changes.
        example, strengths: arguments of steps that show it in the reference, as an op's.
    """

    name: str
    function: Callable[..., Any]
    params: Mapping[str, Settable]
    version: int = 1
    example: Mapping[str, Any] = field(default_factory=dict)
    strengths: tuple[Mapping[str, Any], ...] = ()

    @property
    def shown(self) -> tuple[Mapping[str, Any], ...]:
        """Arguments at low, middle and high strength; of a single step where there is none."""
        return self.strengths or strengths_of(self.example, self.settable)

    @property
    def summary(self) -> str:
        return self.doc.split("\n", 1)[0]

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def settable(self) -> Mapping[str, Settable]:
        return self.params

    def nodes(self, step: Mapping[str, Any]) -> list[Any]:
        """What it writes for `step`; raises `ParameterError` with a pointer inside the step."""
        arguments = {}
        for name, spec in self.params.items():
            raw = step.get(name, spec.default)
            try:
                arguments[name] = None if raw is None else spec.parse(raw, self.name)
            except ParameterError as error:
                raise ParameterError(error.message, f"/{name}{error.pointer}") from error
        return list(self.function(**arguments))


def macro(
    name: str,
    *,
    version: int = 1,
    example: Mapping[str, Any] | None = None,
    strengths: Sequence[Mapping[str, Any]] = (),
    **parameters: Settable,
) -> Callable[[Callable[..., Any]], Macro]:
    """Makes a macro out of a function; see `Macro`. Ship it through `register_ops`, as an op.

    Raises:
        OpError: the name or a parameter is not valid, a parameter is drawn, the docstring is
            missing, or the function's arguments and the parameters differ.

    >>> import augreg
    >>> @augreg.macro("acme/twice", degrees=augreg.Range(0, 90, static=True))
    ... def twice(degrees):
    ...     '''Turns left or right.'''
    ...     return [{"one_of": [{"op": "rotate", "degrees": d} for d in (-degrees, degrees)]}]
    >>> twice.nodes({"op": "acme/twice", "degrees": 30})[0]["one_of"][1]
    {'op': 'rotate', 'degrees': 30.0}
    """

    def decorate(function: Callable[..., Any]) -> Macro:
        taken = list(inspect.signature(function).parameters)
        check_declaration(name, function, taken, parameters)
        for key, spec in parameters.items():
            if not spec.static:
                raise OpError(f'macro "{name}": parameter "{key}" is drawn; a macro draws nothing')
        return Macro(
            name,
            function,
            MappingProxyType(dict(parameters)),
            version,
            MappingProxyType(dict(example or {})),
            tuple(strengths),
        )

    return decorate


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
            if isinstance(value, list) and key in GROUP_KEYS
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
        return {"sequence": nodes, **({"p": step["p"]} if "p" in step else {})}


GROUP_KEYS = ("sequence", "one_of", "some_of", "random_order", "mixture")
