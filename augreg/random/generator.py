"""Randomness as data: every draw is a function of (seed, draw id, epoch, index) and nothing else.

The generator is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011, https://doi.org/10.1145/2063384.2063405), checked against Random123's
known-answer vectors. It is written in elementwise uint32 arithmetic, so NumPy and TensorFlow give
the same words on any device.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from augreg.xp import NUMPY

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace


class SampleKey(NamedTuple):
    """What names samples, and so decides all of their draws; uint32 arrays or tensors.

    Attributes:
        seed: [].
        epoch: [], or [B].
        index: [B], the samples' positions in their source.
    """

    seed: Array
    epoch: Array
    index: Array


VERSION = 1  # part of every policy hash: raise it when any draw changes

UINT32 = 2**32
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA


def draw_id(path: str, name: str) -> int:
    """The id of the draw `name` of the step at `path` (its JSON pointer or its "id")."""
    return int.from_bytes(hashlib.sha256(f"{path}/{name}".encode()).digest()[:4], "big")


def threefry2x32(
    xp: Namespace, key: tuple[Array, Array], counter: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Two uint32 words per element; key and counter are pairs of uint32 arrays that broadcast."""
    return xp.elementwise(_threefry2x32, *key, *counter)


def _threefry2x32(
    xp: Namespace, first: Array, second: Array, x0: Array, x1: Array
) -> tuple[Array, Array]:
    third = xp.bitwise_xor(xp.bitwise_xor(first, second), xp.array(_PARITY, "uint32"))
    keys = (first, second, third)
    x0, x1 = x0 + first, x1 + second
    rotations = [[xp.array(by, "uint32") for by in (bits, 32 - bits)] for bits in _ROTATIONS]
    for block in range(5):
        for turn in range(4):
            left, right = rotations[4 * (block % 2) + turn]
            x0 = x0 + x1
            rotated = xp.bitwise_or(xp.shift_left(x1, left), xp.shift_right(x1, right))
            x1 = xp.bitwise_xor(rotated, x0)
        x0 = x0 + keys[(block + 1) % 3]
        x1 = x1 + keys[(block + 2) % 3] + (block + 1)
    return x0, x1


def words(xp: Namespace, ids: tuple[int, ...], key: SampleKey) -> tuple[Array, Array]:
    """All draws of a plan at once, by its draw ids: two uint32 arrays [len(ids), B]."""
    pair = (xp.reshape(key.seed, (1, 1)), xp.reshape(xp.array(ids, "uint32"), (len(ids), 1)))
    return threefry2x32(xp, pair, (xp.reshape(key.epoch, (1, -1)), xp.reshape(key.index, (1, -1))))


def view_seed(seed: int, view: int) -> int:
    """The seed of a view of every sample; view 0 has the seed itself."""
    if view == 0:
        return seed
    key = NUMPY.array(seed, "uint32"), NUMPY.array(draw_id("", "view"), "uint32")
    counter = NUMPY.array([view], "uint32"), NUMPY.array([0], "uint32")
    return int(threefry2x32(NUMPY, key, counter)[0][0])


def uniform(xp: Namespace, word: Array) -> Array:
    """float32 in [0, 1) with 24 bits, of the same shape as the uint32 `word`."""
    return xp.cast(bits24(xp, word), "float32") * 2.0**-24


def bits24(xp: Namespace, word: Array) -> Array:
    """The upper 24 bits of `word` as int32: what weights are compared with, exactly."""
    return xp.cast(xp.shift_right(word, 8), "int32")


def elements(xp: Namespace, pair: tuple[Array, Array], count: int) -> tuple[Array, Array]:
    """Draws of an array: words [B, count] under the key `pair` (two words [B]) of a sample."""
    key = (xp.reshape(pair[0], (-1, 1)), xp.reshape(pair[1], (-1, 1)))
    j = xp.reshape(xp.cast(xp.arange(count), "uint32"), (1, -1))
    return threefry2x32(xp, key, (j, xp.zeros_like(j)))


def thresholds(weights: tuple[float, ...]) -> tuple[int, ...]:
    """Cumulated weights as 24-bit integers, the last one 2**24: index = number of them <= bits."""
    total = sum(weights)
    last = max(i for i, weight in enumerate(weights) if weight > 0)
    below = (round(running / total * 2**24) for running in accumulate(weights[:last]))
    return (*below, *(2**24,) * (len(weights) - last))
