"""A policy's data: steps, groups of them, the output, and the policy that holds them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from augreg.errors import OpError, PolicyError
from augreg.plugin.op import Op
from augreg.policy import display, document
from augreg.policy.chance import Guarded
from augreg.random import distributions


@dataclass(frozen=True)
class Step(Guarded):
    """One op with its arguments. `path` names its draws: the step's "id", or its pointer."""

    op: Op
    arguments: Mapping[str, Any]  # distributions where drawn, plain values where static
    path: str
    pointer: str

    @property
    def keeps(self) -> tuple[str, str] | None:
        """The parameter that says which boxes to keep, and its value; None where it keeps none."""
        name = self.op.keeps
        return None if name is None or (kept := self.arguments[name]) is None else (name, kept)

    def drawn(self) -> Iterator[tuple[str, distributions.Distribution, str]]:
        """(name, distribution, dtype) of each drawn parameter that is given."""
        for name, spec in self.op.params.items():
            value = self.arguments[name]
            if not spec.static and value is not None:
                yield name, value, spec.dtype

    @cached_property  # a function asks it at each call
    def scheduled(self) -> bool:
        """Its p or a parameter follows the epoch."""
        values = [self.schedule, *(value for _, value, _ in self.drawn())]
        return any(isinstance(value, distributions.Schedule) for value in values)

    def __hash__(self) -> int:
        return hash((self.op.name, self.path, self.p))  # arguments are a dict


@dataclass(frozen=True)
class Group(Guarded):
    """Branches and how they are done.

    kind: sequence, one_of (by weights), some_of (n of them), random_order (all, in an order of the
    sample's own) or mixture (all on the same image, then a convex mixture of the results).
    """

    kind: str
    branches: tuple[Step | Group, ...]
    path: str
    pointer: str
    weights: tuple[float, ...] = ()
    n: tuple[int, int] = (0, 0)
    replace: bool = False

    @cached_property
    def scheduled(self) -> bool:
        """Its p follows the epoch."""
        return self.schedule is not None

    def visits(self) -> Iterator[Visit]:
        """Every branch, as often and in the order in which it may be done.

        In a slot, which some_of with replacement and random_order have, a sample does one branch.
        """
        slots: Iterable[int | None] = (None,)
        if self.replace or self.kind == "random_order":
            slots = range(self.n[1] if self.replace else len(self.branches))
        for slot in slots:
            suffix = f"#{slot}" if self.replace else ""
            for number, branch in enumerate(self.branches):
                yield Visit(branch, number, slot, suffix, again=bool(slot) and not suffix)


@dataclass(frozen=True)
class Visit:
    """A place where a group may do a branch.

    Attributes:
        number: the branch's, from 0.
        slot: where a sample does one branch of several; None for all others.
        suffix: what ends the paths of its draws, after the group's own suffix.
        again: its draws are those of the branch's first visit.
    """

    branch: Node
    number: int
    slot: int | None
    suffix: str
    again: bool


Node = Step | Group


@dataclass(frozen=True)
class Output:
    """How 0..1 leaves: `x * scale + offset` per channel (a single one for all), then `dtype`."""

    dtype: str = "float32"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)


BYTES = Output("uint8", (255.0,))  # 0..255, what a file holds and a screen shows


@dataclass(frozen=True)
class Policy:
    """A checked policy. `hash` covers what affects pixels: steps, output, op and draw versions."""

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

    def __hash__(self) -> int:
        return int(self.hash[:15], 16)  # the same in every process

    def __repr__(self) -> str:
        return display.policy_text(self.name, self.hash, self.source)

    def _repr_html_(self) -> str:
        return display.policy_html(self.name, self.hash, self.source)

    @property
    def written(self) -> dict[str, Any]:
        """The policy as augreg writes it: it says which wheels its ops came from."""
        source = copy.deepcopy(dict(self.source))
        return {**source, "wheels": dict(self.wheels)} if self.wheels else source

    def as_bytes(self) -> Policy:
        """The policy with uint8 output, 0..255."""
        return replace(self, output=BYTES)

    def scheduled(self, sections: tuple[str, ...] = ("prepare", "augment")) -> str | None:
        """The pointer of the first step or group of `sections` that follows the epoch, if any."""
        nodes = walk(self.nodes(True, sections))
        return next((node.pointer for node in nodes if node.scheduled), None)

    def nodes(self, training: bool, sections: tuple[str, ...]) -> tuple[Node, ...]:
        """What `sections` do, in training or not."""
        prepare = self.prepare(training) if "prepare" in sections else ()
        return (*prepare, *(self.augment if training and "augment" in sections else ()))

    def prepare(self, training: bool) -> tuple[Node, ...]:
        return self.prepare_train if training else self.prepare_eval

    def error(self, message: str, pointer: str) -> PolicyError:
        """A `PolicyError` about the part at `pointer`, with its place in the file."""
        return error_at(message, outermost(pointer, self.macros), self.path, self.text)

    def located(self, error: OpError, pointer: str) -> OpError:
        """The error with the place of the step that it came from, unless it has one."""
        if error.pointer is not None:
            return error
        return OpError(str(self.error(str(error), pointer)), error.op, pointer)


def outermost(pointer: str, macros: tuple[str, ...]) -> str:
    """The pointer in the file: that of the macro whose writing `pointer` lies in, if any."""
    around = [macro for macro in macros if pointer.startswith(f"{macro}/sequence")]
    return min(around, key=len, default=pointer)


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """All steps and groups, in document order."""
    for node in nodes:
        yield node
        if isinstance(node, Group):
            yield from walk(node.branches)


def steps_in(nodes: tuple[Node, ...]) -> tuple[Step, ...]:
    """The steps among nodes and below them, in document order."""
    return tuple(node for node in walk(nodes) if isinstance(node, Step))


def error_at(message: str, pointer: str, path: str | None, text: str | None) -> PolicyError:
    """An error about the part at `pointer` of a file, with its line and column in its text."""
    if text is None:
        return PolicyError(message, path=path, pointer=pointer)
    line, column = document.locate(text, pointer)
    return PolicyError(message, path=path, pointer=pointer, line=line, column=column)
