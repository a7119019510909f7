"""What differs between two policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augreg.studio.panels.compare import levels
from augreg.studio.panels.differences import differences

FLIP: dict[str, Any] = {"op": "flip", "p": 0.5}
ROTATE: dict[str, Any] = {"op": "rotate", "degrees": [-10, 10]}
GROUP: dict[str, Any] = {"one_of": [FLIP, ROTATE], "p": 0.5}


def policy(*steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), **parts}


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (policy(FLIP), policy(FLIP), []),
        (policy(FLIP, name="x"), policy(FLIP, description="y"), []),
        (policy({**FLIP, "p": 1}), policy({**FLIP, "p": 1.0}), []),
        (policy(FLIP), policy({**FLIP, "p": 1}), ["/augment/0/p: 0.5 in A, 1 in B"]),
        (policy(FLIP), policy({"op": "flip"}), ["/augment/0/p: only in A: 0.5"]),
        (
            policy(ROTATE),
            policy({**ROTATE, "degrees": [-20, 10]}),
            ["/augment/0/degrees: [-10, 10] in A, [-20, 10] in B"],
        ),
        (
            policy(ROTATE),
            policy(FLIP, {**ROTATE, "degrees": 5}),
            [
                '/augment/0: only in B: {"op": "flip", "p": 0.5}',
                "/augment/0/degrees: [-10, 10] in A, 5 in B",
            ],
        ),
        (
            policy(GROUP),
            policy({**GROUP, "one_of": [ROTATE]}),
            ['/augment/0/one_of/0: only in A: {"op": "flip", "p": 0.5}'],
        ),
        (
            policy(FLIP, prepare=[ROTATE]),
            policy(FLIP),
            ['/prepare: only in A: [{"op": "rotate", "degrees": [-10, 10]}]'],
        ),
    ],
)
def test_differences_are_said_where_they_are(a: Any, b: Any, said: list[str]) -> None:
    assert [str(one) for one in differences(a, b)] == said


def test_levels_are_the_mean_of_absolute_differences() -> None:
    black = np.zeros((24, 31, 3), np.uint8)
    grey = black.copy()
    grey[:12] = 200
    assert levels(black, black) == "equal"
    assert levels(black, grey) == levels(grey, black) == "100.0 levels"
    assert levels(black, black[:12]) == "other size"
