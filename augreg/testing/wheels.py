"""A wheel as a folder that can be imported from, without installing it."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from augreg.errors import DataError


@contextmanager
def unpacked(wheel: Path) -> Iterator[tuple[str, metadata.Distribution]]:
    """A temporary folder with what is in a wheel, and its metadata.

    Raises:
        DataError: it is no wheel.
    """
    with tempfile.TemporaryDirectory(prefix="augreg-") as folder:
        try:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)  # which keeps names such as ../x inside
        except zipfile.BadZipFile as error:
            raise DataError(f"{wheel}: it is no wheel: {error}") from error
        found = list(metadata.distributions(path=[folder]))
        if len(found) != 1:
            raise DataError(
                f"{wheel}: it is no wheel: {len(found)} folders of metadata, and a wheel has one "
                "(NAME-VERSION.dist-info)"
            )
        yield folder, found[0]
