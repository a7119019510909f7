"""The headers of the five formats that are read. Each parser gets the whole file and its name."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from augreg.errors import ImageError

ImageSize = tuple[int, int]  # (height, width)

# Of PNG and WebP: no camera writes them, and finding it would cost every file nodes in the graph.
_TURNED = "EXIF orientation ignored: it counts in a JPEG only"
_XMP = "XMP orientation ignored: that of EXIF counts"
_XMP_TURNED = re.compile(rb"tiff:Orientation(?:=[\"']|>)[2-8]")

# Baseline, extended, progressive, and the last two with arithmetic coding; then what the decoder
# lacks, by its frame's marker.
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_UNREAD_FRAMES = {
    **dict.fromkeys((0xC3, 0xCB), "a lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "a hierarchical JPEG"),
    0xF7: "JPEG-LS",
}
# TIFF's integers. The standard says one SHORT (3); a LONG (4) is seen.
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


@dataclass(frozen=True)
class ImageInfo:
    """What a file's header says.

    Attributes:
        format: JPEG, PNG, GIF, BMP or WebP.
        width, height: pixels, as stored (before the EXIF orientation).
        orientation: EXIF orientation 1..8 of a JPEG; 1, the neutral value, for everything else.
        mode: L, LA, RGB, RGBA, P (palette) or CMYK, as stored. Decoding always gives RGB.
        bits: bits per channel, or per palette index.
        frames: 1, or more for an animation.
        notes: what decoding will lose, in one line each; empty for most files.
    """

    format: str
    width: int
    height: int
    mode: str
    orientation: int = 1
    bits: int = 8
    frames: int = 1
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> ImageSize:
        """(height, width) after the orientation: the size of the decoded image."""
        turned = self.orientation >= 5
        return (self.width, self.height) if turned else (self.height, self.width)


def _jpeg(data: bytes, name: str) -> ImageInfo:
    orientation, frame, xmp = None, None, b""
    for marker, payload in _jpeg_segments(data):
        if marker == 0xE1 and payload.startswith(b"Exif\0\0") and orientation is None:
            orientation = _tiff_orientation(payload[6:])
        if marker == 0xE1 and payload.startswith(b"http://ns.adobe.com/xap/"):
            xmp += payload
        if marker in _UNREAD_FRAMES:
            raise ImageError(f"{name}: {_UNREAD_FRAMES[marker]} is not supported: convert it")
        if marker in _FRAMES:
            frame = struct.unpack_from(">BHHB", payload)
    if frame is None:
        raise ImageError(f"{name}: the JPEG header is cut off or damaged (it has no frame)")
    bits, height, width, channels = frame
    mode = {1: "L", 3: "RGB", 4: "CMYK"}.get(channels)
    if mode is None or bits != 8:
        raise ImageError(
            f"{name}: a JPEG of {channels} channels of {bits} bits; 1, 3 or 4 channels of 8 bits "
            "are read: convert it"
        )
    notes = ["CMYK turned to RGB without a colour profile"] * (mode == "CMYK")
    notes += [_XMP] * bool(orientation in (None, 1) and _XMP_TURNED.search(xmp))
    return ImageInfo("JPEG", width, height, mode, orientation or 1, notes=tuple(notes))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) of each segment, up to the compressed data."""
    at = 2
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == 0xFFFF:  # fill: any number of 0xFF before a marker (ITU T.81, B.1.1.2)
            at += 1
            continue
        if marker <= 0xFF00 or marker == 0xFFDA:
            return
        yield marker & 0xFF, data[at + 4 : at + 2 + length]
        at += 2 + length


