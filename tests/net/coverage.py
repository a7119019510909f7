"""What cases have held: ops, groups, fills, distributions, sizes, dtypes and the rest."""

from __future__ import annotations

from collections import Counter
from typing import Any

from augreg.plugin import params
from augreg.policy import Step, walk
from net.case import Case


class Coverage:
    """Counts, by (kind, name), the cases that hold it."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()

    def add(self, case: Case) -> None:
        policy = case.policy
        held = {("macro", name) for name in _named(case.document) if name not in _ops(policy)}
        nodes = walk((*policy.prepare_train, *policy.prepare_eval, *policy.augment))
        for node in nodes:
            held |= _of_step(node) if isinstance(node, Step) else _of_group(node)
            held |= {("p", "scheduled")} if node.schedule else set()
            held.add(("p", "0" if node.p == 0 else "1" if node.p == 1 else "below 1"))
            if node.path != node.pointer:
                held.add(("p", "with an id"))
        output = policy.output
        form = "normalize" if len(output.scale) > 1 else f"{output.scale[0]:g} {output.offset[0]:g}"
        held |= {("output dtype", output.dtype), ("output range", form)}
        held |= {("input", f"{case.dtype} x{case.channels}"), ("images", case.kind)}
        held |= {("part", part) for part in (*case.parts, *["labels"] * bool(case.mixes))}
        if "prepare" in case.document:
            split = isinstance(case.document["prepare"], dict)
            held.add(("section", "prepare by split" if split else "prepare"))
        held.add(("section", "training" if case.training else "evaluation"))
        self.seen.update(held)


def _ops(policy: Any) -> set[str]:
    nodes = walk((*policy.prepare_train, *policy.prepare_eval, *policy.augment))
    return {node.op.name for node in nodes if isinstance(node, Step)}


def _named(value: Any) -> set[str]:
    """Every op that a document names."""
    if isinstance(value, list):
        return {name for part in value for name in _named(part)}
    if not isinstance(value, dict):
        return set()
    own = {value["op"]} if isinstance(value.get("op"), str) else set()
    return own | {name for part in value.values() for name in _named(part)}


def _of_group(group: Any) -> set[tuple[str, str]]:
    kind = group.kind + (" with replacement" if group.replace else "")
    inside = {
        ("nested", f"{group.kind} > {branch.kind}")
        for branch in group.branches
        if not isinstance(branch, Step)
    }
    return {("group", kind), *inside}


def _of_step(step: Step) -> set[tuple[str, str]]:
    held = {("op", step.op.name)}
    for name, spec in step.op.params.items():
        value = step.arguments[name]
        if isinstance(spec, params.Option):
            held.add(("option", f"{step.op.name} {name} {value}"))
        elif isinstance(spec, params.Fill):
            held.add(("levels", "per channel" if isinstance(value, tuple) else "one"))
        elif not spec.static and value is not None:
            held.add(("distribution", type(value).__name__))
    return held
