"""Sizes, distributions and outputs in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from augreg.families import StaticSize
from augreg.plugin import params
from augreg.policy import Node, Policy, Step


def size_text(size: StaticSize) -> str:
    """`180x240`, with ? for a side that is not known."""
    return "x".join("?" if side is None else str(side) for side in size)


def is_default(spec: Any, value: Any, op: str) -> bool:
    """Whether a parsed argument says no more than the parameter's default does."""
    if isinstance(spec, params.Hidden) or spec.default is params.REQUIRED or spec.default is None:
        return False
    return bool(spec.parse(spec.default, op) == value)


def draw_text(node: Node, name: str) -> str:
    """What the draw `name` of a step or group decides."""
    if name == "p":
        return f"probability {node.p:g}"
    if isinstance(node, Step):
        return str(node.arguments[name])
    if name == "n":
        return f"{node.n[0]} to {node.n[1]} branches"
    if name == "mix":
        return "the branches' share, uniform 0 to 1"
    if node.kind == "mixture":
        return f"weights of {len(node.branches)} branches, Dirichlet(1)"
    if node.kind == "one_of" and len(set(node.weights)) > 1:
        weights = ", ".join(f"{weight:g}" for weight in node.weights)
        return f"one of {len(node.branches)} branches by {weights}"
    return (
        f"order of {len(node.branches)} branches"
        if node.kind == "random_order" or (node.kind == "some_of" and not node.replace)
        else f"one of {len(node.branches)} branches"
    )


def output_text(policy: Policy) -> str:
    """The dtype and the range of what comes out."""
    out = policy.output
    if len(out.scale) == 1:
        return f"{out.dtype}, {out.offset[0]:g} to {out.offset[0] + out.scale[0]:g}"
    ends: Iterable[str] = (
        f"{low:.3g} to {low + scale:.3g}" for low, scale in zip(out.offset, out.scale, strict=True)
    )
    return f"{out.dtype}, normalized: {', '.join(ends)}"
