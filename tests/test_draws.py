"""Draws: Random123's known answers on every path, and what distributions make of words."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.random import distributions, generator
from augreg.random.generator import SampleKey
from augreg.xp import NUMPY

# threefry2x32, 20 rounds, of Random123's tests/kat_vectors: counter, key, result.
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def _tensorflow(counter, key):
    pairs = [[tf.constant(word, tf.uint32) for word in pair] for pair in (key, counter)]
    return generator.threefry2x32(TENSORFLOW, *map(tuple, pairs))


def _threefry(how, counter, key):
    counter, key = ([[word] for word in pair] for pair in (counter, key))
    if how == "numpy":
        arrays = [tuple(np.array(word, np.uint32) for word in pair) for pair in (key, counter)]
        return generator.threefry2x32(NUMPY, *arrays)
    if how == "eager":
        return _tensorflow(counter, key)
    # the words come as arguments, so that nothing is folded while tracing
    function = tf.function(
        lambda c, k: generator.threefry2x32(TENSORFLOW, (k[0], k[1]), (c[0], c[1])),
        jit_compile=how == "xla",
    )
    return function(tf.constant(counter, tf.uint32), tf.constant(key, tf.uint32))


@pytest.mark.parametrize("how", ["numpy", "eager", "graph", "xla"])
@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_threefry_gives_the_known_answers_of_random123(how, counter, key, result):
    found = _threefry(how, counter, key)

    assert tuple(int(np.asarray(word)[0]) for word in found) == result


def test_words_are_keyed_by_seed_and_id_and_counted_by_epoch_and_index():
    (counter, key, result) = KNOWN[2]
    seed, epoch = (NUMPY.array(n, "uint32") for n in (key[0], counter[0]))
    index = np.array([0, counter[1]], np.uint32)

    first, second = generator.words(NUMPY, (5, key[1]), SampleKey(seed, epoch, index))

    assert first.shape == second.shape == (2, 2)
    assert (first[1, 1], second[1, 1]) == result


def test_words_agree_between_numpy_and_xla_for_any_seed():
    ids = tuple(range(7))
    index = np.arange(100, dtype=np.uint32) * np.uint32(40_000_003)
    compiled = tf.function(
        lambda *key: generator.words(TENSORFLOW, ids, SampleKey(*key)), jit_compile=True
    )
    for seed, epoch in ((0, 0), (2**32 - 1, 1), (7, 2**32 - 1)):
        numbers = (np.array(seed, np.uint32), np.array(epoch, np.uint32), index)
        expected = generator.words(NUMPY, ids, SampleKey(*numbers))
        np.testing.assert_array_equal(compiled(*map(tf.constant, numbers)), expected)


def test_draw_id_is_the_head_of_a_sha256():
    # python -c 'import hashlib; print(hashlib.sha256(b"/augment/0/degrees").hexdigest()[:8])'
    assert generator.draw_id("/augment/0", "degrees") == 0x857416FC
    assert generator.draw_id("mine", "p") == 0xD41CECF2


@pytest.mark.parametrize(
    ("word", "expected"),
    [(0, 0.0), (255, 0.0), (256, 2.0**-24), (2**31, 0.5), (2**32 - 1, 1 - 2.0**-24)],
)
def test_uniform_is_the_upper_24_bits(word, expected):
    found = generator.uniform(NUMPY, np.array([word], np.uint32))

    assert found.dtype == np.float32
    assert float(found[0]) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8).filter(any))
def test_thresholds_give_each_branch_its_share(weights):
    cumulated = generator.thresholds(tuple(weights))

    assert cumulated[-1] == 2**24
    shares = np.diff([0, *cumulated]) / 2**24
    np.testing.assert_allclose(shares, np.array(weights) / sum(weights), atol=2.0**-23)


def test_branch_without_weight_is_never_chosen():
    words = np.array([0, 1, 2**31, 2**32 - 1], np.uint32)
    for weights in ((0.0, 1.0, 0.0), (0.0, 1.0), (1.0, 0.0)):
        picks = distributions.choose(NUMPY, words, generator.thresholds(weights))
        assert set(picks.tolist()) == {weights.index(1.0)}


def _sample(distribution, dtype="float32", count=20_000):
    index = np.arange(count, dtype=np.uint32)
    zero = np.array(0, np.uint32)
    first, second = generator.words(NUMPY, (1,), SampleKey(np.uint32(7), zero, index))
    return distribution.sample(NUMPY, (first[0], second[0]), dtype)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (distributions.Uniform(-3.0, 5.0), stats.uniform(-3, 8)),
        (distributions.LogUniform(0.5, 2.0), stats.loguniform(0.5, 2)),
        (distributions.Normal(1.0, 2.0, -math.inf, math.inf), stats.norm(1, 2)),
    ],
)
def test_distribution_is_what_its_name_says(distribution, expected):
    found = _sample(distribution)

    assert found.dtype == np.float32
    assert stats.kstest(found, expected.cdf).pvalue > 0.01


def test_normal_is_clipped_to_its_ends():
    found = _sample(distributions.Normal(0.0, 1.0, -0.5, 0.25))

    assert (found.min(), found.max()) == (-0.5, 0.25)
    assert 0.3 < (found == -0.5).mean() < 0.32  # Phi(-0.5) is 0.309


def test_integers_are_uniform_and_reach_both_ends():
    found = _sample(distributions.Uniform(-2, 3), "int32")

    assert found.dtype == np.int32
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3]
    assert stats.chisquare(counts).pvalue > 0.01


@given(st.integers(1, 2**24 - 1))
def test_integer_never_leaves_its_range(count):
    last = np.array([2**32 - 1], np.uint32)

    assert distributions.Uniform(0, count - 1).sample(NUMPY, (last, last), "int32")[0] == count - 1


def test_choice_keeps_to_its_weights():
    found = _sample(distributions.Choice((1.5, 4.0, 9.0), (3.0, 1.0, 0.0)))

    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [1.5, 4.0]
    assert counts[0] / counts.sum() == pytest.approx(0.75, abs=0.01)


def test_normal_survives_the_smallest_and_the_largest_word():
    words = np.array([0, 2**32 - 1], np.uint32)

    found = distributions.gaussian(NUMPY, (words, words))

    assert np.isfinite(found).all()
    assert abs(found[0]) == pytest.approx(math.sqrt(2 * 25 * math.log(2)), rel=1e-5)


def test_elements_of_an_array_are_draws_of_their_own():
    words = (np.array([3, 4], np.uint32), np.array([5, 6], np.uint32))

    first, second = generator.elements(NUMPY, words, 1000)

    assert first.shape == second.shape == (2, 1000)
    key = (np.uint32([4]), np.uint32([6]))
    alone = generator.threefry2x32(NUMPY, key, (np.uint32([2]), np.uint32([0])))
    assert (first[1, 2], second[1, 2]) == (alone[0][0], alone[1][0])
    assert len(np.unique(first)) == 2000


# What these steps drew when draw version 1 was fixed. If this fails, `generator.VERSION` has to
# rise: every policy's pixels have changed.
GOLDEN = {
    "uniform": [34.8213, -38.7579, 21.1582, -52.4372],
    "integer": [3, 6, 3, 0],
    "choice": [2.0, 1.0, 2.0, 1.0],
    "normal": [0.444, 1.6597, -0.4368, -1.7091],
    "log_uniform": [0.5011, 1.1102, 0.7327, 0.7775],
}


@pytest.mark.parametrize("xp", [NUMPY, TENSORFLOW], ids=["numpy", "tensorflow"])
def test_draws_of_version_1_stay_as_they_are(xp):
    cases = {
        "uniform": (distributions.Uniform(-72.0, 72.0), "float32"),
        "integer": (distributions.Uniform(0, 9), "int32"),
        "choice": (distributions.Choice((1.0, 2.0, 3.0), (1.0, 2.0, 1.0)), "float32"),
        "normal": (distributions.Normal(0.0, 1.0, -2.0, 2.0), "float32"),
        "log_uniform": (distributions.LogUniform(0.5, 2.0), "float32"),
    }
    index = xp.array([0, 1, 2, 2**32 - 1], "uint32")
    found = {}
    for name, (distribution, dtype) in cases.items():
        ids = (generator.draw_id("/augment/0", name),)
        key = SampleKey(xp.array(7, "uint32"), xp.array(3, "uint32"), index)
        pair = generator.words(xp, ids, key)
        drawn = distribution.sample(xp, (pair[0][0], pair[1][0]), dtype)
        found[name] = [round(float(value), 4) for value in drawn]

    assert generator.VERSION == 1
    for name, values in GOLDEN.items():
        assert found[name] == pytest.approx(values, abs=2e-4), name
