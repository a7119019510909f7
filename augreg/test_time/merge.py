"""Predictions on the views of an image, brought back to it and put together. In NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.boxes import check_format, corners_of, from_edges, to_edges
from augreg.annotations.parts import PADDED
from augreg.annotations.points import has_area
from augreg.annotations.route import Route, route
from augreg.errors import DataError
from augreg.plan import Plan
from augreg.random.generator import SampleKey
from augreg.xp import NUMPY

Floats = NDArray[np.float32]
_BLOCK = 4096  # points that are moved at once


@dataclass(frozen=True)
class View:
    """What a model gave for one view of a batch, and how that view was made.

    Attributes:
        planned: what the view was made with.
        key: the samples' seed, epoch and index.
        size: (height, width) of the images.
    """

    prediction: Any
    planned: Plan
    key: SampleKey
    size: tuple[int, int]

    @cached_property
    def route(self) -> Route:
        """The images' way to the view; worked out only where places matter."""
        return route(self.planned, self.key, self.size)


def mean(views: Iterable[View]) -> Floats:
    """float32: the mean over views of arrays of one shape."""
    arrays = [_floats(view.prediction) for view in views]
    if len({array.shape for array in arrays}) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise DataError(f"the model gives different shapes for views of the same images: {shapes}")
    return np.mean(arrays, axis=0, dtype=np.float32)


# --- masks --------------------------------------------------------------------------------------


def merge_masks(views: Iterable[View]) -> Floats:
    """float32 [B,H,W,K], of the size of the images: the mean over the views that show a pixel.

    Views give float [B,h,w,K] of their own size, read bilinearly where each pixel went. What no
    view shows is read in the first one, at the place that is nearest.
    """
    total: Any = 0.0
    count: Any = 0.0
    first: Any = None
    for view in views:
        read, seen = _brought_back(_floats(view.prediction), view.route)
        first = read if first is None else first
        total, count = total + np.where(seen, read, np.float32(0)), count + seen
    height, width = view.route.size_in
    merged: Any = np.where(count > 0, total / np.maximum(count, 1), first)
    return np.asarray(merged.reshape(len(merged), height, width, -1), np.float32)


def _brought_back(scores: Floats, way: Route) -> tuple[Floats, NDArray[np.bool_]]:
    """The scores of each pixel of the images, [B,H*W,K], and whether the view shows it, [B,H*W,1].

    In blocks that fit into a processor's cache: an elastic deformation takes a tenth of the time.
    """
    if scores.ndim != 4 or scores.shape[1:3] != way.size_out:
        height, width = way.size_out
        raise DataError(
            f"the model gives masks of the shape {scores.shape} for images of "
            f"{height}x{width}; [B, {height}, {width}, K] is needed: resize them in the model"
        )
    grid, found = _grid(*way.size_in), []
    for block in np.array_split(grid, math.ceil(len(grid) * len(scores) / _BLOCK)):
        points = np.broadcast_to(block, (len(scores), *block.shape))
        places, seen = way.forwards(points)
        found.append((_read(scores, places), seen[..., None]))
    read, shown = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    return read, shown


