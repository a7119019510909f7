"""Which geometry shares a resample, by DESIGN's section 3, rule 3, for the oracle.

Written anew, from the words of the rule: geometric nodes that follow one another in the document
resample once, until the fill or the interpolation changes, a window was cut that a later step's
fill could bring back, or zeros are padded on behind a fill. Offsets on a grid end what shares a
resample; branches share theirs on one grid only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from augreg import families
from augreg.families import StaticSize
from augreg.families.call import call_op
from augreg.policy import Group, Node, Step
from augreg.xp import NUMPY
from net.choices import Choices


@dataclass(frozen=True)
class Kind:
    """What of a geometric node decides: (fill, fill_value, interpolation), None of whole pixels.

    grid: of offsets, and its spline.
    """

    modes: Any = None
    cuts: bool = False
    pads: bool = False
    grid: Any = None


class Sharing:
    """Judges nodes at sizes as far as they are known."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices

    def kind(self, node: Node, size: StaticSize) -> Kind | None:
        """None where the node is not geometry throughout, or can't share one resample itself."""
        if isinstance(node, Step):
            return self._step(node, size)
        kinds = []
        for branch in node.branches:
            kinds.append(self.kind(branch, size))
            if node.kind == "sequence":
                size = self.size_after(branch, size)
        if node.kind == "mixture" or None in kinds:
            return None
        if node.kind == "one_of":
            return _either(kinds)
        if node.kind == "random_order":
            for i, first in enumerate(kinds):
                for j, then in enumerate(kinds):
                    if i != j and joined(first, then) is None:
                        return None
            return _either(kinds)
        if node.replace and any(kind.grid for kind in kinds):
            return None  # one may come after another
        total: Kind | None = Kind()
        for one in kinds:
            total = joined(total, one) if total is not None else None
        return total

    def _step(self, step: Step, size: StaticSize) -> Kind | None:
        made = self.transform(step, size)
        if isinstance(made, families.LatticeMap):
            return Kind(None, made.cuts, made.pads)
        if isinstance(made, families.AffineMap | families.ProjectiveMap):
            return Kind((made.fill, made.fill_value, made.interpolation))
        if isinstance(made, families.Displacement):
            modes = (made.fill, made.fill_value, made.interpolation)
            return Kind(modes, grid=(made.offsets.shape[1:3], made.spline))
        return None

    def transform(self, step: Step, size: StaticSize) -> Any:
        """What the op returns for the first sample; of its form only what is static counts."""
        sides = tuple(NUMPY.array(64, "int32") if side is None else side for side in size)
        return call_op(step.op, NUMPY, self.choices.arguments(step, "", 0), sides)  # type: ignore[arg-type]

    def size_after(self, node: Node, size: StaticSize) -> StaticSize:
        """As far as it is known."""
        if isinstance(node, Group):
            branches = node.branches if node.kind == "sequence" else node.branches[:1]
            for branch in branches:
                size = self.size_after(branch, size)
            return size
        return size_after(node, size)


def size_after(step: Step, size: StaticSize) -> StaticSize:
    """The size after a step, as far as it is known."""
    if step.op.output_size is None:
        return size
    given = {name: step.arguments[name] for name in step.op.settable}
    sides = step.op.output_size(*(math.nan if side is None else side for side in size), **given)
    return tuple(None if math.isnan(side) else int(side) for side in sides)  # type: ignore[return-value]


def joined(first: Kind | None, then: Kind | None) -> Kind | None:
    """Both in one resample; None where that is not the meaning."""
    if first is None or then is None or first.grid:
        return None
    cuts, pads = first.cuts or then.cuts, first.pads or then.pads
    if then.modes is None:  # whole pixels moved after: a fill would not be zero
        return None if first.modes and then.pads else Kind(first.modes, cuts, pads)
    if first.cuts or first.pads:  # a fill would bring back what was cut
        return None
    shared = first.modes in (None, then.modes)
    return Kind(then.modes, cuts, pads, then.grid) if shared else None


def _either(kinds: Any) -> Kind | None:
    modes = {str(kind.modes): kind.modes for kind in kinds if kind.modes}
    cuts, pads = any(kind.cuts for kind in kinds), any(kind.pads for kind in kinds)
    grids = {kind.grid for kind in kinds if kind.grid}
    if len(modes) > 1 or len(grids) > 1 or (modes and pads):
        return None
    return Kind(next(iter(modes.values()), None), cuts, pads, *grids)
