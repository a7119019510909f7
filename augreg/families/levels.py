"""8-bit levels of pixels: what histograms count, and what ops on levels read."""

from __future__ import annotations

from augreg.xp import Array, Namespace

# A value halfway between two levels, as float arithmetic leaves it, may lie a little below. So what
# is up to this much of a level below counts as reached: 10 times what float32 gets wrong, and no
# fraction that factors of tenths, thirteenths or thirtieths give.
SLACK = 1 / 73


def to_levels(xp: Namespace, plane: Array) -> Array:
    """float32, whole, 0 to 255: the level of each value, clipped to 0..1 and rounded half up.

    floor(x * 255 + 1/2 + 1/73): NumPy and TensorFlow differ in the last bits of a float, and a
    value exactly between two levels must not be rounded up here and down there.
    """
    return xp.floor(xp.clip(plane, 0.0, 1.0) * 255.0 + (0.5 + SLACK))
