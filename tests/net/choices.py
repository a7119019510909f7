"""What a batch's draws say, worked out sample by sample from the words themselves (DESIGN, 4).

Plain Python on the 24 upper bits of each word: it shares the words, which are checked against
published vectors, and how a distribution is sampled, and nothing else with the product.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from augreg.policy import Group, Node, Step
from augreg.random import distributions, generator
from augreg.xp import NUMPY

Words = tuple[np.ndarray, np.ndarray]


class Choices:
    """The draws of a batch."""

    def __init__(self, seed: int, epoch: int, index: np.ndarray) -> None:
        self.seed, self.epoch = np.uint32(seed), np.uint32(epoch)
        self.index = np.asarray(index).astype(np.uint32)
        self._words: dict[tuple[str, str], Words] = {}

    def words(self, path: str, name: str) -> Words:
        """Both words of a draw, uint32 [B] each."""
        if (path, name) not in self._words:
            ids = (generator.draw_id(path, name),)
            both = generator.words(
                NUMPY, ids, generator.SampleKey(self.seed, self.epoch, self.index)
            )
            self._words[path, name] = (both[0][0], both[1][0])
        return self._words[path, name]

    def bits(self, path: str, name: str, b: int) -> int:
        """The upper 24 bits of a sample's first word."""
        return int(self.words(path, name)[0][b]) >> 8

    def takes(self, node: Node, suffix: str, b: int) -> bool:
        """A sample does the node, by the node's own p."""
        p = node.p if node.schedule is None else self._scheduled(node.schedule)
        return p >= 1 or self.bits(node.path + suffix, "p", b) < round(p * 2**24)

    def _scheduled(self, schedule: distributions.Schedule) -> float:
        """A p that follows the epoch: from its first value to its last."""
        t = min(int(self.epoch), schedule.epochs) / schedule.epochs
        if schedule.shape == "step":
            t = t // 1
        elif schedule.shape == "cosine":
            t = (1 - math.cos(math.pi * t)) / 2
        (start, _), (stop, _) = schedule.start, schedule.stop
        return start + t * (stop - start)

    def chosen(self, group: Group, suffix: str, b: int) -> int:
        """The branch of a one_of."""
        return _pick(group.weights, self.bits(group.path + suffix, "choice", b))

    def picks(self, group: Group, suffix: str, b: int) -> list[tuple[int, str]]:
        """The branches of a some_of or a random_order in the order in which a sample does them.

        Each with the suffix under which it draws.
        """
        n = len(group.branches)
        if group.kind == "some_of" and group.replace:
            every = (1.0,) * n
            slots = [f"{suffix}#{slot}" for slot in range(self._count(group, suffix, b))]
            picked = sorted(
                _pick(every, self.bits(group.path + slot, "choice", b)) for slot in slots
            )
            return list(zip(picked, slots, strict=True))
        pair = tuple(word[b : b + 1] for word in self.words(group.path + suffix, "choice"))
        keys = generator.elements(NUMPY, pair, n)[0][0] >> 8  # type: ignore[arg-type]
        order = [int(i) for i in np.argsort(keys, kind="stable")]
        if group.kind == "some_of":
            order = sorted(order[: self._count(group, suffix, b)])
        return [(branch, suffix) for branch in order]

    def _count(self, group: Group, suffix: str, b: int) -> int:
        lo, hi = group.n
        if lo == hi:
            return lo
        return lo + (self.bits(group.path + suffix, "n", b) * (hi - lo + 1) >> 24)

    def shares(self, group: Group, suffix: str, b: int) -> tuple[np.ndarray, np.float32]:
        """A mixture's weights of its branches, which sum to 1, and of them all together."""
        path, n = group.path + suffix, len(group.branches)
        pair = tuple(word[b : b + 1] for word in self.words(path, "choice"))
        keys = generator.elements(NUMPY, pair, n)[0][0] >> 8  # type: ignore[arg-type]
        drawn = -np.log(keys * 2.0**-24 + 2.0**-25)
        together = self.bits(path, "mix", b) * 2.0**-24 if self.takes(group, suffix, b) else 0.0
        return (drawn / drawn.sum()).astype(np.float32), np.float32(together)

    def arguments(self, step: Step, suffix: str, b: int) -> dict[str, Any]:
        """A sample's arguments: arrays [1] where drawn, plain values else."""
        values = dict(step.arguments)
        for name, distribution, dtype in step.drawn():
            first, second = self.words(step.path + suffix, name)
            words = (first[b : b + 1], second[b : b + 1])
            times = step.op.times(name)
            values[name] = distributions.sample(
                NUMPY, distribution, words, dtype, self.epoch, times
            )
        return values


def _pick(weights: tuple[float, ...], bits: int) -> int:
    """The branch whose part of 0..2**24 the bits fall into."""
    running, total = 0.0, sum(weights)
    for i, weight in enumerate(weights):
        running += weight
        if weight > 0 and bits < round(running / total * 2**24):
            return i
    return max(i for i, weight in enumerate(weights) if weight > 0)
