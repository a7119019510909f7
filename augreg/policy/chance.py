"""What decides whether a sample does a step or a group: its "p", and "when" it is for some only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from augreg.errors import ParameterError, show
from augreg.random.base import closed, only
from augreg.random.numbers import Bounds
from augreg.random.schedule import Schedule

Label = int | str
_UNIT = Bounds(0, 1)


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A step or a group, of which some samples may be left out.

    Attributes:
        p: the probability, 0 to 1; the largest, where it follows the epoch.
        schedule: how it follows the epoch, or None.
        labels: the classes of the samples that it is for, as their labels are; None: all.
    """

    p: float = 1.0
    schedule: Schedule | None = None
    labels: tuple[Label, ...] | None = None

    @property
    def always(self) -> bool:
        """Every sample does it."""
        return not self.draws_p and self.labels is None

    @property
    def draws_p(self) -> bool:
        """Whether a draw decides about it."""
        return self.p < 1 or self.schedule is not None

    @property
    def conditions(self) -> tuple[str, ...]:
        """What decides about it, in words; nothing where all samples do it."""
        chance = str(self.schedule) if self.schedule is not None else f"{self.p:g}"
        labels = ", ".join(map(str, self.labels or ()))
        return (f"p {chance}",) * self.draws_p + (f"label {labels}",) * (self.labels is not None)

    def for_all(self) -> Self:
        """The same, done for every sample."""
        return replace(self, p=1.0, schedule=None, labels=None)


def guards_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Guarded`, out of a checked step or group."""
    schedule, p = None, value.get("p", 1.0)
    if isinstance(p, dict):
        schedule = _scheduled(p)
        p = schedule.support[1]
    labels = tuple(value["when"]["label"]) if "when" in value else None
    return {"p": float(p), "schedule": schedule, "labels": labels}


def check_p(value: Any) -> None:
    """Raises `ParameterError` for what is no probability."""
    if isinstance(value, dict):
        _scheduled(value)
    elif isinstance(value, list):
        raise ParameterError(f'"p" is one number, 0 to 1, or a schedule; found {show(value)}')
    else:
        _UNIT.number(value, "p")


def check_when(value: Any) -> None:
    """Raises `ParameterError` for what names no labels."""
    said = '"when" takes {"label": [...]}, the classes of the samples that do it, as their labels'
    if not isinstance(value, dict) or not isinstance(value.get("label"), list):
        raise ParameterError(f"{said} are written; found {show(value)}")
    only(value, "label")
    labels = value["label"]
    for i, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, int | str):
            found = show(label)
            raise ParameterError(
                f"a label is a whole number or a name; found {found}", f"/label/{i}"
            )
    if not labels or len({type(label) for label in labels}) > 1:
        raise ParameterError("labels are numbers or names, not both, and at least one", "/label")


CHECKS: Mapping[str, Callable[[Any], None]] = {"p": check_p, "when": check_when}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of "p" and "when"."""
    number = _UNIT.schema()
    schedule = Schedule.schema_of(number)
    label = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    labels = {"type": "array", "items": label, "minItems": 1}
    return {
        "p": {
            "title": "probability",
            "description": "The probability that it is applied, decided for each sample; "
            'or {"schedule": {...}}, which follows the epoch.',
            "anyOf": [number, schedule],
            "default": 1,
        },
        "when": {
            "title": "condition",
            "description": "The samples that it is for: those whose label is one of these.",
            **closed({"label": labels}),
            "examples": [{"label": [0]}],
        },
    }


def _scheduled(value: dict[str, Any]) -> Schedule:
    schedule = Schedule.parse(value, _UNIT, "p")
    for at, (low, high) in (("from", schedule.start), ("to", schedule.stop)):
        if isinstance(value["schedule"][at], list):
            raise ParameterError(
                f'"p" is a probability, and no range: give one number, found [{low:g}, {high:g}]',
                f"/schedule/{at}",
            )
    return schedule
