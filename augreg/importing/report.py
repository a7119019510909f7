"""What an import hands back: the policy, and what became of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["exact", "near", "left out", "note"]


@dataclass(frozen=True)
class Line:
    """What became of one transform or layer.

    Attributes:
        status: exact (same formula, same distribution), near (`text` has the differences), left out
            (`text` says why), or note (about the whole document).
        place: its JSON pointer in the imported document; empty for the whole.
        name: its name there; empty for a note.
        ops: the augreg ops that it became, in order.
        text: the differences or the reason; empty where it is exact.
    """

    status: Status
    place: str
    name: str
    ops: tuple[str, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        became = f" -> {', '.join(self.ops)}" if self.ops else ""
        head = " ".join(part for part in (self.status, self.place, self.name) if part)
        return f"{head}{became}" + (f": {self.text}" if self.text else "")


@dataclass(frozen=True)
class Imported:
    """An imported policy and its report.

    Attributes:
        policy: a policy document, as `load_policy` takes it.
        report: a line for each transform or layer, in document order, then the notes.
    """

    policy: dict[str, Any]
    report: tuple[Line, ...]

    def count(self, status: Status) -> int:
        """The number of steps with a status."""
        return sum(line.status == status for line in self.report)

    @property
    def summary(self) -> str:
        """The counts in a sentence.

        >>> Imported({"version": 1}, (Line("exact", "/transforms/0", "InvertImg"),)).summary
        '1 step: 1 exact, 0 near, 0 left out'
        """
        steps = sum(line.status != "note" for line in self.report)
        counts = [f"{self.count(status)} {status}" for status in ("exact", "near", "left out")]
        return f"{steps} step{'s' * (steps != 1)}: {', '.join(counts)}"
