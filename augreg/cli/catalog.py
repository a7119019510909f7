"""What is installed: `ops`, `plugins`, and the `schema` that editors read."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augreg.cli.console import as_json, stdout, table
from augreg.errors import PluginError

if TYPE_CHECKING:
    from augreg.operation import Op
    from augreg.registry import Registry

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Adds this family's commands."""
    app.command()(ops)
    app.command()(plugins)
    app.command()(schema)


def ops(
    name: Annotated[str | None, typer.Argument(help="One op, with its parameters.")] = None,
    json: Json = False,
) -> None:
    """Lists the ops that policies can use, or one op's parameters, ranges and an example."""
    from augreg.registry import default_registry

    registry = default_registry()
    if name is None:
        found = [_op_entry(op, registry) for op in registry.ops.values()]
        print(as_json(found)) if json else _print_ops(registry)
        return
    op = registry.get(name)
    print(as_json(_op_entry(op, registry))) if json else _print_op(op, registry)


def plugins(json: Json = False) -> None:
    """Lists the installed plugins with version, ops and state.

    AUGREG_DISABLE_PLUGINS=name,name blocks plugins by name.
    """
    from augreg.registry import default_registry

    found = default_registry()
    if json:
        print(as_json([vars(plugin) for plugin in found.plugins]))
        return
    rows = table("plugin", "wheel", "version", "state", "ops")
    for plugin in found.plugins:
        shown = ", ".join(plugin.ops) if plugin.ops else plugin.error
        rows.add_row(plugin.name, plugin.distribution, plugin.version, plugin.state, _plain(shown))
    stdout().print(rows)
    for conflict in found.conflicts.values():
        print(f"conflict: {conflict}")
    if found.conflicts:
        raise PluginError(f"{len(found.conflicts)} ops are claimed by two plugins each")


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; stdout where not given.")
    ] = None,
) -> None:
    """Prints the JSON Schema of policies, made from the installed ops: editors complete with it."""
    from augreg.registry import default_registry
    from augreg.schema import policy_schema

    text = as_json(policy_schema(default_registry())) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def parameter_entry(spec: Any) -> dict[str, Any]:
    """A parameter's specification as plain data: type, drawn or static, range, values, default."""
    from augreg import params

    entry: dict[str, Any] = {"drawn": not spec.static}
    match spec:
        case params.Range():
            entry["type"] = spec.noun
            bounds = {"minimum": spec.lo, "maximum": spec.hi}
            entry |= {key: value for key, value in bounds.items() if math.isfinite(value)}
        case params.Option():
            entry |= {"type": "option", "values": list(spec.values)}
        case params.Fill():
            entry |= {"type": "level or colour", "minimum": 0, "maximum": 1}
    entry["required"] = spec.default is params.REQUIRED
    if not entry["required"]:
        entry["default"] = spec.default
    return entry


def _op_entry(op: Op, registry: Registry) -> dict[str, Any]:
    owner = registry.owner[op.name]
    return {
        "name": op.name,
        "summary": op.summary,
        "doc": op.doc,
        "plugin": owner.name,
        "distribution": owner.distribution,
        "version": op.version,
        "gray": op.gray,
        "parameters": {name: parameter_entry(spec) for name, spec in op.settable.items()},
        "example": {"op": op.name, **op.example},
    }


def _print_ops(registry: Registry) -> None:
    rows = table("op", "parameters", "what it does")
    for op in registry.ops.values():
        rows.add_row(op.name, ", ".join(op.settable) or "none", _plain(op.summary))
    stdout().print(rows)


def _print_op(op: Op, registry: Registry) -> None:
    import json

    owner = registry.owner[op.name]
    print(f"{op.name} (version {op.version}, from {owner.distribution} {owner.version})\n")
    print(op.doc + "\n")
    if op.settable:
        rows = table("parameter", "type", "allowed", "default")
        for name, spec in op.settable.items():
            rows.add_row(name, *(_plain(cell) for cell in _parameter_row(parameter_entry(spec))))
        stdout().print(rows)
    print('Every step also takes "p" (0 to 1, default 1) and "id" (names its draws).')
    print(f"Channels: {'three or one' if op.gray else 'three'}")
    print(f"Example: {json.dumps({'op': op.name, **op.example})}")


def _parameter_row(entry: dict[str, Any]) -> tuple[str, str, str]:
    import json

    kind = f"{'drawn' if entry['drawn'] else 'static'} {entry['type']}"
    if "values" in entry:
        allowed = ", ".join(json.dumps(value) for value in entry["values"])
    else:
        allowed = f"{entry.get('minimum', '-inf')} to {entry.get('maximum', 'inf')}"
    if entry["required"]:
        return kind, allowed, "required"
    default = entry["default"]
    return kind, allowed, "not used" if default is None else json.dumps(default)


def _plain(text: str) -> str:
    """Brackets are markup to rich."""
    from rich.markup import escape

    return escape(text)
