"""Masks, boxes and points under one map: the arithmetic that both backends share, over `xp`.

A map moves a point exactly, by the inverse of what its pixels are read with. That is worked out in
float64, because [B,N,2] is tiny and the inverse should be that of the very matrix of the pixels.
Where a fill repeats the image (reflect, wrap), the point goes with the image itself, not with one
of the copies, and may leave the picture.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.families import Size
from augreg.families.matrices import determinant, inverse
from augreg.families.point_map import PointMap
from augreg.xp import Array, Namespace

SHAPES = ("corners", "ellipse")  # what a box stands for while it is turned
_BENT, _ELLIPSE = 4, 72  # points along an edge, and around an ellipse
FAR = 1e6  # where a projection has no point; also keeps int32 from overflowing


@dataclass(frozen=True)
class Targets:
    """What moves with a batch of images; None where there is none of it.

    Attributes:
        masks: [B,H,W,C], any dtype, by the names of the parts that they are.
        points: float64 [B,N,2], x and y, pixel centres at integers.
        boxes: float64 [B,N,4], the edges left, top, right, bottom.
        corners: float64 [B,N,4,2], x and y of each box's corners, in the coordinates of its edges;
            never clipped.
        visible_fraction: float64 [B,N], what is left of each box's area, 0..1.
        mirrored: bool [B,1] or [1,1], which images are mirrored, or [B,N], whose points are once
            images hold parts of others; kept where there are points.
        rows: int32 [B,N], which box of the batch as it came each box is: box n of sample b is
            b * N + n; None before images hold parts of others.
    """

    masks: Mapping[str, Array] = field(default_factory=dict)
    points: Array | None = None
    boxes: Array | None = None
    corners: Array | None = None
    visible_fraction: Array | None = None
    mirrored: Array | None = None
    rows: Array | None = None


def transform_points(
    xp: Namespace, targets: Targets, move: PointMap, size: Size, shape: str = "corners"
) -> Targets:
    """The targets after a stage; `size` is the image's size after it, `shape` one of `SHAPES`."""
    changed = targets
    if targets.masks:
        where = move.source()
        masks = {name: _gather(xp, mask, *where) for name, mask in targets.masks.items()}
        changed = replace(changed, masks=masks)
    if targets.points is not None:
        changed = replace(changed, points=points_after(xp, move, targets.points))
    if targets.mirrored is not None:
        turned = determinant(xp, move.matrix) < xp.array(0.0, "float64")
        mirrored = targets.mirrored ^ xp.reshape(turned, (-1, 1))
        changed = replace(changed, mirrored=mirrored)
    if targets.corners is not None:
        changed = replace(changed, corners=_moved_outlines(xp, move, targets.corners))
    if targets.boxes is not None:
        boxes, visible_fraction = _follow_boxes(xp, targets, move, size, shape)
        changed = replace(changed, boxes=boxes, visible_fraction=visible_fraction)
    return changed


def without(xp: Namespace, targets: Targets, hidden: Array) -> Targets:
    """The targets after a stage that hides pixels: bool [B,H,W], B may be 1."""
    masks = {
        name: xp.where(hidden[..., None], xp.zeros_like(mask), mask)
        for name, mask in targets.masks.items()
    }
    changed = replace(targets, masks=masks)
    if targets.boxes is not None:
        left = targets.visible_fraction * (1.0 - covered(xp, targets.boxes, hidden))
        changed = replace(changed, visible_fraction=left)
    return changed


def covered(xp: Namespace, boxes: Array, hidden: Array) -> Array:
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
    whole = area(xp, boxes)
    return total / xp.where(whole > 0, whole, xp.ones_like(whole))


def _overlaps(xp: Namespace, low: Array, high: Array, side: Any) -> Array:
    """float64 [B,N,side]: how much of each pixel along an axis lies between two edges [B,N]."""
    edge = xp.cast(xp.arange(side), "float64")
    ends = xp.minimum(high[..., None], edge + 1.0) - xp.maximum(low[..., None], edge)
    return xp.maximum(ends, xp.zeros_like(ends))


def checked_pairs(pairs: Any) -> tuple[tuple[int, int], ...]:
    """Pairs of positions of keypoints, none of them twice; raises `ValueError`."""
    try:
        checked = tuple((operator.index(one), operator.index(other)) for one, other in pairs)
    except (TypeError, ValueError):
        checked = ((-1, -1),)
    places = [place for pair in checked for place in pair]
    if len(set(places)) < len(places) or min(places, default=0) < 0:
        raise ValueError(
            "keypoint_pairs has to be pairs of positions, 0 and up, each once, as [(1, 2)], "
            f"found {pairs!r}"
        )
    return checked


# --- points and boxes ---------------------------------------------------------------------------


def points_after(xp: Namespace, move: PointMap, points: Array) -> Array:
    """Where a map takes points, float64 [B,N,2]."""
    x, y = xp.unstack(points - xp.reshape(move.start, (-1, 1, 2)), axis=-1)

    def along(rows: Array, *point: Array) -> list[Array]:
        """[B,N] for each row of [B,n,3]: its product with the point."""
        entries = xp.unstack(xp.reshape(rows, (-1, 3 * xp.shape(rows)[1], 1)), axis=1)
        of_row = zip(entries[::3], entries[1::3], entries[2::3], strict=True)
        return [a * point[0] + b * point[1] + c * point[2] for a, b, c in of_row]

    q = along(move.matrix, x, y, xp.ones_like(x))
    tiny = xp.array(1 / FAR, "float64")
    seen = q[2] > tiny
    for front in () if move.front is None else along(move.front, *q):
        seen = seen & (front > xp.array(0.0, "float64"))
    depth = xp.where(seen, q[2], xp.zeros_like(q[2]) + tiny)  # behind: far away
    there = xp.stack([q[0] / depth, q[1] / depth], axis=-1)
    there = there + xp.reshape(move.end, (-1, 1, 2))
    return there if move.then is None else move.then(there)


