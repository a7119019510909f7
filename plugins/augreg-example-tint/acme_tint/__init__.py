"""Three ops of three families, as a distribution of its own would ship them."""

from __future__ import annotations

from typing import Any

import augreg
from acme_tint.straighten import straighten

Array = Any
AUGREG_API = 1  # the plugin contract that this was written for


@augreg.op("acme/tint", amount=augreg.Range(0.0, 1.0, default=0.2), example={"amount": [0, 0.3]})
def tint(xp: Any, amount: Array) -> augreg.ColorMap:
    """Moves red up and blue down. amount: float32 [B], 0..1 units, 0 is the identity."""
    zero = xp.zeros_like(amount)
    return augreg.ColorMap(xp.eye(3), xp.stack([amount, zero, -amount], axis=-1))


def _power(xp: Any, planes: tuple[Array, ...], exponent: Array) -> tuple[Array, ...]:
    inside = (xp.clip(plane, xp.array(0.0), xp.array(1.0)) for plane in planes)
    return tuple(xp.power(plane, exponent) for plane in inside)


@augreg.op(
    "acme/gamma",
    gray=True,
    exponent=augreg.Range(0.2, 5.0, default={"log_uniform": [0.5, 2]}),
    example={"exponent": {"log_uniform": [0.5, 2]}},
)
def gamma(xp: Any, exponent: Array) -> augreg.PixelFunction:
    """Raises every channel to a power; its input is clipped to 0..1.

    exponent: float32 [B], 1 is the identity (on what lies in 0..1), above 1 darkens.
    """
    return augreg.PixelFunction(_power, (exponent,))


@augreg.hookimpl
def register_ops() -> list[augreg.Op]:
    """The ops of this plugin."""
    return [tint, gamma, straighten]
