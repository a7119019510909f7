"""Loading a policy: from a file or a dict to a `Policy` whose every value is checked."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from augreg import document, params
from augreg.errors import ParameterError, PolicyError
from augreg.macros import expand_nodes
from augreg.policy.identity import check_draws, hash_of
from augreg.policy.nodes import Group, Node, Policy, Step, error_at, outermost, walk
from augreg.policy.output import read_output
from augreg.registry import FIRST_PARTY, Registry, default_registry
from augreg.schema import GROUPS
from augreg.validation import check_structure


class PolicyWarning(UserWarning):
    """A policy that works but is hardly meant."""


def load_policy(
    path_or_dict: str | PathLike[str] | Mapping[str, Any] | Policy,
    *,
    registry: Registry | None = None,
) -> Policy:
    """Loads and checks a policy.

    Args:
        path_or_dict: a file's path, or the policy as a dict. A `Policy` is returned as it is.
        registry: the ops that it may use; those of all installed plugins where None.

    Raises:
        PolicyError: with file, JSON pointer, line and column of what is wrong.

    >>> import augreg
    >>> augreg.load_policy({"version": 1, "augment": [{"op": "flip", "p": 0.5}]}).augment[0].p
    0.5
    """
    if isinstance(path_or_dict, Policy):
        return path_or_dict
    ops = registry or default_registry()
    if isinstance(path_or_dict, Mapping):
        text, value = _text_of(path_or_dict)
        return _Loader(ops, None, None).load(value)
    path = Path(path_or_dict)
    text, value = document.read_document(path)
    return _Loader(ops, str(path), text).load(value)


def expanded(
    value: Mapping[str, Any], registry: Registry | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A checked policy with every macro written out, and the pointers where macros stood."""
    macros, found = (registry or default_registry()).macros, []  # type: tuple[Any, list[str]]
    result = dict(value)
    for section in ("prepare", "augment"):
        part = value.get(section)
        if isinstance(part, dict):
            result[section] = {
                split: expand_nodes(part[split], macros, f"/{section}/{split}", found)
                for split in part
            }
        elif part is not None:
            result[section] = expand_nodes(part, macros, f"/{section}", found)
    return result, tuple(found)


def _names(value: Any) -> Iterator[str]:
    """The op of every step in a part of a checked document."""
    if isinstance(value, dict) and "op" in value:
        yield value["op"]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _names(part)


@dataclass(frozen=True)
class _Loader:
    registry: Registry
    path: str | None
    text: str | None

    def load(self, value: Any) -> Policy:
        macros: tuple[str, ...] = ()
        try:
            check_structure(value, self.registry)
            written, macros = expanded(value, self.registry)
            if macros:
                check_structure(written, self.registry)
            return self._policy(value, written, macros)
        except ParameterError as error:
            where = outermost(error.pointer, macros)
            raise error_at(error.message, where, self.path, self.text) from error

    def _policy(
        self, source: dict[str, Any], value: dict[str, Any], macros: tuple[str, ...]
    ) -> Policy:
        prepare = value.get("prepare", [])
        if isinstance(prepare, dict):
            train = self._nodes(prepare["train"], "/prepare/train")
            evaluation = self._nodes(prepare["eval"], "/prepare/eval")
        else:
            train = evaluation = self._nodes(prepare, "/prepare")
        augment = self._nodes(value.get("augment", []), "/augment")
        if not (train or evaluation or augment):
            where = f"{self.path}: " if self.path else ""
            warnings.warn(f"{where}the policy has no steps", PolicyWarning, stacklevel=4)
        every = list(walk(train)) + list(walk(augment))
        every += [] if evaluation is train else list(walk(evaluation))
        check_draws(every)
        steps = [node for node in every if isinstance(node, Step)]
        owners = [self.registry.owner[step.op.name] for step in steps]
        return Policy(
            name=value.get("name", Path(self.path).stem if self.path else "policy"),
            description=value.get("description", ""),
            prepare_train=train,
            prepare_eval=evaluation,
            augment=augment,
            output=read_output(value.get("output", {})),
            source=copy.deepcopy(source),
            hash=hash_of(value, {step.op.name: step.op.version for step in steps}),
            plugins={owner.distribution: owner.version for owner in owners},
            path=self.path,
            text=self.text,
            macros=macros,
            wheels=self._wheels(source),
        )

    def _wheels(self, source: dict[str, Any]) -> dict[str, str]:
        """The wheel of each op and macro in a document that is not one of ours."""
        sections = [source.get(name, []) for name in ("prepare", "augment")]
        owners = {name: self.registry.owner[name] for name in sorted(set(_names(sections)))}
        return {
            name: f"{owner.distribution} {owner.version}"
            for name, owner in owners.items()
            if owner.distribution != FIRST_PARTY
        }

    def _nodes(self, values: list[Any], pointer: str) -> tuple[Node, ...]:
        return tuple(self._node(value, f"{pointer}/{i}") for i, value in enumerate(values))

    def _node(self, value: dict[str, Any], pointer: str) -> Node:
        return self._step(value, pointer) if "op" in value else self._group(value, pointer)

    def _step(self, value: dict[str, Any], pointer: str) -> Step:
        op = self.registry.get(value["op"])
        arguments: dict[str, Any] = {}
        for name, spec in op.params.items():
            if isinstance(spec, params.Hidden):
                arguments[name] = spec.distribution
                continue
            raw = value.get(name, spec.default)
            try:
                arguments[name] = None if raw is None else spec.parse(raw, op.name)
            except ParameterError as error:
                where = f"{pointer}/{name}{error.pointer}"
                raise ParameterError(error.message, where) from error
        p = float(value.get("p", 1.0))
        return Step(op, arguments, p, value.get("id", pointer), pointer)

    def _group(self, value: dict[str, Any], pointer: str) -> Group:
        kind = next(key for key in GROUPS if key in value)
        branches = self._nodes(value[kind], f"{pointer}/{kind}")
        weights: tuple[float, ...] = ()
        if kind == "one_of":
            try:
                weights = params.check_weights(value.get("weights"), len(branches))
            except ParameterError as error:
                raise ParameterError(error.message, pointer + error.pointer) from error
        count = self._count(value, len(branches), pointer) if kind == "some_of" else (0, 0)
        p, replace = float(value.get("p", 1.0)), bool(value.get("replace", False))
        return Group(kind, branches, p, pointer, pointer, weights, count, replace)

    def _count(self, value: dict[str, Any], branches: int, pointer: str) -> tuple[int, int]:
        raw = value["n"]
        lo, hi = (int(end) for end in (raw if isinstance(raw, list) else [raw, raw]))
        if lo > hi:
            raise ParameterError(f"the range [{lo}, {hi}] runs backwards", f"{pointer}/n")
        if hi > branches and not value.get("replace", False):
            raise ParameterError(
                f'{hi} of {branches} branches without "replace": true', f"{pointer}/n"
            )
        if hi > 32:
            raise ParameterError(f"{hi} picks; at most 32 are allowed", f"{pointer}/n")
        return lo, hi


def _text_of(value: Mapping[str, Any]) -> tuple[str, Any]:
    """A dict goes through the same parser as a file, so that both are held to the same rules."""
    try:
        return document.parse(json.dumps(dict(value)))
    except PolicyError as error:  # its place is one in a text that the caller never saw
        raise PolicyError(error.message) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"the policy is not JSON: {error}") from error
