"""Whether a pixel function can do some pixels of an image without the others.

A backend that makes an image piece by piece gives it planes [1,1,n] of any n pixels, and a place
for each. Most functions don't mind. One that counts its planes' rows does, or one that multiplies
a column and a row of places: it is right where it is given a whole image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from augreg.families.functions import aligned, coordinates
from augreg.families.pointwise import PixelFunction
from augreg.families.positions import Piece
from augreg.xp import NUMPY, Array

_SIZE = 5, 7
_SOME = 8  # pixels
_MOST = (1.0, 40.0)  # arguments are tried up to these


def is_pixelwise(transform: PixelFunction, channels: int) -> bool:
    """Whether random pixels come out alike in an image and in a row of some of them."""
    with np.errstate(all="ignore"):
        return all(_alike(transform, channels, seed) for seed in range(len(_MOST)))


def _alike(transform: PixelFunction, channels: int, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    number = rng.permutation(_SIZE[0] * _SIZE[1])[:_SOME].astype(np.int32).reshape(1, 1, -1)

    def drawn(*shape: int) -> Array:
        return rng.uniform(0, 1, shape).astype(np.float32)

    def argument(like: Array) -> Array:
        made = (drawn(1, *like.shape[1:]) * _MOST[seed]).astype(like.dtype)
        return aligned(NUMPY, made)

    def some(value: Any) -> Any:
        """Of planes, the pixels `number`; other arrays as they are."""
        if isinstance(value, tuple):
            return tuple(map(some, value))
        return value.reshape(-1)[number] if value.shape == (1, *_SIZE) else value

    planes = tuple(drawn(1, *_SIZE) for _ in range(channels))
    arguments = [argument(like) for like in transform.arguments]
    counts = np.ones((1, 256), np.int32)
    given: dict[str, Any] = {
        name: tuple(counts if name == "histogram" else drawn(1, 1, 1) for _ in planes)
        for name in transform.statistics
    }
    if transform.noise:
        given["noise"] = tuple(
            tuple((drawn(1, *_SIZE), drawn(1, *_SIZE)) for _ in planes) for _ in transform.noise
        )
    of_some = {name: some(value) for name, value in given.items()}
    if transform.coordinates:
        y, x = np.divmod(number, np.int32(_SIZE[1]))
        given |= coordinates(NUMPY, _SIZE)
        of_some |= coordinates(NUMPY, Piece.of(number, x, y, _SIZE))
    try:
        image = transform.function(NUMPY, planes, *arguments, **given)
        pixels = transform.function(NUMPY, some(planes), *arguments, **of_some)
    except Exception:  # an op's function may raise anything where it expects a whole image
        return False
    pairs = zip(map(some, image), pixels, strict=True)
    return all(np.allclose(*pair, rtol=0, atol=1e-5, equal_nan=True) for pair in pairs)
