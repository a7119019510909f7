"""What every backend is: a table from a stage's class to its kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from augreg.errors import OpError
from augreg.families import Stage

Table = Mapping[type[Stage], Callable[..., Any]]


def kernel_of(table: Table, stage: Stage, backend: str) -> Callable[..., Any]:
    """The kernel of a stage; raises `OpError` where a backend has none for its family."""
    if type(stage) not in table:
        name = stage.steps[0].op.name
        raise OpError(f'op "{name}": {backend} has no kernel for "{stage.title}"', name)
    return table[type(stage)]
