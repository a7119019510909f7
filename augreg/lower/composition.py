"""Composing what steps and groups make into one transform of a family, sample by sample."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any, Generic, Protocol

from augreg.families import Guard, Item, Size
from augreg.families.stage import Composed, Family
from augreg.policy import Group, Node, Step
from augreg.xp import Array


class SupportsComposition(Protocol):
    """What a composition asks of a `Lowering`."""

    def made(self, step: Step, size: Size, suffix: str) -> tuple[Any, Size]: ...
    def holds(self, guards: tuple[Guard, ...]) -> Array | None: ...
    def chance(self, node: Node, suffix: str) -> Array | None: ...
    def picked(self, group: Group, branch: int, slot: int | None, suffix: str) -> Array: ...


@dataclass(frozen=True)
class Composition(Generic[Composed]):
    """Composes in one family, under one batch's choices."""

    lowering: SupportsComposition
    family: Family[Composed]

    def items(self, items: tuple[Item, ...], size: Size) -> Composed:
        """One transform for all items, of which there is at least one, on images of `size`."""
        parts = []
        for site, run in groupby(items, key=_site):
            if site is None:
                part, size = self._run(tuple(run), size)
            else:
                part = self._branches(tuple(run), size)
            parts.append(part)
        return reduce(self.family.compose, parts)

    def _run(self, items: tuple[Item, ...], size: Size) -> tuple[Composed, Size]:
        """Items one after another, and the size after them."""
        parts = []
        for item in items:
            part, size = self._node(item.node, size, item.suffix)
            parts.append(self._where(self.lowering.holds(item.guards), part, size))
        return reduce(self.family.compose, parts), size

    def _branches(self, items: tuple[Item, ...], size: Size) -> Composed:
        """Branches of one choice: a select each, where composing would nest them.

        Items of different branches may alternate: a sample does those of its own, in their order.
        """
        result, branches = self.family.unit(size), {}  # type: Any, dict[Any, list[Item]]
        for item in items:
            branches.setdefault(item.guards[0].branch, []).append(item)
        for own in branches.values():
            inner = tuple(replace(item, guards=item.guards[1:]) for item in own)
            part, _ = self._run(inner, size)
            result = self.family.select(self.lowering.holds(own[0].guards[:1]), part, result)
        return result

    def _node(self, node: Node, size: Size, suffix: str) -> tuple[Composed, Size]:
        """The node's transform and the size after it."""
        if isinstance(node, Step):
            made, after = self.lowering.made(node, size, suffix)
            result = self.family.lift(made, size, after)
        elif node.kind == "sequence":
            parts, after = [], size
            for branch in node.branches:
                part, after = self._node(branch, after, suffix)
                parts.append(part)
            result = reduce(self.family.compose, parts)
        else:
            result, after = self._choice(node, size, suffix)
        return self._where(self.lowering.chance(node, suffix), result, size), after

    def _choice(self, group: Group, size: Size, suffix: str) -> tuple[Composed, Size]:
        """A group that is no sequence: it is composed over slots, and selected within a slot."""
        family, total, after = self.family, None, size  # type: Any, Any, Size
        made: dict[tuple[int, str], tuple[Composed, Size]] = {}
        for slot, visits in groupby(group.visits(), key=lambda visit: visit.slot):
            here: Any = family.unit(size) if group.replace else None  # a slot may stay empty
            for visit in visits:
                key = visit.number, visit.suffix
                if key not in made:
                    made[key] = self._node(visit.branch, size, suffix + visit.suffix)
                part, after = made[key]
                if group.kind == "some_of" and not group.replace:
                    condition = self.lowering.picked(group, visit.number, None, suffix)
                    part = self._where(condition, part, size)
                    here = part if here is None else family.compose(here, part)
                elif here is None:
                    here = part
                else:
                    condition = self.lowering.picked(group, visit.number, slot, suffix)
                    here = family.select(condition, part, here)
            total = here if total is None else family.compose(total, here)
        return family.unit(size) if total is None else total, after  # some_of may take none

    def _where(self, condition: Array | None, part: Composed, size: Size) -> Composed:
        """The part where the condition holds (None: everywhere), and the unit elsewhere."""
        if condition is None:
            return part
        return self.family.select(condition, part, self.family.unit(size))


def _site(item: Item) -> Hashable | None:
    """The outermost choice that the item is a branch of, where a sample takes one branch only."""
    outermost = item.guards[:1]
    return outermost[0].choice if outermost and outermost[0].exclusive else None
