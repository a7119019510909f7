"""Rare but valid image files, made by hand where Pillow writes no such file."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from augreg.images import photo_paths

Bytes = NDArray[np.uint8]


def photo(mode: str = "RGB", size: tuple[int, int] = (61, 43)) -> Image.Image:
    image = Image.open(photo_paths()[1]).convert("RGB").resize(size)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    return image.quantize(200) if mode == "P" else image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# --- JPEG ------------------------------------------------------------------------------------


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">HH", 0xFF00 | marker, len(payload) + 2) + payload


def with_fill(contents: bytes, count: int = 3) -> bytes:
    """A JPEG with `count` bytes 0xFF before each of its markers: T.81, B.1.1.2."""
    out, at = [contents[:2]], 2
    while contents[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(contents[at + 2 : at + 4])
        out += [b"\xff" * count, contents[at:end]]
        at = end
    scan = contents[at:-2]
    for number in range(8):  # entropy-coded data holds no other marker
        mark = bytes([0xFF, 0xD0 + number])
        scan = scan.replace(mark, b"\xff" * count + mark)
    return b"".join([*out, b"\xff" * count, scan, b"\xff" * count, contents[-2:]])


def tiff(kind: int, value: int, order: str = "<", count: int = 1, start: int = 8) -> bytes:
    """An EXIF block whose orientation is `value` of the TIFF type `kind`, after another field."""
    size = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}.get(kind, "H")
    inline = (struct.pack(order + size, value) * min(count, 1)).ljust(4, b"\0")
    field = struct.pack(order + "HHI", 0x0112, kind, count) + inline
    other = struct.pack(order + "HHIHH", 0x0101, 3, 1, 7, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    head = head.ljust(start, b"\0")
    return b"Exif\0\0" + head + struct.pack(order + "H", 2) + other + field + bytes(4)


def with_exif(block: bytes, *before: bytes, contents: bytes | None = None) -> bytes:
    """A JPEG with the EXIF block behind the segments `before`, and JFIF's after it."""
    plain = encoded(photo(), "JPEG") if contents is None else contents
    return b"".join([plain[:2], *before, segment(0xE1, block), plain[2:]])


