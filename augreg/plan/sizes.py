"""Sides at plan time: known ones, and which of the unknown ones are surely the same.

What is done to some samples only has to keep the size. Where the size is not known, numbers can't
show that; so an op's `output_size` is asked with stand-ins, and a side that comes back as it went
in is the same side, in every image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import product
from typing import Any

from augreg.errors import ParameterError
from augreg.families import StaticSize
from augreg.policy import Policy, Step


@dataclass(frozen=True)
class Unknown:
    """A side that only the data shows. Equal ones are equally long in every image."""

    origin: Hashable

    def __str__(self) -> str:
        names: dict[Hashable, str] = {"height": "H", "width": "W"}
        return names.get(self.origin, "?")


Sides = tuple[int | Unknown, int | Unknown]
HEIGHT, WIDTH = Unknown("height"), Unknown("width")
_TRIED = (1, 30, 700, 100_000)  # sides that stand for all others


def sides_of(size: StaticSize) -> Sides:
    """The sides of images whose size may not be known."""
    height, width = size
    return HEIGHT if height is None else height, WIDTH if width is None else width


def size_of(sides: Sides) -> StaticSize:
    """The size, None for a side that is not known."""
    height, width = (None if isinstance(side, Unknown) else side for side in sides)
    return height, width


def is_known(sides: Sides) -> bool:
    """Whether both sides are."""
    return None not in size_of(sides)


def remedy(sides: Sides) -> str:
    """How to fix what is refused because a side is not known; empty where both are."""
    if is_known(sides):
        return ""
    return '; the images\' size is not known here: a "resize" before fixes it'


def size_text(size: Sides | StaticSize) -> str:
    """As 20x24; ? is a side that is not known, H and W are those of the image itself."""
    return "x".join("?" if side is None else str(side) for side in size)


def after(policy: Policy, step: Step, sides: Sides) -> tuple[Sides, bool]:
    """The sides after a step, and whether it compared a side that is not known.

    Raises:
        PolicyError: the step can't work at this size; at its parameter.
    """
    if step.op.output_size is None:
        return sides, False
    given = [_StandIn(math.nan) if isinstance(side, Unknown) else side for side in sides]
    arguments = {name: step.arguments[name] for name in step.op.settable}
    try:
        result = step.op.output_size(*given, **arguments)
        steady = _is_steady(step.op.output_size, arguments, given, result)
    except ParameterError as error:
        raise policy.error(error.message, step.pointer + error.pointer) from error
    except Exception as error:  # an op is anyone's code: a user has to learn whose
        said = f'"{step.op.name}" can\'t tell its size: {type(error).__name__}: {error}'
        raise policy.error(said + remedy(sides), step.pointer) from error
    compared = any(isinstance(side, _StandIn) and side.compared for side in given)
    if not steady or (compared and any(math.isnan(side) for side in result)):
        said = f'"{step.op.name}" has a size that depends on how large an image is'
        raise policy.error(said + remedy(sides), step.pointer)

    def side(i: int) -> int | Unknown:
        for stand_in, same in zip(given, sides, strict=True):
            if result[i] is stand_in and isinstance(same, Unknown):
                return same
        if not math.isnan(result[i]):
            return int(result[i])
        return Unknown((step.op.name, repr(sorted(arguments.items())), i, sides))

    return (side(0), side(1)), compared


def _is_steady(
    output_size: Callable[..., Any], arguments: dict[str, Any], given: list[Any], result: Any
) -> bool:
    """Whether what stand-ins gave, a number or one of them, is so for images of any size.

    An op that takes the larger of a side and a number gives the number for a stand-in.
    """
    tried = [_TRIED if isinstance(side, _StandIn) else (side,) for side in given]
    for numbers in product(*tried) if _TRIED in tried else ():
        try:
            found = output_size(*numbers, **arguments)
        except ParameterError:  # it works at some sizes only
            continue
        of = {id(stand_in): number for stand_in, number in zip(given, numbers, strict=True)}
        for claim, side in zip(result, found, strict=True):
            if not math.isnan(claim := of.get(id(claim), claim)) and claim != side:
                return False
    return True


class _StandIn(float):
    """nan, for an op that calculates with a side. Notes whether it was compared with anything.

    An op that asks how long a side is may return it unchanged for one length and not for another;
    and it can't ask when it runs, where a side is a tensor.
    """

    compared = False

    def _is(self, other: Any) -> bool:
        self.compared = True
        return False

    def _is_not(self, other: Any) -> bool:
        return not self._is(other)

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = _is
    __ne__ = _is_not
    __hash__ = float.__hash__
