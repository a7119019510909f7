"""What ops and macros have in common: a name, a function, parameters, and what shows them."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from augreg.errors import OpError, ParameterError
from augreg.plugin.params import REQUIRED, Hidden, Integer, Option, Parameter, Range, Settable

RESERVED = frozenset({"op", "p", "when", "id", "choice", "xp", "size"})
_DTYPE = re.compile(r"^(?:int32|float32)(?: \[B\])?, ")  # of the op's argument, not of the policy's
_NAME = re.compile(r"(?:[a-z][a-z0-9_-]*/)?[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Declaration:
    """What a plugin registers.

    Attributes:
        name: how policies call it; third-party names are `package/op`.
        function: what it does; `**rest` of it takes the parameters that it does not name.
        params: the specification of each parameter, by name.
        version: part of every policy hash; raise it when what the function makes changes.
        example: arguments of a step that shows it in the reference.
        strengths: three of them, at low, middle and high strength, for the reference's picture;
            see `shown`.
    """

    name: str
    function: Callable[..., Any]
    params: Mapping[str, Any]
    version: int = 1
    example: Mapping[str, Any] = field(default_factory=dict)
    strengths: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        _check(self.name, self.function, self.params)
        for name in ("params", "example"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "strengths", tuple(self.strengths))

    @property
    def shown(self) -> tuple[Mapping[str, Any], ...]:
        """Arguments at low, middle and high strength; of a single step where there is none."""
        return self.strengths or strengths_of(self.example, self.settable)

    @property
    def doc(self) -> str:
        """The docstring, and what parameters say of themselves."""
        said = [f"{name}: {spec.doc}." for name, spec in self.settable.items() if spec.doc]
        lines = textwrap.fill(" ".join(said), 96, break_long_words=False, break_on_hyphens=False)
        return "\n\n".join(filter(None, [self._docstring, lines]))

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.doc.split("\n", 1)[0]

    def about(self, name: str) -> str:
        """What is said of a parameter, for who writes policies; "" where nothing is.

        It is the `doc` of its specification, or a sentence of the docstring that begins with
        "name: ", or with several names ("red, green, blue: ").
        """
        if said := self.settable[name].doc:
            return said
        any_name = "|".join(map(re.escape, self.settable))
        heads = rf"(?<![\w`])((?:{any_name})(?:, (?:{any_name}))*): "
        for paragraph in self._docstring.split("\n\n"):
            _, *parts = re.split(heads, " ".join(paragraph.split()))
            for names, text in zip(parts[::2], parts[1::2], strict=True):
                if name in names.split(", "):
                    return _DTYPE.sub("", text.split(". ")[0]).rstrip(" .;")
        return ""

    @property
    def _docstring(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def settable(self) -> dict[str, Settable]:
        """The parameters that a policy can set."""
        return {n: p for n, p in self.params.items() if not isinstance(p, Hidden)}


def strengths_of(
    example: Mapping[str, Any], settable: Mapping[str, Settable]
) -> tuple[dict[str, Any], ...]:
    """The example, always done, with each range at its lower end, its middle and its upper end.

    A single one where it has no range: the op has no strength.

    >>> strengths_of({"degrees": [0, 60], "p": 0.5}, {"degrees": Range(0, 90)})
    ({'degrees': 0}, {'degrees': 30.0}, {'degrees': 60})
    """
    fixed = {key: value for key, value in example.items() if key != "p"}
    ranges = {
        key: value
        for key, value in fixed.items()
        if isinstance(value, list) and isinstance(settable.get(key), Range)
    }
    if not ranges:
        return (fixed,)

    def between(key: str) -> float:
        middle = sum(ranges[key]) / 2
        return int(middle) if isinstance(settable[key], Integer) else middle

    middles = {key: between(key) for key in ranges}
    lows, highs = ({key: ends[i] for key, ends in ranges.items()} for i in (0, 1))
    return tuple({**fixed, **strength} for strength in (lows, middles, highs))


def _check(name: str, function: Callable[..., Any], parameters: Mapping[str, Any]) -> None:
    """Raises `OpError` where the declaration of an op or a macro is not valid."""
    if not _NAME.fullmatch(name):
        raise OpError(f'"{name}" is no name for an op; write "package/op" in small letters')
    if not inspect.getdoc(function):
        raise OpError(f'op "{name}" has no docstring; its first line is shown by `augreg ops`')
    for key, spec in parameters.items():
        if key in RESERVED:
            raise OpError(f'op "{name}": the name "{key}" is reserved')
        if type(spec) not in Parameter.__args__:  # a subclass could write any schema
            raise OpError(f'op "{name}": parameter "{key}" is no specification but {spec!r}')
        _check_spec(name, key, spec)
    taken = inspect.signature(function).parameters
    missing = (set(taken) - {"xp", "size"}) ^ set(parameters)
    if rest := next((key for key, one in taken.items() if one.kind is one.VAR_KEYWORD), None):
        missing -= {rest, *parameters}
    if missing:
        raise OpError(
            f'op "{name}": its function and its parameters differ in {", ".join(sorted(missing))}'
        )


def _check_spec(name: str, key: str, spec: Parameter) -> None:
    if isinstance(spec, Range):
        ends: tuple[Any, ...] = (spec.lo, spec.hi)
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
        if not numbers or not spec.lo <= spec.hi:
            found = f"[{spec.lo}, {spec.hi}]"
            raise OpError(f'op "{name}": parameter "{key}" has an empty range {found}')
    if isinstance(spec, Option) and not all(isinstance(v, str | int | float) for v in spec.values):
        raise OpError(f'op "{name}": parameter "{key}" offers {spec.values!r}; no JSON constants')
    if isinstance(spec, Hidden) or spec.default is REQUIRED or spec.default is None:
        return
    try:
        spec.parse(spec.default, name)
    except ParameterError as error:
        raise OpError(f'op "{name}": the default of "{key}" does not fit: {error}') from error
