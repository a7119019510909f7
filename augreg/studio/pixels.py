"""Pixels in a browser: exact, as they are, without another request."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from augreg.views.overlay import Pixels

_TINY, _ENLARGED = 64, 168  # sides under the first are enlarged to at most the second


@dataclass(frozen=True)
class Picture:
    """An image as a page shows it: uint8 [H,W,C] as a PNG in an address, and its size in words."""

    url: str
    width: int
    height: int

    @classmethod
    def of(cls, pixels: Pixels) -> Picture:
        """Encodes an image; takes some milliseconds."""
        contents = io.BytesIO()
        grey = pixels.shape[-1] == 1
        image = Image.fromarray(pixels[..., 0] if grey else pixels)
        image.save(contents, "PNG", compress_level=1)
        encoded = base64.b64encode(contents.getvalue()).decode("ascii")
        return cls(f"data:image/png;base64,{encoded}", image.width, image.height)

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.width} x {self.height} px"

    def put(self, image: Any, room: int = 0) -> None:
        """Shows it in an `img`, a tiny one enlarged, so that one sees its pixels.

        Args:
            image: the element.
            room: enlarges any image to fill about so many pixels; a whole number of times.
        """
        side = max(self.width, self.height)
        times = max(1, (room or (_ENLARGED if side < _TINY else 0)) // side)
        image.props["src"] = self.url
        image.props["width"], image.props["height"] = self.width * times, self.height * times
        image.classes(**{"add" if times > 1 else "remove": "squares"})
