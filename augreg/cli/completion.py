"""What a shell completes: the names of ops, ready policies and policy files.

A shell starts the command anew at each press of the key, so nothing is imported before it is asked.
"""

from __future__ import annotations

from pathlib import Path


def complete_op(incomplete: str) -> list[tuple[str, str]]:
    """Names of installed ops that begin so, each with its summary."""
    from augreg.plugin.registry import default_registry

    steps = default_registry().steps.values()
    return [(op.name, op.summary) for op in steps if op.name.startswith(incomplete)]


def complete_policy(incomplete: str) -> list[str]:
    """Ready policies and JSON files that begin so; where there are none, bash completes paths."""
    from augreg.policy import ready_names

    folder = incomplete.rpartition("/")[0]
    files = [path.name for path in Path(folder or ".").glob("*.json")]
    paths = [f"{folder}/{name}" for name in files] if folder else files
    return sorted(name for name in [*ready_names(), *paths] if name.startswith(incomplete))
