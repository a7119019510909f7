"""Masks, keypoints and boxes against images that say of each pixel where it came from.

A mask is compared with the nearest-sampled image of positions. A keypoint is where a ramp of
positions, resampled, shows its own. A box holds the pixels that came from inside of it.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import augreg
from augreg.families import AffineStage, Stage
from augreg.plan import plan
from augreg.plugin import params
from augreg.plugin.registry import default_registry
from net.generator import GROUPS, Generator, Node, family
from net.values import Values

_OPS = default_registry().ops
_MOVES = frozenset(name for name in _OPS if family(name) in ("geometry", "Resize"))
_PICKS = frozenset(  # those that can take the nearest pixel
    name
    for name in _MOVES
    if family(name) == "geometry"
    or "nearest" in getattr(_OPS[name].settable.get("method"), "values", ())
)
_GROUPS = tuple(kind for kind in GROUPS if kind != "mixture")  # it blends: there is no one place
B = 4
MASKS = (*range(60), 82, 139, 144, 277, 537)  # the last ones lie near half pixels


class Nearest(Generator):
    """Steps that move pixels without blending two of them; what they fill with is white."""

    groups = _GROUPS

    def drawn(self, values: Values, op: Any) -> Node:
        step = values.step(op)
        for name in ("interpolation", "method"):
            if name in op.settable:
                step[name] = "nearest"
        if "antialias" in op.settable:
            step["antialias"] = False
        if "fill_value" in op.settable:
            step["fill_value"] = 1
        return step


def _positions(height: int, width: int) -> np.ndarray:
    """uint8 [B,H,W,3]: row + 1, column + 1, sample + 1."""
    b, y, x = np.mgrid[:B, :height, :width]
    return np.stack([y, x, b], axis=-1).astype(np.uint8) + 1


@pytest.mark.parametrize("number", MASKS)
def test_a_mask_goes_where_the_nearest_sampled_image_goes(number):
    rng = random.Random(f"masks {number}")
    size = (rng.randint(2, 30), rng.randint(2, 30))
    source = dict(Nearest(rng, size, 3, _PICKS).policy().source)
    source["output"] = {"dtype": "uint8"}
    masks = np.random.default_rng(number).integers(1, 200, (B, *size)).astype(np.int32)
    element = {"images": _positions(*size), "masks": masks}

    made = augreg.augment(element, source, seed=number, epoch=3)

    y, x, b = (made["images"][..., i].astype(int) - 1 for i in range(3))
    filled = (made["images"] == 255).all(axis=-1) | (made["images"] == 0).all(axis=-1)
    assert ((b == np.arange(B)[:, None, None]) | filled).all()
    came_from = masks[np.where(filled, 0, b), np.where(filled, 0, y), np.where(filled, 0, x)]
    wrong = made["masks"] != np.where(filled, 0, came_from)
    assert not wrong.any(), f"{wrong.mean():.2%} of the pixels differ: {source}"


SIDE = 48


def _ramps() -> np.ndarray:
    """float32 [B,48,48,3] in 0..1: x and y in units of 100 pixels, and 0.5."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    one = np.stack([x / 100, y / 100, np.full_like(x, 0.5)], axis=-1)
    return np.stack([one] * B)


class Gentle(Generator):
    """Bilinear moves that keep most of the image in the picture, and bend it little: where a ramp
    is bent and resampled several times, what it shows between pixels is blended.
    """

    groups = _GROUPS

    def drawn(self, values: Values, op: Any) -> Node:
        step = values.step(op)
        limits = {"degrees": 40, "x_degrees": 20, "y_degrees": 20, "x": 0.2, "y": 0.2}
        for name, spec in op.settable.items():
            if name in ("interpolation", "method"):
                step[name] = "bilinear"
            elif name in limits and op.name != "shift":
                step[name] = [-limits[name], limits[name]]
            elif name in ("factor", "factor_x"):
                step[name] = [0.7, 1.4]
            elif name == "distortion":
                step[name] = [0, 0.4]
            elif name in ("amount", "k") and not isinstance(spec, params.Integer):
                step[name] = [0, 0.15]
            elif name == "fraction":
                step[name] = self.rng.choice([0.7, 0.9])
            elif name in ("height", "width") and not spec.default:
                step[name] = self.rng.randint(32, 60)
        if op.name == "shift":
            step |= {"x": [-6, 6], "y": [-6, 6]}
        if {"height", "width"} <= op.settable.keys():
            step |= {"height": self.rng.randint(34, 48), "width": self.rng.randint(34, 48)}
        return step


