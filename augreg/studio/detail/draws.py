"""What was drawn for a sample, step by step, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from augreg.lower.sampled import Drawn
from augreg.policy import Node, Policy, Step
from augreg.studio.elements.tables import cells, table_of
from augreg.views.captions import telling, value_text

_HEADS = ("Step", "Op", "Parameter", "Drawn", "From")


@dataclass(frozen=True)
class Row:
    """What was drawn for a parameter; for a step without such, whether it was done."""

    pointer: str
    op: str
    parameter: str
    value: str
    given: str


def rows_of(policy: Policy, drawn: Drawn) -> Iterator[Row]:
    """The rows of a sample, in the order of its policy.

    Args:
        policy: whose sample it is.
        drawn: what `values_of` says of the sample.
    """
    for step, decided in _steps((*policy.prepare_train, *policy.augment)):
        found = [pointer for pointer in drawn if pointer.split("#")[0] == step.pointer]
        given = {name: str(value) for name, value, _ in step.drawn()}
        if not found:
            fate = "left out" if decided else "always done"
            yield Row(step.pointer, step.op.name, "", fate, ", ".join(step.conditions))
        for pointer in found:
            values = telling(step.op, drawn[pointer])
            if not values:
                yield Row(pointer, step.op.name, "", "done", ", ".join(step.conditions))
            for name, value in values.items():
                yield Row(pointer, step.op.name, name, value_text(value), given[name])


def _steps(nodes: Iterable[Node], decided: bool = False) -> Iterator[tuple[Step, bool]]:
    """Each step, and whether a draw decides if it is done."""
    for node in nodes:
        here = decided or bool(node.conditions)
        if isinstance(node, Step):
            yield node, here
        else:
            yield from _steps(node.branches, here or node.kind != "sequence")


def table(rows: Iterable[Row]) -> str:
    """The rows as HTML; a step's pointer and op are written once."""
    lines, last = [], ""
    for row in rows:
        first = row.pointer != last
        last = row.pointer
        step = (row.pointer, row.op) if first else ("", "")
        lines.append(cells(*step, row.parameter, row.value, row.given))
    return table_of(_HEADS, lines)