def _grid(height: int, width: int) -> NDArray[np.float64]:
    """[H*W,2]: the centres of all pixels, row by row."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x.ravel(), y.ravel()], axis=-1).astype(np.float64)


def _read(maps: Floats, points: NDArray[np.float64]) -> Floats:
    """float32 [B,N,K]: maps [B,h,w,K] at points [B,N,2], bilinear; beyond the edge, its nearest."""
    height, width = maps.shape[1:3]
    x, y = (np.clip(points[..., i], 0, side - 1) for i, side in enumerate((width, height)))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = ((a - b).astype(np.float32)[..., None] for a, b in ((x, left), (y, top)))
    sample = np.arange(len(maps))[:, None]

    def row(at: NDArray[Any]) -> Floats:
        return maps[sample, at, left] * (1 - across) + maps[sample, at, right] * across

    return np.asarray(row(top) * (1 - down) + row(bottom) * down, np.float32)


# --- keypoints ----------------------------------------------------------------------------------


def merge_keypoints(views: Iterable[View], pairs: Sequence[tuple[int, int]]) -> Floats:
    """float32, of the shape that the model gives, [B,...,2] or more columns, which are averaged.

    The mean over the views that place a point inside of the image; the first one, where none does.

    pairs: positions of keypoints that are a left and a right, and so change places in a mirrored
    view.
    """
    placed, inside = [], []
    for view in views:
        given = _floats(view.prediction)
        if given.ndim < 3 or given.shape[-1] < 2:
            raise DataError(
                f"the model gives keypoints of the shape {given.shape}; [B, N, 2] is needed, x and "
                "y in pixels of the image that it got"
            )
        if pairs:
            given = _swapped(given, view.route.mirrored(len(given)), pairs)
        flat = given[..., :2].reshape(len(given), -1, 2).astype(np.float64)
        points = view.route.back(flat).reshape(*given.shape[:-1], 2)
        height, width = view.route.size_in
        high = np.array([width, height]) - 0.5
        inside.append(((points >= -0.5) & (points <= high)).all(axis=-1))
        placed.append(np.concatenate([points, given[..., 2:]], axis=-1))
    weights = np.stack(inside)[..., None]
    weights[0] |= ~weights.any(axis=0)
    total = np.sum(np.stack(placed) * weights, axis=0)
    return np.asarray(total / weights.sum(axis=0), np.float32)


def _swapped(given: Floats, mirrored: Any, pairs: Sequence[tuple[int, int]]) -> Floats:
    places = np.arange(given.shape[-2])
    for one, other in pairs:
        places[[one, other]] = other, one
    condition = mirrored.reshape(-1, *(1,) * (given.ndim - 1))
    return np.where(condition, given[..., places, :], given)


# --- boxes --------------------------------------------------------------------------------------


def stack_boxes(views: Iterable[View], form: str | None) -> dict[str, Any]:
    """The boxes of all views in the images, as `form` says: nothing is merged.

    Views give float [B,N,4], or a dict with "boxes" and arrays [B,N,...] of what belongs to them,
    such as "labels" and "scores". A box becomes the tight box of its four corners, clipped to the
    image.

    Returns:
        "boxes" float32 [B,n,N,4] of n views; "valid" bool [B,n,N], whether any of a box is left and
        its label is not -1, that of padding; and the other arrays, [B,n,N,...].
    """
    form, rows = check_format(form), []
    for view in views:
        given = view.prediction
        given = dict(given) if isinstance(given, Mapping) else {"boxes": given}
        boxes = _floats(given["boxes"]) if "boxes" in given else None
        if boxes is None or boxes.ndim != 3 or boxes.shape[-1] != 4:
            found = f"keys {sorted(given)}" if boxes is None else f"the shape {boxes.shape}"
            raise DataError(
                f'the model gives boxes with {found}; [B, N, 4], or a dict of it as "boxes", is '
                "needed"
            )
        way = view.route
        corners = corners_of(NUMPY, to_edges(NUMPY, boxes, form, way.size_out))
        flat = corners.reshape(len(boxes), -1, 2) - 0.5
        places = way.back(flat).reshape(corners.shape) + 0.5
        sides = np.array(way.size_in[::-1], np.float64)
        ends = [np.clip(end, 0, sides) for end in (places.min(axis=2), places.max(axis=2))]
        edges = np.concatenate(ends, axis=-1)
        valid = has_area(NUMPY, edges)
        if "labels" in given:
            valid = valid & (np.asarray(given["labels"]) != PADDED)
        moved = from_edges(NUMPY, edges, form, way.size_in)
        rows.append({**given, "boxes": moved, "valid": valid})
    counts = {row["valid"].shape for row in rows}
    if len(counts) > 1:
        raise DataError(
            f"the model gives {' and '.join(map(str, sorted(n for _, n in counts)))} boxes for "
            "views of the same images; pad them to one number, with label -1"
        )
    return {key: np.stack([np.asarray(row[key]) for row in rows], axis=1) for key in rows[0]}


def _floats(prediction: Any) -> Floats:
    try:
        return np.asarray(prediction, np.float32)
    except (TypeError, ValueError):
        raise DataError(
            f"the model gives a {type(prediction).__name__}; an array of numbers is needed"
        ) from None
