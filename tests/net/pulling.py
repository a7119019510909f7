"""Geometry of one sample: positions of output pixels pulled back through steps, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import interpolate

from augreg import families
from augreg.backends.reference import kernels
from augreg.families import Lattice
from net.jitter import Jitter


@dataclass(frozen=True)
class Leaf:
    """A step's transform, and the sizes around it."""

    transform: Any
    size: tuple[int, int]
    after: tuple[int, int]


def pulled(image: np.ndarray, leaves: list[Leaf], modes: Any, jitter: Jitter) -> np.ndarray:
    """An image [H,W,C] after geometric steps that share a resample (modes None: whole pixels)."""
    if modes is None:
        for leaf in leaves:
            image = _moved(image[np.newaxis], leaf)[0]
        return image
    height, width = leaves[-1].after if leaves else image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    depth, ahead = np.ones_like(x), np.ones_like(x, dtype=bool)
    for leaf in reversed(leaves):
        x, y, depth = _back(leaf, x, y, depth)
        ahead &= depth > 0
    if (depth != 1).any():
        read = np.where(ahead, np.maximum(depth, families.HORIZON), families.HORIZON)
        middle_y, middle_x = ((side - 1) / 2 for side in image.shape[:2])
        x = (x - middle_x * depth) / read + middle_x
        y = (y - middle_y * depth) / read + middle_y
    fill, fill_value, interpolation = modes
    exact = all(_is_exact(leaf) for leaf in leaves)
    x, y = jitter.places(x, y, exact)
    result = kernels.sample(kernels.to_unit(image), x, y, fill, fill_value, interpolation)
    return result if interpolation == "nearest" else jitter.values(result)


def _moved(image: np.ndarray, leaf: Leaf) -> np.ndarray:
    """One whole-pixel step alone: what it reads outside of the image is 0."""
    window = np.array([[0, 0, leaf.size[1], leaf.size[0]]], np.int32)
    transform = Lattice(leaf.transform.linear, leaf.transform.offset, window)
    return kernels.lattice(image, transform, leaf.after)


def _back(leaf: Leaf, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where a step's output positions come from in its input; positions are (x, y, 1), times w."""
    transform = leaf.transform
    if isinstance(transform, families.LatticeMap):
        a, o = transform.linear[0].astype(np.float64), transform.offset[0]
        return a[0, 0] * x + a[0, 1] * y + o[0] * w, a[1, 0] * x + a[1, 1] * y + o[1] * w, w
    if isinstance(transform, families.Displacement):
        dx, dy = _offsets(transform, leaf.size, x, y)
        return x + dx, y + dy, w
    rows = transform.matrix[0].astype(np.float64)
    (height, width), (tall, wide) = leaf.size, leaf.after
    u, v = x - (wide - 1) / 2 * w, y - (tall - 1) / 2 * w
    sx, sy, *depth = (row[0] * u + row[1] * v + row[2] * w for row in rows)
    w = depth[0] if depth else w
    return sx + (width - 1) / 2 * w, sy + (height - 1) / 2 * w, w


def _offsets(transform: Any, size: tuple[int, int], x: np.ndarray, y: np.ndarray) -> Any:
    """x and y at positions, by scipy's B-splines."""
    degree = {"linear": 1, "cubic": 3}[transform.spline]
    grid = np.asarray(transform.offsets[0], np.float64)
    bases = []
    for position, side, points in zip((y, x), size, grid.shape[:2], strict=True):
        last, knots = max(side - 1, 1), np.arange(-degree, points + 1)
        cells = np.clip(position, 0, last) * (points - degree) / last
        bases.append(interpolate.BSpline(knots, np.eye(points), degree)(cells))
    return np.einsum("yxi,yxj,ijc->cyx", *bases, grid)


def _is_exact(leaf: Leaf) -> bool:
    """No rounding can happen: all numbers are small multiples of 1/256."""
    if isinstance(leaf.transform, families.LatticeMap):
        return True
    if isinstance(leaf.transform, families.Displacement):
        return not leaf.transform.offsets.any()
    matrix = np.asarray(leaf.transform.matrix, np.float64)
    small = np.abs(matrix).max() < 2**10 and matrix.shape[1] == 2
    return bool(small and (np.round(matrix * 256) == matrix * 256).all())
