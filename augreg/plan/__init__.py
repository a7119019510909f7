"""From a policy to a plan: stages in document order, with sizes, channels and boundaries.

A stage is what one kernel does. Which geometric steps share a resample is decided here and not in
`optimize`, because it is the meaning of a policy and no optimisation (DESIGN, section 3).

A group whose branches all belong to one closed family (geometry, colour maps) is one item of a
stage: choosing happens on its matrices. A group of mixed families is taken apart into guarded
items: a sample that a guard does not select gets the identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from augreg.plan.builder import Builder
from augreg.plan.geometry import Traits as Traits
from augreg.plan.geometry import chain as chain
from augreg.plan.geometry import element_of as element_of
from augreg.plan.sizes import sides_of
from augreg.plan.stages import SECTIONS as SECTIONS
from augreg.plan.stages import AffineStage as AffineStage
from augreg.plan.stages import BranchStage as BranchStage
from augreg.plan.stages import ColorPart as ColorPart
from augreg.plan.stages import Decode as Decode
from augreg.plan.stages import Guard as Guard
from augreg.plan.stages import Item as Item
from augreg.plan.stages import LatticeStage as LatticeStage
from augreg.plan.stages import MixStage as MixStage
from augreg.plan.stages import MixtureStage as MixtureStage
from augreg.plan.stages import NeighborStage as NeighborStage
from augreg.plan.stages import PixelPart as PixelPart
from augreg.plan.stages import PointwiseStage as PointwiseStage
from augreg.plan.stages import ResizeStage as ResizeStage
from augreg.plan.stages import Stage as Stage
from augreg.plan.stages import StaticSize as StaticSize
from augreg.plan.stages import pointer_in as pointer_in
from augreg.plan.stages import pointers_of as pointers_of
from augreg.plan.stages import statistics_of as statistics_of
from augreg.plan.texts import plan_html, plan_text
from augreg.policy import Node, Output, Policy, Step
from augreg.random import distributions


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

    def __repr__(self) -> str:
        return plan_text(self)

    def _repr_html_(self) -> str:
        return plan_html(self)


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
    prepare = policy.prepare(training) if "prepare" in chosen else ()
    augment = policy.augment if training and "augment" in chosen else ()
    builder = Builder(policy, sides_of(tuple(size)), channels, unfused)  # type: ignore[arg-type]
    prepare_stages = builder.section(prepare)
    size_prepared = builder.size
    builder.classes = 0
    augment_stages = builder.section(augment)
    output = policy.output if "output" in chosen else None
    if output and len(output.scale) > builder.channels:
        raise policy.error(
            f"{len(output.scale)} levels, and the image has one channel here; give one number",
            "/output/normalize",
        )
    return Plan(
        prepare_stages,
        augment_stages,
        output,
        tuple(dict.fromkeys(_draws([*prepare, *augment]))),
        tuple(size),  # type: ignore[arg-type]
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


def _draws(nodes: Iterable[Node], suffix: str = "") -> Iterator[tuple[str, str]]:
    """(path, name) of every draw that these nodes make, in document order."""
    for node in nodes:
        path = node.path + suffix
        if node.p < 1:
            yield path, "p"
        if isinstance(node, Step):
            for name, distribution, _ in node.drawn():
                if not isinstance(distribution, distributions.Constant):
                    yield path, name
            continue
        if node.n[0] != node.n[1]:
            yield path, "n"
        if not (node.kind == "some_of" and node.replace):
            if node.kind != "sequence":
                yield path, "choice"
            if node.kind == "mixture":
                yield path, "mix"
            yield from _draws(node.branches, suffix)
            continue
        for slot in range(node.n[1]):
            yield f"{path}#{slot}", "choice"
            yield from _draws(node.branches, f"{suffix}#{slot}")
