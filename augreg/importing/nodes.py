"""Imported steps and groups on their way to a policy: each knows its place in the source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from augreg.images import ImageSize
from augreg.importing.numbers import tidy

Step = dict[str, Any]
# Keeps its place among the branches of a group, and changes nothing.
NOTHING: Step = {"op": "flip", "p": 0}
_FIXES_SIZE = ("resize", "letterbox", "crop", "pad_or_crop", "resized_crop")


@dataclass(frozen=True)
class Node:
    """A step, or a group of nodes.

    Attributes:
        source: JSON pointer of what it came from.
        value: a step as a policy writes it; of a group, its keys without the branches.
        kind: of a group: sequence, one_of, some_of or random_order.
        branches: of a group.
        evaluation: what evaluation does instead; None for what its op implies.
    """

    source: str
    value: Step
    kind: str = ""
    branches: tuple[Node, ...] = ()
    evaluation: tuple[Step, ...] | None = None

    def written(self, pointer: str, sources: dict[str, str]) -> Step:
        """As a policy writes it; enters into `sources` which pointer came from where."""
        sources[pointer] = self.source
        if not self.kind:
            return self.value
        inner = [
            branch.written(f"{pointer}/{self.kind}/{i}", sources)
            for i, branch in enumerate(self.branches)
        ]
        return {self.kind: inner, **self.value}

    @property
    def fixed(self) -> ImageSize | None:
        """The size that all images have after it, whatever they had before."""
        if self.value.get("p", 1) < 1:
            return None
        if not self.kind:
            fixes = self.value.get("op") in _FIXES_SIZE
            return (self.value["height"], self.value["width"]) if fixes else None
        sizes = [branch.fixed for branch in self.branches]
        if self.kind == "sequence":
            return next((size for size in reversed(sizes) if size), None)
        return sizes[0] if self.kind == "one_of" and len(set(sizes)) == 1 else None

    def in_evaluation(self) -> tuple[Node, ...]:
        """What of it evaluation needs, so that its images have the size of training."""
        if self.value.get("p", 1) < 1:  # and so it keeps the size
            return ()
        if self.evaluation is not None:
            return tuple(Node(self.source, step) for step in self.evaluation)
        if self.kind and not self.fixed:
            return ()
        if self.kind:
            branches = self.branches if self.kind == "sequence" else self.branches[:1]
            return tuple(node for branch in branches for node in branch.in_evaluation())
        step = self.value
        match step.get("op"):
            case "resize" | "letterbox" | "pad_or_crop" | "central_crop":
                return (self,)
            case "crop":
                return (replace(self, value={**step, "position": "center"}),)
            case "resized_crop":
                sides = {key: step[key] for key in ("height", "width")}
                return (replace(self, value={"op": "resize", **sides, "fit": "crop"}),)
        return ()


def group(source: str, kind: str, branches: Iterable[Node], **value: Any) -> Node:
    """A group; a `p` of 1 is not written."""
    if value.get("p") == 1:
        del value["p"]
    return Node(source, value, kind, tuple(branches))


def joined(source: str, nodes: Iterable[Node], p: float = 1) -> tuple[Node, ...]:
    """Nodes that are applied together with probability `p`, as one node or as they are."""
    nodes = tuple(nodes)
    if p == 1 or not nodes:
        return nodes
    if len(nodes) == 1 and "p" not in nodes[0].value:
        return (replace(nodes[0], value={**nodes[0].value, "p": p}),)
    return (group(source, "sequence", nodes, p=p),)


def single(source: str, nodes: Iterable[Node]) -> Node:
    """Nodes as one branch of a group."""
    nodes = tuple(nodes)
    if not nodes:
        return Node(source, NOTHING)
    return nodes[0] if len(nodes) == 1 else group(source, "sequence", nodes)


def chosen(
    source: str, branches: Iterable[tuple[Node, ...]], weights: Iterable[float], p: float
) -> tuple[Node, ...]:
    """One of the branches by weight; those without nodes become part of the group's `p`."""
    pairs = [(nodes, w) for nodes, w in zip(branches, weights, strict=True) if w > 0]
    total = sum(w for _, w in pairs)
    kept = [(single(source, nodes), w) for nodes, w in pairs if nodes]
    if not kept:
        return ()
    rest = sum(w for _, w in kept)
    p = p if rest == total else tidy(p * rest / total)
    if len(kept) == 1:
        return joined(source, (kept[0][0],), p)
    uneven = len({w for _, w in kept}) > 1
    given = {"weights": [w for _, w in kept]} if uneven else {}
    return (group(source, "one_of", (node for node, _ in kept), p=p, **given),)
