"""Specifications: what they parse, what they refuse, and the schema they state."""

from __future__ import annotations

import math

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augreg
from augreg.errors import OpError, ParameterError
from augreg.random import distributions
from augreg.xp import NUMPY

RANGE = augreg.Range(-1.0, 4.0)
WHOLE = augreg.Integer(0, 3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, distributions.Constant(2.0)),
        (-1.0, distributions.Constant(-1.0)),
        ([0, 1], distributions.Uniform(0.0, 1.0)),
        ([1, 1], distributions.Constant(1.0)),
        ({"choice": [1, 2]}, distributions.Choice((1.0, 2.0), (1.0, 1.0))),
        ({"choice": [1], "weights": [5]}, distributions.Choice((1.0,), (5.0,))),
        ({"normal": [0, 1]}, distributions.Normal(0.0, 1.0, -1.0, 4.0)),
        ({"normal": [9, 0], "min": 0, "max": 1}, distributions.Normal(9.0, 0.0, 0.0, 1.0)),
        ({"log_uniform": [0.5, 2]}, distributions.LogUniform(0.5, 2.0)),
    ],
)
def test_drawn_number_takes_every_distribution(value, expected):
    assert RANGE.parse(value, "x") == expected


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        (9.0, "", '9.0 is above 4.0, the most that "x" takes'),
        (-2, "", '-2 is below -1.0, the least that "x" takes'),
        (True, "", "true is not a number"),
        ("1", "", '"1" is not a number'),
        (None, "", "null is not a number"),
        (math.nan, "", 'nan is below -1.0, the least that "x" takes'),
        ([2, 1], "", "the lower bound of [2.0, 1.0] is above the upper one; write [1.0, 2.0]"),
        ([1], "", "[1] is not a range; write [lo, hi]"),
        ([0, True], "/1", "true is not a number"),
        ([0, 5], "/1", '5 is above 4.0, the most that "x" takes'),
        (
            {},
            "",
            'a distribution is a constant, [lo, hi] or one of "choice", "normal", '
            '"log_uniform", "schedule"; found nothing',
        ),
        (
            {"uniform": [0, 1]},
            "",
            'a distribution is a constant, [lo, hi] or one of "choice", '
            '"normal", "log_uniform", "schedule"; found "uniform"',
        ),
        ({"choice": []}, "/choice", '"choice" takes a list of at least one value'),
        ({"choice": [0, 9]}, "/choice/1", '9 is above 4.0, the most that "x" takes'),
        (
            {"choice": [0], "weight": [1]},
            "/weight",
            'unknown key "weight" beside "choice" (did you mean "weights"?)',
        ),
        ({"choice": [0, 1], "weights": [1]}, "/weights", "1 weights for 2 choices; give one each"),
        (
            {"choice": [0, 1], "weights": [0, 0]},
            "/weights",
            "the weights sum to 0; at least one has to be above 0",
        ),
        (
            {"choice": [0, 1], "weights": [1, -1]},
            "/weights/1",
            '-1 is below 0.0, the least that "weights" takes',
        ),
        ({"normal": [0]}, "/normal", '"normal" takes [mean, std]'),
        ({"normal": [0, -1]}, "/normal/1", '-1 is below 0.0, the least that "x" takes'),
        ({"normal": [0, 1], "min": 2, "max": 1}, "/min", '"min" 2.0 is above "max" 1.0'),
        ({"log_uniform": [0, 1]}, "/log_uniform/0", "log_uniform takes ends above 0"),
    ],
)
def test_drawn_number_refuses_with_its_place(value, pointer, message):
    with pytest.raises(ParameterError) as caught:
        RANGE.parse(value, "x")

    assert (caught.value.pointer, str(caught.value)) == (pointer, message)


@pytest.mark.parametrize("value", [1, 1.0, [0, 3], [0.0, 3.0], {"choice": [0, 2.0]}])
def test_whole_number_written_as_a_float_is_an_integer(value):
    found = WHOLE.parse(value, "x")

    support = found.support
    assert all(type(end) is int for end in support)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.5, "1.5 is not an integer"),
        (1e30, '1e+30 is above 3, the most that "x" takes'),
        (
            {"normal": [0, 1]},
            'a distribution is a constant, [lo, hi] or one of "choice", "schedule"; found "normal"',
        ),
        (False, "false is not an integer"),
    ],
)
def test_integer_refuses(value, message):
    with pytest.raises(ParameterError) as caught:
        WHOLE.parse(value, "x")

    assert str(caught.value) == message


