"""Each step of a policy alone, at weak, middle and strong values of its ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from augreg.annotations.parts import IMAGES
from augreg.errors import PolicyError
from augreg.policy import Policy, Step, steps_in
from augreg.random.distributions import Choice
from augreg.random.quantiles import quantile
from augreg.views.overlay import Pixels
from augreg.views.trace import Sample, Trace, image_after, ranges, shown, with_values


@dataclass(frozen=True)
class Cell:
    """A step at certain values.

    Attributes:
        label: "5 %" of a quantile, "axis 2" of a choice; empty for a step without ranges.
        values: parameter -> its value; parameters that the policy fixes are left out.
        pixels: uint8 [H,W,C], clipped; None where the step can't work alone.
        error: why it can't, as a crop that is larger than the image.
    """

    label: str
    values: dict[str, float]
    pixels: Pixels | None
    error: str = ""


@dataclass(frozen=True)
class Row:
    """A step: where it stands, its op, uint8 [H,W,C] before it, and its cells, weak ones first."""

    pointer: str
    op: str
    before: Pixels
    cells: tuple[Cell, ...]


def sheet(
    policy: Policy,
    sample: Sample,
    *,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    choices: int = 5,
) -> tuple[Row, ...]:
    """Each step alone, always done, at quantiles of its ranges.

    A step of `augment` is done to the image as `prepare` leaves it, as uint8. What no policy sets,
    such as where a crop lies, is drawn by the sample's seed, epoch and index. A step that mixes
    samples shows the image mixed with itself.

    Args:
        policy: a loaded one.
        sample: its image; ranges that follow the epoch are those of its epoch. Annotations are not
            shown.
        quantiles: 0..1 each; all ranges of a step are at the same one.
        choices: how many values of a choice are shown, each with the other ranges at their middle.

    Raises:
        PolicyError: `prepare` can't work on this image.
    """
    return tuple(sheet_rows(policy, sample, quantiles=quantiles, choices=choices))


def sheet_rows(
    policy: Policy,
    sample: Sample,
    *,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    choices: int = 5,
) -> Iterator[Row]:
    """The rows of a `sheet`, each made when it is asked for."""
    raw = replace(sample, element={IMAGES: sample.element[IMAGES]})
    ready = shown(image_after(replace(policy, augment=()), raw))
    nothing = replace(policy, prepare_train=(), augment=())
    for nodes, pixels in ((policy.prepare_train, raw.element[IMAGES]), (policy.augment, ready)):
        given = replace(raw, element={IMAGES: pixels})
        before = shown(Trace(nothing, given).begun)
        for step in steps_in(nodes):
            values = _values(step, sample.epoch, quantiles, choices)
            cells = tuple(_cell(policy, step, given, *one) for one in values)
            yield Row(step.pointer, step.op.name, before, cells)


def _values(
    step: Step, epoch: int, quantiles: Sequence[float], choices: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """The label and the values of each cell; no two cells have the same values."""
    found = ranges(step)

    def at(q: float) -> dict[str, float]:
        return {name: quantile(drawn, q, dtype, epoch) for name, (drawn, dtype) in found.items()}

    chosen = {name: drawn for name, (drawn, _) in found.items() if isinstance(drawn, Choice)}
    seen: list[dict[str, float]] = []
    cells = [(f"{100 * q:g} %", at(q)) for q in quantiles if len(chosen) < len(found)]
    for name, drawn in chosen.items():
        for value in sorted(set(drawn.values))[:choices]:
            cells.append((f"{name} {value:g}", {**at(0.5), name: value}))
    for label, values in cells or [("", {})]:
        if values not in seen:
            seen.append(values)
            yield label, values


def _cell(policy: Policy, step: Step, given: Sample, label: str, values: dict[str, float]) -> Cell:
    """The step done to the image at these values."""
    alone = replace(policy, prepare_train=(), augment=(with_values(step, values),))
    try:
        return Cell(label, values, shown(image_after(alone, given)))
    except PolicyError as error:  # such as a crop that needs the padding before it
        return Cell(label, values, None, error.message)
