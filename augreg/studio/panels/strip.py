"""How a filmstrip is laid out: frames in brackets, and what is written below each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from augreg.views.captions import values_text
from augreg.views.filmstrip import Frame


@dataclass(frozen=True)
class Bracket:
    """Frames in a row that have a note in common, such as that they share a resample."""

    note: str
    frames: tuple[Frame, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """What its elements on the page are made for."""
        return self.note, *(f"{frame.pointer} {frame.op}" for frame in self.frames)


def brackets(frames: Iterable[Frame]) -> list[Bracket]:
    """The frames in their order; those that share the pixels, and what lies between, in one."""
    made: list[Bracket] = []
    waiting: list[Frame] = []  # frames that are left out: in the bracket only if it goes on
    for frame in frames:
        last = made[-1] if made else Bracket("", ())
        if last.note and frame.note == last.note and _belongs(frame, last):
            made[-1] = Bracket(last.note, (*last.frames, *waiting, frame))
            waiting = []
        elif last.note and frame.left_out:
            waiting.append(frame)
        else:
            made += [Bracket("", (one,)) for one in waiting]
            made.append(Bracket(frame.note, (frame,)))
            waiting = []
    return made + [Bracket("", (one,)) for one in waiting]


def _belongs(frame: Frame, bracket: Bracket) -> bool:
    """Whether a frame shares the pixels with the bracket's, or is in a branch beside them."""
    return not frame.shares or any(one.pointer in frame.shares for one in bracket.frames)


def said_of(frame: Frame) -> str:
    """What was drawn for a step, or why the sample does not do it."""
    if frame.left_out:
        return f"left out: {frame.left_out}"
    ends = "\nas if the policy ended here" if frame.shares and not frame.exact else ""
    return (values_text(frame.values) or "done") + ends
