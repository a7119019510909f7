"""Checks of what a caller passes in: shapes, dtypes, and the three numbers that name a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg import draws
from augreg.errors import ImageError

FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_uint32(value: Any, name: str) -> NDArray[np.uint32]:
    """A seed, an epoch or positions as uint32; raises `ValueError` outside of 0 to 2**32-1."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has to be an integer, found {value!r}")
    if array.size and (array.min() < 0 or int(array.max()) >= draws.UINT32):
        raise ValueError(f"{name} has to be in 0 to {draws.UINT32 - 1}, found {value!r}")
    return array.astype(np.uint32)


def check_images(shape: tuple[int | None, ...], dtype: str) -> None:
    """Raises `ImageError` where a shape is no [H,W,C] or [B,H,W,C] with C 1 or 3."""
    if len(shape) not in (3, 4):
        raise ImageError(f"images of the shape {shape}; allowed are [H, W, C] and [B, H, W, C]")
    if shape[-1] not in (1, 3):
        raise ImageError(f"images with {shape[-1]} channels; allowed are 1 (grey) and 3 (RGB)")
    if dtype != "uint8" and dtype not in FLOATS:
        raise ImageError(f"images of dtype {dtype}; allowed are uint8 and floats")
    if 0 in shape[-3:]:
        raise ImageError(f"an image of the shape {shape} has no pixels")
