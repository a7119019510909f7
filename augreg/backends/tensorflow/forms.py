"""When two lowerings may share a program: all that it is made of is equal but arrays' numbers.

A wrong hit would be a wrong picture. So what can't be told apart for certain has no form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from augreg.families import PointwiseStage, Stage


class Formless(Exception):  # noqa: N818  # no fault: a reason
    """A value that nothing tells from others of its kind."""


@dataclass(frozen=True)
class _Same:
    """An object that is equal to itself only, and that lives as long as this."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def form_of(value: Any) -> Hashable:
    """What a program is made of that is given the arrays in lowered arguments.

    Of an array that is its dtype and its shape, without the batch's dimension.

    Raises:
        Formless: a part is of a kind that is not known, as an object that an op's function holds.
    """
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape[1:]
    return _form(value, form_of)


def stage_form(stage: Stage) -> Hashable:
    """What a kernel asks its stage for, besides what it is given."""
    parts: Any = stage.parts if isinstance(stage, PointwiseStage) else ()
    left_out = ("items", "why", "parts", "branches")
    return (
        type(stage),
        tuple(_held(getattr(stage, f.name)) for f in fields(stage) if f.name not in left_out),
        tuple((type(part), part.statistics) for part in parts),
        tuple(step.op.name for step in stage.steps),
        tuple(tuple(map(stage_form, branch)) for branch in stage.branches),
    )


def _held(value: Any) -> Hashable:
    """The form of what a function holds, or a stage: arrays by their numbers."""
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return "numbers", value.dtype.str, value.shape, value.tobytes()
    return _form(value, _held)


def _form(value: Any, inner: Callable[[Any], Hashable]) -> Hashable:
    """The form of a value that is no array, whose parts have the forms that `inner` gives."""
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        return kind, value
    if kind is float:
        return kind, value.hex()  # -0.0 is another number than 0.0
    if isinstance(value, list | tuple):
        return kind, tuple(map(inner, value))
    if kind is dict:
        return kind, tuple((inner(key), inner(part)) for key, part in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return kind, tuple(inner(getattr(value, f.name)) for f in fields(value))
    if kind is partial:
        return kind, _held(value.func), _held(value.args), _held(value.keywords)
    if isinstance(value, FunctionType):
        return _function_form(value)
    if isinstance(value, type | ModuleType | BuiltinFunctionType | np.ufunc):
        return kind, _Same(value)
    raise Formless(f"a {kind.__name__}")


def _function_form(function: FunctionType) -> Hashable:
    """A function that is made at each call is the same if its code is, and all that it holds."""
    try:
        held = [cell.cell_contents for cell in function.__closure__ or ()]
        return (
            FunctionType,
            function.__code__,
            _Same(function.__globals__),
            *map(_held, (function.__defaults__, function.__kwdefaults__, held)),
        )
    except (ValueError, RecursionError) as error:  # an empty cell; one that holds the function
        raise Formless(f"the function {function.__qualname__}") from error
