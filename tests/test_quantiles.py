"""Quantiles of distributions, against scipy's and against what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from augreg.random import distributions
from augreg.random.numbers import Bounds
from augreg.random.quantiles import quantile, rank
from augreg.xp import NUMPY

WIDE = Bounds(-1000.0, 1000.0)
WHOLE = Bounds(-1000, 1000, whole=True)
PLACES = (0.0, 0.05, 0.25, 0.5, 0.8, 0.95, 1.0)
# as a policy writes it, its bounds, and scipy's
CASES: dict[str, tuple[Any, Bounds, Any]] = {
    "uniform": ([-2.0, 6.0], WIDE, stats.uniform(-2, 8)),
    "whole": ([3, 9], WHOLE, stats.randint(3, 10)),
    "log_uniform": ({"log_uniform": [0.25, 8.0]}, WIDE, stats.loguniform(0.25, 8)),
    "choice": (
        {"choice": [5.0, 1.0, 2.0], "weights": [1, 2, 5]},
        WIDE,
        stats.rv_discrete(values=([1, 2, 5], [2 / 8, 5 / 8, 1 / 8])),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("q", PLACES[1:-1])
def test_quantile_is_scipys(name: str, q: float) -> None:
    raw, bounds, expected = CASES[name]
    dtype = "int32" if bounds.whole else "float32"
    found = quantile(distributions.parse(raw, bounds, "op"), q, dtype)

    # scipy's loguniform is float64, ours the nearest float32
    assert found == pytest.approx(expected.ppf(q), rel=1e-6)


@pytest.mark.parametrize("q", PLACES)
def test_quantile_of_a_clipped_normal_is_scipys_clipped(q: float) -> None:
    normal = distributions.parse({"normal": [1, 2], "min": -2, "max": 4}, WIDE, "op")

    assert quantile(normal, q) == pytest.approx(np.clip(stats.norm(1, 2).ppf(q), -2, 4), rel=1e-6)


@pytest.mark.parametrize(
    "raw",
    [
        *(case[0] for case in CASES.values()),
        {"normal": [1, 2], "min": -2, "max": 4},
        {"schedule": {"from": [0, 1], "to": [4, 9], "epochs": 4}},
    ],
    ids=str,
)
def test_quantiles_are_those_of_the_draws(raw: Any) -> None:
    bounds = WHOLE if raw == CASES["whole"][0] else WIDE
    drawn = distributions.parse(raw, bounds, "op")
    dtype = "int32" if bounds.whole else "float32"
    words = np.random.default_rng(0).integers(0, 2**32, (2, 40_000), np.uint32)
    epoch = np.uint32(2)
    values = np.sort(drawn.sample(NUMPY, (words[0], words[1]), dtype, epoch))
    span = float(values[-1] - values[0])

    for q in (0.1, 0.4, 0.7, 0.95):
        found = quantile(drawn, q, dtype, 2)
        assert values[int(q * len(values))] == pytest.approx(found, abs=0.02 * span)
        assert rank(drawn, found, dtype, 2) >= q - 1e-5


def test_rank_is_scipys_distribution_function() -> None:
    for raw, bounds, expected in CASES.values():
        drawn = distributions.parse(raw, bounds, "op")
        value = 4.0 if raw != CASES["choice"][0] else 2.0
        dtype = "int32" if bounds.whole else "float32"
        assert rank(drawn, value, dtype) == pytest.approx(expected.cdf(value), abs=1e-5)


def test_a_schedule_has_the_quantiles_of_its_epoch() -> None:
    raw = {"schedule": {"from": 0, "to": [10, 20], "epochs": 2}}
    drawn = distributions.parse(raw, WIDE, "op")

    assert [quantile(drawn, 0.5, epoch=epoch) for epoch in (0, 1, 2, 9)] == [0.0, 7.5, 15.0, 15.0]


def test_what_is_no_single_number_has_no_quantile() -> None:
    assert quantile(distributions.Constant(3.0), 0.5) == 3.0
    for drawn in (distributions.NoiseKey(), distributions.UniformArray(3)):
        with pytest.raises(ValueError, match="has no quantiles: a draw of it is no single number"):
            quantile(drawn, 0.5)