def flat_blocks(
    sampling: tuple[tuple[int, int], ...], mcus: tuple[int, int] = (2, 3), restart: int = 0
) -> bytes:
    """A JPEG of any sampling, whose blocks of 8x8 are each of one value; `mcus`: rows, columns."""
    rng = np.random.default_rng(0)
    across, down = max(h for h, _ in sampling), max(v for _, v in sampling)
    size = (8 * down * mcus[0] - 3, 8 * across * mcus[1] - 5)
    frame = struct.pack(">BHHB", 8, *size, len(sampling))
    frame += b"".join(bytes([n + 1, h << 4 | v, 0]) for n, (h, v) in enumerate(sampling))
    scan = bytes([len(sampling)]) + b"".join(bytes([n + 1, 0]) for n in range(len(sampling)))
    codes = bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12))  # DC: 4 bits for each size
    end = b"\x10" + bytes([1] + [0] * 15) + b"\0"  # AC: one bit, the end of a block
    head = [b"\xff\xd8", segment(0xDB, b"\0" + bytes([16] * 64)), segment(0xC0, frame)]
    head += [segment(0xC4, b"\0" + codes), segment(0xC4, end)]
    head += [segment(0xDD, struct.pack(">H", restart))] * (restart > 0)
    out, bits, last = b"", "", [0] * len(sampling)
    for number in range(mcus[0] * mcus[1]):
        if restart and number and number % restart == 0:
            out += _padded(bits) + bytes([0xFF, 0xD0 + (number // restart - 1) % 8])
            bits, last = "", [0] * len(sampling)
        for component, (h, v) in enumerate(sampling):
            for _ in range(h * v):
                value = int(rng.integers(-60, 60))
                bits += _difference(value - last[component]) + "0"
                last[component] = value
    return b"".join([*head, segment(0xDA, scan + b"\0\x3f\0"), out, _padded(bits), b"\xff\xd9"])


def _difference(value: int) -> str:
    size = abs(value).bit_length()
    low = value if value >= 0 else value + (1 << size) - 1
    return f"{size:04b}" + (f"{low:0{size}b}" if size else "")


def _padded(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8)
    return packed.replace(b"\xff", b"\xff\0")


# --- PNG -------------------------------------------------------------------------------------

# Adam7: first column, first row, step across, step down of each pass.
_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
_PASSES += [(0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    samples: NDArray[Any], bits: int, colour: int, *chunks: bytes, interlaced: bool = False
) -> bytes:
    """A PNG of samples [H,W,C] of `bits` bits each; `colour` is PNG's colour type."""
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    data = b""
    for x, y, across, down in _PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::down, x::across]
        if part.size:
            data += b"".join(b"\0" + _packed(row.ravel(), bits) for row in part)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *chunks,
            chunk(b"IDAT", zlib.compress(data)),
            chunk(b"IEND", b""),
        ]
    )


def _packed(row: NDArray[Any], bits: int) -> bytes:
    if bits == 16:
        return row.astype(">u2").tobytes()
    ones = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
    return np.packbits(ones.ravel()).tobytes()


# --- GIF -------------------------------------------------------------------------------------


def gif(
    screen: tuple[int, int],
    *blocks: bytes,
    palette: Bytes | None = None,
    version: bytes = b"GIF89a",
    background: int = 0,
) -> bytes:
    """A GIF of (width, height) pixels; `blocks`: frames and extensions."""
    flags, table = _table(palette)
    return b"".join(
        [version, struct.pack("<HHBBB", *screen, flags, background, 0), table, *blocks, b";"]
    )


def frame(
    indices: Bytes,
    corner: tuple[int, int] = (0, 0),
    palette: Bytes | None = None,
    interlaced: bool = False,
) -> bytes:
    """A frame of indices [H,W] at `corner` (left, top), not compressed."""
    height, width = indices.shape
    flags, table = _table(palette)
    if interlaced:
        order = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4)]
        indices = indices[[*order, *range(1, height, 2)]]
        flags |= 0x40
    head = b"," + struct.pack("<HHHHB", *corner, width, height, flags) + table
    return head + b"\x08" + _blocks(_lzw(indices.ravel())) + b"\0"


def control(transparent: int | None = None, disposal: int = 0) -> bytes:
    flags = disposal << 2 | (transparent is not None)
    return b"!\xf9\x04" + struct.pack("<BHBB", flags, 4, transparent or 0, 0)


def comment(text: bytes) -> bytes:
    return b"!\xfe" + _blocks(text) + b"\0"


def _blocks(data: bytes) -> bytes:
    parts = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts)


def _lzw(values: Bytes) -> bytes:
    """Codes of 9 bits; cleared before the tenth bit would be due."""
    codes: list[int] = []
    for at in range(0, len(values), 250):
        codes += [256, *values[at : at + 250].tolist()]
    bits = np.array([*codes, 257])[:, None] >> np.arange(9) & 1
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()


def _table(palette: Bytes | None) -> tuple[int, bytes]:
    if palette is None:
        return 0, b""
    bits = max(1, (len(palette) - 1).bit_length())
    return 0x80 | bits - 1, palette.tobytes().ljust(3 << bits, b"\0")


# --- BMP -------------------------------------------------------------------------------------


def top_down(bmp: bytes) -> bytes:
    (height,) = struct.unpack_from("<i", bmp, 22)
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:]


def bmp(
    pixels: bytes,
    size: tuple[int, int],
    bits: int,
    header: int = 40,
    packing: int = 0,
    masks: bytes = b"",
    palette: bytes = b"",
) -> bytes:
    """A BMP of (width, height) with rows from the bottom up, already padded."""
    info = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, packing, len(pixels), 0, 0, 0, 0)
    info = info[:header] + masks
    info = info.ljust(header, b"\0") + palette
    return (
        b"BM"
        + struct.pack("<IHHI", 14 + len(info) + len(pixels), 0, 0, 14 + len(info))
        + (info + pixels)
    )
