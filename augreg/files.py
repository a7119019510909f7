"""Files that are whole or not there: a temporary name, a sync, a rename."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
    temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync_tree(temporary)
        if temporary.is_dir() and path.is_dir():
            old = path.with_name(f"{_TEMPORARY}{os.getpid()}-old-{path.name}")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise RunError(f"{path}: it can't be written: {error.strerror or error}") from error
    finally:
        _remove(temporary)


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
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not the temporary one, or none
        raise
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes what killed runs left under temporary names; to be called under `exclusive_lock`."""
    for left in folder.glob(f"{_TEMPORARY}*"):
        _remove(left)


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Holds a folder: a second run on it is refused. The kernel lets go when the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(f"{folder}: no run can be kept there: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder}: another run is writing there; wait for it, or name another --output"
            ) from None
        yield
    finally:
        os.close(handle)


def _sync_tree(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            _sync_tree(inner)
    _sync(path)


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
