"""Choices: how often, how many and in which order branches are taken, seen in what they do."""

from __future__ import annotations

import numpy as np
import pytest
from samples import policy
from scipy import stats

import augreg
from augreg.checks import sample_key
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.xp import NUMPY

COUNT = 4000
BLACK = np.zeros((COUNT, 1, 1, 3), np.float32)


def _levels(*steps):
    """What each black pixel becomes: brightness steps add up to a sum that tells them apart."""
    found = augreg.augment(BLACK, policy(*steps), seed=3)
    return np.round(found[:, 0, 0, 0].astype(float), 4)


def _add(delta, **more):
    return {"op": "brightness", "delta": delta, **more}


def _shares(levels):
    values, counts = np.unique(levels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _fits(counts, shares):
    expected = np.array(shares) / sum(shares) * COUNT
    return stats.chisquare(counts, expected).pvalue > 0.001


@pytest.mark.parametrize("mixed", [False, True], ids=["one matrix", "guarded"])
class TestEitherWay:
    """A group of one family chooses on matrices; a mixed one guards its items: the same choices."""

    @staticmethod
    def _pad(mixed):
        # a branch of another family, which does nothing to black
        return [{"op": "saturation", "factor": 1}] if mixed else [_add(0)]

    def test_one_of_takes_one_branch_by_weight(self, mixed):
        branches = [_add(0.1), _add(0.2), *self._pad(mixed)]
        shares = _shares(_levels({"one_of": branches, "weights": [3, 1, 0]}))

        assert sorted(shares) == pytest.approx([0.1, 0.2], abs=1e-3)
        assert _fits([shares[k] for k in sorted(shares)], [3, 1])

    def test_group_is_left_out_by_its_p(self, mixed):
        shares = _shares(
            _levels({"one_of": [_add(0.1), *self._pad(mixed)], "weights": [1, 0], "p": 0.25})
        )

        assert _fits([shares[k] for k in sorted(shares)], [3, 1])

    def test_branch_that_is_chosen_still_has_its_own_p(self, mixed):
        branches = [_add(0.1, p=0.5), *self._pad(mixed)]
        shares = _shares(_levels({"one_of": branches, "weights": [1, 1]}))

        assert _fits([shares[k] for k in sorted(shares)], [3, 1])

    def test_some_of_takes_exactly_n_different_branches(self, mixed):
        branches = [_add(0.1), _add(0.2), _add(0.4), *self._pad(mixed)]
        shares = _shares(_levels({"some_of": branches, "n": 2}))

        sums = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]  # of two of 0.1, 0.2, 0.4 and 0
        assert sorted(shares) == pytest.approx(sums, abs=1e-3)
        assert _fits([shares[k] for k in sorted(shares)], [1] * 6)

    def test_some_of_draws_how_many(self, mixed):
        shares = _shares(_levels({"some_of": [_add(0.1), *self._pad(mixed)], "n": [0, 2]}))

        # n = 0: none; 1: half; 2: always
        assert _fits([shares[k] for k in sorted(shares)], [1 / 3 + 1 / 6, 1 / 3 + 1 / 6])

    def test_some_of_with_replacement_may_take_a_branch_twice(self, mixed):
        shares = _shares(
            _levels({"some_of": [_add(0.1), *self._pad(mixed)], "n": 3, "replace": True})
        )

        assert sorted(shares) == pytest.approx([0, 0.1, 0.2, 0.3], abs=1e-3)
        assert _fits([shares[k] for k in sorted(shares)], [1, 3, 3, 1])

    def test_each_pick_draws_its_own_arguments(self, mixed):
        branches = [_add({"choice": [0.1, 0.2]}), *self._pad(mixed)[:mixed]]
        group = {"some_of": branches, "n": 2, "replace": True}
        levels = _levels(group)

        assert set(np.unique(levels).tolist()) >= {0.2, 0.3, 0.4}

    def test_sequence_is_taken_whole_or_not(self, mixed):
        shares = _shares(_levels({"sequence": [_add(0.1), *self._pad(mixed), _add(0.2)], "p": 0.5}))

        assert sorted(shares) == pytest.approx([0, 0.3], abs=1e-3)
        assert _fits([shares[k] for k in sorted(shares)], [1, 1])

    def test_groups_nest(self, mixed):
        inner = {"one_of": [_add(0.1), _add(0.2)], "p": 0.5}
        shares = _shares(
            _levels({"sequence": [inner, {"some_of": [_add(0.4), *self._pad(mixed)], "n": 1}]})
        )

        assert sorted(shares) == pytest.approx([0, 0.1, 0.2, 0.4, 0.5, 0.6], abs=1e-3)
        assert _fits([shares[k] for k in sorted(shares)], [2, 1, 1, 2, 1, 1])


@pytest.mark.parametrize("replace", [False, True])
def test_some_of_does_its_picks_in_listed_order(replace):
    """Brightness, then contrast 0 (the mean), then clip: another order gives another level."""
    group = {"some_of": [_add(0.8), {"op": "clip", "max": 0.5}], "n": 2, "replace": replace}
    levels = set(_levels(group).tolist())

    # brightness after clip would give 0.8
    assert levels == ({0.5, 1.0, 0.0} if replace else {0.5})


def test_geometry_is_chosen_on_matrices():
    steps = {"one_of": [{"op": "flip"}, {"op": "rot90", "k": 2}, {"op": "flip", "p": 0}]}
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    many = np.repeat(image, COUNT, axis=0)
    loaded = policy(steps, output={"dtype": "uint8"})
    assert len(plan(loaded, size=(2, 2)).augment) == 1

    found = augreg.augment(many, loaded, seed=3)

    wanted = [image[0, :, ::-1], image[0, ::-1, ::-1], image[0]]
    counts = [(found == one).all((1, 2, 3)).sum() for one in wanted]
    assert sum(counts) == COUNT
    assert _fits(counts, [1, 1, 1])


def test_p_is_independent_between_steps():
    levels = _levels(_add(0.1, p=0.5), _add(0.2, p=0.5))
    shares = _shares(levels)

    assert _fits([shares[k] for k in sorted(shares)], [1, 1, 1, 1])


def test_ranks_are_a_permutation_for_every_sample():
    loaded = policy({"some_of": [_add(0.1)] * 5, "n": [0, 5]})
    planned = plan(loaded, size=(1, 1))
    words = Draws.make(NUMPY, planned.draws, sample_key(1, 0, np.arange(1000)))

    ranks = np.stack(Lowering(NUMPY, words).ranks(loaded.augment[0], ""), axis=1)

    assert (np.sort(ranks, axis=1) == np.arange(5)).all()
    for branch in range(5):
        assert stats.chisquare(np.bincount(ranks[:, branch], minlength=5)).pvalue > 0.001
