"""`augreg studio`, which says on SIGUSR1 how many tabs it holds, and how many threads there are."""

from __future__ import annotations

import gc
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
    print(f"{len(sessions)} sessions, {threading.active_count()} threads", flush=True)


server.open_session = counted
signal.signal(signal.SIGUSR1, report)
main()
