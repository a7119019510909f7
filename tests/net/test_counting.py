"""p, weights and some_of against counted frequencies, over generated trees of groups.

Each leaf adds a power of four to black pixels, so that the sum tells how often each was done. How
often it should be is worked out here from the tree alone; binomial bounds judge the counts.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import augreg
from augreg.plugin.registry import default_registry
from net.generator import family, shape_after
from net.values import Values

N = 3000
SIGMAS = 5.0
Node = dict[str, Any]


class Tree:
    """A tree of groups whose leaves count. `mixed`: between steps that do nothing to black."""

    def __init__(self, number: int, mixed: bool) -> None:
        self.rng, self.mixed = random.Random(f"counting {number} {mixed}"), mixed
        self.leaves = 0
        self.top = [self.node(0) for _ in range(self.rng.randint(1, 2))]

    def node(self, depth: int) -> Node:
        rng = self.rng
        if self.leaves >= 9 or depth == 3 or (depth and rng.random() < 0.5):
            return self.leaf()
        kind = rng.choice(["sequence", "one_of", "some_of", "random_order"])
        group: Node = {kind: [self.node(depth + 1) for _ in range(rng.randint(1, 3))]}
        count = len(group[kind])
        if kind == "one_of" and rng.random() < 0.7:
            weights = [rng.choice([0, 1, 2.5, 0.3]) for _ in range(count)]
            group["weights"] = weights if sum(weights) else [1] * count
        if kind == "some_of":
            group["replace"] = rng.random() < 0.5
            group["n"] = sorted(rng.randint(0, count) for _ in range(2))
        return self.with_p(group)

    def leaf(self) -> Node:
        if self.mixed and self.rng.random() < 0.4:
            return self.with_p(
                self.rng.choice([{"op": "clip"}, {"op": "flip"}, {"op": "sharpness", "factor": 2}])
            )
        self.leaves += 1
        step = {"op": "brightness", "delta": 4.0**-self.leaves, "id": f"leaf {self.leaves}"}
        return self.with_p(step)

    def with_p(self, node: Node) -> Node:
        if self.rng.random() < 0.6:
            node["p"] = self.rng.choice([0, 0.25, 0.5, 0.9])
        return node


def expected(node: Node, share: float, found: dict[int, float]) -> None:
    """Adds to `found` how often each leaf is done by a sample that comes here with `share`."""
    share *= node.get("p", 1)
    if "op" in node:
        if "id" in node:
            leaf = int(node["id"].split()[1])
            found[leaf] = found.get(leaf, 0) + share
        return
    kind = next(key for key in node if isinstance(node[key], list) and key not in ("weights", "n"))
    branches = node[kind]
    parts = [1.0] * len(branches)
    if kind == "one_of":
        weights = node.get("weights", parts)
        parts = [weight / sum(weights) for weight in weights]
    if kind == "some_of":
        parts = [sum(node["n"]) / 2 / len(branches)] * len(branches)
    for branch, part in zip(branches, parts, strict=True):
        expected(branch, share * part, found)


def counted(images: np.ndarray, leaves: int) -> np.ndarray:
    """How often each leaf was done: [N, leaves]."""
    left, counts = images.reshape(len(images)).astype(np.float64), []
    for leaf in range(1, leaves + 1):
        count = np.floor(left * 4.0**leaf + 1e-3)
        left = left - count * 4.0**-leaf
        counts.append(count)
    return np.stack(counts, axis=-1)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("number", range(12))
def test_branches_are_taken_as_often_as_the_tree_says(number, mixed):
    tree = Tree(number, mixed)
    if not tree.leaves:
        return
    black = np.zeros((N, 1, 1, 3), np.float32)
    policy = {"version": 1, "augment": tree.top}
    images = augreg.augment(black, policy, seed=number)[..., 0]

    shares: dict[int, float] = {}
    for node in tree.top:
        expected(node, 1.0, shares)
    counts = counted(images, tree.leaves)
    for leaf, share in shares.items():
        mean, deviation = counts[:, leaf - 1].mean(), counts[:, leaf - 1].std()
        # a count above 1 is wider than a coin's
        wide = max(deviation, np.sqrt(max(share * (1 - share), 0)))
        assert abs(mean - share) <= SIGMAS * wide / np.sqrt(N) + 1e-9, (leaf, mean, share, tree.top)


def _keeping_step(op: Any, rng: random.Random) -> Node | None:
    """A step of the op that keeps 12x12x3, of several that are drawn."""
    values = Values(rng, 2, 12, 12, 3)
    for _ in range(60):
        step = values.step(op)
        if shape_after(step, (12, 12, 3)) == (12, 12, 3):
            return step
    return None


@pytest.mark.parametrize("around", ["step", "one_of", "sequence"])
@pytest.mark.parametrize(
    "name", [n for n in default_registry().ops if family(n) not in ("Mix", "Paste")]
)
def test_p_leaves_as_many_samples_alone_as_it_says(name, around):
    op, count = default_registry().ops[name], 120
    images = np.random.default_rng(3).integers(0, 256, (count, 12, 12, 3), np.uint8)
    step = _keeping_step(op, random.Random(name))
    if step is None:
        return  # it changes every image's size, and so takes no p below 1
    for p in (0, 0.3):
        node = {**step, "p": p}
        policy = {"version": 1, "augment": [node if around == "step" else {around: [node]}]}
        try:
            made = augreg.augment(images, policy, seed=5, epoch=1)
        except augreg.PolicyError:
            assert around != "step"
            return
        alone = np.abs(made - images * np.float32(1 / 255)).max(axis=(1, 2, 3)) < 1e-6
        least = count * (1 - p) - SIGMAS * np.sqrt(count * p * (1 - p))
        assert alone.sum() >= least, f"{alone.sum()} of {count} samples left alone by {node}"
