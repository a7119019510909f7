"""Image files before a pixel is read: what a file holds, and which files of a folder are images.

Nothing here imports TensorFlow, and nothing decodes pixels. The headers are read by hand rather
than by a library: opening a file with Pillow costs three times as much, lets a header of a few
bytes allocate a whole canvas (WebP), and refuses files for reasons that have nothing to do with
their pixels (long comments). The content decides what a file is; its extension is asked only to
tell a damaged image from a file that was not meant to be one (`list_images`).
"""

from __future__ import annotations

import struct

from augreg.errors import ImageError
from augreg.images.files import list_images, one_line, photo_paths
from augreg.images.headers import PARSERS, ImageInfo, ImageSize

__all__ = [
    "MAX_PIXELS",
    "ImageInfo",
    "ImageSize",
    "inspect",
    "list_images",
    "one_line",
    "photo_paths",
]

MAX_PIXELS = 50_000_000
READABLE = "JPEG, PNG, GIF, BMP and static WebP"
# (offset, beginnings, name): formats that we know by name in order to refuse them.
_REFUSED = (
    (4, (b"ftypavif", b"ftypavis"), "AVIF"),
    (4, (b"ftypheic", b"ftypheix"), "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftyp", "a video or another ISO media file"),
    (0, (b"II*\0", b"MM\0*"), "TIFF"),
    (0, (b"II+\0", b"MM\0+"), "BigTIFF"),
    (0, (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "JPEG 2000"),
    (0, (b"\0\0\0\x0cJXL ", b"\xff\x0a"), "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer ('git lfs pull' fetches the file)"),
)


def inspect(contents: bytes, name: str, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Reads the header of an encoded image.

    Args:
        contents: the whole file.
        name: what messages call it, such as its path.
        max_pixels: the most pixels allowed, so that a forged header can't claim the memory.

    Raises:
        ImageError: for what is no image, no image that we read, or too large. That the pixels are
            whole is not checked: only decoding shows it.
    """
    if not contents:
        raise ImageError(f"{name}: the file is empty (0 bytes); copy it again or remove it")
    info = _parse(contents, name)
    if info.width < 1 or info.height < 1:
        raise ImageError(
            f"{name}: the {info.format} header says {info.width}x{info.height} pixels; "
            "an image has at least 1x1"
        )
    if info.width * info.height > max_pixels:
        raise ImageError(
            f"{name}: the {info.format} header says {info.width}x{info.height}, "
            f"{info.width * info.height:,} pixels; at most {max_pixels:,} are read: "
            "make the image smaller, or raise max_pixels"
        )
    return info


def _parse(contents: bytes, name: str) -> ImageInfo:
    for kind, magic, at, parse in PARSERS:
        if contents.startswith(magic, at):
            try:
                return parse(contents, name)
            except (struct.error, IndexError):
                raise ImageError(
                    f"{name}: the {kind} header is cut off or damaged; "
                    "copy the file again or remove it"
                ) from None
    raise ImageError(
        f"{name}: {_foreign(contents)}; only {READABLE} can be read: convert it or remove it"
    )


def _foreign(contents: bytes) -> str:
    for offset, magic, what in _REFUSED:
        if contents.startswith(magic, offset):
            return f"{what} is not supported" if what[0].isupper() else f"this is {what}"
    text = contents[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "this is an HTML page, not an image (a failed download?)"
    if text.startswith((b"<svg", b"<?xml")):
        return "SVG or XML is not supported"
    return f"no known image format (it begins with {contents[:8]!r})"
