"""Loading a policy: from a file or a dict to a `Policy` whose every value is checked."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from augreg.errors import MAX_MISTAKES, ParameterError
from augreg.plugin import params
from augreg.plugin.registry import FIRST_PARTY, Registry, default_registry
from augreg.policy import document
from augreg.policy.chance import CHECKS, guards_of
from augreg.policy.expansion import Expansion
from augreg.policy.given import find_policy, parsed
from augreg.policy.identity import draw_mistakes, hash_of
from augreg.policy.mistakes import Mistakes, without
from augreg.policy.nodes import Group, Node, Output, Policy, Step, outermost, walk
from augreg.policy.output import read_output
from augreg.policy.schema import GROUPS
from augreg.policy.validation import structural_mistakes
from augreg.random.numbers import check_weights


class PolicyWarning(UserWarning):
    """A policy that is valid, but probably not intended."""


def load_policy(
    policy: str | PathLike[str] | Mapping[str, Any] | Policy,
    *,
    registry: Registry | None = None,
) -> Policy:
    """Loads and checks a policy.

    Args:
        policy: a file's path, the name of a ready policy such as "flowers" (a file of that name
            takes precedence), or the policy as a dict, in which NumPy numbers and tuples work as
            numbers and lists. A `Policy` is returned unchanged.
        registry: the ops that it may use; None: the ops of all installed plugins.

    Raises:
        PolicyError: up to twenty mistakes at once, each with file, JSON pointer, line and column.

    >>> import augreg
    >>> augreg.load_policy({"version": 1, "augment": [{"op": "flip", "p": 0.5}]}).augment[0].p
    0.5
    >>> augreg.load_policy("flowers").name
    'flowers'
    """
    if isinstance(policy, Policy):
        return policy
    ops = registry or default_registry()
    if isinstance(policy, Mapping):
        return _Loader(ops, None, None).load(parsed(policy))
    path = find_policy(policy)
    text, value = document.read_document(path)
    return _Loader(ops, str(path), text).load(value)


def load_text(text: str, path: str | None = None, registry: Registry | None = None) -> Policy:
    """Loads and checks a policy's text, as an editor holds it; `path`: what errors call it.

    Raises:
        PolicyError: as `load_policy`, with line and column.
    """
    text, value = document.parse(text, path)
    return _Loader(registry or default_registry(), path, text).load(value)


def expanded(
    value: Mapping[str, Any], registry: Registry | None = None
) -> tuple[dict[str, Any], Expansion]:
    """A checked policy with every macro written out, and where they stood."""
    expansion = Expansion((registry or default_registry()).macros)
    result = dict(value)
    for section in ("prepare", "augment"):
        part = value.get(section)
        if isinstance(part, dict):
            result[section] = {
                split: expansion.nodes(part[split], f"/{section}/{split}") for split in part
            }
        elif part is not None:
            result[section] = expansion.nodes(part, f"/{section}")
    return result, expansion


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
    mistakes: Mistakes = field(default_factory=Mistakes)
    inner: Mistakes = field(default_factory=Mistakes)  # pointers may lie in what a macro wrote

    def load(self, value: Any) -> Policy:
        """The policy, or all that is wrong with it.

        Each look goes on with what the one before found right.
        """
        mistakes = self.mistakes
        macros: tuple[str, ...] = ()
        written: dict[str, Any] = {}
        with mistakes.caught():
            wrong = structural_mistakes(value, self.registry)
            mistakes.add(wrong)
            if len(wrong) > MAX_MISTAKES:  # that will do, and the schema did not look further
                raise mistakes.error(value, self.path, self.text)
            written, expansion = expanded(without(value, wrong), self.registry)
            macros = tuple(expansion.found)
            mistakes.add(expansion.refused, macros)
            if macros:
                inner = structural_mistakes(written, self.registry)
                wrong = tuple(one for one in inner if outermost(one.pointer, macros) != one.pointer)
                mistakes.add(wrong, macros)
                written = without(written, wrong)
        return self._policy(value, written, macros)

    def _policy(
        self, source: dict[str, Any], value: dict[str, Any], macros: tuple[str, ...]
    ) -> Policy:
        train, evaluation = self._prepared(value.get("prepare", []))
        augment = self._nodes(value.get("augment", []), "/augment")
        output = Output()
        with self.inner.caught():
            output = read_output(value.get("output", {}))
        every = list(walk(train)) + list(walk(augment))
        every += [] if evaluation is train else list(walk(evaluation))
        self.inner.found += draw_mistakes(every)
        self.mistakes.add(self.inner.found, macros)
        if self.mistakes.found:
            raise self.mistakes.error(source, self.path, self.text)
        if not (train or evaluation or augment):
            where = f"{self.path}: " if self.path else ""
            warnings.warn(f"{where}the policy has no steps", PolicyWarning, stacklevel=4)
        steps = [node for node in every if isinstance(node, Step)]
        owners = [self.registry.owner[step.op.name] for step in steps]
        return Policy(
            name=value.get("name", Path(self.path).stem if self.path else "policy"),
            description=value.get("description", ""),
            prepare_train=train,
            prepare_eval=evaluation,
            augment=augment,
            output=output,
            source=copy.deepcopy(source),
            hash=hash_of(value, {step.op.name: step.op.version for step in steps}),
            plugins={owner.distribution: owner.version for owner in owners},
            path=self.path,
            text=self.text,
            macros=macros,
            wheels=self._wheels(source),
        )

    def _prepared(self, value: Any) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """What `prepare` does in training and in evaluation."""
        if not isinstance(value, dict):
            both = self._nodes(value, "/prepare")
            return both, both
        train = self._nodes(value.get("train", []), "/prepare/train")
        return train, self._nodes(value.get("eval", []), "/prepare/eval")

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
        nodes: list[Node | None] = []
        for i, value in enumerate(values):
            if value is not None:  # it is wrong, and that is known already
                read = self._step if "op" in value else self._group
                nodes.append(read(value, f"{pointer}/{i}"))
        return tuple(node for node in nodes if node is not None)

    def _step(self, value: dict[str, Any], pointer: str) -> Step | None:
        op = self.registry.get(value["op"])
        arguments: dict[str, Any] = {}
        for name, spec in op.params.items():
            if isinstance(spec, params.Hidden):
                arguments[name] = spec.distribution
                continue
            raw = value.get(name, spec.default)
            with self.inner.caught(f"{pointer}/{name}"):
                arguments[name] = None if raw is None else spec.parse(raw, op.name)
        self._check_guards(value, pointer)
        if len(arguments) < len(op.params):
            return None
        return Step(op, arguments, value.get("id", pointer), pointer, **guards_of(value))

    def _group(self, value: dict[str, Any], pointer: str) -> Group:
        kind = next(key for key in GROUPS if key in value)
        branches = self._nodes(value[kind], f"{pointer}/{kind}")
        weights: tuple[float, ...] = ()
        count = (0, 0)
        with self.inner.caught(pointer):
            if kind == "one_of":
                weights = check_weights(value.get("weights"), len(value[kind]))
            if kind == "some_of":
                count = _count(value, len(value[kind]))
        self._check_guards(value, pointer)
        replace = bool(value.get("replace", False))
        own = guards_of(value)
        return Group(kind, branches, pointer, pointer, weights, count, replace, **own)

    def _check_guards(self, value: dict[str, Any], pointer: str) -> None:
        """What decides whether a node is done, beyond what the schema can say."""
        for name, check in CHECKS.items():
            if name in value:
                with self.inner.caught(f"{pointer}/{name}"):
                    check(value[name])


def _count(value: dict[str, Any], branches: int) -> tuple[int, int]:
    """The least and the most of `some_of`; raises `ParameterError`."""
    raw = value.get("n", 0)  # it is missing only where that was a mistake
    lo, hi = (int(end) for end in (raw if isinstance(raw, list) else [raw, raw]))
    if lo > hi:
        raise ParameterError(f"the lower bound of [{lo}, {hi}] is above the upper one", "/n")
    if hi > branches and not value.get("replace", False):
        raise ParameterError(f'{hi} of {branches} branches without "replace": true', "/n")
    if hi > 32:
        raise ParameterError(f"{hi} picks; at most 32 are allowed", "/n")
    return lo, hi
