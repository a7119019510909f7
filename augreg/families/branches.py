"""Stages whose kernel runs other stages: a choice among them, and a mixture of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from augreg.families.stage import Size, Stage, SupportsLowering


@dataclass(frozen=True, kw_only=True)
class BranchStage(Stage):
    """Branches that change size or channels in different families: all are done, one is kept.

    Its one item is the group.
    """

    title: ClassVar[str] = "branches"
    keeps_one: ClassVar[bool] = True

    def lower(self, lowering: SupportsLowering, size: Size) -> tuple[Any, list[list[Any]]]:
        """int32 [B], the branch that each sample takes, and what the branches need."""
        (item,) = self.items
        inner = [lowering.stages(branch, size) for branch in self.branches]
        return lowering.chosen(item.group, item.suffix), inner

    def describe(self, shared: str) -> str:
        return f"all {len(self.branches)} branches are computed, one is kept"


@dataclass(frozen=True, kw_only=True)
class MixtureStage(Stage):
    """All branches are done on the same image, and their results and it are mixed convexly.

    Its one item is the group; its guards, p and draws are as any item's.
    """

    title: ClassVar[str] = "mixture"

    def lower(self, lowering: SupportsLowering, size: Size) -> tuple[Any, Any, list[Any]]:
        """The branches' weights [B, branches], theirs together [B], and what they need."""
        inner = lowering.branches(self.branches, size)
        return *lowering.mixture(self.items[0]), inner

    def describe(self, shared: str) -> str:
        return f"all {len(self.branches)} branches are computed and mixed with the image"
