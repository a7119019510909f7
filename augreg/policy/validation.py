"""Checks a parsed policy against the generated schema, and says what is wrong in augreg's words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial, reduce
from itertools import islice
from operator import getitem
from typing import Any

from augreg.errors import MAX_MISTAKES, ParameterError, printable, show, suggest
from augreg.plugin import synonyms
from augreg.plugin.registry import Registry
from augreg.policy.chance import CHECKS
from augreg.policy.document import order_of, pointer_of
from augreg.policy.schema import GROUPS, policy_schema

MAX_GROUPS = 32
_COMPLAINTS = 10 * MAX_MISTAKES  # several may come to one mistake


def structural_mistakes(value: Any, registry: Registry) -> tuple[ParameterError, ...]:
    """What the schema says is wrong, in the document's order, a few more than an error holds.

    Raises:
        ParameterError: nothing else can be said: it is no policy, a newer one, or nested too deep.
    """
    if not isinstance(value, dict):
        raise ParameterError(f"a policy is a JSON object, found {show(value)}")
    _check_version(value)
    _check_nesting(value)
    validator = _validator(registry, _ops_in(value).intersection(registry.steps))
    complaints = list(islice(validator.iter_errors(value), _COMPLAINTS))
    complaints.sort(key=lambda error: order_of(value, list(map(str, error.absolute_path))))
    found: dict[tuple[str, str], ParameterError] = {}
    for complaint in complaints:
        for mistake in _explain(complaint, value, registry):
            found.setdefault((mistake.pointer, mistake.message), mistake)
        if len(found) > MAX_MISTAKES:  # explaining costs more than finding: it looks for near names
            break
    return tuple(found.values())


def _check_version(value: dict[str, Any]) -> None:
    found = value.get("version")
    if isinstance(found, int) and not isinstance(found, bool) and found > 1:
        raise ParameterError(
            f"version {found} is newer than this augreg, which reads version 1; "
            f"upgrade augreg to a release that reads version {found}",
            "/version",
        )


def _check_nesting(value: dict[str, Any]) -> None:
    pending = [(value.get(key), f"/{key}", 0) for key in ("prepare", "augment")]
    while pending:
        part, pointer, depth = pending.pop()
        if depth > MAX_GROUPS:
            raise ParameterError(f"groups nest deeper than {MAX_GROUPS} levels", pointer)
        if isinstance(part, list):
            pending += [(item, f"{pointer}/{i}", depth) for i, item in enumerate(part)]
        elif isinstance(part, dict):
            for kind in ("train", "eval"):
                pending.append((part.get(kind), f"{pointer}/{kind}", depth))
            groups = [kind for kind in GROUPS if kind in part]
            pending += [(part[kind], f"{pointer}/{kind}", depth + 1) for kind in groups]


def _ops_in(value: Any) -> frozenset[str]:
    """Whatever a document calls an "op", however deep."""
    found, pending = set(), [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if isinstance(name := part.get("op"), str):
                found.add(name)
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return frozenset(found)


@lru_cache(maxsize=64)
def _validator(registry: Registry, names: frozenset[str]) -> Any:
    """Knows these ops alone: the schema of all takes a third of the time that loading does."""
    import jsonschema

    return jsonschema.Draft202012Validator(policy_schema(registry, names))


def _explain(error: Any, value: Any, registry: Registry) -> Iterator[ParameterError]:
    """The schema's complaint in words that name the op and how to fix it."""
    path = list(error.absolute_path)
    step, depth = _innermost_step(value, path)
    name = path[depth] if step else None
    if name == "op":
        wheels = value.get("wheels")
        yield ParameterError(_unknown_op(step["op"], registry, wheels), pointer_of(path))
        return
    op = registry.steps.get(step["op"]) if step and isinstance(step["op"], str) else None
    if op and name in op.settable:
        check: Any = partial(op.settable[name].parse, op=op.name)
    else:
        depth, check = _guard(path, depth)
    if check is not None:
        try:
            check(reduce(getitem, path[: depth + 1], value))
        except ParameterError as fault:
            yield ParameterError(fault.message, pointer_of(path[: depth + 1]) + fault.pointer)
            return
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, path)
    elif error.validator == "required":
        yield from (ParameterError(text, pointer_of(path)) for text in _missing(error))
    elif error.validator == "anyOf" and path[-1:] != ["n"]:
        yield ParameterError(_no_node(error.instance), pointer_of(path))
    else:
        yield ParameterError(_plain(error), pointer_of(path))


