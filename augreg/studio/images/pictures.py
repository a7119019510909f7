"""The images of a studio: of the folders, files and sources that it was given, and of no others.

A page names an image by its position only. Links in a folder are followed, as training follows
them: whoever may write to a folder decides what is in it.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from PIL import Image

from augreg.errors import DataError
from augreg.images import photo_paths
from augreg.studio.images.albums import Album, Files, opened
from augreg.studio.images.kept import Kept
from augreg.views.photos import Photo

_ROOM = 256 * 2**20  # bytes of decoded images that stay in memory
_ROOM_SMALL = 16 * 2**20
_SMALL = 96  # pixels


class Pictures:
    """Images by their position, which is the index of their samples. Read when asked for.

    Making it lists folders and opens sources, which may take a while. What can't be opened counts
    as one image, which can't be read: `photo` says why.

    Attributes:
        given: the folders, files and sources, as they were written.
    """

    def __init__(self, given: Sequence[str], data_dir: Path | None = None) -> None:
        self.given = tuple(given)
        self._albums: list[Album] = [opened(one, data_dir) for one in given]
        self._albums = self._albums or [Files(photo_paths())]
        self._ends = list(accumulate(map(len, self._albums)))
        self._photos: Kept[Photo] = Kept(_ROOM, lambda photo: photo.pixels.nbytes)
        self._small: Kept[bytes] = Kept(_ROOM_SMALL, len)

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, index: int) -> str:
        """What an image is called."""
        album, position = self._at(index)
        return album.name(position)

    def path(self, index: int) -> Path | None:
        """The file of an image; None where it is a record of a source."""
        album, position = self._at(index)
        return album.path(position)

    def photo(self, index: int) -> Photo:
        """An image with what belongs to it. The same object, as long as its file is the same.

        Raises:
            ImageError, DataError: it can't be read.
        """
        album, position = self._at(index)
        state = index, album.state(position)
        return self._photos.get(state, lambda: replace(album.read(position), index=index))

    def small(self, index: int) -> bytes:
        """A JPEG of an image, of at most 96 x 96 pixels. Raises as `photo`."""
        album, position = self._at(index)
        state = index, album.state(position)
        return self._small.get(state, lambda: _jpeg(album.glance(position, _SMALL)))

    def _at(self, index: int) -> tuple[Album, int]:
        if not 0 <= index < len(self):
            raise DataError(f"there is no image {index}; there are {len(self)}, from 0 on")
        number = bisect_right(self._ends, index)
        album = self._albums[number]
        return album, index - (self._ends[number] - len(album))


def _jpeg(image: Image.Image) -> bytes:
    contents = io.BytesIO()
    image.convert("RGB").save(contents, "JPEG", quality=80)
    return contents.getvalue()