def test_static_number_takes_constants_only():
    side = augreg.Integer(1, 10, static=True)

    assert side.parse(3.0, "x") == 3 and type(side.parse(3.0, "x")) is int
    for value in ([1, 2], {"choice": [1]}):
        with pytest.raises(ParameterError, match="is not an integer"):
            side.parse(value, "x")


def test_option_defaults_to_its_first_value_and_suggests():
    option = augreg.Option("reflect", "nearest")

    assert option.default == "reflect"
    with pytest.raises(ParameterError) as caught:
        option.parse("reflekt", "x")
    assert str(caught.value) == (
        '"reflekt" is not one of "reflect", "nearest" (did you mean "reflect"?)'
    )


def test_option_does_not_take_one_type_for_another():
    assert augreg.Option(False, True).parse(True, "x") is True
    assert augreg.Option(3, 1).parse(1.0, "x") == 1
    for option, value in ((augreg.Option(False, True), 1), (augreg.Option(3, 1), True)):
        with pytest.raises(ParameterError, match="is not one of"):
            option.parse(value, "x")


def test_required_option_has_no_default():
    assert augreg.Option("a", required=True).default is augreg.REQUIRED
    with pytest.raises(OpError, match="at least one value"):
        augreg.Option()


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0.0), (1, 1.0), ([0, 0.5, 1], (0.0, 0.5, 1.0))]
)
def test_fill_is_a_level_or_a_colour(value, expected):
    assert augreg.Fill().parse(value, "x") == expected


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        ([0, 1], "", "2 levels; give one number, or three for RGB"),
        (255, "", '255 is above 1.0, the most that "x" takes'),
        ([0, 0, 2], "/2", '2 is above 1.0, the most that "x" takes'),
        ("black", "", '"black" is not a number'),
    ],
)
def test_fill_refuses(value, pointer, message):
    with pytest.raises(ParameterError) as caught:
        augreg.Fill().parse(value, "x")

    assert (caught.value.pointer, str(caught.value)) == (pointer, message)


SPECS = [
    RANGE,
    WHOLE,
    augreg.Range(0.1, 10.0, static=True),
    augreg.Integer(1, 9, static=True),
    augreg.Range(-math.inf, math.inf),
    augreg.Option("a", "b"),
    augreg.Option(3, 1),
    augreg.Fill(),
]
_number = st.sampled_from([-2, -1, 0, 0.05, 0.5, 1, 1.0, 2, 3, 4.0, 4.5, 99, True, "a", None])
_value = (
    _number
    | st.lists(_number, max_size=4)
    | st.dictionaries(
        st.sampled_from(["choice", "weights", "normal", "min", "max", "log_uniform", "other"]),
        _number | st.lists(_number, max_size=3),
        max_size=3,
    )
)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
@given(value=_value)
def test_what_parses_is_what_the_schema_takes(spec, value):
    """The loader refuses all that the schema does; beyond it, only what no schema can say."""
    valid = jsonschema.Draft202012Validator(spec.schema()).is_valid(value)
    refusal = ""
    try:
        spec.parse(value, "x")
    except ParameterError as error:
        refusal = str(error)

    beyond = ("is above the upper one", "weights", "above 0", '"min"', "2 levels")
    assert valid == (not refusal) or (valid and any(part in refusal for part in beyond)), refusal


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_schema_is_a_schema(spec):
    jsonschema.Draft202012Validator.check_schema(spec.schema())


@given(
    st.sampled_from(
        [
            distributions.Constant(0.5),
            distributions.Uniform(-1.0, 4.0),
            distributions.Choice((1.0, 3.0), (1.0, 2.0)),
            distributions.Normal(0.0, 9.0, -1.0, 4.0),
            distributions.LogUniform(0.25, 4.0),
        ]
    ),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_sample_lies_in_the_support(distribution, first, second):
    words = (np.array([first], np.uint32), np.array([second], np.uint32))

    found = distribution.sample(NUMPY, words, "float32")

    assert found.dtype == np.float32 and found.shape == (1,)
    lo, hi = distribution.support
    assert lo - 1e-6 <= found[0] <= hi + 1e-6
