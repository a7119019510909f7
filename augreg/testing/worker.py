"""The process that checks plugins for `augreg.testing.plugins`, which may end it at any time.

Arguments: the number of a pipe, and JSON with `distribution`, whose plugins are checked (null: all
but augreg's own), `done`, the ops to leave out, and `folder`, which no place begins with. It writes
a line of JSON for each event: {} at its start, the plugins, and then, for each op, its name, the
findings and its end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from augreg.collector import uncollected
from augreg.errors import AugregError
from augreg.plugin.macro import Macro
from augreg.plugin.registry import FIRST_PARTY, Plugin, Registry, default_registry
from augreg.plugin.unregistered import of_distribution, same_name, unregistered
from augreg.policy import load_policy
from augreg.testing.cases import ContractError
from augreg.testing.contract import BASICS, BROKEN, PASSED, Finding, findings, place_of


def main() -> None:
    """Checks what the arguments say."""
    given = json.loads(sys.argv[2])
    with os.fdopen(int(sys.argv[1]), "w", buffering=1, encoding="utf-8") as out:
        for event in events(given["distribution"], given["done"]):
            if "place" in event:  # of a wheel, whose folder is temporary
                event["place"] = event["place"].removeprefix(given["folder"])
            out.write(json.dumps(event, default=repr) + "\n")


def events(distribution: str | None, done: list[str]) -> Iterator[dict[str, Any]]:
    """What is written, in this process."""
    yield {}  # it has started
    registry = default_registry()
    plugins = _plugins(registry, distribution)
    yield {"plugins": [asdict(plugin) for plugin in plugins]}
    names = dict.fromkeys(name for plugin in plugins for name in plugin.ops if name not in done)
    if names:
        with uncollected():
            import augreg.dataset  # noqa: F401 (TensorFlow, whose start is no op's time)
    for name in names:
        step = registry.steps.get(name)  # none of a name that two plugins claim
        yield {"op": name, "place": "" if step is None else place_of(step)}
        for finding in _findings(registry, name):
            yield finding.record()
        yield {"end": name}
    yield {"end": None}


def _plugins(registry: Registry, distribution: str | None) -> list[Plugin]:
    """Those of a distribution, or all of third parties; and what has no entry point."""
    found = [*registry.plugins, *unregistered()]
    if distribution is None:
        return [plugin for plugin in found if plugin.distribution != FIRST_PARTY]
    own = [plugin for plugin in found if same_name(plugin.distribution, distribution)]
    return own or [of_distribution(distribution)]


def _findings(registry: Registry, name: str) -> Iterator[Finding]:
    if name in registry.conflicts:
        error = ContractError(name, BASICS[0], registry.conflicts[name])
        yield Finding(name, error.check, BROKEN, error)
    elif name in registry.macros:
        yield _of_macro(registry.macros[name], registry)
    else:
        yield from findings(registry.ops[name], registry)


def _of_macro(macro: Macro, registry: Registry) -> Finding:
    """Whether a macro's example becomes a policy."""
    step = {"op": macro.name, **macro.example}
    try:
        load_policy({"version": 1, "augment": [step]}, registry=registry)
    except AugregError as error:
        broken = ContractError(macro.name, BASICS[0], str(error), macro.example)
        return Finding(macro.name, broken.check, BROKEN, broken, place_of(macro, error))
    return Finding(macro.name, BASICS[0], PASSED)


if __name__ == "__main__":
    main()
