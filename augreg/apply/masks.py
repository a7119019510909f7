"""Outputs as images beside masks: `train/images` and `train/masks`."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from augreg.apply.moved import Moved
from augreg.sources.splitting import folder_of_split

if TYPE_CHECKING:
    from augreg.sources.annotated import FileLayout

_LARGEST_BYTE = 255


def target(split: str, name: str) -> str:
    """Where the outputs of an image go."""
    return f"{folder_of_split(split)}/images/{name}"


def files(layout: FileLayout, every: Iterable[Moved]) -> Iterator[tuple[str, bytes]]:
    """The path and the contents of each mask."""
    for one in every:
        if one.mask is not None:
            folder = folder_of_split(one.split)
            name = PurePosixPath(one.output).relative_to(f"{folder}/images").with_suffix(".png")
            yield f"{folder}/masks/{name}", mask_file(one.mask, one.palette)


def mask_file(mask: NDArray[Any], palette: list[int] | None) -> bytes:
    """A PNG file of a mask's values [H, W], with a palette or grey; of 16 bits above 255."""
    dtype = np.uint8 if mask.max(initial=0) <= _LARGEST_BYTE else np.uint16
    image = Image.fromarray(mask.astype(dtype))
    if palette is not None and dtype == np.uint8:
        image.putpalette(palette)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
