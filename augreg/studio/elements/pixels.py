"""Pixels in a browser: exact, as they are, without another request."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np

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
        encoded = base64.b64encode(png(pixels)).decode("ascii")
        return cls(f"data:image/png;base64,{encoded}", width, height, size_text(pixels))


def png(pixels: Pixels) -> bytes:
    """A PNG of an image, uint8 [H,W,1 or 3] (https://www.w3.org/TR/png-3/).

    Pillow takes three times as long at its fastest for a tenth less: 28 ms for nine of 224 x 224
    pixels, which is most of what nine samples take.
    """
    height, width, channels = pixels.shape
    lines = pixels.reshape(height, -1)
    filtered = np.full(
        (height, 1 + width * channels), 2, np.uint8
    )  # 2: differences to the line above
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    packed = packer.compress(filtered.tobytes()) + packer.flush()
    color = 0 if channels == 1 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", packed), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