def _tiff_orientation(tiff: bytes) -> int:
    """Tag 0x0112 of the first directory: the first that holds an integer of 1 to 8, or else 1.

    `augreg.images.exif` has the same rule in graph ops; a test holds them equal.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    length, tiff = len(tiff), tiff + bytes(14)  # so that no field of it lies outside
    start = min(struct.unpack_from(order + "I", tiff, 4)[0], length)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", tiff, at)
        if tag == 0x0112 and kind in _INTEGERS:
            form = order + _INTEGERS[kind]
            (value,) = struct.unpack_from(form, tiff, at + 8)
            if 1 <= value <= 8 and 1 <= number <= 4 // struct.calcsize(form):
                return int(value)
    return 1


def _png(data: bytes, name: str) -> ImageInfo:
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    mode = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}.get(colour)
    if data[12:16] != b"IHDR" or mode is None:
        raise ImageError(
            f"{name}: the PNG header is damaged, or of a kind that is not supported (it begins "
            f"with {data[12:16]!r}, colour type {colour}): convert it"
        )
    frames, clear, turned, at = 1, colour in (4, 6), False, 8
    while at + 12 <= len(data):  # to the end: EXIF may stand behind the pixels
        length, kind = struct.unpack_from(">I4s", data, at)
        clear = clear or kind == b"tRNS"
        turned = turned or (
            kind == b"eXIf" and _tiff_orientation(data[at + 8 : at + 8 + length]) != 1
        )
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", data, at + 8)
        at += 12 + length
    notes = ["alpha dropped"] * clear + ["16 bits cut to 8"] * (bits == 16)
    notes += [f"first frame of {frames}"] * (frames > 1) + [_TURNED] * turned
    return ImageInfo("PNG", width, height, mode, bits=bits, frames=frames, notes=tuple(notes))


def _gif(data: bytes, name: str) -> ImageInfo:
    """Width and height are the canvas's: the screen, and as much more as the first frame needs."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _colours(flags)
    frames, clear = 0, False
    while at < len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x2C:
            left, top, wide, high, local = struct.unpack_from("<HHHHB", data, at + 1)
            if frames == 0:
                width, height = max(width, left + wide), max(height, top + high)
            frames += 1
            at += 11 + _colours(local)
        else:
            clear = clear or (frames == 0 and data[at + 1] == 0xF9 and data[at + 3] & 1 == 1)
            at += 2
        while at < len(data) and data[at]:  # sub-blocks, up to one of length 0
            at += 1 + data[at]
        at += 1
    notes = ["alpha dropped"] * clear + [f"first frame of {frames}"] * (frames > 1)
    return ImageInfo("GIF", width, height, "P", frames=max(frames, 1), notes=tuple(notes))


def _colours(flags: int) -> int:
    """Bytes of the table of colours that a GIF's flags announce."""
    return (3 << (flags & 7) + 1) * (flags >> 7)


def _bmp(data: bytes, name: str) -> ImageInfo:
    header, width, height, _, bits, packing = struct.unpack_from("<IiiHHI", data, 14)
    if header < 40 or bits not in (8, 24, 32):
        raise ImageError(
            f"{name}: a BMP of {bits if header >= 40 else 'an OS/2 kind, not 8, 24 or 32'} bits a "
            "pixel; uncompressed ones of 8, 24 or 32 are read: convert it"
        )
    plain = packing == 3 and bits == 32 and data[54:66] == bytes.fromhex("0000ff0000ff0000ff000000")
    if packing != 0 and not plain:
        masked = packing in (3, 6)
        what = "with masks for its channels" if masked else f"that is compressed (kind {packing})"
        raise ImageError(f"{name}: a BMP {what} is not supported: convert it")
    mode = {8: "P", 24: "RGB", 32: "RGBA"}[bits]
    notes = ("alpha dropped",) if plain and data[66:70] == b"\0\0\0\xff" else ()
    return ImageInfo("BMP", width, abs(height), mode, notes=notes)


def _webp(data: bytes, name: str) -> ImageInfo:
    kind, alpha, animated = data[12:16], False, False
    if kind == b"VP8 ":
        width, height = (v & 0x3FFF for v in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        alpha = bool(packed >> 28 & 1)
    elif kind == b"VP8X":
        w, w_high, h, h_high = struct.unpack_from("<HBHB", data, 24)
        width, height = w + (w_high << 16) + 1, h + (h_high << 16) + 1
        alpha, animated = bool(data[20] & 0x10), bool(data[20] & 0x02)
    else:
        raise ImageError(f"{name}: the WebP header is cut off or damaged (chunk {kind!r})")
    if animated:
        raise ImageError(f"{name}: an animated WebP is not supported; save one frame of it")
    tail = data[data.rfind(b"EXIF") + 8 :] if kind == b"VP8X" and data[20] & 0x08 else b""
    turned = _tiff_orientation(tail.removeprefix(b"Exif\0\0")) != 1
    notes = ["alpha dropped"] * alpha + [_TURNED] * turned
    return ImageInfo("WebP", width, height, "RGBA" if alpha else "RGB", notes=tuple(notes))


# format, what its files hold, at which offset, parser
PARSERS: tuple[tuple[str, tuple[bytes, ...], int, Callable[[bytes, str], ImageInfo]], ...] = (
    ("JPEG", (b"\xff\xd8\xff",), 0, _jpeg),
    ("PNG", (b"\x89PNG\r\n\x1a\n",), 0, _png),
    ("GIF", (b"GIF87a", b"GIF89a"), 0, _gif),
    ("BMP", (b"BM",), 0, _bmp),
    ("WebP", (b"WEBP",), 8, _webp),
)
