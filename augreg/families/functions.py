"""Functions of planes that ops bring along: what they may return, checked at each call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from augreg.errors import AugregError, OpError
from augreg.families.positions import grid
from augreg.xp import Array, Namespace

STATISTICS = ("mean", "min", "max", "histogram")  # that a function may ask for


def checked_function(
    name: str, function: Callable[..., Any], any_size: bool = False
) -> Callable[..., Any]:
    """A function that raises `OpError` where it does not return planes like its input's.

    any_size: there may be more planes, of other sides, as between a neighbourhood's functions.
    """

    @functools.wraps(function)  # which function it is decides what may become one stage
    def checked(xp: Namespace, planes: Any, *arguments: Any, **given: Any) -> Any:
        with _blamed(name, "its pixel function"):
            result = function(xp, planes, *arguments, **given)
        check_planes(name, planes, result, any_size)
        return result

    checked.op = name  # type: ignore[attr-defined]  # for what only a graph that runs can see
    return checked


@contextmanager
def _blamed(name: str, what: str) -> Iterator[None]:
    """Raises `OpError` for whatever an op's own code raises inside."""
    try:
        yield
    except AugregError:
        raise
    except Exception as error:
        said = f"{what} raised {type(error).__name__}: {error}"
        raise OpError(f'op "{name}": {said}', name) from error


def checked_hidden(name: str, function: Callable[..., Array]) -> Callable[..., Array]:
    """A function that raises `OpError` where what it hides is no bool [B,H,W]."""

    @functools.wraps(function)
    def checked(xp: Namespace, *arguments: Any, **place: Any) -> Array:
        with _blamed(name, "its function of what is hidden"):
            hidden = function(xp, *arguments, **place)
        found = getattr(getattr(hidden, "dtype", None), "name", type(hidden).__name__)
        if found != "bool" or len(hidden.shape) != 3:
            shape = list(getattr(hidden, "shape", ()))
            said = f"what it hides is {found} {shape}; it has to be bool [B,H,W]"
            raise OpError(f'op "{name}": {said}', name)
        return hidden

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


def coordinates(xp: Namespace, size: tuple[Any, Any]) -> dict[str, Any]:
    """What a function with `coordinates` gets: y int32 [1,H,1], x int32 [1,1,W], size."""
    x, y = grid(xp, size)
    return {"y": y, "x": x, "size": tuple(size)}


def aligned(xp: Namespace, argument: Array) -> Array:
    """[B] as [B,1,1] and [B,n] as [B,n,1,1]... so that each `argument[:, i]` is [B,1,1]."""
    return xp.reshape(argument, (-1, *xp.shape(argument)[1:], 1, 1))
