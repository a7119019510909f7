"""Annotations of an output: those of its image, moved as its pixels were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.boxes import CORNERS
from augreg.annotations.parts import PADDED, TargetRules
from augreg.annotations.transform import move_annotations
from augreg.checks import sample_key
from augreg.families import Size
from augreg.lower import Draws
from augreg.plan import Plan
from augreg.xp import NUMPY

if TYPE_CHECKING:
    from augreg.sources.annotated import Annotations

Array = NDArray[Any]


@dataclass(frozen=True)
class MovedThing:
    """An object that is left in the output.

    Attributes:
        box: float32 [4], xyxy in pixels.
        corners: float32 [4, 2], those of its box as it came, x and y in pixels, where its format
            needs them; they may lie outside of the image.
        keypoints: float32 [K, 3]; zeros for a point that is not annotated, or left the image.
        region: bool [H, W], where its format needs it and the object had one.
    """

    label: int
    box: Array
    keypoints: Array | None
    region: Array | None
    difficult: bool
    corners: Array | None = None


@dataclass(frozen=True)
class Moved:
    """All that belongs to one output.

    Attributes:
        output: its path, relative to the manifest.
        split: "train", "validation" or "test".
        size: its H and W.
        mask: the values [H, W] of the mask, where there are masks.
        palette: of the mask's file.
    """

    output: str
    split: str
    size: tuple[int, int]
    things: tuple[MovedThing, ...]
    mask: Array | None = None
    palette: list[int] | None = None


def move(
    plan: Plan,
    key: tuple[int, int, int],
    made: Annotations,
    mask: Array | None,
    size: Size,
    regions: bool,
    pairs: tuple[tuple[int, int], ...] = (),
    oriented: bool = False,
) -> tuple[tuple[MovedThing, ...], Array | None]:
    """The objects and the mask of an image after a plan.

    Args:
        plan: at the image's size.
        key: seed, epoch and index.
        mask: int32 [H, W], or None.
        regions: whether the region of each object is wanted.
        pairs: keypoints that change places in a mirrored image.
        oriented: whether the corners of each box are wanted.
    """
    seed, epoch, index = key
    things = made.things
    boxes = np.array([one.box for one in things], np.float32).reshape(1, len(things), 4)
    labels = np.array([[one.label for one in things]], np.int64)
    parts: dict[str, Any] = {"boxes": {"boxes": boxes, "labels": labels}}
    points = [one.keypoints for one in things if one.keypoints is not None]
    if points:
        rows = [np.zeros_like(points[0]) if t.keypoints is None else t.keypoints for t in things]
        parts["keypoints"] = np.array([rows], np.float32)
    layers = [] if mask is None else [mask]
    with_region = [i for i, one in enumerate(things) if regions and one.region is not None]
    layers += [one.region.mask(size) for one in things if regions and one.region is not None]
    if layers:
        parts["masks"] = np.stack(layers, axis=-1).astype(np.int32)[None]
    draws = Draws.make(NUMPY, plan.draws, sample_key(seed, epoch, [index]))
    pairs = pairs if points else ()
    rules = TargetRules("xyxy", keypoint_pairs=pairs, oriented=oriented)
    moved, _ = move_annotations(NUMPY, plan, draws, parts, size, rules)
    planes = list(np.moveaxis(moved["masks"][0], -1, 0)) if layers else []
    mask_after = planes.pop(0) if mask is not None else None
    found = dict(zip(with_region, (plane.astype(bool) for plane in planes), strict=True))
    left = []
    for i, one in enumerate(things):
        if moved["boxes"]["labels"][0, i] != PADDED:
            after = None
            if one.keypoints is not None:
                after = _inside(moved["keypoints"][0, i], known_size(plan))
            box = moved["boxes"]["boxes"][0, i]
            corners = moved["boxes"][CORNERS][0, i] if oriented else None
            left.append(MovedThing(one.label, box, after, found.get(i), one.difficult, corners))
    return tuple(left), mask_after


def known_size(plan: Plan) -> tuple[int, int]:
    """H and W after a plan that was made for a known size."""
    height, width = plan.size_out
    assert height is not None and width is not None
    return height, width


def _inside(points: Array, size: tuple[int, int]) -> Array:
    """Keypoints [K, 3], those that are outside of the image as zeros."""
    x, y, seen = points.T
    height, width = size
    kept = (seen > 0) & (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    return np.where(kept[:, None], points, np.float32(0))
