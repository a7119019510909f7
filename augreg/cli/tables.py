"""An explanation as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape

from augreg.cli.console import stdout, table

if TYPE_CHECKING:
    from augreg.explain import Explanation, StageView, StepView


def print_explanation(explained: Explanation) -> None:
    """Prints stages, passes, costs and draws."""
    console = stdout()

    def line(text: str = "", style: str | None = None) -> None:
        console.print(escape(text), style=style)

    line(f"{explained.name} · {explained.mode} · {explained.hash[:12]}", "bold")
    if explained.description:
        line(explained.description)
    sizes = [explained.size_in, explained.size_prepared, explained.size_out]
    line(f"sizes: {' → '.join(sizes)} (in, prepared, out), channels: {_arrow(explained.channels)}")
    line(f"output: {explained.output}")
    line()
    line(_headline(explained), "bold")
    for number, stage in enumerate(explained.stages, start=1):
        for text in _stage_lines(stage, str(number), ""):
            line(text)
    for heading, lines in (("Passes", _passes(explained)), ("Costs", explained.costs)):
        if lines:
            line()
            line(heading, "bold")
            for text in lines:
                line(f"  {text}")
    if explained.draws:
        console.print()
        rows = table("step", "draw", "distribution", "id", title="Draws of each sample")
        for draw in explained.draws:
            rows.add_row(*(escape(t) for t in (draw.path, draw.name, draw.distribution, draw.id)))
        console.print(rows)


def _headline(explained: Explanation) -> str:
    after, before = len(explained.stages), len(explained.written)
    steps = sum(len(stage.steps) for stage in explained.stages)
    counted = f"{after} stage{'s' * (after != 1)} for {steps} step{'s' * (steps != 1)}"
    return counted if after == before else f"{counted} ({before} before the passes)"


def _stage_lines(stage: StageView, number: str, indent: str) -> Iterable[str]:
    size = (
        stage.size_in
        if stage.size_in == stage.size_out
        else _arrow((stage.size_in, stage.size_out))
    )
    yield f"{indent}{number}. {stage.section}: {stage.kind}, {size}: {stage.does}"
    if stage.why:
        yield f"{indent}   begins here: {stage.why}"
    for step in stage.steps:
        yield f"{indent}   {_step_line(step)}"
    for i, branch in enumerate(stage.branches):
        yield f"{indent}   branch {i}:"
        for j, inner in enumerate(branch, start=1):
            yield from _stage_lines(inner, str(j), indent + "     ")


def _step_line(step: StepView) -> str:
    arguments = ", ".join(f"{name} {text}" for name, text in step.arguments.items())
    notes = [f"p {step.p:g}"] * (step.p < 1) + list(step.under)
    if step.selected != "always":
        notes.append(f"selected on the {step.selected}")
    about = f" [{'; '.join(notes)}]" if notes else ""
    return f"{step.pointer} {step.op}{': ' * bool(arguments)}{arguments}{about}"


def _passes(explained: Explanation) -> list[str]:
    return [
        f"{note.pass_name} {note.pointer}: {'' if note.done else 'not done: '}{note.message}"
        for note in explained.passes
    ]


def _arrow(pair: tuple[object, object]) -> str:
    first, second = pair
    return str(first) if first == second else f"{first} → {second}"
