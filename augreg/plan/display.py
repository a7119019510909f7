"""How a plan shows itself at a prompt and in a notebook: a stage a line."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

from augreg.errors import printable
from augreg.plan.sizes import size_text

if TYPE_CHECKING:
    from augreg.plan.planner import Plan


def plan_text(plan: Plan) -> str:
    """For `repr`: `augreg explain` says more."""
    return f"<Plan {_title(plan)}" + "".join(f"\n  {line}" for line in _lines(plan)) + ">"


def plan_html(plan: Plan) -> str:
    """For a notebook; ids and names may be anyone's, so everything is escaped."""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in _lines(plan))
    return f"<div><b>{html.escape(_title(plan))}</b><ul>{lines}</ul></div>"


def _title(plan: Plan) -> str:
    sizes = " to ".join(
        f"{size_text(size)}x{channels}"
        for size, channels in ((plan.size_in, plan.channels_in), (plan.size_out, plan.channels_out))
    )
    return f'"{printable(plan.policy.name)}" {plan.policy.hash[:12]}, {sizes}'


def _lines(plan: Plan) -> Iterator[str]:
    for section, stages in (("prepare", plan.prepare), ("augment", plan.augment)):
        for number, stage in enumerate(stages, start=1):
            kind = type(stage).__name__.removesuffix("Stage").lower()
            yield f"{section} {number}. {kind}: {', '.join(stage.pointers)}"
    if plan.output is not None:
        yield f"output {plan.output.dtype}"
