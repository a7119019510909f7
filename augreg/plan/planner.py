"""The planner: walks a policy's sections, and keeps what is known of sizes and channels."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from augreg.errors import printable
from augreg.families import Stage, StaticSize
from augreg.plan.builder import Builder
from augreg.plan.place import wrong_levels
from augreg.plan.sizes import sides_of, size_text
from augreg.policy import Node, Output, Policy, Step
from augreg.random import distributions

SECTIONS = ("prepare", "augment", "output")


@dataclass(frozen=True)
class Decode:
    """How encoded images are read.

    stage: cut or cut and resized while decoding: only its window is read. None: the whole image.
    scaled: (height, width) that a JPEG may be decoded down to, by 2, 4 or 8.
    """

    stage: Stage | None = None
    scaled: tuple[int, int] | None = None


@dataclass(frozen=True)
class Plan:
    """Stages by section. `size_prepared` is the size between prepare and augment.

    decode: None where images come as arrays. unchecked: the steps, as (pointer, op), that work at
    some sizes only, and stand where the size is not known.
    """

    prepare: tuple[Stage, ...]
    augment: tuple[Stage, ...]
    output: Output | None
    draws: tuple[tuple[str, str], ...]
    size_in: StaticSize
    size_prepared: StaticSize
    size_out: StaticSize
    channels_in: int
    channels_out: int
    policy: Policy
    decode: Decode | None = None
    unchecked: tuple[tuple[str, str], ...] = ()

    @property
    def mixes(self) -> bool:
        """Whether it mixes samples, and so their labels."""
        return any(stage.reads_others for stage in self.augment)

    def __repr__(self) -> str:
        return f"<Plan {self._title()}" + "".join(f"\n  {line}" for line in self._lines()) + ">"

    def _repr_html_(self) -> str:
        """Ids and names may be anyone's, so everything is escaped."""
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        return f"<div><b>{html.escape(self._title())}</b><ul>{lines}</ul></div>"

    def _title(self) -> str:
        ends = (self.size_in, self.channels_in), (self.size_out, self.channels_out)
        sizes = " to ".join(f"{size_text(size)}x{channels}" for size, channels in ends)
        return f'"{printable(self.policy.name)}" {self.policy.hash[:12]}, {sizes}'

    def _lines(self) -> Iterator[str]:
        """A line for each stage; `augreg explain` says more."""
        for section, stages in (("prepare", self.prepare), ("augment", self.augment)):
            for number, stage in enumerate(stages, start=1):
                kind = type(stage).__name__.removesuffix("Stage").lower()
                yield f"{section} {number}. {kind}: {', '.join(stage.pointers)}"
        if self.output is not None:
            yield f"output {self.output.dtype}"


def plan(
    policy: Policy,
    *,
    training: bool = True,
    sections: Iterable[str] = SECTIONS,
    size: StaticSize = (None, None),
    channels: int = 3,
    encoded: bool = False,
    unfused: bool = False,
) -> Plan:
    """Plans `sections` of a policy for images of `size` (height, width; None: not known).

    `encoded`: images come as the bytes of a file. `unfused`: a stage for each step of a group of
    colour maps too, so that one can look between them.

    Raises:
        PolicyError: a step can't work at this size or with this number of channels.
    """
    chosen = check_sections(sections)
    prepare, augment = (
        policy.nodes(training, (name,)) if name in chosen else () for name in SECTIONS[:2]
    )
    height, width = size
    builder = Builder(policy, sides_of((height, width)), channels, unfused=unfused)
    prepare_stages = builder.section(prepare)
    size_prepared = builder.size
    builder.classes = 0
    augment_stages = builder.section(augment)
    output = policy.output if "output" in chosen else None
    if output and len(output.scale) not in (1, builder.channels):
        raise policy.error(wrong_levels(output.scale, builder.channels), "/output/normalize")
    return Plan(
        prepare_stages,
        augment_stages,
        output,
        tuple(dict.fromkeys(draws_of([*prepare, *augment]))),
        (height, width),
        size_prepared,
        builder.size,
        channels,
        builder.channels,
        policy,
        Decode() if encoded else None,
        tuple(dict.fromkeys(builder.unchecked)),
    )


def check_sections(sections: Any) -> tuple[str, ...]:
    """The sections in their order; raises `ValueError` for an unknown one."""
    many = isinstance(sections, Iterable) and not isinstance(sections, str)
    wanted = list(sections) if many else [sections]
    if unknown := [name for name in wanted if name not in SECTIONS]:
        raise ValueError(f"unknown sections {unknown}; allowed are {list(SECTIONS)}")
    return tuple(name for name in SECTIONS if name in wanted)


def same_for_all(nodes: Iterable[Node]) -> bool:
    """Whether these nodes do the same to each sample of each epoch: they draw nothing.

    What follows the epoch (a schedule) counts as drawn.
    """
    return next(draws_of(nodes), None) is None


def draws_of(nodes: Iterable[Node], suffix: str = "") -> Iterator[tuple[str, str]]:
    """(path, name) of every draw that these nodes make, in document order; some twice."""
    for node in nodes:
        path = node.path + suffix
        if node.draws_p:
            yield path, "p"
        if isinstance(node, Step):
            for name, distribution, _ in node.drawn():
                if not isinstance(distribution, distributions.Constant):
                    yield path, name
            if node.keeps is not None and node.keeps[1] == "any":
                yield path, node.keeps[0]
            continue
        if node.n[0] != node.n[1]:
            yield path, "n"
        for visit in node.visits():
            if visit.again:
                continue
            if node.kind != "sequence":
                yield path + visit.suffix, "choice"
            if node.kind == "mixture":
                yield path, "mix"
            yield from draws_of((visit.branch,), suffix + visit.suffix)
