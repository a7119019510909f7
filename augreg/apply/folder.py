"""The output folder: nothing in it is ever half-written, and nothing is written outside of it.

Files are named relative to the folder's own descriptor, one component at a time and without
following links, so that neither `..` nor a symbolic link waiting inside leads out.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from augreg.errors import RunError
from augreg.files import drop, lock, name_of, write_all, write_at
from augreg.images import one_line

# One name for all: a killed run leaves at most this file, and the next one removes it.
PART = ".augreg.part"
_DISCARDED = ".augreg.discarded"
_SYNC_EVERY = 64  # a lost line costs one output made twice, a sync costs milliseconds


class OutputFolder:
    """An output folder that this process alone writes to, while it is entered.

    Args:
        part: the name of what is not whole yet.
        shared: processes that share it may write at once, each under a `part` of its own, which is
            locked by other means; see `own`.

    Raises:
        RunError: another process holds it, it is a file, or a symbolic link waits where it writes.
        OSError: the disk is full, or a permission is missing; no partial file is left.
    """

    at_once = 1  # outputs that may be written at once: there is one part file

    def __init__(self, path: Path, part: str = PART, shared: bool = False) -> None:
        self.path, self.part, self.shared = path, part, shared
        self.descriptor = -1

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise RunError(
                f"{one_line(self.path)}: a file is there, or where a folder above it would be; "
                "name a folder"
            ) from error
        self.descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # the folder itself is locked, so no lock file stays behind
            lock(
                self.descriptor,
                f"{one_line(self.path)}: another run is writing to this folder; "
                "wait for it, or name another folder",
                self.shared,
            )
        except RunError:
            os.close(self.descriptor)
            raise
        if not self.shared:
            self.own()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and not self.shared:
            # an interrupt may have come between the making of it and its `try`
            drop(self.descriptor, self.part)
        os.close(self.descriptor)  # which unlocks it

    def own(self) -> None:
        """Removes the part file, which no other process writes now: a killed one left it."""
        drop(self.descriptor, self.part)

    def write(self, name: str, contents: bytes) -> None:
        """Writes a file whole, over whatever is there."""
        with self._parent(name) as parent:
            try:
                write_at(parent, os.path.basename(name), contents, self.descriptor, self.part)
            except OSError as error:
                name_of(error, self.path / name)
                raise

    def read(self, name: str) -> bytes | None:
        """A file's contents; None where there is no such file, or no regular one."""
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK  # a FIFO must not block
            with (
                self._parent(name, create=False) as parent,
                open(self._open(name, flags, parent), "rb") as file,
            ):
                return file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
        except (FileNotFoundError, RunError):
            return None
        except OSError as error:
            if error.errno == errno.ENXIO:  # a socket
                return None
            raise

    def has(self, name: str) -> bool:
        """Whether anything of this name is in the folder itself."""
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def names(self, name: str) -> list[str]:
        """What is in a folder of the folder; nothing where there is none."""
        try:
            with self._parent(f"{name}/*", create=False) as inner:
                return sorted(os.listdir(inner))
        except FileNotFoundError:
            return []

    def is_whole(self, name: str, sha256: str) -> bool:
        """Whether a file is there, as it was made."""
        contents = self.read(name)
        return contents is not None and hashlib.sha256(contents).hexdigest() == sha256

    def log(self, name: str) -> Log:
        """A file of lines, to be closed."""
        return Log(self._append_to(name), self.path / name)

    def _append_to(self, name: str) -> int:
        """A descriptor that appends to a file; the caller closes it."""
        with self._parent(name) as parent:
            return self._open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, parent)

    @contextlib.contextmanager
    def locked(
        self, name: str, refusal: str | Callable[[], str], shared: bool = False
    ) -> Iterator[None]:
        """Locks a file, for all machines: a folder's lock on a network file system binds only one.

        Raises:
            RunError: another process holds it; `refusal` says so.
        """
        descriptor = self._append_to(name)
        try:
            lock(descriptor, refusal, shared)
            yield
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Removes a file, where it is there."""
        with self._parent(name, create=False) as parent:
            drop(parent, os.path.basename(name))

    def discard(self, name: str) -> None:
        """Takes a folder of the folder away in one moment; `sweep` removes it."""
        at = self.descriptor
        with contextlib.suppress(FileNotFoundError):
            os.rename(name, _DISCARDED, src_dir_fd=at, dst_dir_fd=at)

    def sweep(self) -> None:
        """Removes what was discarded, by this process or by one that was killed then."""
        shutil.rmtree(_DISCARDED, ignore_errors=True, dir_fd=self.descriptor)

    def sync(self) -> None:
        """Makes renames in the folder itself last."""
        os.fsync(self.descriptor)

    @contextlib.contextmanager
    def _parent(self, name: str, create: bool = True) -> Iterator[int]:
        """The descriptor of the folder of `name`, made where missing."""
        parts = name.split("/")
        if not {"", ".", ".."}.isdisjoint(parts):
            raise RunError(f"{one_line(name)}: not a name inside of the output folder")
        parent = os.dup(self.descriptor)
        try:
            for i, folder in enumerate(parts[:-1], start=1):
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(folder, dir_fd=parent)
                path = "/".join(parts[:i])
                inner = self._open(path, os.O_RDONLY | os.O_DIRECTORY, parent)
                os.close(parent)
                parent = inner
            yield parent
        finally:
            os.close(parent)

    def _open(self, name: str, flags: int, parent: int) -> int:
        """Opens what `name` ends with in the folder `parent`, following no link."""
        try:
            return os.open(os.path.basename(name), flags | os.O_NOFOLLOW, 0o666, dir_fd=parent)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            raise RunError(
                f"{one_line(self.path / name)}: a symbolic link or another thing waits where this "
                "run writes; nothing is written through it: remove it, or name another folder"
            ) from error


class Log:
    """A file of lines, open for appending."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path = descriptor, path
        self._appended = 0

    def read(self) -> bytes:
        """The whole lines; what stands after the last end of a line is cut off."""
        with open(os.dup(self._descriptor), "rb") as file:
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            os.ftruncate(self._descriptor, len(whole))
        return whole

    def append(self, line: bytes) -> None:
        """Adds a line, whole or not at all."""
        length = os.fstat(self._descriptor).st_size
        try:
            write_all(self._descriptor, line)
        except BaseException as error:
            os.ftruncate(self._descriptor, length)
            name_of(error, self._path)
            raise
        self._appended += 1
        if self._appended % _SYNC_EVERY == 0:
            os.fsync(self._descriptor)

    def close(self, done: bool) -> None:
        """Has the lines last, whether or not the run is done."""
        del done
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
