"""Loading a policy: from a file or a dict to a `Policy` whose every value is checked."""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from augreg import distributions, document, draws, params
from augreg.errors import OpError, ParameterError, PolicyError, shown
from augreg.macros import expand_nodes
from augreg.operation import Op
from augreg.registry import FIRST_PARTY, Registry, default_registry
from augreg.schema import GROUPS
from augreg.validation import check_structure

VERSION = 1


class PolicyWarning(UserWarning):
    """A policy that works but is hardly meant."""


@dataclass(frozen=True)
class Step:
    """One op with its arguments. `path` names its draws: the step's "id", or its pointer."""

    op: Op
    arguments: Mapping[str, Any]  # distributions where drawn, plain values where static
    p: float
    path: str
    pointer: str

    def drawn(self) -> Iterator[tuple[str, distributions.Distribution, str]]:
        """(name, distribution, dtype) of each drawn parameter that is given."""
        for name, spec in self.op.params.items():
            value = self.arguments[name]
            if not spec.static and value is not None:
                yield name, value, spec.dtype  # type: ignore[union-attr]

    @property
    def scheduled(self) -> bool:
        """A parameter follows the epoch."""
        return any(isinstance(value, distributions.Schedule) for _, value, _ in self.drawn())


@dataclass(frozen=True)
class Group:
    """Branches and how they are done.

    kind: sequence, one_of (by weights), some_of (n of them), random_order (all, in an order of the
    sample's own) or mixture (all on the same image, then a convex mixture of the results).
    """

    kind: str
    branches: tuple[Step | Group, ...]
    p: float
    path: str
    pointer: str
    weights: tuple[float, ...] = ()
    n: tuple[int, int] = (0, 0)
    replace: bool = False


Node = Step | Group


@dataclass(frozen=True)
class Output:
    """How 0..1 leaves: `x * scale + offset` per channel (a single one for all), then `dtype`."""

    dtype: str = "float32"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Policy:
    """A checked policy. `hash` covers what decides pixels: steps, output, op and draw versions."""

    name: str
    description: str
    prepare_train: tuple[Node, ...]
    prepare_eval: tuple[Node, ...]
    augment: tuple[Node, ...]
    output: Output
    source: Mapping[str, Any]
    hash: str
    plugins: Mapping[str, str]  # distribution -> version, of every op used
    path: str | None = None
    text: str | None = None
    macros: tuple[str, ...] = ()  # pointers of steps that are groups now
    wheels: Mapping[str, str] = field(default_factory=dict)  # third-party op -> wheel and version

    @property
    def written(self) -> dict[str, Any]:
        """The policy as augreg writes it: it says which wheels its ops came from."""
        source = copy.deepcopy(dict(self.source))
        return {**source, "wheels": dict(self.wheels)} if self.wheels else source

    def scheduled(self, sections: tuple[str, ...] = ("prepare", "augment")) -> str | None:
        """The pointer of the first step of `sections` that follows the epoch, if any."""
        prepare = self.prepare_train if "prepare" in sections else ()
        nodes = walk((*prepare, *(self.augment if "augment" in sections else ())))
        found = (n.pointer for n in nodes if isinstance(n, Step) and n.scheduled)
        return next(found, None)

    def prepare(self, training: bool) -> tuple[Node, ...]:
        return self.prepare_train if training else self.prepare_eval

    def error(self, message: str, pointer: str) -> PolicyError:
        """A `PolicyError` about the part at `pointer`, with its place in the file."""
        return _error(message, outermost(pointer, self.macros), self.path, self.text)

    def located(self, error: OpError, pointer: str) -> OpError:
        """The error with the place of the step that it came from, unless it has one."""
        if error.pointer is not None:
            return error
        return OpError(str(self.error(str(error), pointer)), error.op, pointer)


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


def outermost(pointer: str, macros: tuple[str, ...]) -> str:
    """The pointer in the file: that of the macro whose writing `pointer` lies in, if any."""
    around = [macro for macro in macros if pointer.startswith(f"{macro}/sequence")]
    return min(around, key=len, default=pointer)