def points_before(xp: Namespace, move: PointMap, points: Array) -> Array:
    """The points, float64 [B,N,2], that a map takes to `points`."""
    before = points if move.before is None else move.before(points)
    back = PointMap(inverse(xp, move.matrix), move.end, move.start, move.source)
    return points_after(xp, back, before)


def _follow_boxes(
    xp: Namespace, targets: Targets, move: PointMap, size: Size, shape: str
) -> tuple[Array, Array]:
    """The tight boxes of the moved outlines, clipped to the image, and what is left of each."""
    boxes, visible_fraction = targets.boxes, targets.visible_fraction
    assert boxes is not None  # the caller has looked
    if move.window is not None:
        window = xp.reshape(move.window, (-1, 1, 4))
        boxes, visible_fraction = clipped_to(xp, boxes, window, visible_fraction)
    x, y = _outline(shape, bent=move.then is not None)
    left, top, right, bottom = xp.split(boxes, 2)
    # a sum of shares, as a corner has to be the very number that it is
    outline = xp.stack([left * (1 - x) + right * x, top * (1 - y) + bottom * y], axis=-1)
    moved = _moved_outlines(xp, move, outline)
    tight = xp.concat([xp.min(moved, axis=2), xp.max(moved, axis=2)], axis=-1)
    return clipped(xp, tight, size, visible_fraction)


def _moved_outlines(xp: Namespace, move: PointMap, outlines: Array) -> Array:
    """[B,N,P,2] points of each box, in the coordinates of its edges."""
    half = xp.array(0.5, "float64")
    batch, count, points = (xp.shape(outlines)[i] for i in range(3))
    flat = xp.reshape(outlines, (batch, count * points, 2))
    return xp.reshape(points_after(xp, move, flat - half) + half, (batch, count, points, 2))


def _outline(shape: str, bent: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points around a box, as shares of its width and height: float64 [n] of each.

    bent: a map that does not keep lines straight takes points between the corners elsewhere.
    """
    if shape == "ellipse":
        angle = np.arange(_ELLIPSE) * (2 * np.pi / _ELLIPSE)
        return (1 + np.cos(angle)) / 2, (1 + np.sin(angle)) / 2
    count = _BENT if bent else 1
    there, back = np.arange(count) / count, 1 - np.arange(count) / count
    zero, one = np.zeros(count), np.ones(count)
    return np.concatenate([there, one, back, zero]), np.concatenate([zero, there, one, back])


def clipped(
    xp: Namespace, boxes: Array, size: Size, visible_fraction: Array
) -> tuple[Array, Array]:
    """The parts of boxes that lie in an image of `size`, and their shares times what is left."""
    height, width = (xp.cast(xp.array(side, "int32"), "float64") for side in size)
    zero = xp.zeros_like(height)
    image = xp.reshape(xp.stack([zero, zero, width, height]), (1, 1, 4))
    return clipped_to(xp, boxes, image, visible_fraction)


def clipped_to(
    xp: Namespace, boxes: Array, window: Array, visible_fraction: Array
) -> tuple[Array, Array]:
    """As `clipped`, for the edges of windows, [B,1,4] or [1,1,4]."""
    left, top, right, bottom = xp.unstack(window, axis=-1)
    low, high = (xp.stack([x, y, x, y], axis=-1) for x, y in ((left, top), (right, bottom)))
    cut = xp.minimum(xp.maximum(boxes, low), high)
    before, after = area(xp, boxes), area(xp, cut)
    safe = xp.where(before > 0, before, xp.ones_like(before))
    return cut, visible_fraction * xp.where(before > 0, after / safe, xp.zeros_like(before))


def area(xp: Namespace, boxes: Array) -> Array:
    """float64 [...] of boxes [..., 4] given by their edges."""
    left, top, right, bottom = xp.unstack(boxes, axis=-1)
    return (right - left) * (bottom - top)


def has_area(xp: Namespace, boxes: Array) -> Array:
    """bool [...]: which of the boxes hold anything."""
    return area(xp, boxes) > xp.array(0.0, "float64")


def bounds_of(xp: Namespace, masks: Array, count: int | Array) -> Array:
    """float64 [B,N,4]: the edges of what is each box's own in masks; all 0 where nothing is.

    masks: integers [B,H,W,1] that are n + 1 in the pixels of box n, or [B,H,W,N], not 0 there.
    """
    own = masks
    if xp.shape(masks)[3] == 1:
        numbers = xp.reshape(xp.arange(count) + 1, (1, 1, 1, -1))
        own = xp.cast(masks, "int32") == numbers
    own = xp.cast(own, "bool")
    edges = []
    for axis in (2, 1):  # x, then y
        seen = xp.max(xp.cast(own, "int32"), axis=3 - axis)  # [B,W or H,N]
        side = xp.shape(seen)[1]
        place = xp.reshape(xp.arange(side), (1, -1, 1))
        far = xp.array(side, "int32")
        low = xp.min(xp.where(seen > 0, place, far), axis=1)
        high = xp.max(xp.where(seen > 0, place + 1, xp.zeros_like(place)), axis=1)
        edges.append((xp.minimum(low, high), high))
    (left, right), (top, bottom) = edges
    return xp.cast(xp.stack([left, top, right, bottom], axis=-1), "float64")


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
