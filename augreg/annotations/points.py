"""Masks, boxes and points under one map: the arithmetic that both backends share, over `xp`.

A map moves a point exactly, by the inverse of what its pixels are read with. That is worked out in
float64, because [B,N,2] is tiny and the inverse should be that of the very matrix of the pixels.
Where a fill repeats the image (reflect, wrap), the point goes with the image itself, not with one
of the copies, and may leave the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from augreg.families import Size
from augreg.families.point_map import PointMap
from augreg.xp import Array, Namespace

FAR = 1e6  # where a projection has no point; also keeps int32 from overflowing


@dataclass(frozen=True)
class Targets:
    """What moves with a batch of images; None where there is none of it.

    Attributes:
        masks: [B,H,W,C], any dtype.
        points: float64 [B,N,2], x and y, pixel centres at integers.
        boxes: float64 [B,N,4], the edges left, top, right, bottom.
        visible_fraction: float64 [B,N], what is left of each box's area, 0..1.
    """

    masks: Array | None = None
    points: Array | None = None
    boxes: Array | None = None
    visible_fraction: Array | None = None


def transform_points(xp: Namespace, targets: Targets, move: PointMap, size: Size) -> Targets:
    """The targets after a stage; `size` is the image's size after it."""
    changed = targets
    if targets.masks is not None:
        changed = replace(changed, masks=_gather(xp, targets.masks, *move.source()))
    if targets.points is not None:
        changed = replace(changed, points=_moved(xp, move, targets.points))
    if targets.boxes is not None:
        boxes, visible_fraction = _follow_boxes(xp, targets, move, size)
        changed = replace(changed, boxes=boxes, visible_fraction=visible_fraction)
    return changed


def without(xp: Namespace, targets: Targets, hidden: Array) -> Targets:
    """The targets after a stage that hides pixels: bool [B,H,W], B may be 1."""
    changed = targets
    if targets.masks is not None:
        masks = xp.where(hidden[..., None], xp.zeros_like(targets.masks), targets.masks)
        changed = replace(changed, masks=masks)
    if targets.boxes is not None:
        left = targets.visible_fraction * (1.0 - _covered(xp, targets.boxes, hidden))
        changed = replace(changed, visible_fraction=left)
    return changed


def _covered(xp: Namespace, boxes: Array, hidden: Array) -> Array:
    """float64 [B,N]: the fraction of each box's area that is hidden.

    A pixel on an edge counts by the part of it that lies inside. The sums are in float32, exact
    for edges between pixels: float64 takes several times as long in a product of matrices.
    """
    _, height, width = xp.shape(hidden)
    rows, columns = (
        xp.cast(_overlaps(xp, boxes[..., i], boxes[..., i + 2], side), "float32")
        for i, side in ((1, height), (0, width))
    )
    of_rows = xp.matmul(xp.cast(hidden, "float32"), xp.transpose(columns, (0, 2, 1)))
    total = xp.cast(xp.sum(of_rows * xp.transpose(rows, (0, 2, 1)), axis=1), "float64")
    whole = area(boxes)
    return total / xp.where(whole > 0, whole, xp.ones_like(whole))


def _overlaps(xp: Namespace, low: Array, high: Array, side: Any) -> Array:
    """float64 [B,N,side]: how much of each pixel along an axis lies between two edges [B,N]."""
    edge = xp.cast(xp.arange(side), "float64")
    ends = xp.minimum(high[..., None], edge + 1.0) - xp.maximum(low[..., None], edge)
    return xp.maximum(ends, xp.zeros_like(ends))


# --- points and boxes ---------------------------------------------------------------------------


def _moved(xp: Namespace, move: PointMap, points: Array) -> Array:
    relative = points - xp.reshape(move.start, (-1, 1, 2))
    x, y = relative[..., 0], relative[..., 1]

    def along(rows: Array, i: int, *point: Array) -> Array:
        a, b, c = (xp.reshape(rows[:, i, j], (-1, 1)) for j in range(3))
        return a * point[0] + b * point[1] + c * point[2]

    q = [along(move.matrix, i, x, y, xp.ones_like(x)) for i in range(3)]
    tiny = xp.array(1 / FAR, "float64")
    seen = q[2] > tiny
    for i in range(0 if move.front is None else xp.shape(move.front)[1]):
        seen = seen & (along(move.front, i, *q) > xp.array(0.0, "float64"))
    depth = xp.where(seen, q[2], xp.zeros_like(q[2]) + tiny)  # behind: far away
    moved = xp.stack([q[0] / depth, q[1] / depth], axis=-1)
    return moved + xp.reshape(move.end, (-1, 1, 2))


def _follow_boxes(
    xp: Namespace, targets: Targets, move: PointMap, size: Size
) -> tuple[Array, Array]:
    """The tight boxes of the moved corners, clipped to the image, and what is left of each."""
    boxes, visible_fraction = targets.boxes, targets.visible_fraction
    if move.window is not None:
        boxes, visible_fraction = _clipped(
            xp, boxes, xp.reshape(move.window, (-1, 1, 4)), visible_fraction
        )
    left, top, right, bottom = (boxes[..., i] for i in range(4))  # type: ignore[index]
    half = xp.array(0.5, "float64")
    corners = [
        _moved(xp, move, xp.stack([x, y], axis=-1) - half) + half
        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
    ]
    tight = xp.concat([reduce(xp.minimum, corners), reduce(xp.maximum, corners)], axis=-1)
    return clipped(xp, tight, size, visible_fraction)


def clipped(
    xp: Namespace, boxes: Array, size: Size, visible_fraction: Array
) -> tuple[Array, Array]:
    """The parts of boxes that lie in an image of `size`, and their shares times what is left."""
    height, width = (xp.cast(xp.array(side, "int32"), "float64") for side in size)
    zero = xp.zeros_like(height)
    image = xp.reshape(xp.stack([zero, zero, width, height]), (1, 1, 4))
    return _clipped(xp, boxes, image, visible_fraction)


def _clipped(
    xp: Namespace, boxes: Array, window: Array, visible_fraction: Array
) -> tuple[Array, Array]:
    low, high = window[..., :2], window[..., 2:]
    sides = [xp.minimum(xp.maximum(boxes[..., i : i + 2], low), high) for i in (0, 2)]
    cut = xp.concat(sides, axis=-1)
    before, after = area(boxes), area(cut)
    safe = xp.where(before > 0, before, xp.ones_like(before))
    return cut, visible_fraction * xp.where(before > 0, after / safe, xp.zeros_like(before))


def area(boxes: Array) -> Array:
    """float64 [...] of boxes [..., 4] given by their edges."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


# --- masks --------------------------------------------------------------------------------------


def _gather(xp: Namespace, masks: Array, x: Array, y: Array, inside: Array | None) -> Array:
    """[B,h,w,C] out of [B,H,W,C]: pixels (x, y), and 0 where `inside` does not hold."""
    batch, height, width, channels = xp.shape(masks)
    if inside is not None:
        zero = xp.zeros_like(x)
        x, y = xp.where(inside, x, zero), xp.where(inside, y, zero)
    rows = xp.reshape(xp.arange(batch), (-1, 1, 1)) * xp.array(height * width, "int32")
    flat = xp.reshape(masks, (batch * height * width, channels))
    moved = xp.take(flat, rows + y * xp.array(width, "int32") + x)
    return moved if inside is None else xp.where(inside[..., None], moved, xp.zeros_like(moved))
