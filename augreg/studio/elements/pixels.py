"""Pixels in a browser: exact, as they are, without another request."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from augreg.images.png import encode_png
from augreg.views.captions import size_text
from augreg.views.overlay import Pixels


@dataclass(frozen=True)
class Picture:
    """An image as a page shows it: uint8 [H,W,C] as a PNG in an address, and its size in words."""

    url: str
    width: int
    height: int
    size: str

    @classmethod
    def of(cls, pixels: Pixels) -> Picture:
        """Encodes an image; takes some milliseconds."""
        height, width = pixels.shape[:2]
        encoded = base64.b64encode(encode_png(pixels)).decode("ascii")
        return cls(f"data:image/png;base64,{encoded}", width, height, size_text(pixels))
