"""The outline of a mask as one polygon, along the borders of its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, int]  # x, y of a pixel's corner
# The next of four directions, x and y: right, down, left, up.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def outline(mask: NDArray[np.bool_]) -> list[Point]:
    """A polygon that covers the pixels of a mask [H, W] and no other; empty for an empty mask.

    Parts that do not touch, and holes, are joined by lines that are walked there and back, which
    cover nothing: formats with one polygon for an object have no other way.
    """
    loops = _loops(mask)
    joined = [point for loop in loops for point in (*loop, loop[0])]
    return joined + [loop[0] for loop in reversed(loops[:-1])] if len(loops) > 1 else joined[:-1]


def _loops(mask: NDArray[np.bool_]) -> list[list[Point]]:
    """The closed borders of a mask, their corners only, with its pixels on the right."""
    ways = _borders(mask)
    loops = []
    while ways:
        start = min(ways)
        at, direction = start, ways[start][0]
        loop: list[Point] = []
        while at in ways:
            following = ways[at]
            # Where two pixels meet at a corner only, the way turns right, and so they stay apart.
            turned = next(
                d % 4 for d in (direction + 1, direction, direction + 3) if d % 4 in following
            )
            if turned != direction or not loop:
                loop.append(at)
            following.remove(turned)
            if not following:
                del ways[at]
            direction = turned
            at = (at[0] + _STEPS[direction][0], at[1] + _STEPS[direction][1])
        loops.append(loop)
    return loops


def _borders(mask: NDArray[np.bool_]) -> dict[Point, list[int]]:
    """The directions in which the border leaves each corner."""
    inside = np.pad(mask.astype(bool), 1)
    here = inside[1:-1, 1:-1]
    sides: tuple[tuple[Any, int, int, int], ...] = (
        (inside[:-2, 1:-1], 0, 0, 0),  # nothing above: to the right along its top
        (inside[1:-1, 2:], 1, 0, 1),  # nothing to the right: down
        (inside[2:, 1:-1], 1, 1, 2),
        (inside[1:-1, :-2], 0, 1, 3),
    )
    ways: dict[Point, list[int]] = {}
    for beside, x, y, direction in sides:
        for row, column in np.argwhere(here & ~beside).tolist():
            ways.setdefault((column + x, row + y), []).append(direction)
    return ways
