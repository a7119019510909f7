"""The output folder: nothing in it is ever half-written, and nothing is written outside of it.

Files are named relative to the folder's own descriptor, one component at a time and without
following links, so that neither `..` nor a symbolic link waiting inside leads out.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from augreg.errors import RunError
from augreg.images import one_line

# One name for all: a killed run leaves at most this file, and the next one removes it.
_PART = ".augreg.part"
_NOT_A_FOLDER = (errno.ELOOP, errno.ENOTDIR)


class OutputFolder:
    """An output folder that this process alone writes to, while it is entered.

    Raises:
        RunError: another process holds it, it is a file, or a symbolic link waits where it writes.
        OSError: the disk is full, or a permission is missing; no partial file is left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.descriptor)
            raise RunError(
                f"{one_line(self.path)}: another run is writing to this folder; "
                "wait for it, or name another folder"
            ) from None
        self._drop_part()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._drop_part()  # an interrupt may come between the making of it and its `try`
        os.close(self.descriptor)  # which unlocks it

    def write(self, name: str, contents: bytes) -> None:
        """Writes a whole file: a temporary one, synced, then renamed over whatever is there."""
        with self._parent(name) as (parent, last):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            try:
                part = os.open(_PART, flags, 0o666, dir_fd=self.descriptor)
                try:
                    write_all(part, contents)
                    os.fsync(part)
                finally:
                    os.close(part)
                os.rename(_PART, last, src_dir_fd=self.descriptor, dst_dir_fd=parent)
            except BaseException as error:
                name_of(error, self.path / name)
                self._drop_part()
                raise

    def read(self, name: str) -> bytes | None:
        """A file's contents; None where there is no such file, or no regular one."""
        try:
            with self._parent(name, create=False) as (parent, last):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO must not block
                with open(os.open(last, flags, dir_fd=parent), "rb") as file:
                    regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                    return file.read() if regular else None
        except FileNotFoundError:
            return None
        except (RunError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (*_NOT_A_FOLDER, errno.ENXIO):
                raise
            return None

    def append_to(self, name: str) -> int:
        """A descriptor that appends to a file of the folder itself; the caller closes it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        try:
            return os.open(name, flags, 0o666, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in _NOT_A_FOLDER:
                raise self._waiting(name) from error
            raise

    def sync(self) -> None:
        """Makes renames in the folder itself last."""
        os.fsync(self.descriptor)

    @contextlib.contextmanager
    def _parent(self, name: str, create: bool = True) -> Iterator[tuple[int, str]]:
        """The descriptor of the folder of `name`, made where missing, and its last part."""
        *folders, last = name.split("/")
        if any(part in ("", ".", "..") for part in (*folders, last)):
            raise RunError(f"{one_line(name)}: not a name inside of the output folder")
        parent = os.dup(self.descriptor)
        try:
            for i, folder in enumerate(folders):
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(folder, dir_fd=parent)
                inner = self._enter(parent, folder, "/".join(folders[: i + 1]))
                os.close(parent)
                parent = inner
            yield parent, last
        finally:
            os.close(parent)

    def _enter(self, parent: int, folder: str, name: str) -> int:
        try:
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        except OSError as error:
            if error.errno in _NOT_A_FOLDER:
                raise self._waiting(name) from error
            raise

    def _waiting(self, name: str) -> RunError:
        return RunError(
            f"{one_line(self.path / name)}: a symbolic link or another thing waits where this run "
            "writes; nothing is written through it: remove it, or name another folder"
        )

    def _drop_part(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_PART, dir_fd=self.descriptor)


def name_of(error: BaseException, path: Path) -> None:
    """Has a system's error that names no file, or a temporary one, name the one that was meant."""
    if isinstance(error, OSError):
        error.filename, error.filename2 = str(path), None


def write_all(descriptor: int, contents: bytes) -> None:
    """Writes all of it, however much the system takes at a time."""
    rest = memoryview(contents)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
