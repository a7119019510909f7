"""Which steps a sample does, in its order, and why others are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import policy

from augreg.checks import sample_key
from augreg.lower import Draws
from augreg.lower.sampled import Taken, steps_of_sample
from augreg.plan import plan
from augreg.xp import NUMPY

INVERT, GRAY = {"op": "invert"}, {"op": "grayscale", "channels": 3}


def steps(index: int, *nodes: Any) -> list[Taken]:
    loaded = policy(*nodes)
    draws = Draws.make(NUMPY, plan(loaded).draws, sample_key(3, 0, np.array([index])))
    return list(steps_of_sample(loaded.augment, draws))


def test_steps_in_a_random_order_are_there_once_in_the_order_of_the_sample() -> None:
    group = {"random_order": [INVERT, {"op": "posterize", "bits": 2}, GRAY]}
    orders = [[one.step.op.name for one in steps(index, group)] for index in range(12)]

    assert all(sorted(order) == ["grayscale", "invert", "posterize"] for order in orders)
    assert len({tuple(order) for order in orders}) > 3
    for index in range(3):
        assert not any(one.left_out for one in steps(index, group))


def test_a_step_is_there_for_each_slot_that_does_it_or_once() -> None:
    group = {"some_of": [INVERT, GRAY], "n": 2, "replace": True}
    for index in range(8):
        found = steps(index, group)
        done = [one for one in found if not one.left_out]
        assert sorted(one.suffix for one in done) == ["#0", "#1"]
        left = {one.step.pointer for one in found} - {one.step.pointer for one in done}
        assert len(found) == len(done) + len(left)


def test_what_leaves_a_step_out_is_named() -> None:
    group = {"sequence": [{**INVERT, "p": 0}, {"sequence": [GRAY], "p": 0.0}]}
    choice = {"one_of": [INVERT, GRAY], "weights": [0, 1]}
    some = {"some_of": [INVERT, GRAY], "n": 1}
    first, second, third, fourth, *others = steps(0, group, choice, some)

    assert first.left_out == "its p 0"
    assert second.left_out == "sequence at /augment/0/sequence/1, by its p 0"
    assert third.left_out == "one_of at /augment/1 chose branch 1"
    assert (fourth.left_out, [g.kind for g in fourth.under]) == ("", ["one_of"])
    assert sorted(one.left_out for one in others) == ["", "some_of at /augment/2 chose others"]
