"""Calling an op: with sampled arguments, and at plan time; what it returned is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

from augreg.errors import AugregError, OpError
from augreg.families.functions import STATISTICS
from augreg.families.stage import Size, StaticSize
from augreg.families.transform import ANY, Transform
from augreg.plugin.op import Op
from augreg.policy import Step
from augreg.random import distributions
from augreg.xp import NUMPY, Namespace

_PLACEHOLDER = 64  # a side to ask an op's family with, where the real one is not known yet


class DtypeError(ValueError):
    """An array of a transform that is of another dtype than its family says."""


class ShapeError(ValueError):
    """An array of a transform that has another shape than its family says."""


def call_op(op: Op, xp: Namespace, arguments: Mapping[str, Any], size: Size) -> Any:
    """What an op's function returns, with a leading dimension everywhere; raises `OpError`."""
    extra = {"size": size} if op.wants_size else {}
    try:
        transform = op.function(xp, **extra, **arguments)
    except AugregError:  # a refusal in the op's own words
        raise
    except Exception as error:  # an op is anyone's code: a user has to learn whose
        said = f'op "{op.name}" raised {type(error).__name__}: {error}'
        raise OpError(said, op.name) from error
    _check_transform(op.name, transform)
    try:
        transform = batched(xp, transform)
    except ValueError as error:
        raise OpError(f'op "{op.name}": {error}', op.name) from error
    return transform.checked(op.name)


def transform_of(step: Step, size: StaticSize) -> Any:
    """What `step` returns for its arguments' first values: tells the family and static fields."""
    zero = NUMPY.array([0], "uint32")
    arguments = {**step.arguments, **({step.keeps[0]: None} if step.keeps else {})}
    for name, distribution, dtype in step.drawn():
        words, times = (zero, zero), step.op.times(name)
        arguments[name] = distributions.sample(NUMPY, distribution, words, dtype, zero[0], times)
    # no Python int: an op that knows its size by that must not take the placeholder for it
    unknown = NUMPY.array(_PLACEHOLDER, "int32")
    height, width = (unknown if side is None else side for side in size)
    return call_op(step.op, NUMPY, arguments, (height, width))


def batched(xp: Namespace, transform: Any) -> Any:
    """The transform with a leading dimension everywhere.

    Raises:
        DtypeError, ShapeError: an array is not what its family says.
    """
    parts = {}
    kind = type(transform).__name__
    for name, wanted in transform.arrays.items():
        value = getattr(transform, name)
        if value is None:
            continue
        found = getattr(getattr(value, "dtype", None), "name", "no array")
        if found != transform.dtype:
            raise DtypeError(f"{kind}.{name} is {found}; it has to be {transform.dtype}")
        shape = tuple(xp.shape(value))
        if len(shape) == len(wanted):
            value = xp.reshape(value, (1, *shape))
            shape = (1, *shape)
        if len(shape) != len(wanted) + 1 or any(
            s not in (1, 3) if w is None else w not in (ANY, s)
            for w, s in zip(wanted, shape[1:], strict=True)
        ):
            sides = ", ".join({None: "1 or 3", ANY: "n"}.get(w, str(w)) for w in wanted)
            raise ShapeError(f"{kind}.{name} has the shape {shape}; it has to be [B, {sides}]")
        parts[name] = value
    return replace(transform, **parts) if parts else transform


def _check_transform(name: str, transform: Any) -> None:
    """Raises `OpError` for what is no transform, or asks for what there is not."""
    if not isinstance(transform, Transform):
        found = type(transform).__name__
        names = ", ".join(sorted(kind.__name__ for kind in Transform.__subclasses__()))
        raise OpError(f'op "{name}" returned a {found}; it has to return one of {names}', name)
    if unknown := set(getattr(transform, "statistics", ())) - set(STATISTICS):
        names = ", ".join(STATISTICS)
        raise OpError(f'op "{name}" asks for {sorted(unknown)}; there are {names}', name)
    levels = getattr(transform, "fill_value", 0.0)
    every = levels if isinstance(levels, tuple | list) else (levels,)
    if not all(isinstance(level, Real) and 0 <= float(level) <= 1 for level in every):
        said = f"fills with {levels}; levels are 0 to 1, where 1 is white"
        raise OpError(f'op "{name}" {said}', name)
