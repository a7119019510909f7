"""Images that are opened together: the files of a folder, or the elements of a source."""

from __future__ import annotations

import stat
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PIL import Image, ImageOps

from augreg.errors import AugregError, DataError, ImageError
from augreg.images import inspect, list_images, one_line
from augreg.paths import check_here
from augreg.sources.openers import NAMED, opener_of
from augreg.views.overlay import Drawn
from augreg.views.photos import Photo, photo_at, read_image

if TYPE_CHECKING:
    from augreg.sources import Source

LARGEST = 25_000_000  # pixels of an image: 75 MB, and several times that while a sample is made
_LARGEST_FILE = 200_000_000  # bytes; an uncompressed image of so many pixels has half as many
_ANY = 2**62


class Album(Protocol):
    """Images by their position."""

    def __len__(self) -> int: ...

    def name(self, position: int) -> str:
        """What an image is called, on one line."""

    def path(self, position: int) -> Path | None:
        """Its file; None where it is none."""

    def state(self, position: int) -> Hashable:
        """Another one once the image is another. Raises `ImageError` where it is gone."""

    def read(self, position: int) -> Photo:
        """The image with what belongs to it. Raises `ImageError` or `DataError`."""

    def glance(self, position: int, side: int) -> Image.Image:
        """The image, scaled down to fit into a square. Raises as `read`."""


def opened(given: str, data_dir: Path | None) -> Album:
    """The images of a folder or a source, or a single file; an `Unopened` where it has none."""
    try:
        path = Path(given)
        if opener_of(given) is NAMED:
            check_here(given)
        if path.is_dir():
            found: Album = Files(list_images(path))
            if not len(found):
                raise DataError(f"{one_line(path)}: there is no image in this folder")
            return found
        return Files([path]) if path.exists() else Elements.of(given, data_dir)
    except AugregError as error:
        return Unopened(given, str(error))
    except Exception as error:  # of a library that reads a format; whatever it is, the page says it
        return Unopened(given, f"{one_line(given)}: it can't be opened: {error!r}")


class Files:
    """Image files, in this order."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, position: int) -> str:
        return one_line(self.paths[position].name)

    def path(self, position: int) -> Path:
        return self.paths[position]

    def state(self, position: int) -> Hashable:
        path = self.paths[position]
        try:
            about = path.stat()
        except OSError as error:
            raise ImageError(f"{one_line(path)}: can't be read: {error.strerror}") from error
        if not stat.S_ISREG(about.st_mode):
            raise ImageError(f"{one_line(path)}: this is no file that holds an image")
        if about.st_size > _LARGEST_FILE:
            found = f"{about.st_size:,} bytes; the studio reads files of up to {_LARGEST_FILE:,}"
            raise ImageError(f"{one_line(path)}: {found}")
        return about.st_mtime_ns, about.st_size

    def read(self, position: int) -> Photo:
        path = self.paths[position]
        self._check(path)
        return Photo(self.name(position), read_image(path), Drawn(), position)

    def glance(self, position: int, side: int) -> Image.Image:
        path = self.paths[position]
        if self._check(path) != "JPEG":
            return _small(Image.fromarray(read_image(path)), side)
        try:
            with Image.open(path) as image:
                image.draft("RGB", (2 * side, 2 * side))  # decodes an eighth of it, or less
                return ImageOps.exif_transpose(_small(image, side))
        except (OSError, SyntaxError, ValueError) as error:
            raise ImageError(f"{one_line(path)}: damaged: {error}") from error

    def _check(self, path: Path) -> str:
        """The format of an image that is small enough."""
        try:
            info = inspect(path.read_bytes(), one_line(path), max_pixels=_ANY)
        except OSError as error:
            raise ImageError(f"{one_line(path)}: can't be read: {error.strerror}") from error
        _check_size(one_line(path), *info.shape)
        return info.format


class Elements:
    """The elements of a source's first split, mostly "train"."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.split, part = next(iter(source.splits.items()))
        self.size, self.names = part.size, part.names

    @classmethod
    def of(cls, spec: str, data_dir: Path | None) -> Elements:
        """Opens a source; its images are not decoded, only what is shown is."""
        from augreg.sources import open_source

        return cls(open_source(spec, data_dir=data_dir, verify=False))

    def __len__(self) -> int:
        return self.size

    def name(self, position: int) -> str:
        return self.names[position] if self.names else f"{self.split} {position}"

    def path(self, position: int) -> None:
        return None

    def state(self, position: int) -> Hashable:
        return None

    def read(self, position: int) -> Photo:
        photo = photo_at(self.source, position)
        height, width = photo.pixels.shape[:2]
        _check_size(photo.title, height, width)
        return photo

    def glance(self, position: int, side: int) -> Image.Image:
        return _small(Image.fromarray(self.read(position).pixels), side)


class Unopened:
    """What could not be opened: in place of its images, the reason."""

    def __init__(self, given: str, reason: str) -> None:
        self.given, self.reason = given, reason

    def __len__(self) -> int:
        return 1

    def name(self, position: int) -> str:
        return one_line(self.given)

    def path(self, position: int) -> None:
        return None

    def state(self, position: int) -> Hashable:
        return None

    def read(self, position: int) -> Photo:
        raise DataError(self.reason)

    def glance(self, position: int, side: int) -> Image.Image:
        raise DataError(self.reason)


def _check_size(name: str, height: int, width: int) -> None:
    if height * width > LARGEST:
        raise ImageError(
            f"{name}: {width}x{height} pixels (width x height) are {height * width / 1e6:.0f} "
            f"million; the studio shows images of up to {LARGEST / 1e6:.0f} million: "
            "give it a smaller copy"
        )


def _small(image: Image.Image, side: int) -> Image.Image:
    image = image.convert("RGB")
    image.thumbnail((side, side))
    return image