def _resamples(stages: tuple[Stage, ...]) -> int:
    """How many resamples a sample may go through, at most."""
    inner = (max(map(_resamples, stage.branches), default=0) for stage in stages)
    return sum(inner) + sum(isinstance(stage, AffineStage) for stage in stages)


class Framed(Gentle):
    """With black around the image, and no copies of it."""

    def drawn(self, values: Values, op: Any) -> Node:
        black = {"fill": "constant", "fill_value": 0}
        return super().drawn(values, op) | ({} if "fill" not in op.settable else black)


def _sampled(image: np.ndarray, x: float, y: float) -> np.ndarray | None:
    """The image at a real position, blended of four pixels; None outside of it."""
    height, width = image.shape[:2]
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    if not (0 <= x0 < width - 1 and 0 <= y0 < height - 1):
        return None
    wx, wy = x - x0, y - y0
    top = image[y0, x0] * (1 - wx) + image[y0, x0 + 1] * wx
    return top * (1 - wy) + (image[y0 + 1, x0] * (1 - wx) + image[y0 + 1, x0 + 1] * wx) * wy


def _moved(
    number: int, element: dict[str, Any], kind: type[Generator], **options: Any
) -> tuple[dict[str, Any], Any]:
    rng = random.Random(f"points {number}")
    policy = kind(rng, (SIDE, SIDE), 3, _MOVES).policy()
    return augreg.augment(element, policy, seed=number, epoch=3, **options), policy


@pytest.mark.parametrize("number", range(40))
def test_a_keypoint_goes_where_the_image_shows_it(number):
    points = np.random.default_rng(number).uniform(15, SIDE - 16, (B, 5, 2)).astype(np.float32)
    # a copy of what a crop has cut away would show another place
    made, policy = _moved(number, {"images": _ramps(), "keypoints": points}, Framed)

    height, width = made["images"].shape[1:3]
    for b in range(B):
        for given, found in zip(points[b], made["keypoints"][b], strict=True):
            # a resize repeats half a pixel at the border, where ramps are flat
            if not ((found >= 1) & (found <= (width - 2, height - 2))).all():
                continue
            shown = _sampled(made["images"][b].astype(np.float64), *found)
            # a point that a later fill or padding hides shows no 0.5
            if shown is not None and abs(shown[2] - 0.5) < 1e-3:
                off = np.abs(shown[:2] * 100 - given).max()
                assert off < 0.15, f"sample {b}: {given} shows {shown[:2] * 100}: {policy.source}"


@pytest.mark.parametrize("number", range(40))
def test_a_box_holds_what_came_from_inside_of_it(number):
    random_ = np.random.default_rng(number)
    low = random_.integers(12, 22, (B, 3, 2))
    high = low + random_.integers(4, 14, (B, 3, 2))
    boxes = np.concatenate([low, high], axis=-1).astype(np.float32)
    corners = boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].reshape(B, -1, 2) - np.float32(0.5)
    element = {
        "images": _ramps(),
        "boxes": {"boxes": boxes, "labels": np.zeros((B, 3), np.int32)},
        "keypoints": corners,
    }
    made, policy = _moved(number, element, Framed, bounding_box_format="xyxy")

    # each resample that turns a box makes it looser: it is the tight box of a tight box
    loosest = 3 * max(1, _resamples(plan(policy, size=(SIDE, SIDE)).augment) - 2)
    images, moved = made["images"].astype(np.float64), made["keypoints"].reshape(B, 3, 4, 2)
    height, width = images.shape[1:3]
    for b in range(B):
        x, y = images[b, ..., 0] * 100, images[b, ..., 1] * 100
        shown = np.abs(images[b, ..., 2] - 0.5) < 1e-3
        for n in range(3):
            left, top, right, bottom = boxes[b, n] - 0.5
            inside = shown & (x > left) & (x < right) & (y > top) & (y < bottom)
            rows, columns = np.nonzero(inside)
            label, box = made["boxes"]["labels"][b, n], made["boxes"]["boxes"][b, n]
            ends = moved[b, n]
            whole = (ends >= 0).all() and (ends <= (width - 1, height - 1)).all()
            if label < 0:
                assert not whole, f"sample {b}, box {n} is in the picture and gone: {policy.source}"
                continue
            if not len(rows):
                continue
            extent = columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5
            found = box - 0.5
            said = f"sample {b}: box {found} and pixels {extent}: {policy.source}"
            assert (found[:2] <= np.array(extent[:2]) + 1.1).all(), said
            assert (found[2:] >= np.array(extent[2:]) - 1.1).all(), said
            if whole and len(rows) > 12:
                assert np.abs(found - extent).max() < loosest, said
