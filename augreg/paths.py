"""Paths that lead to no file of this machine: `gs://bucket/folder` and its kind."""

from __future__ import annotations

import re
from os import PathLike, fspath

from augreg.errors import shown

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
        f"{shown(scheme[1])}:// is not served; name a folder or file of this machine "
        "(copy it here, or mount it)"
    )
