"""Checks the ops of installed plugins, or of a wheel, in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from augreg.errors import PathError, PluginError, RunError
from augreg.testing.contract import BROKEN, NAMES, PASSED
from augreg.testing.process import Worker, started
from augreg.testing.wheels import unpacked

TIME_LIMIT = "time limit"
_START = 600.0  # seconds for TensorFlow to start, on a busy machine

Record = dict[str, Any]


def check_plugins(
    target: str | None = None, seconds: float = 60.0
) -> Generator[Record, None, None]:
    """Runs augreg's contract on the ops of plugins, which runs the plugins' code.

    Args:
        target: the path of a wheel, which is not installed; the name of an installed distribution;
            None: all installed plugins but augreg's own.
        seconds: how long the checks of one op may take; and the plugins to load, with all that
            their modules import.

    Yields:
        First {"plugins": [...]}. Then {"op", "check", "state", "place"} for each check of each op;
        where it is broken, also "found" and, where a step shows it, "arguments" and "images".

    Raises:
        PathError, DataError: there is no such wheel, or it is none.
        PluginError: no distribution of that name is installed.
        RunError: the plugins can't be loaded: that ends the process, or takes too long.
    """
    with _imported_from(target) as (folder, distribution):
        done: list[str] = []
        cut = True
        while cut:
            inside = os.path.join(folder, "") if folder else ""
            given = {"distribution": distribution, "done": done, "folder": inside}
            with started("augreg.testing.worker", folder, given) as worker:
                cut = yield from _checked(worker, seconds, done)


@contextmanager
def _imported_from(target: str | None) -> Iterator[tuple[str, str | None]]:
    """A folder that plugins are imported from, or "", and the distribution that is meant."""
    if target is None:
        yield "", None
    elif target.endswith(".whl"):
        if not Path(target).is_file():
            raise PathError(f"{target}: there is no such wheel")
        with unpacked(Path(target)) as (folder, distribution):
            yield folder, distribution.name
    else:
        try:
            name = metadata.distribution(target).name
        except (metadata.PackageNotFoundError, ValueError):
            raise PluginError(
                f'no distribution "{target}" is installed; allowed are the path of a wheel '
                "(.whl) and the names that `augreg plugins` lists"
            ) from None
        yield "", name


def _checked(worker: Worker, seconds: float, done: list[str]) -> Generator[Record, None, bool]:
    """The records of a worker's ops, which are added to `done`; whether it was cut off in one."""
    plugins = _loaded(worker, seconds)
    if not done:
        yield plugins
    while event := worker.event(_START):
        if "op" not in event:
            return False
        done.append(event["op"])
        if (yield from _of_op(worker, event, seconds)):
            return True
    when = "between two ops" if done else "before the first op"
    raise RunError(f"{when}, {worker.why_ended()}")


def _loaded(worker: Worker, seconds: float) -> Record:
    """The plugins, once they are loaded."""
    if worker.event(_START) is None:
        raise RunError(f"the process that checks plugins did not start: {worker.why_ended()}")
    try:
        plugins = worker.event(seconds)
    except TimeoutError:
        raise RunError(
            f"the plugins are not loaded after {seconds:g} seconds; what their modules do at "
            "import has to end soon"
        ) from None
    if plugins is None:
        raise RunError(f"while plugins were loaded, {worker.why_ended()}")
    return plugins


def _of_op(worker: Worker, begun: Record, seconds: float) -> Generator[Record, None, bool]:
    """The records of one op; whether it was cut off."""
    ends = time.monotonic() + seconds
    made = {**begun, "state": PASSED}
    for running in (*NAMES, TIME_LIMIT):
        try:
            record = worker.event(ends - time.monotonic())
        except TimeoutError:
            found = (
                f'"{running}" is not done {seconds:g} seconds after the first check began; find '
                "what does not end, or allow more seconds"
            )
            yield {**made, "check": TIME_LIMIT, "state": BROKEN, "found": found}
            return True
        if record is None:
            yield {**made, "check": running, "state": BROKEN, "found": worker.why_ended()}
            return True
        if "check" not in record:
            yield {**made, "check": TIME_LIMIT}
            return False
        yield record
    raise AssertionError("a worker reports more checks than there are")
