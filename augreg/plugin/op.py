"""What an op is: a name, parameters, and a function from sampled arguments to an element."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from augreg import families
from augreg.errors import AugregError, OpError, ParameterError
from augreg.plugin.params import REQUIRED, Fill, Hidden, Integer, Option, Parameter, Range, Settable

if TYPE_CHECKING:
    from augreg.xp import Namespace

RESERVED = frozenset({"op", "p", "id", "choice", "xp", "size"})
_NAME = re.compile(r"(?:[a-z][a-z0-9_-]*/)?[a-z][a-z0-9_]*")
_ELEMENTS = families.Transform.__args__


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

    def lower(
        self, xp: Namespace, arguments: Mapping[str, Any], size: families.Size
    ) -> families.Transform:
        """Calls the op's function and checks what it returned; raises `OpError`."""
        extra = {"size": size} if self.wants_size else {}
        try:
            element = self.function(xp, **extra, **arguments)
        except AugregError:  # a refusal in the op's own words
            raise
        except Exception as error:  # an op is anyone's code: a user has to learn whose
            said = f'op "{self.name}" raised {type(error).__name__}: {error}'
            raise OpError(said, self.name) from error
        _check_element(self.name, element)
        try:
            element = families.batched(xp, element)
        except ValueError as error:
            raise OpError(f'op "{self.name}": {error}', self.name) from error
        if isinstance(element, families.PixelFunction):
            return replace(element, function=_checked(self.name, element.function))
        if isinstance(element, families.Neighborhood):
            *first, last = element.functions
            inner = [_checked(self.name, function, any_size=True) for function in first]
            function = _checked(self.name, last, any_size=bool(first))
            return replace(element, function=(*inner, function))
        return element


def _check_element(name: str, element: Any) -> None:
    """Raises `OpError` for what is no element, or asks for what there is not."""
    if not isinstance(element, _ELEMENTS):
        found = type(element).__name__
        names = ", ".join(kind.__name__ for kind in _ELEMENTS)
        raise OpError(f'op "{name}" returned a {found}; it has to return one of {names}', name)
    if unknown := set(getattr(element, "statistics", ())) - set(families.STATISTICS):
        names = ", ".join(families.STATISTICS)
        raise OpError(f'op "{name}" asks for {sorted(unknown)}; there are {names}', name)
    levels = getattr(element, "fill_value", 0.0)
    every = levels if isinstance(levels, tuple | list) else (levels,)
    if not all(isinstance(level, Real) and 0 <= float(level) <= 1 for level in every):
        said = f"fills with {levels}; levels are 0 to 1, where 1 is white"
        raise OpError(f'op "{name}" {said}', name)


def _checked(name: str, function: Callable[..., Any], any_size: bool = False) -> Callable[..., Any]:
    """A function that raises `OpError` where it does not return planes like its input's.

    any_size: there may be more planes, of other sides, as between a neighbourhood's functions.
    """

    @functools.wraps(function)  # which function it is decides what may become one stage
    def checked(xp: Namespace, planes: Any, *arguments: Any, **given: Any) -> Any:
        try:
            result = function(xp, planes, *arguments, **given)
        except AugregError:
            raise
        except Exception as error:
            said = f"its pixel function raised {type(error).__name__}: {error}"
            raise OpError(f'op "{name}": {said}', name) from error
        check_planes(name, planes, result, any_size)
        return result

    checked.op = name  # type: ignore[attr-defined]  # for what only a graph that runs can see
    return checked


def check_planes(name: str, planes: Any, result: Any, any_size: bool = False) -> None:
    """Raises `OpError` where what an op's function made of planes does not go in their place."""
    same = isinstance(result, tuple | list) and (any_size or len(result) == len(planes))
    if not same or not all(_alike(planes[0], plane, any_size) for plane in result):
        wanted, found = (_describe(many) for many in (planes, result))
        said = f"its pixel function returned {found}, expected {wanted}"
        raise OpError(f'op "{name}": {said}', name)


def _alike(plane: Any, other: Any, any_size: bool) -> bool:
    """One dtype and one shape, as far as the sides are known."""
    if getattr(other, "dtype", None) != plane.dtype or len(other.shape) != len(plane.shape):
        return False
    return any_size or all(
        None in sides or sides[0] == sides[1]
        for sides in zip(plane.shape, other.shape, strict=True)
    )


def _describe(planes: Any) -> str:
    if not isinstance(planes, tuple | list):
        return f"a {type(planes).__name__}"
    kinds = (
        f"{plane.dtype.name} {list(plane.shape)}"
        if hasattr(plane, "dtype")
        else f"a {type(plane).__name__}"
        for plane in planes
    )
    return f"({', '.join(kinds)})"


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
