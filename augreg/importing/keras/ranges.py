"""Factors and value ranges, as Keras's layers have them in their configuration."""

from __future__ import annotations

from augreg.errors import show
from augreg.importing.conversion import Given, NotSayableError
from augreg.importing.nodes import Step
from augreg.importing.numbers import tidy
from augreg.importing.values import Values

Pair = tuple[float, float]


def factor(given: Given, name: str = "factor", low: float = -1) -> Pair:
    """The range of a factor; of a single number f it is `max(low, -f)` to f."""
    if isinstance(given.raw(name), list):
        first, second = sorted(given.pair(name))
        return first, second
    most = abs(given.number(name))
    return max(low, -most), most


def ranged(given: Given) -> None:
    """Checks that the layer is told the values that there are; the first one tells the input's."""
    low, high = given.pair("value_range", default=[0, 255])
    state = given.state
    if state.start is None:
        given.become(Values((high - low,), (low,)))
        state.start = (low, high)
    if state.values.range != (low, high):
        raise NotSayableError(
            f"its value_range is {show([low, high])}, and the values there are "
            f"{show(state.values.range)}"
        )


def probability(given: Given, name: str = "factor") -> float:
    """The mean of a range that a probability is drawn from: one draw with it is the same."""
    low, high = factor(given, name, low=0)
    return (low + high) / 2


def with_p(step: Step, p: float) -> Step:
    """A step with its probability, which is not written where it is 1."""
    return step if p == 1 else {**step, "p": tidy(p)}
