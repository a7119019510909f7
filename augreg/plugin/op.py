"""What an op is: a declaration, and a function from sampled arguments to a transform."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from augreg.plugin.declaration import Declaration
from augreg.plugin.params import Fill, KeepBoxes, Parameter, Range


@dataclass(frozen=True)
class Op(Declaration):
    """A registered op.

    Attributes:
        name, params, version, example, strengths: as in `Declaration`.
        function: `function(xp, [size], **arguments)` returning a transform. Drawn arguments are
            arrays [B] or [1], static ones plain values.
        output_size: `output_size(height, width, **arguments) -> (height, width)`. Unknown sides are
            nan at plan time and scalars of the backend at run time: compare them only to refuse (at
            an unknown size, a plan then accepts only a `LatticeMap` that does not pad, such as a
            crop). Return an unchanged side as it is. Drawn arguments are distributions. May raise
            `ParameterError`. None: the size does not change.
        gray: also takes images of one channel.
        identity: arguments that leave every image as it is; None: there are none, or nobody said.
    """

    output_size: Callable[..., tuple[Any, Any]] | None = None
    gray: bool = False
    identity: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.identity is not None:
            object.__setattr__(self, "identity", MappingProxyType(dict(self.identity)))

    def __hash__(self) -> int:
        return hash((self.name, self.version))  # its mappings have none

    @cached_property
    def wants_size(self) -> bool:
        """The function asks for `size`."""
        return "size" in inspect.signature(self.function).parameters

    @property
    def keeps(self) -> str | None:
        """The parameter that says which boxes to keep."""
        kinds = self.params.items()
        return next((name for name, spec in kinds if isinstance(spec, KeepBoxes)), None)

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
    identity: Mapping[str, Any] | None = None,
    **parameters: Parameter,
) -> Callable[[Callable[..., Any]], Op]:
    """Decorator that makes an op of a function.

    Args:
        name: the op's name in policies; third-party names are `package/op`.
        output_size: `output_size(height, width, **arguments) -> (height, width)`, for an op that
            changes the size.
        gray: the op also takes images of one channel.
        version: part of every policy hash; raise it when the pixels change.
        example: arguments of a step that shows the op.
        strengths: three of them, at low, middle and high strength, for a reference's picture.
        identity: arguments that leave an image as it is, such as `{"amount": 0}`; `check_op` tries
            them.
        parameters: a specification for each argument: `Range`, `Integer`, `Option`, `Fill`,
            `KeepBoxes`, `Uniform01` or `Key`.

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
        shown = (example or {}, tuple(strengths))
        return Op(name, function, parameters, version, *shown, output_size, gray, identity)

    return decorate
