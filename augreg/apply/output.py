"""An output folder: one of this machine, or a prefix of a bucket.

An object is put whole, with one request, so none is ever half-written. A bucket has no append, no
rename and no lock. So a journal is segments that are numbered and never put twice: of two runs at
once, the second to write one ends by name. That costs nothing else, because both make the same
bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from augreg.apply.folder import PART, OutputFolder
from augreg.apply.store import Store
from augreg.errors import ImageError, RunError
from augreg.images import one_line

_SEGMENT = 64  # lines; so many outputs at most are made twice after a kill


class OutputStore:
    """An output folder in an object store; `OutputFolder` has the words for each method."""

    at_once = 16  # objects that are put at once, each of which takes a store some 50 ms

    def __init__(self, path: Store) -> None:
        self.path = path
        self._there: set[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def own(self) -> None:
        pass

    def sync(self) -> None:
        pass

    def sweep(self) -> None:
        pass

    def write(self, name: str, contents: bytes) -> None:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ImageError(
                f"{one_line(name)}: the name is not UTF-8, as names in an object store are; "
                "rename it"
            ) from None
        (self.path / name).write_bytes(contents)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def is_whole(self, name: str, sha256: str) -> bool:
        """Whether it was there when this run began: what is there was put whole."""
        del sha256
        if self._there is None:
            self._there = set(self.path.names())
        return name in self._there

    def names(self, name: str) -> list[str]:
        return (self.path / name).names()

    def remove(self, name: str) -> None:
        self.path.remove([name])

    def discard(self, name: str) -> None:
        self.path.remove([f"{name}/{inside}" for inside in self.names(name)])

    def log(self, name: str) -> Segments:
        return Segments(self.path, name)

    @contextlib.contextmanager
    def locked(
        self, name: str, refusal: str | Callable[[], str], shared: bool = False
    ) -> Iterator[None]:
        """No lock: see the head of this module."""
        del name, refusal, shared
        yield


class Segments:
    """A journal in numbered objects, in a hidden folder; a run that is done joins them."""

    def __init__(self, store: Store, name: str) -> None:
        folder, _, base = name.rpartition("/")
        self._store, self._name = store, name
        self._folder = name if folder else f".{base}"  # a shard's lies in a hidden one
        self._waiting: list[bytes] = []
        self._names = (store / self._folder).names()

    def read(self) -> bytes:
        """All lines, those first that were joined by an earlier run."""
        paths = [f"{self._folder}/{name}" for name in self._names]
        if self._folder != self._name and (self._store / self._name).is_file():
            paths.insert(0, self._name)
        return b"".join(self._store.read_all(paths))

    def append(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) >= _SEGMENT:
            self._put()

    def _put(self) -> None:
        if not self._waiting:
            return
        name = f"{len(self._names) + 1:09}.jsonl"
        segment = self._store / f"{self._folder}/{name}"
        try:
            segment.write_bytes(b"".join(self._waiting), new=True)
        except FileExistsError:
            raise RunError(
                f"{one_line(segment)}: another run of the same outputs wrote it meanwhile; "
                "wait for that to end"
            ) from None
        self._names.append(name)
        self._waiting.clear()

    def close(self, done: bool) -> None:
        """Puts what waits; joins the segments of a run that is done."""
        self._put()
        whole = self._store / self._name
        if done and self._folder != self._name and (self._names or not whole.is_file()):
            whole.write_bytes(self.read())
            self._store.remove([f"{self._folder}/{name}" for name in self._names])


Output = OutputFolder | OutputStore


def open_output(place: Path | Store, part: str = PART, shared: bool = False) -> Output:
    """The output folder at a place, to be entered; the rest is as for `OutputFolder`."""
    if isinstance(place, Store):
        return OutputStore(place)
    return OutputFolder(place, part, shared)
