"""Explanations and surveys as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from augreg.cli.console import stdout, table
from augreg.plan.sizes import size_text
from augreg.views.explain import Explanation, StageView, StepView

if TYPE_CHECKING:
    from rich.table import Table

    from augreg.sources import Source
    from augreg.views.effects import Effect
    from augreg.views.survey import Found, Survey


def print_explanation(explained: Explanation) -> None:
    """Prints stages, passes, costs and draws."""
    line = stdout().print
    line(f"{explained.name} · {explained.mode} · {explained.hash[:12]}", style="bold")
    if explained.description:
        line(explained.description)
    sizes = [explained.size_in, explained.size_prepared, explained.size_out]
    line(f"sizes: {' → '.join(sizes)} (in, prepared, out), channels: {_arrow(explained.channels)}")
    line(f"output: {explained.output}")
    line()
    line(_headline(explained), style="bold")
    for number, stage in enumerate(explained.stages, start=1):
        for text in _stage_lines(stage, str(number), ""):
            line(text)
    for heading, lines in (("Passes", _passes(explained)), ("Costs", explained.costs)):
        if lines:
            line()
            line(heading, style="bold")
            for text in lines:
                line(f"  {text}")
    if explained.draws:
        line()
        rows = table("step", "draw", "distribution", "id", title="Draws of each sample")
        for draw in explained.draws:
            rows.add_row(draw.path, draw.name, draw.distribution, draw.id)
        line(rows)


def _headline(explained: Explanation) -> str:
    after, before = len(explained.stages), len(explained.written)
    steps = sum(len(stage.steps) for stage in explained.stages)
    counted = f"{after} stage{'s' * (after != 1)} for {steps} step{'s' * (steps != 1)}"
    return counted if after == before else f"{counted} ({before} before the passes)"


def _stage_lines(stage: StageView, number: str, indent: str) -> Iterable[str]:
    size = _arrow((stage.size_in, stage.size_out))
    yield f"{indent}{number}. {stage.section}: {stage.kind}, {size}: {stage.does}"
    if stage.why:
        yield f"{indent}   starts here: {stage.why}"
    for step in stage.steps:
        yield f"{indent}   {_step_line(step)}"
    for i, branch in enumerate(stage.branches):
        yield f"{indent}   branch {i}:"
        for j, inner in enumerate(branch, start=1):
            yield from _stage_lines(inner, str(j), indent + "     ")


def _step_line(step: StepView) -> str:
    arguments = ", ".join(f"{name} {text}" for name, text in step.arguments.items())
    notes = [*step.conditions, *step.under]
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


def print_survey(made: Survey) -> None:
    """Prints what a dataset holds, and how often each step clips or fills."""
    from augreg.views.survey import EXTENTS

    source, found = made.source, made.found
    images = sum(found.sizes.values())
    bad = f"{len(source.bad)} bad" if source.bad else "none bad"
    print(f"{source.name}: {images} images, {bad}")
    for note in source.notes:
        print(f"  {note}")
    print(f"sizes: {_sizes(found)}")
    if found.count:
        mean = found.total / found.count
        std = np.sqrt(np.maximum(found.squares / found.count - mean**2, 0))
        shown = ", ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, std, strict=True))
        print(f"values: {found.low:g} to {found.high:g}; mean ± std in 0..1, by channel: {shown}")
    if source.parts != ("masks",):
        rows = table("boxes of the class" if source.annotated else "class", *found.classes)
        for label, name in enumerate(source.class_names):
            rows.add_row(name, *(str(counts[label]) for counts in found.classes.values()))
        stdout().print(rows)
    if found.extents:
        print(f"boxes: {', '.join(f'{found.extents[name]} {name}' for name in EXTENTS)}")
    if found.pixels:
        stdout().print(_mask_values(source, found))
    if made.effects:
        split = next(iter(source.splits))
        print(f"the policy's steps, on {made.before.images} images of {split!r}:")
        stdout().print(_effects(made))


def _mask_values(source: Source, found: Found) -> Table:
    """The share of pixels that each value of the masks has."""
    rows = table("pixels of the mask", *found.pixels)
    for value, name in source.mask_names.items():
        if any(counts[value] for counts in found.pixels.values()):
            shares = (counts[value] / counts.total() for counts in found.pixels.values())
            rows.add_row(f"{value} {name}".strip(), *(f"{share:.2%}" for share in shares))
    return rows


def _effects(made: Survey) -> Table:
    """A row for each stage of the policy, the annotations as they came above them."""
    parts, before = made.source.parts, made.before
    columns = ["values beyond 0..1", "pixels filled"]
    columns += ["boxes left"] * ("boxes" in parts) + ["masks cover"] * ("masks" in parts)
    rows = table("steps", *columns)

    def annotated(effect: Effect) -> list[str]:
        boxes = [str(effect.boxes)] * ("boxes" in parts)
        return boxes + [f"{effect.covered / effect.images:.2%}"] * ("masks" in parts)

    if made.source.annotated:
        rows.add_row("before", "", "", *annotated(before))
    for name, effect in made.effects.items():
        shares = (effect.clipped / effect.images, effect.filled / effect.images)
        rows.add_row(name, *(f"{share:.2%}" for share in shares), *annotated(effect))
    return rows


def _sizes(found: Found) -> str:
    if len(found.sizes) <= 3:
        return ", ".join(f"{size_text(size)} ({n})" for size, n in found.sizes.most_common())
    heights, widths = zip(*found.sizes, strict=True)
    common, count = found.sizes.most_common(1)[0]
    return (
        f"{len(found.sizes)} different, heights {min(heights)} to {max(heights)}, widths "
        f"{min(widths)} to {max(widths)}; most often {size_text(common)} ({count})"
    )
