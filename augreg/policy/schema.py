"""The JSON Schema of policies, generated from the registered ops.

Draft 2020-12, with keywords that draft-07 editors understand too. The op's name selects its
parameters with `if`/`then`: a `oneOf` over all ops would blame the wrong branch in every error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augreg.plugin import params
from augreg.plugin.macro import Macro
from augreg.plugin.op import Op
from augreg.plugin.registry import Registry
from augreg.policy import chance

DIALECT = "https://json-schema.org/draft/2020-12/schema"
GROUPS = ("sequence", "one_of", "some_of", "random_order", "mixture")
DTYPES = ("float32", "float16", "bfloat16", "uint8")

_GUARDS = {name: {"$ref": f"#/$defs/{name}"} for name in chance.CHECKS}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/node"}}
_BRANCHES = {**_STEPS, "minItems": 1}
_LEVELS = {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3}


def policy_schema(registry: Registry) -> dict[str, Any]:
    """The schema of a policy that uses the ops of `registry`."""
    return {
        "$schema": DIALECT,
        "title": "augreg policy",
        "type": "object",
        "properties": {
            "$schema": {"type": "string"},
            "version": {"const": 1},
            "name": {"type": "string"},
            "description": {"type": "string"},
            "prepare": {
                "description": "Runs on every split and at inference.",
                "if": {"type": "object"},
                "then": _closed({"train": _STEPS, "eval": _STEPS}, ["train", "eval"]),
                "else": _STEPS,
            },
            "augment": {"description": "Runs in training only.", **_STEPS},
            "output": {"$ref": "#/$defs/output"},
            "wheels": {
                "description": "The wheels of the ops, if augreg wrote this file. Only the error "
                "about a missing op reads it.",
                "type": "object",
                "additionalProperties": {"type": "string"},
            },
        },
        "required": ["version"],
        "additionalProperties": False,
        "$defs": {
            "node": {
                "type": "object",
                "if": {"required": ["op"]},
                "then": {"$ref": "#/$defs/step"},
                "else": {"$ref": "#/$defs/group"},
            },
            **chance.schemas(),
            "step": _step(registry),
            "group": _group(),
            "output": _output(),
        },
    }


def step_schema(op: Op | Macro, guards: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The schema of a step of `op`: its parameters, `p`, `when`, and `id` where it draws itself.

    guards: those of `p` and `when`, where they are not to be written out.
    """
    properties: dict[str, Any] = {"op": {"const": op.name}}
    required = ["op"]
    for name, spec in op.settable.items():
        properties[name] = spec.schema()
        if spec.default is params.REQUIRED:
            required.append(name)
        elif spec.default is not None:
            properties[name]["default"] = spec.default
    properties |= chance.schemas() if guards is None else guards
    if isinstance(op, Op):
        properties["id"] = {"type": "string", "minLength": 1}
    return {"description": op.summary, **_closed(properties, required)}


def _step(registry: Registry) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["op"],
        "properties": {"op": {"enum": list(registry.steps)}},
        "allOf": [
            {"if": {"properties": {"op": {"const": op.name}}}, "then": step_schema(op, _GUARDS)}
            for op in registry.steps.values()
        ],
    }


def _group() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    pair = {"type": "array", "items": count, "minItems": 2, "maxItems": 2}
    weights = {"type": "array", "items": {"type": "number", "minimum": 0}}
    own: dict[str, dict[str, Any]] = {
        "one_of": {"weights": weights},
        "some_of": {"n": {"anyOf": [count, pair]}, "replace": {"type": "boolean"}},
    }
    rest: dict[str, Any] = {"anyOf": [{"required": [kind]} for kind in GROUPS]}
    for kind in reversed(GROUPS):
        parts = {kind: _BRANCHES, **own.get(kind, {}), **_GUARDS}
        shape = _closed(parts, [kind, "n"] if kind == "some_of" else [kind])
        rest = {"if": {"required": [kind]}, "then": shape, "else": rest}
    return {"type": "object", **rest}


def _output() -> dict[str, Any]:
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    normalize = _closed({"mean": _LEVELS, "std": _LEVELS}, ["mean", "std"])
    return _closed({"dtype": {"enum": list(DTYPES)}, "range": pair, "normalize": normalize}, [])


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shape, "required": required} if required else shape
