"""Which files of a folder are images, and the photographs that augreg ships."""

from __future__ import annotations

import os
from pathlib import Path

from augreg.errors import DataError

_READ = b".jpg .jpeg .jpe .jfif .png .gif .bmp .dib .webp"
_REFUSED = b".tif .tiff .avif .heic .heif .jp2 .jxl"  # listed, so that they are refused by name
_EXTENSIONS = frozenset(_READ.split() + _REFUSED.split())
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"RIFF")

Directory = tuple[int, int]  # device and inode: what a directory is, by whatever name


def photo_paths() -> tuple[Path, ...]:
    """The embedded photographs, CC0 (`NOTICE` names the photographers): chelsea, coffee."""
    folder = Path(__file__).parents[1] / "data" / "photos"
    return folder / "chelsea.jpg", folder / "coffee.jpg"


def one_line(path: str | bytes | os.PathLike[str]) -> str:
    r"""A path on one line, for messages and lists, whatever bytes it holds.

    >>> one_line(b"a\nb\xff.jpg")
    'a\\nb\\xff.jpg'
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def list_images(folder: Path, known: frozenset[Directory] = frozenset()) -> list[Path]:
    """The images in `folder` and below, in the bytewise order of their paths.

    A file counts as an image by its extension, or else by its first bytes; hidden files and folders
    do not. Links are followed, but no directory is entered twice, so a loop of links ends. A link
    that leads nowhere is listed where its name ends like an image's: reading it will say so.

    Args:
        folder: names may hold any bytes; those that are not UTF-8 are surrogate-escaped.
        known: directories that are not entered, such as the folders of other classes.

    Raises:
        DataError: `folder`, or a folder below it, can't be read.
    """
    seen = set(known)
    found: list[bytes] = []
    waiting = [os.fsencode(folder)]
    while waiting:
        at = waiting.pop()
        try:
            seen.add(identity(at))
            entries = sorted(os.scandir(at), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(
                f"{one_line(at)}: the folder can't be read ({error.strerror}); "
                "name an existing folder that you may read"
            ) from None
        inner = []
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            if os.path.isdir(entry.path):  # entry.is_dir() raises on a link to itself
                if identity(entry.path) not in seen:
                    seen.add(identity(entry.path))
                    inner.append(entry.path)
            elif _is_listed(entry.path):
                found.append(entry.path)
        waiting.extend(reversed(inner))
    return [Path(os.fsdecode(path)) for path in sorted(found)]


def identity(folder: str | bytes | os.PathLike[str]) -> Directory:
    """What a directory is, however it was reached. Raises OSError."""
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def is_image(path: str | bytes | os.PathLike[str]) -> bool:
    """Whether a file counts as an image: by its extension, or else by its first bytes."""
    if has_extension(path):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(8).startswith(MAGIC)
    except OSError:
        return False


def has_extension(path: str | bytes | os.PathLike[str]) -> bool:
    """Whether a name ends as an image's."""
    return os.path.splitext(os.fsencode(path))[1].lower() in _EXTENSIONS


def _is_listed(path: bytes) -> bool:
    there = os.path.isfile(path) or (os.path.islink(path) and not os.path.exists(path))
    return there and is_image(path)