def _innermost_step(value: Any, path: list[Any]) -> tuple[dict[str, Any], int]:
    """The step on the way to `path` (empty where there is none), and where in `path` its key is."""
    found: tuple[dict[str, Any], int] = ({}, 0)
    part = value
    for depth, key in enumerate(path):
        if isinstance(part, dict) and "op" in part:
            found = (part, depth)
        part = part[key]
    return found


def _guard(path: list[Any], depth: int) -> tuple[int, Any]:
    """Where in `path` the "p" or the "when" of a step or group is, and what checks it."""
    found = (i for i in range(depth, len(path)) if path[i] in CHECKS)
    depth = next(found, depth)
    return depth, CHECKS.get(path[depth]) if path else None


def _unknown_op(name: Any, registry: Registry, wheels: Any) -> str:
    """`wheels`: what the policy says of where its ops came from; anyone may have written it."""
    if not isinstance(name, str):
        return f'"op" takes the name of an op, found {show(name)}'
    wheel = wheels.get(name) if isinstance(wheels, dict) else None
    written = f"; the policy was written with {printable(wheel)}" if isinstance(wheel, str) else ""
    return registry.why_missing(name) + written


def _unknown_keys(error: Any, path: list[Any]) -> Iterator[ParameterError]:
    known = list(error.schema["properties"])
    owner = error.instance.get("op")
    offered = [name for name in known if name != "op"]
    names = ", ".join(f'"{name}"' for name in offered)
    for extra in error.instance:
        if extra not in known:
            key = printable(extra)
            subject = f'"{owner}" has no parameter "{key}"' if owner else f'unknown key "{key}"'
            hint = suggest(extra, offered)
            yield ParameterError(f"{subject}{hint}; allowed: {names}", pointer_of([*path, extra]))


def _missing(error: Any) -> Iterator[str]:
    owner, known = error.instance.get("op"), error.schema.get("properties", {})
    # a misspelt key is said to be unknown, with what was meant; to say both would be one too many
    misspelt = [suggest(key, known) for key in error.instance if key not in known]
    for key in error.validator_value:
        if key not in error.instance and not any(f'"{key}"' in hint for hint in misspelt):
            if key == "version":
                yield '"version" is missing; add "version": 1'
            else:
                yield f'"{key}" is missing; "{owner}" needs it' if owner else f'"{key}" is missing'


def _no_node(found: Any) -> str:
    """`found` has no "op" and no key of a group; the key of another library's may be there."""
    names = ", ".join(f'"{kind}"' for kind in GROUPS)
    text = f'neither a step ("op") nor a group ({names})'
    hints = (synonyms.pointer(key) for key in found) if isinstance(found, dict) else ()
    hint = next(filter(None, hints), "")
    return f"{text}; {hint}" if hint else text


def _plain(error: Any) -> str:
    found, wanted = show(error.instance), error.validator_value
    match error.validator:
        case "type":
            article = "an" if str(wanted)[0] in "aeio" else "a"
            return f"{found} is not {article} {wanted}"
        case "const":
            return f"{found} is not {show(wanted)}"
        case "enum":
            return f"{found} is not one of {', '.join(show(item) for item in wanted)}"
        case "minimum":
            return f"{found} is below {wanted}, the least allowed"
        case "maximum":
            return f"{found} is above {wanted}, the most allowed"
        case "minItems" | "maxItems":
            return f"{len(error.instance)} entries; {error.validator} is {wanted}"
        case "anyOf":
            return f"{found} is not allowed; write a count, or [least, most]"
    return str(error.message)
