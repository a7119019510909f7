"""`augreg studio` that waits with its images for SIGUSR2, and counts its tabs at each SIGUSR1."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from typing import Any

from augreg.cli import main
from augreg.studio import server

sessions: weakref.WeakSet[Any] = weakref.WeakSet()
open_session = server.open_session


def counted(*arguments: Any) -> Any:
    session = open_session(*arguments)
    sessions.add(session)
    return session


def report(*_: object) -> None:
    gc.collect()
    line = f"{len(sessions)} sessions, {threading.active_count()} threads\n"
    os.write(1, line.encode())  # `print` fails where a signal comes while it prints


opened = threading.Event()
pictures = server.Pictures


def late(*arguments: Any) -> Any:
    opened.wait()
    return pictures(*arguments)


server.open_session, server.Pictures = counted, late
signal.signal(signal.SIGUSR2, lambda *_: opened.set())
signal.signal(signal.SIGUSR1, report)
main()
