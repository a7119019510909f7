"""Converting one transform: what an entry of a library's table is given, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from augreg.errors import show
from augreg.images import ImageSize
from augreg.importing.nodes import Step
from augreg.importing.values import Values

T = TypeVar("T")
_NEWEST = (99,)  # where a document does not say which version wrote it
_MOST = 1e30  # beyond are only mistakes, and JSON's Infinity


class NotSayableError(Exception):
    """A transform that a policy can't say; the text is the reason."""


@dataclass
class State:
    """What is known about the images before a step.

    Attributes:
        values: what the values are there.
        size: height and width, where all images have the same.
        start: what the values are at the input, if a step has told.
        normalized: per-channel statistics were subtracted, so that levels have lost their meaning.
        version: the library's, major and minor.
    """

    values: Values
    size: ImageSize | None = None
    start: tuple[float, float] | None = None
    normalized: bool = False
    version: tuple[int, ...] = _NEWEST


@dataclass
class Given:
    """The parameters of one transform, each of which has to be read: none is silently dropped.

    An entry reads them, notes the differences and returns steps. It raises `NotSayableError` for
    what a policy can't say.

    Attributes:
        certain: every image takes this step.
        evaluation: what evaluation does in place of the last step, if its op does not imply it.
    """

    parameters: Mapping[str, Any]
    state: State
    certain: bool = True
    differences: list[str] = field(default_factory=list)
    evaluation: tuple[Step, ...] | None = None
    _read: set[str] = field(default_factory=set)

    def differs(self, text: str) -> None:
        """Notes a difference between the library and augreg."""
        if text not in self.differences:
            self.differences.append(text)

    def has(self, name: str) -> bool:
        """Whether a parameter is given, and not null; it then counts as read."""
        self._read.add(name)
        return self.parameters.get(name) is not None

    def ignore(self, *names: str) -> None:
        """Parameters that change nothing here."""
        self._read.update(names)

    def raw(self, *names: str, default: Any = None) -> Any:
        """The first of these parameters that is given: versions differ in their names."""
        found = [self.parameters[name] for name in names if self.has(name)]
        return found[0] if found else default

    def number(self, *names: str, default: float | None = None) -> float:
        """A number."""
        value = self.raw(*names, default=default)
        if not _is_number(value):
            raise NotSayableError(f"{names[0]} is {show(value)}, where a number is expected")
        return value

    def pair(self, *names: str, default: Any = None) -> tuple[float, float]:
        """The ends of a range; a single number is both of them."""
        value = self.raw(*names, default=default)
        ends = [value, value] if _is_number(value) else value
        if not (isinstance(ends, list | tuple) and len(ends) == 2 and all(map(_is_number, ends))):
            raise NotSayableError(
                f"{names[0]} is {show(value)}, where a number or a pair is expected"
            )
        return ends[0], ends[1]

    def option(self, names: tuple[str, ...], table: Mapping[Any, T], default: Any) -> T:
        """What `table` has for the value; refused where it has nothing."""
        value = self.raw(*names, default=default)
        if isinstance(value, list | dict) or value not in table:
            allowed = ", ".join(show(key) for key in table)
            raise NotSayableError(f"{names[0]} is {show(value)}; what can be said is {allowed}")
        return table[value]

    def only(self, name: str, *values: Any, why: str) -> None:
        """Refuses a parameter with any other value than these; missing or null is fine."""
        if self.has(name) and self.parameters[name] not in values:
            raise NotSayableError(f"{name} is {show(self.parameters[name])}: {why}")

    def level(self, value: Any) -> Any:
        """A fill value of the library in 0..1: a number, or one for each channel."""
        channels = value if isinstance(value, list | tuple) else [value]
        if len(channels) not in (1, 3) or not all(map(_is_number, channels)):
            raise NotSayableError(f"a fill of {show(value)} is no level")
        return self.state.values.level(list(channels))

    def channels(self, name: str, default: Any = None) -> tuple[float, ...]:
        """One number, or one for each of three channels."""
        value = self.raw(name, default=default)
        found = value if isinstance(value, list) else [value]
        if len(found) not in (1, 3) or not all(map(_is_number, found)):
            raise NotSayableError(
                f"{name} is {show(value)}, where one number or three are expected"
            )
        return tuple(found)

    def become(self, values: Values) -> None:
        """What the values are from here on."""
        if not values.usable:
            raise NotSayableError("it leaves no values that can be told apart")
        self.state.values = values

    def unread(self, ignored: frozenset[str]) -> list[str]:
        """The parameters that nothing has asked for."""
        return sorted(set(self.parameters) - self._read - ignored)


Entry = Callable[[Given], "list[Step]"]
Table = Mapping[str, Entry]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST
