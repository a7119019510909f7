"""The group random_order: all branches, in an order of the sample's own."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import augreg
from augreg.plan import plan
from augreg.plan.passes import optimize

IMAGES = np.random.default_rng(5).integers(0, 256, (12, 24, 24, 3), dtype=np.uint8)
GEOMETRY = [
    {"op": "rotate", "degrees": 90},
    {"op": "translate", "x": 0.25},
    {"op": "zoom", "factor": 1, "factor_x": 2},
]
MIXED = [
    {"op": "enhance", "kind": "contrast", "factor": 0.3},
    {"op": "gamma", "gamma": 3},
    {"op": "translate", "x": 0.25},
]


def _policy(*nodes):
    return {"version": 1, "augment": list(nodes)}


def _kernels(images, *nodes):
    fn = augreg.map_fn(_policy(*nodes), seed=7, batched=True)
    return fn(np.arange(len(images)), tf.constant(images)).numpy()


@pytest.mark.parametrize("branches", [GEOMETRY, MIXED], ids=["one family", "mixed"])
def test_every_sample_is_one_of_the_orders(branches):
    found = augreg.augment(IMAGES, _policy({"random_order": branches}), seed=7)
    orders = [augreg.augment(IMAGES, _policy(*order), seed=7) for order in permutations(branches)]
    taken = [
        next(
            (k for k, order in enumerate(orders) if np.allclose(order[b], found[b], atol=2e-3)),
            None,
        )
        for b in range(len(IMAGES))
    ]
    assert None not in taken
    assert len(set(taken)) > 2


def test_orders_are_equally_likely():
    colour = np.full((600, 1, 1, 3), 100, np.uint8)
    steps = [{"op": "brightness", "delta": 0.3}, {"op": "enhance", "factor": 0.5}, {"op": "invert"}]
    found = augreg.augment(colour, _policy({"random_order": steps}), seed=7)[:, 0, 0, 0]
    values, counts = np.unique(found.round(4), return_counts=True)
    assert len(values) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("branches", [GEOMETRY, MIXED], ids=["one family", "mixed"])
def test_kernels_agree_with_the_reference(branches):
    group = {"random_order": branches, "p": 0.7}
    expected = augreg.augment(IMAGES, _policy(group), seed=7)
    off = np.abs(_kernels(IMAGES, group) - expected)
    assert off.max() <= 1 / 255


def test_one_family_is_one_stage():
    planned = plan(augreg.load_policy(_policy({"random_order": GEOMETRY})), size=(24, 24))
    assert len(planned.augment) == 1


def test_a_mixed_group_costs_a_stage_of_each_family_for_each_slot():
    planned = plan(augreg.load_policy(_policy({"random_order": MIXED})), size=(24, 24))
    kinds = [type(stage).__name__ for stage in optimize(planned)[0].augment]
    assert kinds.count("AffineStage") == 3
    assert len(planned.augment) == 9


def test_a_branch_that_changes_the_size_is_refused():
    crop = {"op": "crop", "height": 8, "width": 8}
    with pytest.raises(augreg.PolicyError, match="sizes"):
        augreg.augment(IMAGES, _policy({"random_order": [crop, {"op": "flip"}]}), seed=7)
