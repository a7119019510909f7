"""Macros: ops that write policy. A macro's step becomes an ordinary group when a policy is loaded.

A macro is for what ops can't say: automatic policies are choices among many steps. It knows no
seed and touches no pixel; `augreg expand` prints what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augreg.errors import OpError, ParameterError
from augreg.plugin.declaration import Declaration
from augreg.plugin.params import Settable


@dataclass(frozen=True)
class Macro(Declaration):
    """A registered macro.

    Attributes:
        function: `function(**arguments)` returning a list of steps and groups, as in a policy.
        params: all are static.
        name, version, example, strengths: as in `Declaration`.
    """

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
    """Decorator that makes a macro of a function. Ship it through `register_ops`, like an op.

    Raises:
        OpError: the name or a parameter is not valid, a parameter is drawn, the docstring is
            missing, or the function's arguments and the parameters differ.

    >>> import augreg
    >>> @augreg.macro("acme/twice", degrees=augreg.Range(0, 90, static=True))
    ... def twice(degrees):
    ...     '''Rotates left or right.'''
    ...     return [{"one_of": [{"op": "rotate", "degrees": d} for d in (-degrees, degrees)]}]
    >>> twice.nodes({"op": "acme/twice", "degrees": 30})[0]["one_of"][1]
    {'op': 'rotate', 'degrees': 30.0}
    """

    def decorate(function: Callable[..., Any]) -> Macro:
        made = Macro(name, function, parameters, version, example or {}, tuple(strengths))
        for key, spec in parameters.items():
            if not spec.static:
                raise OpError(f'macro "{name}": parameter "{key}" is drawn; a macro draws nothing')
        return made

    return decorate
