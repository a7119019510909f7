"""Work that is worth doing for the latest request only."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import background_tasks

from augreg.errors import AugregError


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
    """The function's result, worked out in a thread, so that pages stay responsive.

    Raises:
        AugregError: whatever the function raises. What is no error of augreg's, as one of a
            plugin's, goes to the terminal, too.
    """
    return await asyncio.to_thread(_only_ours, function, *arguments)


def _only_ours(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except AugregError:
        raise
    except OSError as error:  # no more is known of a disk that is full
        where = f"{error.filename}: " if error.filename else ""
        raise AugregError(f"{where}{error.strerror or error}") from error
    except BaseException as error:  # here, since a plugin's `sys.exit` would end the server
        raise unexpected(error) from error


def unexpected(error: BaseException) -> AugregError:
    """What a page says of an error that no one thought of; the terminal gets its traceback."""
    traceback.print_exception(error)
    return AugregError(f"{type(error).__name__}: {error} (the terminal says where)")
