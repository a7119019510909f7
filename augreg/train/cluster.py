"""The workers of a run, as TF_CONFIG names them. Nothing here imports TensorFlow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from augreg.errors import RunError

TF_CONFIG = "TF_CONFIG"
_ALLOWED = (
    'allowed is {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The workers' addresses, and which of them this process is."""

    workers: tuple[str, ...]
    index: int

    def config(self) -> str:
        """As TF_CONFIG has it."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


def cluster_of_environment() -> Cluster | None:
    """What TF_CONFIG says; None where it names no other worker.

    Raises:
        RunError: it is no JSON, or holds other tasks than workers.
    """
    config = _read(os.environ.get(TF_CONFIG) or "{}")
    jobs, task = config.get("cluster") or {}, config.get("task") or {}
    if not isinstance(jobs, Mapping) or not isinstance(task, Mapping):
        raise RunError(f'{TF_CONFIG}: "cluster" and "task" have to be objects; {_ALLOWED}')
    if not jobs:
        return None
    kind = task.get("type")
    others = [str(name) for name in (*jobs, kind) if name not in ("worker", None)]
    if others:
        raise RunError(
            f'{TF_CONFIG}: a task "{others[0]}"; "augreg train" has workers only, and the first of '
            f'them leads: name all tasks under "worker"; {_ALLOWED}'
        )
    return _checked(jobs["worker"], task.get("index"), kind)


def _checked(workers: Any, index: Any, kind: Any) -> Cluster | None:
    addresses = workers if isinstance(workers, list) else [workers]
    wrong = [one for one in addresses if not _is_address(one)]
    if wrong or len({*addresses}) < len(addresses):
        found = f"{wrong[0]!r} is no address" if wrong else "two workers have one address"
        raise RunError(f"{TF_CONFIG}: {found}; {_ALLOWED}")
    if kind is None or not str(index).isdecimal() or int(index) >= len(addresses):
        raise RunError(
            f"{TF_CONFIG}: the task is {kind!r} with the index {index!r}, of {len(addresses)} "
            f"workers; {_ALLOWED}"
        )
    return Cluster(tuple(addresses), int(index)) if len(addresses) > 1 else None


def _read(text: str) -> Mapping[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{TF_CONFIG}: not JSON ({error}); {_ALLOWED}") from error
    if not isinstance(config, Mapping):
        raise RunError(f"{TF_CONFIG}: {type(config).__name__} found; {_ALLOWED}")
    return config


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.rpartition(":")[2].isdecimal() and value[0] != ":"
