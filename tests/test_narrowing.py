"""Ranges made narrower, as a policy writes them."""

from __future__ import annotations

from typing import Any

import pytest

from augreg.views.narrowing import lower_p, narrowed

RAMP = {"schedule": {"from": 0, "to": [-30, 30], "epochs": 9, "shape": "cosine"}}


@pytest.mark.parametrize(
    ("raw", "support", "value", "weakest", "expected"),
    [
        # one side: the other end stays
        ([0, 0.5], (0, 0.5), 0.314, 0, [0, 0.31]),
        ([0.1, 1.0], (0.1, 1), 0.24, 1.0, [0.25, 1.0]),
        ([0.5, 3], (0.5, 3), 2.49, 1.0, [0.5, 2.4]),
        ([0.5, 3], (0.5, 3), 0.61, 1.0, [0.62, 3]),
        # a value at a short number goes, too
        ([0, 0.5], (0, 0.5), 0.5, 0, [0, 0.49]),
        # both sides alike: around 0, around 1, and factors such as 1/2 and 2
        ([-72, 72], (-72, 72), 60.7, 0, [-60, 60]),
        ([-72, 72], (-72, 72), -60.7, 0, [-60, 60]),
        ([0.5, 1.5], (0.5, 1.5), 0.619, 1, [0.62, 1.38]),
        ({"log_uniform": [0.5, 2]}, (0.5, 2), 1.63, 1, {"log_uniform": [1 / 1.62, 1.62]}),
        # symmetric, but weakest at an end: a threshold, say
        ([-1, 1], (-1, 1), 0.5, 1, [0.51, 1]),
        ({"log_uniform": [1, 8]}, (1, 8), 6.1, 1, {"log_uniform": [1, 6]}),
        ({"normal": [0, 9]}, (-180, 180), 12.7, 0, {"normal": [0, 9], "min": -12, "max": 12}),
        (
            {"normal": [1, 0.2], "min": 0.5, "max": 3},
            (0.5, 3),
            1.44,
            1,
            {"normal": [1, 0.2], "min": 0.5, "max": 1.43},
        ),
        (
            {"choice": [1, 2, 5], "weights": [1, 2, 3]},
            (1, 5),
            5,
            1,
            {"choice": [1, 2], "weights": [1, 2]},
        ),
        ({"choice": [-90, 0, 90]}, (-90, 90), 90, 0, {"choice": [0]}),
        ({"choice": [5, 7], "weights": [0, 1]}, (5, 7), 7, 5, None),
        (RAMP, (-30, 30), 21, 0, {"schedule": {**RAMP["schedule"], "to": [-20, 20]}}),
        (45, (45, 45), 45, 45, None),
    ],
)
def test_a_narrower_range_leaves_the_value_out(
    raw: Any, support: tuple[float, float], value: float, weakest: float, expected: Any
) -> None:
    found = narrowed(raw, support, value, weakest)
    if "log_uniform" in str(raw):
        assert found["log_uniform"] == pytest.approx(expected["log_uniform"])
    else:
        assert found == expected


def test_whole_numbers_stay_whole() -> None:
    assert narrowed([3, 9], (3, 9), 5, 9, whole=True) == [6, 9]
    assert narrowed([-3, 3], (-3, 3), 3, 0, whole=True) == [-2, 2]
    assert narrowed([1, 2], (1, 2), 2, 1, whole=True) == [1, 1]


def test_a_lower_p_is_half_of_it() -> None:
    ramp = {"schedule": {"from": 0.2, "to": 1, "epochs": 9}}

    assert lower_p(0.5) == 0.25
    assert lower_p(ramp) == {"schedule": {"from": 0.1, "to": 0.5, "epochs": 9}}
    assert ramp["schedule"]["to"] == 1
