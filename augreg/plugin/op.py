"""What an op is: a name, parameters, and a function from sampled arguments to an element."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from augreg.errors import OpError, ParameterError
from augreg.plugin.params import REQUIRED, Fill, Hidden, Integer, Option, Parameter, Range, Settable

RESERVED = frozenset({"op", "p", "id", "choice", "xp", "size"})
_NAME = re.compile(r"(?:[a-z][a-z0-9_-]*/)?[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Op:
    """A registered op.

    Attributes:
        name: how policies call it; third-party names are `package/op`.
        function: `function(xp, [size], **arguments)` returning an element. Drawn arguments are
            arrays [B] or [1], static ones plain values.
        params: the specification of each parameter, by name.
        output_size: `output_size(height, width, **arguments) -> (height, width)`; sides that are
            not known are nan at plan time and scalars of the backend when it runs, so that it may
            compare them only to refuse (where they are not known, a plan then takes nothing but a
            `LatticeMap` that does not pad, as of a crop); a side that stays is returned as it came.
            Drawn arguments come as distributions. None: the size stays. May raise `ParameterError`
            for what can't work.
        gray: takes one channel also.
        version: part of every policy hash; raise it when the op's pixels change.
        example: arguments of a step that shows the op in the reference.
        strengths: three of them, at low, middle and high strength, for the reference's picture;
            see `shown`.
    """

    name: str
    function: Callable[..., Any]
    params: Mapping[str, Parameter]
    output_size: Callable[..., tuple[Any, Any]] | None = None
    gray: bool = False
    version: int = 1
    example: Mapping[str, Any] = field(default_factory=dict)
    wants_size: bool = False
    strengths: tuple[Mapping[str, Any], ...] = ()

    def __hash__(self) -> int:
        return hash((self.name, self.version))  # its mappings have none

    @property
    def shown(self) -> tuple[Mapping[str, Any], ...]:
        """Arguments at low, middle and high strength; of a single step where there is none."""
        return self.strengths or strengths_of(self.example, self.settable)

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.function).split("\n", 1)[0]  # type: ignore[union-attr]

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def settable(self) -> dict[str, Settable]:
        """The parameters that a policy can set."""
        return {n: p for n, p in self.params.items() if not isinstance(p, Hidden)}

    @property
    def fills(self) -> tuple[str, ...]:
        """The parameters that are levels: one for all channels, or one for each."""
        return tuple(name for name, spec in self.params.items() if isinstance(spec, Fill))

    def times(self, name: str) -> int:
        """How often a parameter is drawn for each sample: 1, or the `count` of a `Range`."""
        spec = self.params[name]
        return spec.count if isinstance(spec, Range) else 1


def op(
    name: str,
    *,
    output_size: Callable[..., tuple[Any, Any]] | None = None,
    gray: bool = False,
    version: int = 1,
    example: Mapping[str, Any] | None = None,
    strengths: Sequence[Mapping[str, Any]] = (),
    **parameters: Parameter,
) -> Callable[[Callable[..., Any]], Op]:
    """Makes an op out of a function; see `Op` for the arguments.

    Raises:
        OpError: the name or a parameter is not valid, the docstring is missing, or the function's
            arguments and the parameters differ.

    >>> import augreg
    >>> @augreg.op("acme/warm", amount=augreg.Range(0.0, 1.0, default=0.2))
    ... def warm(xp, amount):
    ...     '''Moves red up and blue down.'''
    ...     zero = xp.zeros_like(amount)
    ...     matrix = xp.reshape(xp.eye(3), (1, 3, 3))
    ...     return augreg.ColorMap(matrix, xp.stack([amount, zero, -amount], axis=-1))
    >>> warm.summary
    'Moves red up and blue down.'
    """

    def decorate(function: Callable[..., Any]) -> Op:
        taken = list(inspect.signature(function).parameters)
        check_declaration(name, function, taken, parameters)
        return Op(
            name,
            function,
            MappingProxyType(dict(parameters)),
            output_size,
            gray,
            version,
            MappingProxyType(dict(example or {})),
            "size" in taken,
            tuple(strengths),
        )

    return decorate


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


def check_declaration(
    name: str, function: Callable[..., Any], taken: list[str], parameters: Mapping[str, Any]
) -> None:
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
    if missing := (set(taken) - {"xp", "size"}) ^ set(parameters):
        raise OpError(
            f'op "{name}": its function and its parameters differ in {", ".join(sorted(missing))}'
        )


def _ordered(lo: Any, hi: Any) -> bool:
    return isinstance(lo, int | float) and isinstance(hi, int | float) and lo <= hi


def _check_spec(name: str, key: str, spec: Parameter) -> None:
    if isinstance(spec, Range) and not _ordered(spec.lo, spec.hi):
        raise OpError(f'op "{name}": parameter "{key}" has an empty range [{spec.lo}, {spec.hi}]')
    if isinstance(spec, Option) and not all(isinstance(v, str | int | float) for v in spec.values):
        raise OpError(f'op "{name}": parameter "{key}" offers {spec.values!r}; no JSON constants')
    if isinstance(spec, Hidden) or spec.default is REQUIRED or spec.default is None:
        return
    try:
        spec.parse(spec.default, name)
    except ParameterError as error:
        raise OpError(f'op "{name}": the default of "{key}" does not fit: {error}') from error
