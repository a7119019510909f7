"""The generated schema: a valid one, and the loader accepts what it accepts."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from samples import with_ops

import augreg
from augreg.errors import PolicyError
from augreg.plugin.registry import default_registry
from augreg.policy.schema import policy_schema, step_schema

_SCHEMA = policy_schema(default_registry())
_VALIDATOR = jsonschema.Draft202012Validator(_SCHEMA)
OPS = sorted(default_registry().ops)


def test_schema_is_valid_2020_12():
    assert _SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(_SCHEMA)


def test_schema_keeps_to_keywords_that_draft_07_editors_know():
    jsonschema.Draft7Validator.check_schema(_SCHEMA)
    newer = {
        "prefixItems",
        "unevaluatedProperties",
        "dependentRequired",
        "$dynamicRef",
        "minContains",
    }

    def keywords(part):
        if isinstance(part, dict):
            yield from part
            for value in part.values():
                yield from keywords(value)
        elif isinstance(part, list):
            for value in part:
                yield from keywords(value)

    assert not newer & set(keywords(_SCHEMA))


def test_schema_has_no_oneof_that_would_blame_the_wrong_branch():
    assert "oneOf" not in json.dumps(_SCHEMA)


@pytest.mark.parametrize("name", OPS)
def test_example_of_every_op_is_a_step(name):
    op = default_registry().ops[name]
    step = {"op": name, **op.example}

    jsonschema.Draft202012Validator(step_schema(op)).validate(step)
    _VALIDATOR.validate({"version": 1, "augment": [step]})
    augreg.load_policy({"version": 1, "augment": [step]})


@pytest.mark.parametrize("name", OPS)
def test_schema_states_each_default_and_what_is_required(name):
    op = default_registry().ops[name]
    schema = step_schema(op)

    for key, spec in op.settable.items():
        if spec.default is augreg.REQUIRED:
            assert key in schema["required"]
        elif spec.default is not None:
            assert schema["properties"][key]["default"] == spec.default
    assert set(schema["properties"]) == {"op", "p", "when", "id", *op.settable}
    assert schema["description"] == op.summary


@pytest.mark.parametrize("name", sorted(default_registry().steps))
def test_each_parameter_of_ours_is_explained_to_editors(name):
    op = default_registry().steps[name]
    schema = step_schema(op)

    assert schema["title"] == name
    assert schema["examples"] == [{"op": name, **op.example}]
    for key, spec in op.settable.items():
        shown = schema["properties"][key]
        assert len(op.about(key)) > 8, f"say what {key} is: a line of the docstring, or doc="
        assert shown["title"] == f"{key} of {name}"
        assert op.about(key)[1:] in shown["description"]
        assert spec.takes[1:] in shown["description"]
        assert shown.get("examples", [None])[0] == op.example.get(key)


def test_parameter_is_explained_by_its_doc_the_docstring_or_its_range():
    @augreg.op(
        "acme/warm",
        amount=augreg.Range(0.0, 1.0),
        red=augreg.Range(0.0, 2.0),
        blue=augreg.Range(0.0, 2.0),
        mode=augreg.Option("soft", "hard", doc="how edges look"),
        plain=augreg.Integer(1, 4),
    )
    def warm(xp, amount, red, blue, mode, plain):
        """Warms: it is `plain`.

        amount: float32 [B], how warm; 0 is the identity. More text. red, blue: the ends, in
        0..1 units.

        As elsewhere.
        """

    shown = step_schema(warm)["properties"]
    texts = {key: shown[key]["description"] for key in warm.settable}
    assert texts == {
        "amount": "How warm; 0 is the identity. Drawn number, 0 to 1.",
        "red": "The ends, in 0..1 units. Drawn number, 0 to 2.",
        "blue": "The ends, in 0..1 units. Drawn number, 0 to 2.",
        "mode": 'How edges look. Static: `"soft"`, `"hard"`.',
        "plain": "Drawn integer, 1 to 4.",
    }
    assert warm.doc.endswith("As elsewhere.\n\nmode: how edges look.")


def test_op_of_a_plugin_is_in_the_schema():
    @augreg.op("acme/tint", amount=augreg.Range(0.0, 1.0))
    def tint(xp, amount):
        """Tints."""

    schema = policy_schema(with_ops(tint))
    validator = jsonschema.Draft202012Validator(schema)

    assert validator.is_valid({"version": 1, "augment": [{"op": "acme/tint", "amount": 0.5}]})
    assert not validator.is_valid({"version": 1, "augment": [{"op": "acme/tint", "amount": 2}]})
    assert not validator.is_valid({"version": 1, "augment": [{"op": "acme/tint"}]})


def test_error_blames_the_parameter_and_not_the_choice_of_op():
    errors = list(_VALIDATOR.iter_errors({"version": 1, "augment": [{"op": "flip", "axis": "x"}]}))

    assert [list(error.absolute_path) for error in errors] == [["augment", 0, "axis"]]


# --- the loader and the schema agree: valid policies with one thing changed

BASES = [
    {"version": 1},
    {
        "$schema": "policy.schema.json",
        "version": 1,
        "name": "n",
        "description": "d",
        "prepare": [{"op": "resize", "height": 9, "width": 8, "method": "area", "fit": "pad"}],
        "augment": [
            {"op": "flip", "axis": "horizontal", "p": 0.5, "id": "mine"},
            {"op": "rotate", "degrees": [-72, 72], "fill": "constant", "fill_value": [0, 0.5, 1]},
            {"op": "zoom", "factor": {"log_uniform": [0.5, 2]}, "factor_x": {"choice": [1, 2]}},
            {
                "one_of": [{"op": "saturation", "factor": {"normal": [1, 0.1], "min": 0.5}}],
                "weights": [3],
                "p": 0.5,
            },
            {"some_of": [{"op": "invert"}, {"sequence": [{"op": "clip"}]}], "n": [0, 2]},
            {"some_of": [{"op": "invert"}], "n": 3, "replace": True},
        ],
        "output": {"dtype": "float16", "range": [-1, 1]},
    },
    {
        "version": 1,
        "prepare": {"train": [{"op": "resized_crop", "height": 9, "width": 9}], "eval": []},
        "output": {"normalize": {"mean": [0.5], "std": [0.2]}},
    },
]

_ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, 2, -1, 1.0, 0.5, 1e30, "", "x", "flip"),
        *([], [1], [1, 2], [2, 1], [[0, 1]], [0, "1"], [{"op": "flip"}]),
        *({}, {"op": "flip"}, {"choice": [1]}, {"one_of": []}),
    ]
).map(copy.deepcopy)  # they are put into documents, which are changed
_KEYS = st.sampled_from(
    ["p", "op", "id", "n", "weights", "one_of", "fill", "degrees", "version", "zz"]
)


def _places(part):
    """Every container in a document."""
    yield part
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            yield from _places(inner)


@st.composite
def _changed(draw):
    """A base with a few values replaced, added or taken away."""
    document = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(document))
        place = places[draw(st.integers(0, len(places) - 1))]
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "add" or not keys:
            if isinstance(place, dict):
                place[draw(_KEYS)] = copy.deepcopy(draw(_ODD))
            else:
                place.append(copy.deepcopy(draw(_ODD)))
        elif action == "replace":
            place[draw(st.sampled_from(keys))] = copy.deepcopy(draw(_ODD))
        else:
            del place[draw(st.sampled_from(keys))]
    return document


# What no schema can say.
SEMANTIC = (
    *(
        "is above the upper one",
        "weights for",
        "weights sum",
        '"min"',
        "2 levels",
        "log_uniform takes",
    ),
    *('without "replace"', "picks; at most", "is empty or", "uint8 output", '"normalize" does not'),
    *("take one number each, or three", '"std" has to be', "give the same draws", 'holds a "#"'),
    "is newer than this augreg",
)


@pytest.mark.filterwarnings("ignore::augreg.policy.PolicyWarning")
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(_changed())
@example({"version": 1, "augment": [{"op": "flip", "one_of": [{"op": "flip"}]}]})
@example({"version": 1, "augment": [{"one_of": [{"op": "flip"}], "sequence": [{"op": "flip"}]}]})
@example({"version": 1, "augment": [{"op": [], "p": 2}]})
@example({"version": 1, "augment": [{"op": {}, "axis": 2}]})
@example({"version": True})
@example({"version": 1.0})
@example([])
def test_loader_accepts_what_the_schema_accepts(document):
    valid = _VALIDATOR.is_valid(document)
    refusal = _refusal(document)

    if valid:
        assert refusal is None or any(part in refusal.message for part in SEMANTIC), refusal
    else:
        assert refusal is not None
        assert refusal.message
        assert _exists(document, refusal.pointer)


def _refusal(document):
    if not isinstance(document, dict):
        from augreg.errors import ParameterError
        from augreg.policy.validation import structural_mistakes

        with pytest.raises(ParameterError) as caught:
            structural_mistakes(document, default_registry())
        return caught.value
    try:
        augreg.load_policy(document)
    except PolicyError as error:
        return error
    return None


def _exists(document, pointer):
    """The pointer names a part of the document: what is wrong is there to be seen."""
    part = document
    for key in pointer.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        part = part[int(key)] if isinstance(part, list) else part[key]
    return True
