"""What the stages of a policy cost and do, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from augreg.studio.elements.tables import cells, table_of
from augreg.views.effects import StageEffect
from augreg.views.explain import StageView
from augreg.views.timing import StageTime

_HEADS = ("Stage", "Time for an image", "Steps", "Filled", "Clipped", "Boxes lost")
_REMOVED = "No stage: a pass removes it"


@dataclass(frozen=True)
class StageRow:
    """A stage, and what its steps did to samples, as they are written.

    Attributes:
        stage: None for steps that the passes removed.
        time: None where it was not measured.
        effects: of its steps, in their order.
    """

    stage: StageView | None
    time: StageTime | None
    effects: tuple[StageEffect, ...]


def stage_rows(
    stages: Sequence[StageView], effects: Sequence[StageEffect], times: Sequence[StageTime]
) -> list[StageRow]:
    """The stages as the policy runs, then what no stage does.

    Args:
        stages: of `explain`.
        effects: of the stages as written, of which a stage may do several.
        times: of the first stages.
    """
    rows, rest = [], list(effects)
    for number, stage in enumerate(stages):
        pointers = set(_pointers(stage))
        own = [one for one in rest if any(_holds(at, pointers) for at in one.pointers)]
        rest = [one for one in rest if one not in own]
        rows.append(StageRow(stage, times[number] if number < len(times) else None, tuple(own)))
    return rows + ([StageRow(None, None, tuple(rest))] if rest else [])


def _pointers(stage: StageView) -> Iterator[str]:
    yield from (step.pointer for step in stage.steps)
    for branch in stage.branches:
        for inner in branch:
            yield from _pointers(inner)


def _holds(pointer: str, found: set[str]) -> bool:
    """Whether a step is one of those found, in the same slot or in all, or a group of some."""
    place, _, slot = pointer.partition("#")
    others = (one.partition("#") for one in found)
    return any(own in ("", slot) and f"{one}/".startswith(f"{place}/") for one, _, own in others)


def time_text(time: StageTime | None) -> str:
    """The median, and how far the runs lie apart."""
    if time is None:
        return "not measured"
    runs = f"{time.fastest:.0f} to {time.slowest:.0f} in {time.runs} runs"
    return f"{time.microseconds:.0f} µs\n{runs}"


def table(rows: Sequence[StageRow]) -> str:
    """The rows as HTML, and the sum of the times once all are there."""
    times = [row.time for row in rows if row.stage is not None]
    total = ""
    if times and all(times):
        sum_of = sum(time.microseconds for time in times if time is not None)
        total = f'<th scope="row">All</th>{cells(f"{sum_of:.0f} µs")}'
    return table_of(_HEADS, (line for row in rows for line in _lines(row)), total)


def _lines(row: StageRow) -> Iterator[str]:
    """The cells of each line: one for each effect, beside the stage's."""
    span = f' rowspan="{max(len(row.effects), 1)}"'
    time = time_text(row.time) if row.stage else ""
    first = f'<th scope="row"{span}>{_under(_about(row.stage))}</th><td{span}>{_under(time)}</td>'
    for effect in row.effects:
        numbers = _percent(effect.filled), _percent(effect.clipped), _lost(effect)
        steps = "<br>".join(map(escape, effect.name.split("\n")))
        yield f"{first}<td>{steps}</td>" + cells(*numbers)
        first = ""
    if not row.effects:
        yield first + cells("") * 4


def _under(text: str) -> str:
    """Lines, of which all but the first are faint."""
    first, *rest = escape(text).split("\n")
    return first + "".join(f'<div class="faint">{line}</div>' for line in rest)


def _about(stage: StageView | None) -> str:
    """What a stage is, does and works on, and why it is one."""
    if stage is None:
        return _REMOVED
    size = f"{_size(stage.size_in)} to {_size(stage.size_out)}"
    return f"{stage.kind}\n{stage.does}\na stage of its own: {stage.why}\n{size}"


def _size(text: str) -> str:
    """Width x height, of "HxW"."""
    height, _, width = text.partition("x")
    return f"{width} x {height} px"


def _percent(share: float) -> str:
    """A share, of which what is little is not written as nothing."""
    return "none" if share == 0 else "under 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _lost(effect: StageEffect) -> str:
    before = effect.boxes_lost + effect.boxes
    return f"{effect.boxes_lost} of {before}" if before else "no boxes"
