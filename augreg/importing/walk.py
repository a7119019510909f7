"""What the walks through both libraries' documents share: running an entry, keeping the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from augreg.errors import PolicyError
from augreg.importing.conversion import Entry, Given, NotSayableError, State
from augreg.importing.nodes import Node, Step, joined
from augreg.importing.report import Line, Status
from augreg.plugin.synonyms import pointer as synonym
from augreg.policy import load_policy

MAX_STEPS = 2_000
# What means the same where values are no longer levels, as after Normalize.
_FREE_OF_LEVELS = frozenset(
    {
        *("flip", "rot90", "transpose", "crop", "central_crop", "pad_or_crop"),
        *("resize", "resized_crop", "letterbox"),
        *("rotate", "zoom", "shear", "translate", "shift", "perspective"),
        *("elastic", "grid_distortion", "optical_distortion"),
        *("erase", "coarse_dropout", "grid_mask"),
    }
)
_MAY_CHANGE_SIZE = frozenset({"rot90", "transpose", "central_crop"})


@dataclass
class Walk:
    """One pass over a document.

    Attributes:
        state: what is known about the images at this point.
        left_out: places that are left out for a reason that is known already.
        ignored: parameters that change no pixel.
        certain: every image comes through here: no choice and no p below 1 is around.
        lines: the report.
    """

    state: State
    left_out: Mapping[str, str]
    ignored: frozenset[str] = frozenset()
    certain: bool = True
    lines: list[Line] = field(default_factory=list)

    def convert(
        self, place: str, name: str, entry: Entry | str, parameters: Mapping[str, Any], p: float = 1
    ) -> tuple[Node, ...]:
        """The nodes of one transform; none if it is left out. A text for an entry is why not."""
        if len(self.lines) >= MAX_STEPS:
            raise PolicyError(f"more than {MAX_STEPS:,} steps", pointer=place)
        given = Given(parameters, self.state, certain=self.certain and p == 1)
        try:
            if place in self.left_out:
                raise NotSayableError(self.left_out[place])
            if isinstance(entry, str):
                raise NotSayableError(entry)
            steps = entry(given)
            self._check(given, steps, p)
        except NotSayableError as reason:
            self.add("left out", place, name, text=str(reason))
            return ()
        made = [Node(place, step) for step in steps]
        if made and given.evaluation is not None:
            made[-1] = Node(place, steps[-1], evaluation=given.evaluation)
        status: Status = "near" if given.differences else "exact"
        self.add(status, place, name, tuple(_ops(steps)), "; ".join(given.differences))
        nodes = joined(place, made, p)
        self._resized(nodes, steps)
        return nodes

    def _resized(self, nodes: Iterable[Node], steps: list[Step]) -> None:
        """Keeps track of the images' size."""
        size = self.state.size
        if not _MAY_CHANGE_SIZE.isdisjoint(_ops(steps)) and size and size[0] != size[1]:
            size = None
        for node in nodes:
            size = node.fixed or size
        self.state.size = size

    def add(
        self, status: Status, place: str, name: str, ops: tuple[str, ...] = (), text: str = ""
    ) -> None:
        """Adds a line to the report."""
        self.lines.append(Line(status, place, name, ops, text))

    def note(self, text: str) -> None:
        """Adds a note about the whole document."""
        self.add("note", "", "", text=text)

    def _check(self, given: Given, steps: list[Step], p: float) -> None:
        if unread := given.unread(self.ignored):
            raise NotSayableError(f"unknown parameter {', '.join(unread)}")
        if self.state.normalized and not set(_ops(steps)) <= _FREE_OF_LEVELS:
            raise NotSayableError(
                "it stands after the normalization, and augreg normalizes at the end"
            )
        if steps:
            try:
                load_policy({"version": 1, "augment": steps})
            except PolicyError as error:
                raise NotSayableError(error.mistakes[0].message) from error


def unknown(name: str) -> str:
    """Why a name that is in no table is not imported, and what there is in its place."""
    near = synonym(name)
    if near.startswith("in augreg"):
        return f"write it by hand; {near}"
    return near or "no transform of this name is known"


def _ops(steps: list[Step]) -> list[str]:
    """The ops of steps and groups, in order."""
    found: list[str] = []
    for step in steps:
        branches = next((value for key, value in step.items() if isinstance(value, list)), [])
        nested = [branch for branch in branches if isinstance(branch, dict)]
        found += _ops(nested) if nested else [step["op"]] if "op" in step else []
    return found
