"""For authors of ops: `plugins` lists and checks what is installed, `new-plugin` begins one."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from augreg.cli.console import AsJson, print_json, stdout, table
from augreg.errors import PluginError

_FINE = ("ready", "disabled")


def plugins(
    target: Annotated[
        str | None,
        typer.Argument(help="With --check: a wheel, or the name of an installed distribution."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the ops of plugins, by running them.")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="With --check: the time limit of each op.")
    ] = 60.0,
    in_json: AsJson = False,
) -> None:
    """Lists the installed plugins with version, ops and state, or checks their ops.

    AUGREG_DISABLE_PLUGINS=name,name blocks plugins by name.

    --check runs augreg's contract on each op of TARGET (by default, of all plugins but augreg's
    own) and prints a line for each check. A wheel is not installed for it. Where something is
    broken, it says what and where, and the exit code is 1.
    """
    if check:
        _check(target, seconds, in_json)
    elif target is not None:
        raise typer.BadParameter(f'"{target}" is only for --check; add it, or leave TARGET out')
    else:
        _list(in_json)


def _list(in_json: bool) -> None:
    from augreg.plugin.registry import default_registry
    from augreg.plugin.unregistered import unregistered

    registry = default_registry()
    found = [*registry.plugins, *unregistered()]
    if in_json:
        print_json([vars(plugin) for plugin in found])
        return
    rows = table("plugin", "wheel", "version", "state", "ops")
    for plugin in found:
        shown = ", ".join(plugin.ops) if plugin.ops else plugin.error
        rows.add_row(plugin.name, plugin.distribution, plugin.version, plugin.state, shown)
    stdout().print(rows)
    for conflict in registry.conflicts.values():
        print(f"conflict: {conflict}")
    if registry.conflicts:
        raise PluginError(f"{len(registry.conflicts)} ops are claimed by two plugins each")


def _check(target: str | None, seconds: float, in_json: bool) -> None:
    from augreg.testing.plugins import check_plugins

    checks = []
    with closing(check_plugins(target, seconds)) as records:
        found: list[dict[str, Any]] = next(records)["plugins"]
        if not in_json:
            _print_plugins(found)
        for record in records:
            checks.append(record)
            if not in_json:
                print(_line(record), flush=True)
    if in_json:
        print_json({"plugins": found, "checks": checks})
    else:
        print(_summary(checks))
    unusable = [plugin["distribution"] for plugin in found if plugin["state"] not in _FINE]
    broken = [record["op"] for record in checks if record["state"] == "broken"]
    if unusable or broken:
        raise PluginError(f"broken: {', '.join([*unusable, *broken])}")


def _print_plugins(found: list[dict[str, Any]]) -> None:
    if not found:
        print("no plugin is installed but augreg's own")
    for plugin in found:
        named = f', plugin "{plugin["name"]}"' if plugin["name"] else ""
        error = f": {plugin['error']}" if plugin["error"] else ""
        print(f"{plugin['distribution']} {plugin['version']}{named}: {plugin['state']}{error}")


def _line(record: dict[str, Any]) -> str:
    line = f"{record['op']}: {record['check']}: {record['state']}"
    if "found" not in record:
        return line
    given, images = record.get("arguments"), record.get("images")
    shown = "" if given is None else f"; with {json.dumps(given)}"
    shown += f" on images of {images}" if images else ""
    place = f" at {record['place']}" if record["place"] else ""
    found = " ".join(record["found"].split())  # TensorFlow's errors have many lines
    return f"{line}{place}: {found}{shown}"


def _summary(checks: list[dict[str, Any]]) -> str:
    states = Counter(record["state"] for record in checks)
    ops = len({record["op"] for record in checks})
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"{ops} op{'s' * (ops != 1)}, {len(checks)} checks" + (f": {counts}" if counts else "")


def new_plugin(
    name: Annotated[str, typer.Argument(help="Of the distribution, such as augreg-acme.")],
    directory: Annotated[
        Path | None, typer.Option(help="Where to write it; a folder called NAME by default.")
    ] = None,
    license_name: Annotated[
        str, typer.Option("--license", help="apache-2.0, bsd-3-clause, mit or none.")
    ] = "apache-2.0",
    author: Annotated[str | None, typer.Option(help="Author, and holder of the copyright.")] = None,
) -> None:
    """Writes a new plugin: a distribution with two ops, tests, a README and a CI file.

    It builds, installs and passes its own tests as it stands.
    """
    from augreg.kit import write_plugin

    folder = directory or Path(name)
    write_plugin(name, folder, license_name, author)
    print(f"Written to {folder}. Next, in that folder:")
    print("  pip install -e '.[dev]'")
    print("  pytest")
    print(f"  augreg plugins --check {name}")
