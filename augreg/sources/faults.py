"""What is wrong in annotations, and what is done about it: clip, drop or error."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from augreg.errors import DataError
from augreg.images import ImageSize
from augreg.sources.source import CLIP, DROP, ERROR, BadAnnotation

Edges = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Points = NDArray[np.float64]

# Pixels. Files round to two decimals (COCO) or to six of the relative size (YOLO), so that a box
# at the image's border may end outside of it by a hundredth. That is no mistake, and is cut off.
_ROUNDING = 0.011
_SHOWN = 5


class Faults:
    """Checks annotations, and keeps a list of what is wrong.

    handling: "clip" cuts at the image's border what reaches beyond it, and leaves out what is wrong
    otherwise; "drop" leaves out both; "error" does as "drop", until `check` raises.
    """

    def __init__(self, handling: str) -> None:
        self.handling = handling
        self.found: list[BadAnnotation] = []

    def leave_out(self, where: str, reason: str) -> None:
        """Notes an annotation, or an image's annotations, that can't be used."""
        self.found.append(BadAnnotation(where, reason, "left out"))

    def cut(self, where: str, reason: str) -> bool:
        """Notes what reaches out of its image; whether it is to be clipped, or else left out."""
        if self.handling != CLIP:
            self.leave_out(where, reason)
            return False
        self.found.append(BadAnnotation(where, reason, "clipped"))
        return True

    def check(self, name: str) -> None:
        """Raises `DataError` if anything was wrong, and that is to be an error."""
        if self.handling != ERROR or not self.found:
            return
        listed = "".join(f"\n  {bad.path}: {bad.reason}" for bad in self.found[:_SHOWN])
        more = len(self.found) - _SHOWN
        raise DataError(
            f"{name}: {len(self.found)} annotations are wrong; fix them, or leave them out with "
            f'bad_annotations="{DROP}" ("{CLIP}" keeps the part of them that is inside of the '
            f"image){listed}" + (f"\n  and {more} more" if more > 0 else "")
        )

    def box(self, where: str, edges: Iterable[float], size: ImageSize) -> Edges | None:
        """A box within the image; None where it is left out."""
        left, top, right, bottom = edges
        height, width = size
        cut = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
        reason = ""
        if not all(map(math.isfinite, (left, top, right, bottom))):
            reason = "has to hold finite numbers"
        elif right <= left or bottom <= top:
            reason = "has no area"
        elif cut[2] <= cut[0] or cut[3] <= cut[1]:
            reason = f"is outside of the image, {width}x{height}"
        shown = f"the box {left:g}, {top:g}, {right:g}, {bottom:g} (xyxy)"
        if reason:
            self.leave_out(where, f"{shown} {reason}")
            return None
        beyond = max(-left, -top, right - width, bottom - height)
        reaches = f"{shown} reaches out of the image, {width}x{height}"
        if beyond > _ROUNDING and not self.cut(where, reaches):
            return None
        return cut

    def polygon(self, where: str, points: Points) -> bool:
        """Whether a polygon [P, 2] can be used: rasterizing it cuts it at the image's border."""
        if len(points) < 3:
            self.leave_out(where, f"a polygon of {len(points)} points; it takes three or more")
        elif not np.isfinite(points).all():
            self.leave_out(where, "a polygon has to hold finite numbers")
        else:
            return True
        return False

    def keypoints(self, where: str, points: Points, size: ImageSize) -> Points | None:
        """Keypoints [K, 3], those without visibility as zeros; None where they are left out."""
        if not np.isfinite(points).all():
            self.leave_out(where, "keypoints have to hold finite numbers")
            return None
        height, width = size
        low, high = -0.5 - _ROUNDING, np.array([width, height]) - 0.5 + _ROUNDING
        shown = points[:, 2] > 0
        inside = ((points[:, :2] >= low) & (points[:, :2] <= high)).all(axis=1)
        outside = np.flatnonzero(shown & ~inside)
        if len(outside):
            x, y = points[outside[0], :2]
            reason = f"keypoint {outside[0]} at {x:g}, {y:g} is outside of the image"
            if not self.cut(where, f"{reason}, {width}x{height}"):
                return None
        return np.where((shown & inside)[:, None], points, 0.0)
