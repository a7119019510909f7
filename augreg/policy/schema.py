"""The JSON Schema of policies, generated from the registered ops.

Draft 2020-12, with keywords that draft-07 editors understand too. The op's name selects its
parameters with `if`/`then`: a `oneOf` over all ops would blame the wrong branch in every error.
Titles, descriptions, defaults and examples are what editors show and insert; they check nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from augreg.plugin import params
from augreg.plugin.macro import Macro
from augreg.plugin.op import Op
from augreg.plugin.registry import Registry
from augreg.policy import chance

DIALECT = "https://json-schema.org/draft/2020-12/schema"
GROUPS = {
    "sequence": "Applies all steps, one after another.",
    "one_of": "Applies one branch to each sample, drawn by the weights.",
    "some_of": "Applies n of the branches to each sample, in the listed order.",
    "random_order": "Applies all steps, in an order drawn for each sample.",
    "mixture": "Applies every branch to the same image, and blends the results at random.",
}
DTYPES = ("float32", "float16", "bfloat16", "uint8")

_GUARDS = {name: {"$ref": f"#/$defs/{name}"} for name in chance.CHECKS}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/node"}}
_BRANCHES = {**_STEPS, "minItems": 1}
_LEVELS = {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3}


def policy_schema(registry: Registry, names: Collection[str] | None = None) -> dict[str, Any]:
    """The schema of a policy that uses the ops of `registry`.

    names: the only ops whose parameters it describes, for who checks a policy that has no others.
    """
    return {
        "$schema": DIALECT,
        "title": "augreg policy",
        "type": "object",
        "properties": {
            "$schema": {"description": "Where editors find this schema.", "type": "string"},
            "version": {"description": "The version of this format.", "const": 1},
            "name": {"description": "By default the name of the file.", "type": "string"},
            "description": {"description": "What the policy is for.", "type": "string"},
            "prepare": {
                "description": "Runs on every split and at inference. A list of steps, or "
                '{"train": [...], "eval": [...]} where the two differ.',
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
            "step": _step(registry, names),
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
        properties[name] = {**_words(op, name), **spec.schema()}
        if spec.default is params.REQUIRED:
            required.append(name)
        elif spec.default is not None:
            properties[name]["default"] = spec.default
    properties |= chance.schemas() if guards is None else guards
    if isinstance(op, Op):
        properties["id"] = {
            "description": "A name for the draws, which are kept when the step moves.",
            "type": "string",
            "minLength": 1,
        }
    shown = {"title": op.name, "description": op.summary}
    return {**shown, **_closed(properties, required), "examples": [{"op": op.name, **op.example}]}


def _words(op: Op | Macro, name: str) -> dict[str, Any]:
    """What an editor shows of a parameter: what it means, what it takes, and what to write."""
    sentences = [text for text in (op.about(name), op.settable[name].takes) if text]
    words: dict[str, Any] = {
        "title": f"{name} of {op.name}",
        "description": " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences),
    }
    return {**words, "examples": [op.example[name]]} if name in op.example else words


def _step(registry: Registry, names: Collection[str] | None) -> dict[str, Any]:
    steps = registry.steps
    op: dict[str, Any] = {"enum": list(steps)}
    if names is None:  # Visual Studio Code's; others pass over it
        op["enumDescriptions"] = [step.summary for step in steps.values()]
    return {
        "type": "object",
        "required": ["op"],
        "properties": {"op": op},
        "allOf": [
            {"if": {"properties": {"op": {"const": name}}}, "then": step_schema(step, _GUARDS)}
            for name, step in steps.items()
            if names is None or name in names
        ],
    }


def _group() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    pair = {"type": "array", "items": count, "minItems": 2, "maxItems": 2}
    weights = {
        "description": "How likely each branch is, in any unit; equally, where not given.",
        "type": "array",
        "items": {"type": "number", "minimum": 0},
    }
    picks = {"description": "How many branches: a number, or [min, max].", "anyOf": [count, pair]}
    again = {"description": "A branch may be picked more than once.", "type": "boolean"}
    own: dict[str, dict[str, Any]] = {
        "one_of": {"weights": weights},
        "some_of": {"n": picks, "replace": {**again, "default": False}},
    }
    keys = {"op": "The name of the op.", **GROUPS}
    rest: dict[str, Any] = {
        # for editors: what an empty object may become
        "properties": {key: {"description": text} for key, text in keys.items()},
        "anyOf": [{"required": [kind]} for kind in GROUPS],
    }
    for kind in reversed(GROUPS):
        branches = {"description": GROUPS[kind], **_BRANCHES}
        parts = {kind: branches, **own.get(kind, {}), **_GUARDS}
        shape = _closed(parts, [kind, "n"] if kind == "some_of" else [kind])
        shown = {"title": kind, "description": GROUPS[kind]}
        rest = {"if": {"required": [kind]}, "then": {**shown, **shape}, "else": rest}
    return {"type": "object", **rest}


def _output() -> dict[str, Any]:
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    span = {
        "description": "What 0 and 1 become; [0, 255] for uint8.",
        **pair,
        "examples": [[0, 1], [-1, 1], [0, 255]],
    }
    normalize = {
        "description": "Subtracts the mean and divides by the standard deviation of each channel, "
        "in 0..1 units; in place of a range.",
        **_closed({"mean": _LEVELS, "std": _LEVELS}, ["mean", "std"]),
    }
    dtype = {
        "description": "What the model gets.",
        "enum": list(DTYPES),
        "default": DTYPES[0],
    }
    shown = {
        "title": "output",
        "description": "What the model gets: a dtype, and a range or normalize.",
    }
    return {**shown, **_closed({"dtype": dtype, "range": span, "normalize": normalize}, [])}


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shape, "required": required} if required else shape
