"""The words under a picture: its size, which sample it is, and what was drawn for it."""

from __future__ import annotations

from collections.abc import Mapping

from augreg.lower.sampled import Drawn, Value
from augreg.plugin.op import Op
from augreg.plugin.params import Key, Uniform01
from augreg.policy import Policy, steps_in
from augreg.views.overlay import Pixels

_DIGITS = 3  # that are written of a drawn number
_LISTED = 3  # numbers that are written of a longer list


def size_text(pixels: Pixels) -> str:
    """Width and height of an image [H,W,C], as "224 x 180 px"; a single channel is mentioned."""
    height, width, channels = pixels.shape
    return f"{width} x {height} px" + (", 1 channel" if channels == 1 else "")


def policy_text(policy: Policy, seed: int, epoch: int, copies: int) -> str:
    """What decides about the samples of epochs `epoch` to `epoch + copies - 1`."""
    last = epoch + copies - 1
    epochs = f"epoch {epoch}" if last == epoch else f"epochs {epoch} to {last}"
    return f"policy hash {policy.hash[:12]} · seed {seed} · {epochs}"


def sample_text(epoch: int, index: int) -> str:
    """Which sample it is, as "epoch 3, index 0"."""
    return f"epoch {epoch}, index {index}"


def number_text(value: float) -> str:
    """A number to be read, with three digits: 0.0579, -12.3, 4821."""
    if isinstance(value, int) or abs(value) >= 10**_DIGITS - 0.5:  # what is rounded to four digits
        return f"{value:.0f}"
    return f"{value:.{_DIGITS}g}"


def value_text(value: Value) -> str:
    """A drawn value; of a long list its beginning, and how many numbers follow."""
    if not isinstance(value, list):
        return number_text(value)
    parts = [number_text(one) for one in value[:_LISTED]]
    if len(value) > _LISTED:
        parts.append(f"{len(value) - _LISTED} more")
    return f"[{', '.join(parts)}]"


def values_text(values: Mapping[str, Value]) -> str:
    """Drawn values, as "x 0.1, y -0.25"."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in values.items())


def telling(op: Op, values: Mapping[str, Value]) -> dict[str, Value]:
    """The drawn values of a step that say something: no keys of noise, no tables of an op's own."""

    def tells(name: str) -> bool:
        spec = op.params[name]
        return not isinstance(spec, Key) and not (isinstance(spec, Uniform01) and spec.count > 1)

    return {name: value for name, value in values.items() if tells(name)}


def steps_text(policy: Policy, drawn: Drawn) -> list[str]:
    """A line for each step that was drawn for a sample: its op, and its values.

    Args:
        policy: whose steps they are.
        drawn: what `values_of` says of the sample.
    """
    ops = {step.pointer: step.op for step in steps_in(policy.nodes(True, ("prepare", "augment")))}
    found = ((ops[pointer.split("#")[0]], values) for pointer, values in drawn.items())
    lines = [f"{op.name} {values_text(telling(op, values))}".rstrip() for op, values in found]
    return lines or ["nothing drawn"]
