"""The compilation cache: what XLA compiled, in a folder, for processes to come.

XLA keeps it there by itself, once it is told where: programs of whoever else has XLA compile, too.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from augreg.errors import PathError
from augreg.paths import check_here
from augreg.versions import tensorflow_version

VARIABLE = "AUGREG_CACHE"
_FLAGS = "TF_XLA_FLAGS"
_OURS = "--tf_xla_persistent_cache_"
_LIMIT = 512 * 2**20  # bytes; RandAugment's program has 1.1 MB
_FIRST = (2, 21)  # TensorFlow's, whose CPU compiler is known to keep and find programs


def set_compilation_cache(folder: str | PathLike[str]) -> None:
    """Keeps programs that are compiled for the CPU in a folder, and takes them from there.

    Call it before TensorFlow runs anything: it reads once where XLA's cache is. The first batch of
    a policy whose program is there comes in a fraction of the time. Processes may share a folder;
    what is oldest is removed above 512 MB. TensorFlow before 2.21 has no such cache.

    Args:
        folder: made where missing. The variable AUGREG_CACHE sets it for a process that can't call
            this; the command line has one in ~/.cache/augreg, and none where it is empty.

    Raises:
        PathError: it is no folder of this machine, or its path has spaces or quotes.
        OSError: it can't be made or written to, or the disk is full.
    """
    check_here(folder)
    if tuple(map(int, re.findall(r"\d+", tensorflow_version())[:2])) < _FIRST:
        return
    place = Path(folder).expanduser().absolute() / _machine()
    if re.search(r"[\s'\"\\]", str(place)):  # TensorFlow ends a process whose flags it can't read
        raise PathError(f"{place}: TensorFlow takes no folder with spaces or quotes in its path")
    place.mkdir(parents=True, exist_ok=True)
    _check_room(place)
    _prune(place)
    before = os.environ.get(_FLAGS, "")
    if f"{_OURS}directory" not in before and (not before or before.startswith("--")):  # or a file
        said = f"{_OURS}directory={place} {_OURS}device_types=CPU"
        os.environ[_FLAGS] = f"{before} {said}".strip()


def _check_room(folder: Path) -> None:
    """Raises OSError where a run would fail in its middle, because TensorFlow can't write."""
    full = shutil.disk_usage(folder).free < _LIMIT
    for error, found in ((errno.EACCES, not os.access(folder, os.W_OK)), (errno.ENOSPC, full)):
        if found:
            raise OSError(error, os.strerror(error), str(folder))


def set_default() -> None:
    """As `set_compilation_cache`, in the folder for all commands; without it, where that fails."""
    try:
        folder = default_folder()
        if folder is not None:
            set_compilation_cache(folder)
    except (PathError, OSError, RuntimeError):  # of a user without a home, too
        return


def default_folder() -> Path | None:
    """The folder for all commands: what AUGREG_CACHE says, or ~/.cache/augreg; None where empty.

    Raises:
        PathError: it is no folder of this machine.
        RuntimeError: of a user without a home.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    folder = os.environ.get(VARIABLE, str(home / "augreg"))
    check_here(folder)
    return Path(folder).expanduser() if folder else None


def _machine() -> str:
    """What XLA's programs depend on besides their own text: processor and TensorFlow."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        about = sorted({line for line in lines if line.startswith(("flags", "Features", "model"))})
    except OSError:
        about = [platform.processor(), platform.machine(), platform.platform()]
    processor = hashlib.sha256("\n".join(about).encode()).hexdigest()[:12]
    return f"{tensorflow_version()}-{processor}"


def _prune(folder: Path) -> None:
    """Removes what was cut short, on which TensorFlow fails, and what is oldest above the limit."""
    entries = []
    for path in folder.iterdir():
        try:
            about = path.stat()
            if path.suffix == ".pb" and not _is_whole(path):
                path.unlink()
                continue
        except OSError:  # another process removes too
            continue
        entries.append((about.st_mtime, about.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= _LIMIT:
            break
        path.unlink(missing_ok=True)
        total -= size


def _is_whole(path: Path) -> bool:
    """Whether the fields of a protocol buffer end where its file does; only their sizes are read.

    https://protobuf.dev/programming-guides/encoding/
    """
    fixed = {1: 8, 5: 4}
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            while file.tell() < size:
                kind = _number(file) & 7
                length = _number(file) if kind in (0, 2) else fixed[kind]
                file.seek(length if kind else 0, os.SEEK_CUR)
        except (IndexError, KeyError):
            return False
        return file.tell() == size > 0


def _number(file: BinaryIO) -> int:
    """A base-128 varint."""
    value, shift = 0, 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
