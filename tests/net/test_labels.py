"""Mixed labels against counted pixels: a class is a colour, and a label's share is a colour's.

A sample of class c is full of 1 in channel c. After steps that leave flat images flat, the mean of
channel c over a mixed image is the share of class c, by counting and by nothing else.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import augreg
from augreg.plugin.registry import default_registry
from net.generator import GROUPS, Generator, family

CLASSES, BATCH = 3, 6
_TRIED = 40  # batches
_MIXES = [name for name in default_registry().ops if family(name) == "Mix"]
_MOVES = frozenset(
    name for name in default_registry().ops if family(name) in ("geometry", "Resize")
)


class Moves(Generator):
    groups = tuple(kind for kind in GROUPS if kind != "mixture")


def _flat(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.random.default_rng(seed).permutation(np.arange(BATCH) % CLASSES)
    images = np.broadcast_to(
        np.eye(CLASSES, dtype=np.float32)[labels][:, None, None], (BATCH, height, width, 3)
    )
    return np.ascontiguousarray(images), labels


def _leaves_flat(node: dict[str, Any], images: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """The images after a node, where it is accepted and they stay as they are but for the size.

    Looked at in many samples: a group may choose a step that fills seldom.
    """
    many = np.tile(images, (_TRIED, 1, 1, 1))
    try:
        made = augreg.augment(many, {"version": 1, "augment": [node]}, seed=1)
    except augreg.PolicyError:
        return None
    flat = np.abs(made - np.eye(CLASSES)[np.tile(labels, _TRIED)][:, None, None]).max() < 1e-6
    return made[:BATCH] if flat else None


def _policy(number: int, size: tuple[int, int]) -> dict[str, Any]:
    """Moves that keep flat images flat, and mixes; one cuts, while all is still flat."""
    rng = random.Random(f"labels {number}")
    images, labels = _flat(number, *size)
    nodes: list[dict[str, Any]] = []
    for _ in range(rng.randint(1, 3)):
        for _ in range(20):
            generator = Moves(rng, images.shape[1:3], 3, _MOVES)
            node = generator.policy().source["augment"][0]
            if (made := _leaves_flat(node, images, labels)) is not None:
                images = made
                nodes.append(node)
                break
        if rng.random() < 0.4:
            nodes.append(_mix(rng, "mixup"))
    nodes.append(_mix(rng, "cutmix"))
    if rng.random() < 0.5:
        nodes += [{"op": "flip", "p": 0.5}, _mix(rng, "mixup")]
    return {"version": 1, "augment": nodes}


def _mix(rng: random.Random, name: str) -> dict[str, Any]:
    step = {"op": name, "classes": CLASSES, "alpha": rng.choice([0.4, 1, 3])}
    if rng.random() < 0.5:
        step["p"] = 0.7
    wrapped = {"one_of": [step, {"op": "flip"}], "weights": [3, 1]}
    return wrapped if rng.random() < 0.3 else step


@pytest.mark.parametrize("number", range(25))
def test_a_label_s_shares_are_those_of_the_pixels(number):
    size = random.Random(number).choice([(20, 20), (9, 24), (17, 8)])
    policy = _policy(number, size)
    images, labels = _flat(number, *size)

    element = {"images": images, "labels": labels}
    made = augreg.augment(element, policy, seed=number, epoch=2)

    counted = made["images"].astype(np.float64).mean(axis=(1, 2))
    np.testing.assert_allclose(made["labels"], counted, atol=1e-5, err_msg=str(policy))


def test_these_are_all_the_ops_that_mix():
    assert _MIXES == ["cutmix", "mixup"]
