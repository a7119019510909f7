"""Work that is worth doing for the latest request only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import background_tasks


class Latest:
    """Runs one job at a time; of those asked for meanwhile, only the last one runs next."""

    def __init__(self) -> None:
        self._next: Callable[[], Awaitable[None]] | None = None
        self._busy = False

    def ask(self, job: Callable[[], Awaitable[None]]) -> None:
        """Runs the job, once the one that runs now is done and if no other is asked for."""
        self._next = job
        if not self._busy:
            self._busy = True
            background_tasks.create(self._run())

    async def _run(self) -> None:
        try:
            while self._next is not None:
                job, self._next = self._next, None
                await job()
        finally:
            self._busy = False


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result, worked out in a thread, so that pages stay responsive."""
    return await asyncio.to_thread(function, *arguments)
