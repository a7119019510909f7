"""What a form sets first, and when a value needs another control."""

from __future__ import annotations

import json

import pytest

from augreg.plugin.registry import default_registry
from augreg.policy.loader import load_text
from augreg.studio.form.parameters import first_value, shape_of


def test_what_a_parameter_gets_first_is_valid() -> None:
    for op in default_registry().steps.values():
        for name in op.settable:
            step = {"op": op.name, **op.example, name: first_value(op, name)}
            load_text(json.dumps({"version": 1, "augment": [step]}))


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (1, 2.5, "p"),
        ([0, 1], [-3.5, 7], "degrees"),
        ({"choice": [1]}, {"choice": [1, 2, 3]}, "degrees"),  # one types on
        ([1], [1, 2], "weights"),
        (1, [1, 2], "n"),
        ("reflect", "wrap", "fill"),
    ],
)
def test_values_of_one_shape_share_a_control(one: object, other: object, name: str) -> None:
    assert shape_of(one, name) == shape_of(other, name)


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (1, [1, 2], "degrees"),
        (1, True, "p"),
        ([0, 1], [0, 1, 2], "fill_value"),
        ([0, 1], [0, "1"], "degrees"),
        ({"normal": [0, 1]}, {"normal": [0]}, "degrees"),
        ({"normal": [0, 1]}, {"normal": [0, 1], "min": 0}, "degrees"),
        ({"choice": [1]}, {"choice": ["1"]}, "degrees"),
        (1, "1", "n"),
    ],
)
def test_values_of_two_shapes_do_not(one: object, other: object, name: str) -> None:
    assert shape_of(one, name) != shape_of(other, name)