def _names(value: Any) -> Iterator[str]:
    """The op of every step in a part of a checked document."""
    if isinstance(value, dict) and "op" in value:
        yield value["op"]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _names(part)


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """All steps and groups, in document order."""
    for node in nodes:
        yield node
        if isinstance(node, Group):
            yield from walk(node.branches)


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
            raise _error(error.message, where, self.path, self.text) from error

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
        _check_draws(every)
        steps = [node for node in every if isinstance(node, Step)]
        owners = [self.registry.owner[step.op.name] for step in steps]
        return Policy(
            name=value.get("name", Path(self.path).stem if self.path else "policy"),
            description=value.get("description", ""),
            prepare_train=train,
            prepare_eval=evaluation,
            augment=augment,
            output=_output(value.get("output", {})),
            source=copy.deepcopy(source),
            hash=_hash(value, {step.op.name: step.op.version for step in steps}),
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


def _output(value: dict[str, Any]) -> Output:
    dtype = value.get("dtype", "float32")
    if "normalize" in value:
        return _normalized(value, dtype)
    lo, hi = value.get("range", [0, 255] if dtype == "uint8" else [0, 1])
    if not lo < hi:
        raise ParameterError(f"the range [{lo}, {hi}] is empty or runs backwards", "/output/range")
    if dtype == "uint8" and (lo, hi) != (0, 255):
        raise ParameterError("uint8 output takes the range [0, 255] only", "/output/range")
    return Output(dtype, (float(hi - lo),), (float(lo),))


def _normalized(value: dict[str, Any], dtype: str) -> Output:
    if "range" in value or dtype == "uint8":
        other = '"range"' if "range" in value else "uint8"
        raise ParameterError(f'"normalize" does not go with {other}', "/output/normalize")
    mean, std = value["normalize"]["mean"], value["normalize"]["std"]
    if len(mean) != len(std) or len(mean) == 2:
        raise ParameterError('"mean" and "std" take one number each, or three', "/output/normalize")
    if not min(std) > 0:
        raise ParameterError('"std" has to be above 0', "/output/normalize/std")
    scale = tuple(1.0 / s for s in std)
    return Output(dtype, scale, tuple(-m / s for m, s in zip(mean, std, strict=True)))


def _check_draws(nodes: list[Node]) -> None:
    """Refuses two steps whose draws would be the same, and ids that collide in 32 bits."""
    seen: dict[int, tuple[str, str]] = {}
    for node in nodes:
        path = shown(node.path)
        if "#" in node.path:
            raise ParameterError(
                f'"{path}" holds a "#", which names the picks of some_of; choose another "id"',
                f"{node.pointer}/id",
            )
        drawn = (
            [name for name, *_ in node.drawn()]
            if isinstance(node, Step)
            else ["choice", "n", "mix"]
        )
        for name in [*drawn, "p"]:
            key = draws.draw_id(node.path, name)
            if key in seen:
                other = seen[key][1]
                where = f"{node.pointer}/id" if node.path != node.pointer else node.pointer
                raise ParameterError(
                    f'"{path}" and the id of {other} give the same draws; choose another "id"',
                    where,
                )
            seen[key] = (node.path, node.pointer)


def _hash(value: dict[str, Any], versions: dict[str, int]) -> str:
    deciding = {k: value[k] for k in ("prepare", "augment", "output") if k in value}
    body = {"policy": _canonical(deciding), "ops": versions, "draws": draws.VERSION}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """1.0 and 1 are the same number in a policy, so they hash the same."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text_of(value: Mapping[str, Any]) -> tuple[str, Any]:
    """A dict goes through the same parser as a file, so that both are held to the same rules."""
    try:
        return document.parse(json.dumps(dict(value)))
    except PolicyError as error:  # its place is one in a text that the caller never saw
        raise PolicyError(error.message) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"the policy is not JSON: {error}") from error


def _error(message: str, pointer: str, path: str | None, text: str | None) -> PolicyError:
    if text is None:
        return PolicyError(message, path=path, pointer=pointer)
    line, column = document.locate(text, pointer)
    return PolicyError(message, path=path, pointer=pointer, line=line, column=column)
