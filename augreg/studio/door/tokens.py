"""The token that the page of a port needs: kept, so that a page outlives its server.

A studio that is started again at its port takes the token of before. Pages that stayed open go on
then, without anyone opening an address anew.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

_FORM = re.compile(r"[\w-]{32}", re.ASCII)  # 24 bytes of randomness


def token_of(port: int, folder: Path | None, new: bool = False) -> str:
    """The token of a port: the one that is kept in the folder, or a new one, which is kept then.

    Its file is its owner's alone; what others own or may read is replaced.

    Args:
        folder: None, or one that can't be written to: nothing is kept.
        new: locks the pages of before out.
    """
    token = secrets.token_urlsafe(24)
    if folder is not None:
        path = folder / f"token-{port}"
        if not new and (kept := _read(path)):
            return kept
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, token)
    return token


def _read(path: Path) -> str:
    """What a file of ours holds; empty where there is none, or it is no token."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(opened, encoding="ascii", errors="replace") as file:
            about = os.fstat(opened)
            ours = about.st_uid == os.getuid() and not about.st_mode & 0o077
            text = file.read(100) if ours and stat.S_ISREG(about.st_mode) else ""
    except OSError:
        return ""
    return text if _FORM.fullmatch(text) else ""


def _write(path: Path, token: str) -> None:
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(token)
