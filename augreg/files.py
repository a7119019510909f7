"""Files that are whole or not there: a temporary name, a sync, a rename."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from augreg.errors import RunError
from augreg.paths import check_here

_TEMPORARY = ".partial-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write a file or a folder at, which takes `path`'s place at the end.

    It lies in the same folder and ends as `path` does, because Keras picks formats by suffix. Of a
    folder that is replaced, the old one is gone for the moment between two renames; of a file,
    never.
    """
    try:
        with _replacing(path) as temporary:
            yield temporary
        _sync(path.parent)
    except OSError as error:
        raise RunError(f"{path}: it can't be written: {error.strerror or error}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """As `replacing`; raises OSError, which names `path` where it failed on the temporary one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(_temporary_name(path))
    try:
        yield temporary
        for written in (temporary, *temporary.rglob("*")):
            _sync(written)
        if temporary.is_dir() and path.is_dir():
            old = path.with_name(_temporary_name(path, "old-"))
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
    except OSError as error:
        name_of(error, path)
        raise
    finally:
        _remove(temporary)


def _temporary_name(path: Path, kind: str = "") -> str:
    return f"{_TEMPORARY}{os.getpid()}-{kind}{path.name[-200:]}"


def name_of(error: BaseException, path: Path) -> None:
    """Has a system's error that names no file, or a temporary one, name the one that was meant.

    One with a text alone, as libraries raise it, would lose that text.
    """
    if isinstance(error, OSError) and error.strerror:
        error.filename, error.filename2 = str(path), None


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_whole(path: Path, contents: bytes) -> None:
    """Writes a file whole or not at all; into what is no file, such as /dev/stdout, it just writes.

    Raises:
        PathError: it is no file of this machine.
        OSError: the disk is full, or a permission is missing; what was there before is kept.
    """
    check_here(path)
    if path.exists() and not path.is_file():
        path.write_bytes(contents)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder, temporary = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY), _temporary_name(path)
    try:
        drop(folder, temporary)  # of a killed process that had this one's number
        write_at(folder, path.name, contents, folder, temporary)
    except OSError as error:
        name_of(error, path)
        raise
    finally:
        os.close(folder)


def write_at(folder: int, name: str, contents: bytes, at: int, temporary: str) -> None:
    """Writes a file of an open folder whole or not at all, over whatever is there.

    Folders are descriptors, and no link is followed. `temporary` in the folder `at` is synced, then
    renamed.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        part = os.open(temporary, flags, 0o666, dir_fd=at)
        with open(part, "wb"):
            write_all(part, contents)
            os.fsync(part)
        os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=folder)
    except BaseException:
        drop(at, temporary)
        raise


def write_all(descriptor: int, contents: bytes) -> None:
    """Writes all of it, however much the system takes at a time."""
    rest = memoryview(contents)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def drop(folder: int, name: str) -> None:
    """Removes a file of an open folder, where it is there."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def sweep(folder: Path) -> None:
    """Removes what killed runs left under temporary names; to be called under `exclusive_lock`."""
    for left in folder.glob(f"{_TEMPORARY}*"):
        _remove(left)


def lock(descriptor: int, refusal: str | Callable[[], str], shared: bool = False) -> None:
    """Locks an open file or folder; the kernel lets go when it is closed or the process ends.

    Args:
        shared: others may hold it as well, if they share it too.

    Raises:
        RunError: another process holds it; `refusal` says so.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(refusal if isinstance(refusal, str) else refusal()) from None


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Holds a folder: a second run on it is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("a")
    except OSError as error:
        raise RunError(f"{folder}: no run can be kept there: {error.strerror}") from error
    with file:
        lock(
            file.fileno(),
            f"{folder}: another run is writing there; wait for it, or name another --output",
        )
        yield


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
