"""What is installed: `ops`, and the `schema` that editors read."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augreg.cli.completion import complete_op
from augreg.cli.console import AsJson, OutputFile, print_json, stdout, table

if TYPE_CHECKING:
    from augreg.plugin.macro import Macro
    from augreg.plugin.op import Op
    from augreg.plugin.registry import Registry


def ops(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this op with its parameters.", autocompletion=complete_op),
    ] = None,
    in_json: AsJson = False,
) -> None:
    """Lists the available ops, or shows one op's parameters, ranges and an example.

    A macro is used like an op; `augreg expand` prints the group of steps that it becomes.
    """
    from augreg.plugin.registry import default_registry

    registry = default_registry()
    if name is None:
        found = [_op_entry(op, registry) for op in registry.steps.values()]
        print_json(found) if in_json else _print_ops(registry)
        return
    op = registry.steps.get(name) or registry.get(name)
    print_json(_op_entry(op, registry)) if in_json else _print_op(op, registry)


def schema(output: OutputFile = None) -> None:
    """Prints the JSON Schema of policies with all installed ops, for completion in editors."""
    from augreg.plugin.registry import default_registry
    from augreg.policy.schema import policy_schema

    print_json(policy_schema(default_registry()), output)


def parameter_entry(spec: Any) -> dict[str, Any]:
    """A parameter's specification as plain data: type, drawn or static, range, values, default."""
    from augreg.plugin import params

    entry: dict[str, Any] = {"drawn": not spec.static}
    match spec:
        case params.Range():
            entry["type"] = spec.bounds.noun
            bounds = {"minimum": spec.lo, "maximum": spec.hi}
            entry |= {key: value for key, value in bounds.items() if math.isfinite(value)}
        case params.Option() | params.KeepBoxes():
            entry |= {"type": "option", "values": list(spec.values)}
        case params.Fill():
            entry |= {"type": "level or colour", "minimum": 0, "maximum": 1}
    entry["required"] = spec.default is params.REQUIRED
    if not entry["required"]:
        entry["default"] = spec.default
    return entry


def _op_entry(op: Op | Macro, registry: Registry) -> dict[str, Any]:
    owner = registry.owner[op.name]
    channels = {} if op.name in registry.macros else {"gray": registry.ops[op.name].gray}
    return {
        "name": op.name,
        "kind": _kind(op, registry),
        "summary": op.summary,
        "doc": op.doc,
        "plugin": owner.name,
        "distribution": owner.distribution,
        "version": op.version,
        **channels,
        "parameters": {name: parameter_entry(spec) for name, spec in op.settable.items()},
        "example": {"op": op.name, **op.example},
    }


def _kind(op: Op | Macro, registry: Registry) -> str:
    return "macro" if op.name in registry.macros else "op"


def _print_ops(registry: Registry) -> None:
    rows = table("op", "kind", "parameters", "what it does")
    for op in registry.steps.values():
        parameters = ", ".join(op.settable) or "none"
        rows.add_row(op.name, _kind(op, registry), parameters, op.summary)
    stdout().print(rows)


def _print_op(op: Op | Macro, registry: Registry) -> None:
    owner, kind = registry.owner[op.name], _kind(op, registry)
    source = f"version {op.version}, from {owner.distribution} {owner.version}"
    print(f"{op.name} ({'macro, ' * (kind == 'macro')}{source})\n")
    print(op.doc + "\n")
    if op.settable:
        rows = table("parameter", "type", "allowed", "default")
        for name, spec in op.settable.items():
            rows.add_row(name, *_parameter_row(parameter_entry(spec)))
        stdout().print(rows)
    if kind == "macro":
        print('It also takes "p" (0 to 1, default 1) and "when" (the labels that it is for).')
        print("Its steps decide which channels it takes.")
        print("It becomes a group of steps: `augreg expand` prints a policy with them.")
    else:
        print('Every step also takes "p" (0 to 1, default 1), "when" (the labels that it is for)')
        print('and "id" (names its draws).')
        print(f"Channels: {'three or one' if registry.ops[op.name].gray else 'three'}")
    print(f"Example: {json.dumps({'op': op.name, **op.example})}")


def _parameter_row(entry: dict[str, Any]) -> tuple[str, str, str]:
    kind = f"{'drawn' if entry['drawn'] else 'static'} {entry['type']}"
    if "values" in entry:
        allowed = ", ".join(json.dumps(value) for value in entry["values"])
    else:
        allowed = f"{entry.get('minimum', '-inf')} to {entry.get('maximum', 'inf')}"
    if entry["required"]:
        return kind, allowed, "required"
    default = entry["default"]
    return kind, allowed, "not used" if default is None else json.dumps(default)
