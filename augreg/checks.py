"""Checks of what a caller passes in: shapes, dtypes, and the three numbers that name a sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg import draws
from augreg.errors import DataError, ImageError

FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_uint32(value: Any, name: str) -> NDArray[np.uint32]:
    """A seed, an epoch or positions as uint32; raises `ValueError` outside of 0 to 2**32-1."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has to be an integer, found {value!r}")
    if array.size and (array.min() < 0 or int(array.max()) >= draws.UINT32):
        raise ValueError(f"{name} has to be in 0 to {draws.UINT32 - 1}, found {value!r}")
    return array.astype(np.uint32)


def check_index(
    shape: tuple[int | None, ...] | None, dtype: str, batch: int | None, alone: bool, mend: str = ""
) -> None:
    """Raises `DataError` where an index is not one whole number for each image.

    shape, dtype: of the index; batch: the number of images, None where it is not known; alone: a
    single image, whose index is a scalar or [1]; mend: how to come by the right index.
    """
    if not dtype.startswith(("int", "uint")):
        found = f"{dtype} of the shape {shape}"
        raise DataError(f"index has to be whole numbers, found {found}{mend and f'; {mend}'}")
    if shape is None:
        return
    one = 1 if alone else batch
    fits = shape == () if alone and not shape else len(shape) == 1
    if fits and (not shape or one is None or shape[0] in (None, one)):
        return
    images = "a single image" if alone else f"a batch of {'images' if batch is None else batch}"
    allowed = "a scalar or [1]" if alone else f"one for each image, [{batch or 'B'}]"
    raise DataError(
        f"index of the shape {shape} for {images}; allowed is {allowed}{mend and f'; {mend}'}"
    )


def check_input_range(value: Any) -> tuple[float, float] | None:
    """The range that floats are stated to have, or None where nobody stated it.

    Raises:
        ValueError: it is no pair of finite numbers, the first below the second.
    """
    if value is None:
        return None
    try:
        lo, hi = (float(end) for end in value)
    except (TypeError, ValueError):
        lo = hi = float("nan")
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(
            f"input_range={value!r}; allowed is (lowest, highest), as (0, 255), or None for uint8 "
            "and floats in 0 to 1"
        )
    return lo, hi


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
