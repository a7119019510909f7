"""Object stores, through fsspec: an object, or all below a prefix of a bucket."""

from __future__ import annotations

import contextlib
import errno
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from augreg.errors import PathError
from augreg.images import one_line
from augreg.images.files import MAGIC, has_extension
from augreg.paths import check_here

_URL = re.compile(r"(s3|gs|memory):/+(.+)", re.DOTALL)  # Path("s3://b") is s3:/b
_DRIVERS = {"s3": ("s3fs", "augreg[s3]"), "gs": ("gcsfs", "augreg[gcs]")}


def place_of(path: str | PathLike[str]) -> Path | Store:
    """A folder or file of this machine, or of an object store.

    Raises:
        PathError: the scheme is none of s3://, gs:// and memory://, or what serves it is missing.
    """
    if isinstance(path, Store):
        return path
    found = _URL.fullmatch(str(path))
    if found is None:
        check_here(path)
        return Path(path)
    store = Store(f"{found[1]}://{found[2].rstrip('/')}")
    try:
        _ = store.system
    except ImportError:
        driver, extra = _DRIVERS[found[1]]
        raise PathError(
            f"{one_line(store.url)}: {found[1]}:// needs {driver}: pip install '{extra}'"
        ) from None
    return store


@dataclass(frozen=True)
class Store(PathLike[str]):
    """An object, or all below a prefix: as much of `pathlib.Path` as `apply` needs.

    Whatever goes wrong in the store is an OSError that names the URL. Credentials and endpoints are
    those of the store's own tools (environment, files).
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __fspath__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> Store:
        return Store(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> Store:
        return self.parents[0] if self.parents else self

    @property
    def parents(self) -> list[Store]:
        """The prefixes around it, up to the bucket."""
        scheme, _, path = self.url.partition("://")
        parts = path.split("/")
        return [Store(f"{scheme}://{'/'.join(parts[:n])}") for n in range(len(parts) - 1, 0, -1)]

    def resolve(self) -> Store:
        return self

    @property
    def system(self) -> Any:
        """fsspec's, which keeps one for each store; nothing that it lists is kept."""
        return fsspec.filesystem(self.url.partition("://")[0], use_listings_cache=False)

    @property
    def _key(self) -> str:
        key: str = self.system._strip_protocol(self.url)
        return key

    def exists(self) -> bool:
        with self._named():
            return bool(self.system.exists(self._key))

    def is_file(self) -> bool:
        with self._named():
            return bool(self.system.isfile(self._key))

    def is_dir(self) -> bool:
        """Whether there are objects below it."""
        with self._named():
            return bool(self.system.isdir(self._key))

    def read_bytes(self) -> bytes:
        with self._named():
            return bytes(self.system.cat_file(self._key))

    def open(self, _mode: str = "rb") -> BinaryIO:
        return io.BytesIO(self.read_bytes())

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """The contents of objects below the prefix, read at once."""
        keys = [f"{self._key}/{name}" for name in names]
        with self._named():
            found = self.system.cat(keys) if keys else {}
        return [found[key] for key in keys]

    def write_bytes(self, contents: bytes, new: bool = False) -> None:
        """Puts an object whole. Raises FileExistsError where it is to be new and is not."""
        with self._named():
            self.system.pipe_file(self._key, contents, mode="create" if new else "overwrite")

    def remove(self, names: Sequence[str]) -> None:
        """Removes objects below the prefix."""
        if names:
            with self._named():
                self.system.rm([f"{self._key}/{name}" for name in names])

    def names(self) -> list[str]:
        """All objects below the prefix, relative to it, bytewise; none where there is no prefix."""
        start = f"{self._key}/"
        with self._named():
            try:
                found = self.system.find(self._key)
            except FileNotFoundError:  # no such bucket; what is put there next says so
                found = []
        inside = (key.removeprefix(start) for key in found if key.startswith(start))
        return sorted((name for name in inside if name and name[-1] != "/"), key=str.encode)

    def images(self) -> list[str]:
        """The names of images below the prefix, by the rules of `list_images`."""
        shown = [name for name in self.names() if not re.search(r"(^|/)\.", name)]
        return [name for name, is_one in zip(shown, self.are_images(shown), strict=True) if is_one]

    def are_images(self, names: Sequence[str]) -> list[bool]:
        """Whether each is an image: by its extension, or else by its first bytes."""
        asked = [name for name in names if not has_extension(name)]
        keys = [f"{self._key}/{name}" for name in asked]
        with self._named():
            heads = self.system.cat_ranges(keys, [0] * len(keys), [8] * len(keys)) if keys else []
        begin = dict(zip(asked, heads, strict=True))  # an exception where one can't be read
        return [
            name not in begin or (isinstance(begin[name], bytes) and begin[name].startswith(MAGIC))
            for name in names
        ]

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Has every error be an OSError with a text and the URL."""
        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "no such object or bucket", self.url) from error
        except FileExistsError as error:
            raise FileExistsError(errno.EEXIST, "it is there already", self.url) from error
        except PermissionError as error:
            raise PermissionError(errno.EACCES, _text(error), self.url) from error
        except Exception as error:  # each store's driver has its own
            raise OSError(errno.EIO, _text(error), self.url) from error


def _text(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__)
