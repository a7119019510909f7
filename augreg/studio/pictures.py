"""The images of a studio: of the folders, files and sources that it was given, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from augreg.images import list_images, one_line, photo_paths
from augreg.views.overlay import Drawn
from augreg.views.photos import Photo
from augreg.views.preview import read_image


class Pictures:
    """Images by their position, which is the index of their samples. Read when asked for.

    Attributes:
        given: the folders, files and sources, as they were written.
    """

    def __init__(self, given: Sequence[str], _: Path | None = None) -> None:
        self.given = tuple(given)
        paths: list[Path] = []
        for one in map(Path, given):
            paths += list_images(one) if one.is_dir() else [one]
        self.paths = tuple(paths) or photo_paths()

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        """What an image is called."""
        return one_line(self.paths[index].name)

    def path(self, index: int) -> Path | None:
        """The file of an image; None where it is a record of a source."""
        return self.paths[index]

    def photo(self, index: int) -> Photo:
        """An image with what belongs to it.

        Raises:
            ImageError: it can't be read.
        """
        return Photo(self.name(index), read_image(self.paths[index]), Drawn(), index)
