"""Which geometry shares a resample: what decides it, and the reasons why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any


class Boundary(Exception):  # noqa: N818  # no fault: a reason
    """Two maps need two resamples; the message says why."""


@dataclass(frozen=True)
class Traits:
    """What decides whether geometry shares a resample.

    fill: fill, fill value and interpolation; None for lattice maps. displaced: the grid and spline
    of offsets, where there are any.
    """

    fill: tuple[str, Any, str] | None = None
    cuts: bool = False
    pads: bool = False
    projective: bool = False
    displaced: tuple[int, int, str] | None = None


def chain(first: Traits, then: Traits) -> Traits:
    """The traits of doing `first`, then `then` in one resample; raises `Boundary`."""
    if first.displaced is not None:
        raise Boundary("after offsets, which can be the last of a resample only")
    if first.fill is None and then.fill is None:
        return Traits(None, first.cuts or then.cuts, first.pads or then.pads)
    if then.fill is None:
        if then.pads:
            raise Boundary("padding after a resample that fills otherwise")
        return replace(first, cuts=first.cuts or then.cuts)
    if first.cuts or first.pads:
        raise Boundary("a window cut before could come back through this fill")
    if first.fill not in (None, then.fill):
        raise Boundary("another fill or interpolation")
    return replace(then, projective=first.projective or then.projective)


def any_order(every: list[Traits]) -> Traits:
    """The traits of doing all in any order; raises `Boundary`."""
    for first, then in permutations(every, 2):
        chain(first, then)
    return union(every)


def union(every: list[Traits]) -> Traits:
    """The traits of a choice among branches; raises `Boundary`."""
    fills = {str(b.fill): b.fill for b in every if b.fill is not None}
    cuts, pads = any(b.cuts for b in every), any(b.pads for b in every)
    if len(fills) > 1 or (fills and pads):
        raise Boundary("another fill or interpolation")
    grids = {b.displaced for b in every if b.displaced is not None}
    if len(grids) > 1:
        raise Boundary("another grid of offsets")
    projective = any(b.projective for b in every)
    return Traits(next(iter(fills.values()), None), cuts, pads, projective, *grids)
