"""What a path leads to: a file of this machine or of none, a folder or what lies inside of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path

from augreg.errors import PathError, printable

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # of two letters and more: C:/ is no scheme


def elsewhere(path: str | PathLike[str]) -> str | None:
    """Why a path can't be served; None for one of this machine.

    `Path("gs://bucket/out")` is `gs:/bucket/out`, and writing to it would make a folder `gs:` here.

    >>> elsewhere("gs://bucket/out")
    'gs:// is not served; name a folder or file of this machine (copy it here, or mount it)'
    >>> elsewhere("out/gs:/x") is None
    True
    """
    scheme = _SCHEME.match(str(fspath(path)))
    if scheme is None:
        return None
    if scheme[1].lower() == "file":
        return "write the path without file://"
    return (
        f"{printable(scheme[1])}:// is not served; name a folder or file of this machine "
        "(copy it here, or mount it)"
    )


def check_here(*paths: str | PathLike[str] | None) -> None:
    """Raises `PathError` for the first of `paths` that is not of this machine."""
    for path in paths:
        if path is not None and (reason := elsewhere(path)):
            written = re.sub(":/+", "://", str(fspath(path)), count=1)
            raise PathError(f"{printable(written)}: {reason}")


def holds(outer: str | PathLike[str], inner: str | PathLike[str]) -> bool:
    """`inner` is `outer` or lies in it, by whatever names and links; it need not exist yet."""
    around, inside = (Path(os.path.realpath(path)) for path in (outer, inner))
    if not around.exists():
        return around in (inside, *inside.parents)
    # by what they are: a bind mount, or a file system that knows no capitals, has two names for one
    return any(path.exists() and path.samefile(around) for path in (inside, *inside.parents))


def links_in(folder: str | PathLike[str]) -> Iterator[Path]:
    """Every symbolic link in a folder and below it; none is followed."""
    for at, folders, files in os.walk(folder):
        every = (Path(at, name) for name in (*folders, *files))
        yield from (path for path in every if path.is_symlink())
