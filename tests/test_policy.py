"""Loading policies: every fault of a policy's file, the whole message; and what is loaded."""

from __future__ import annotations

import builtins
import json
import pickle
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from samples import noise, policy, with_ops

import augreg
from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.policy import Group, Output, PolicyWarning, Step, walk
from augreg.random import distributions

FOLDER = Path(__file__).parent.parent / "policies"
POLICIES = sorted(path for path in FOLDER.glob("*.json") if path.name != "policy.schema.json")


@pytest.fixture
def refusal(tmp_path):
    """What loading a file of this content says, without the folder's name."""

    def load(content):
        path = tmp_path / "p.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(PolicyError) as caught:
            augreg.load_policy(path)
        error = caught.value
        assert error.path == str(path)
        return str(error).removeprefix(f"{tmp_path}/")

    return load


def _augment(step):
    """A policy of one step, given as JSON text; the step stands at 3:3."""
    return f'{{"version": 1,\n "augment": [\n  {step}]}}'


# --- FAULTS, 1 to 25


def test_fault_01_empty_file_is_refused(refusal):
    assert refusal("") == 'p.json:1:1: the file is empty; the smallest policy is {"version": 1}'


def test_fault_02_trailing_comma_is_refused_with_line_and_column(refusal):
    found = refusal('{"version": 1,\n "augment": [],\n}')

    # json's own words and column changed in Python 3.13; ours are the same in all
    assert found == 'p.json:2:15: not valid JSON: a comma before "}"; remove it'


def test_fault_03_byte_order_mark_is_accepted(tmp_path):
    path = tmp_path / "p.json"
    path.write_bytes(b"\xef\xbb\xbf" + _augment('{"op": "flip"}').encode())

    assert augreg.load_policy(path).augment[0].op.name == "flip"


def test_fault_04_utf16_is_refused(refusal):
    assert refusal('{"version": 1}'.encode("utf-16")) == (
        "p.json: the file is UTF-16; save it as UTF-8"
    )


def test_fault_05_byte_that_is_not_utf8_is_refused_with_its_offset(refusal):
    assert refusal(b'{"version": 1, "name": "caf\xe9"}') == (
        "p.json: byte 0xe9 at offset 27 is not UTF-8; save the file as UTF-8"
    )


def test_fault_06_duplicate_key_is_refused(refusal):
    assert refusal(_augment('{"op": "flip",\n   "op": "rot90"}')) == (
        'p.json:4:4: duplicate key "op" in one object; keep one'
    )


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_fault_07_what_is_no_number_of_json_is_refused(refusal, word):
    assert refusal(_augment(f'{{"op": "rotate", "degrees": {word}}}')) == (
        f"p.json:3:31: {word} is not a number of JSON"
    )


def test_fault_08_number_that_overflows_is_refused(refusal):
    assert refusal(_augment('{"op": "rotate", "degrees": 1e999}')) == (
        "p.json:3:31: 1e999 is too large a number"
    )


def test_fault_09_integer_of_5000_digits_is_refused(refusal):
    assert refusal(_augment(f'{{"op": "rot90", "k": {"1" * 5000}}}')) == (
        "p.json:3:24: an integer of 5000 digits is too large a number"
    )


def test_fault_10_100000_nested_arrays_are_refused(refusal):
    assert refusal("[" * 100_000 + "]" * 100_000) == "p.json:1:151: nested deeper than 150 levels"


def test_fault_11_groups_nested_over_32_deep_are_refused(refusal):
    def nested(depth):
        return '{"sequence": [' * depth + '{"op": "flip"}' + "]}" * depth

    path = "/augment/0" + "/sequence/0" * 32 + "/sequence"
    assert refusal(_augment(nested(33))).endswith(f" {path}: groups nest deeper than 32 levels")
    assert policy(json.loads(nested(32))).augment


def test_fault_12_file_over_1_mb_is_refused_before_parsing(refusal, monkeypatch):
    monkeypatch.setattr("augreg.policy.document.parse", lambda *_: pytest.fail("parsed"))

    assert refusal(b"[" * 1_000_001) == (
        "p.json: the file is larger than 1,000,000 bytes, the most that a policy may have"
    )


def test_fault_13_lone_surrogate_is_refused(refusal):
    assert refusal('{"version": 1,\n "name": "a\\ud800"}') == (
        "p.json:2:12: lone surrogate \\ud800 in a string"
    )


def test_fault_14_true_is_no_number(refusal):
    assert refusal(_augment('{"op": "rotate", "degrees": true}')) == (
        "p.json:3:31 /augment/0/degrees: true is not a number"
    )
    assert refusal(_augment('{"op": "flip", "p": true}')) == (
        "p.json:3:23 /augment/0/p: true is not a number"
    )
    assert refusal('{"version": true}') == "p.json:1:13 /version: true is not 1"


def test_fault_15_whole_float_is_an_integer():
    loaded = policy(
        {"op": "rot90", "k": 1.0},
        {"op": "crop", "height": 8.0, "width": 8},
        {"op": "grayscale", "channels": 3.0},
        {"some_of": [{"op": "invert"}], "n": 1.0},
        version=1.0,
    )

    assert loaded.augment[0].arguments["k"] == distributions.Constant(1)
    assert type(loaded.augment[1].arguments["height"]) is int


def test_fault_16_huge_float_is_no_integer(refusal):
    assert refusal(_augment('{"op": "rot90", "k": 1e30}')) == (
        'p.json:3:24 /augment/0/k: 1e+30 is above 3, the most that "rot90" takes'
    )
    assert refusal(_augment('{"some_of": [{"op": "flip"}], "n": 1e30, "replace": true}')).endswith(
        "/augment/0/n: 1000000000000000019884624838656 picks; at most 32 are allowed"
    )


def test_fault_17_unknown_op_gets_the_nearest_name(refusal):
    assert refusal(_augment('{"op": "rotat"}')) == (
        'p.json:3:10 /augment/0/op: unknown op "rotat" (did you mean "rotate"?)'
    )


def test_fault_17_unknown_op_of_a_package_gets_the_plugin_to_install(refusal):
    assert refusal(_augment('{"op": "acme/tint"}')) == (
        'p.json:3:10 /augment/0/op: unknown op "acme/tint"; no installed plugin has it: '
        'install the wheel that ships "acme" ops'
    )


def test_fault_18_unknown_parameter_gets_the_nearest_name(refusal):
    assert refusal(_augment('{"op": "brightness", "delt": 0.1}')) == (
        'p.json:3:32 /augment/0/delt: "brightness" has no parameter "delt" (did you mean "delta"?)'
        '; allowed: "delta", "p", "when", "id"'
    )


def test_fault_18_unknown_key_of_the_policy_or_a_group_gets_the_nearest_name(refusal):
    assert refusal('{"version": 1,\n "augmnt": []}') == (
        'p.json:2:12 /augmnt: unknown key "augmnt" (did you mean "augment"?); allowed: "$schema", '
        '"version", "name", "description", "prepare", "augment", "output", "wheels"'
    )
    assert refusal(_augment('{"one_of": [{"op": "flip"}], "weight": [1]}')) == (
        'p.json:3:42 /augment/0/weight: unknown key "weight" (did you mean "weights"?); '
        'allowed: "one_of", "weights", "p", "when"'
    )


def test_fault_19_range_that_runs_backwards_is_refused(refusal):
    assert refusal(_augment('{"op": "rotate", "degrees": [20, -20]}')) == (
        "p.json:3:31 /augment/0/degrees: the lower bound of [20.0, -20.0] is above the upper one; "
        "write [-20.0, 20.0]"
    )
    assert refusal(_augment('{"some_of": [{"op": "flip"}], "n": [1, 0]}')) == (
        "p.json:3:38 /augment/0/n: the lower bound of [1, 0] is above the upper one"
    )
    assert refusal('{"version": 1, "output": {"range": [1, 0]}, "augment": [{"op": "flip"}]}') == (
        "p.json:1:36 /output/range: the lower bound of [1, 0] is not below the upper one"
    )


def test_fault_20_weights_that_choose_nothing_are_refused(refusal):
    branches = '"one_of": [{"op": "flip"}, {"op": "invert"}]'
    assert refusal(_augment(f'{{{branches}, "weights": [0, 0]}}')) == (
        "p.json:3:61 /augment/0/weights: the weights sum to 0; at least one has to be above 0"
    )
    assert refusal(_augment(f'{{{branches}, "weights": [1, -1]}}')) == (
        "p.json:3:65 /augment/0/weights/1: -1 is below 0, the least allowed"
    )
    assert refusal(_augment(f'{{{branches}, "weights": [1, NaN]}}')) == (
        "p.json:3:65: NaN is not a number of JSON"
    )
    assert refusal(_augment(f'{{{branches}, "weights": [1]}}')) == (
        "p.json:3:61 /augment/0/weights: 1 weights for 2 choices; give one each"
    )
    step = '{"op": "rotate", "degrees": {"choice": [1, 2], "weights": [0, 0]}}'
    assert refusal(_augment(step)) == (
        "p.json:3:61 /augment/0/degrees/weights: the weights sum to 0; "
        "at least one has to be above 0"
    )


def test_fault_20_weights_that_overflow_are_refused(refusal):
    branches = '"one_of": [{"op": "flip"}, {"op": "invert"}]'
    assert refusal(_augment(f'{{{branches}, "weights": [1e308, 1e308]}}')) == (
        "p.json:3:61 /augment/0/weights: the weights sum to more than a number holds"
    )


def test_fault_21_policy_without_steps_is_the_identity_with_a_warning(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"version": 1, "augment": []}')

    with pytest.warns(PolicyWarning, match=r"p\.json: the policy has no steps") as caught:
        loaded = augreg.load_policy(path)

    assert caught[0].filename == __file__  # the warning points at the caller
    image = noise(2, 5, 4, 3)
    np.testing.assert_array_equal(
        augreg.augment(image, loaded, seed=0), image * np.float32(1 / 255)
    )


@pytest.mark.parametrize("target", ["http://example.invalid/s.json", "file:///etc/passwd"])
def test_fault_22_schema_and_ref_read_no_network_and_no_file(tmp_path, target, monkeypatch):
    policy({"op": "flip"})  # whatever is imported late is imported now
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"$schema": target, "version": 1, "augment": [{"op": "flip"}]}))
    opened = []
    real = Path.open

    def refuse(*_, **__):
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(builtins, "open", lambda *a, **k: pytest.fail(f"opened {a}"))
    monkeypatch.setattr(Path, "open", lambda p, *a, **k: (opened.append(p), real(p, *a, **k))[1])

    assert augreg.load_policy(path).augment
    path.write_text(json.dumps({"$ref": target, "version": 1}))
    with pytest.raises(PolicyError, match=r'/\$ref: unknown key "\$ref"'):
        augreg.load_policy(path)
    path.write_text(json.dumps({"version": 1, "augment": [{"$ref": target}]}))
    with pytest.raises(PolicyError, match=r'/augment/0: neither a step \("op"\) nor a group'):
        augreg.load_policy(path)
    assert set(opened) == {path}


def test_fault_23_future_version_says_which_release_reads_it(refusal):
    assert refusal('{"version": 2, "future": []}') == (
        "p.json:1:13 /version: version 2 is newer than this augreg, which reads version 1; "
        "upgrade augreg to a release that reads version 2"
    )


@pytest.mark.parametrize("version", ["0", "-1", '"1"', "1.5", "null"])
def test_version_that_never_was_is_refused(refusal, version):
    assert refusal(f'{{"version": {version}}}') == f"p.json:1:13 /version: {version} is not 1"


def test_version_is_required(refusal):
    assert refusal('{"augment": []}') == ('p.json:1:1: "version" is missing; add "version": 1')


@pytest.mark.parametrize(
    "name", ["os.system", "__class__", "os", "antigravity", "../flip", "a/b/c"]
)
def test_fault_24_op_named_like_code_is_unknown_and_imports_nothing(refusal, name):
    policy({"op": "flip"})
    before = set(sys.modules)

    found = refusal(_augment(json.dumps({"op": name})))

    assert found.startswith(f'p.json:3:10 /augment/0/op: unknown op "{name}"')
    assert set(sys.modules) == before


def test_fault_25_crop_larger_than_the_image_names_the_step(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(_augment('{"op": "crop", "height": 20, "width": 100}'))
    loaded = augreg.load_policy(path)

    with pytest.raises(PolicyError) as caught:
        plan(loaded, size=(64, 64))

    assert str(caught.value) == (
        f"{path}:3:41 /augment/0/width: a crop width of 100 is larger than the image, which is "
        "64x64 here; use pad_or_crop, or resize before"
    )


def test_fault_25_random_odd_quarter_turn_on_a_non_square_image_is_refused():
    loaded = policy({"op": "rot90", "k": [0, 3]})

    for size, found in (((64, 32), "64x32"), ((None, None), "?x?")):
        with pytest.raises(PolicyError) as caught:
            plan(loaded, size=size)
        assert str(caught.value) == (
            "/augment/0/k: a quarter turn drawn at random needs a square image, found "
            f'{found}; crop or resize to a square before, or draw k from {{"choice": [0, 2]}}'
        )
    assert plan(loaded, size=(64, 64)).size_out == (64, 64)
    half = policy({"op": "rot90", "k": {"choice": [0, 2]}})
    assert plan(half, size=(64, 32)).size_out == (64, 32)


def test_fault_25_p_of_one_and_a_half_is_refused(refusal):
    assert refusal(_augment('{"op": "flip", "p": 1.5}')) == (
        'p.json:3:23 /augment/0/p: 1.5 is above 1, the most that "p" takes'
    )


def test_fault_25_rotation_with_an_unknown_fill_is_refused(refusal):
    assert refusal(_augment('{"op": "rotate", "degrees": 9, "fill": "mirror"}')) == (
        'p.json:3:42 /augment/0/fill: "mirror" is not one of "reflect", "nearest", "wrap", '
        '"constant"'
    )


# --- other refusals


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("5", "3:3 /augment/0: 5 is not an object"),
        ("{}", '3:3 /augment/0: neither a step ("op") nor a group ("sequence", "one_of", '
         '"some_of", "random_order", "mixture")'),
        ('{"op": 5}', '3:10 /augment/0/op: "op" takes the name of an op, found 5'),
        ('{"op": "crop", "height": 9}', '3:3 /augment/0: "width" is missing; "crop" needs it'),
        ('{"op": "flip", "id": ""}', "3:24 /augment/0/id: "),
        ('{"op": "flip", "id": "a#0"}', '3:24 /augment/0/id: "a#0" holds a "#", which names the '
         'picks of some_of; choose another "id"'),
        ('{"op": "saturation", "factor": 9.0}', '3:34 /augment/0/factor: 9.0 is above 4.0, the '
         'most that "saturation" takes'),
        ('{"op": "saturation", "factor": [0, 9]}', '3:38 /augment/0/factor/1: 9 is above 4.0, the '
         'most that "saturation" takes'),
        ('{"one_of": []}', "3:14 /augment/0/one_of: 0 entries; minItems is 1"),
        ('{"one_of": {"op": "flip"}}', '3:14 /augment/0/one_of: {"op": "flip"} is not an array'),
        ('{"some_of": [{"op": "flip"}]}', '3:3 /augment/0: "n" is missing'),
        ('{"some_of": [{"op": "flip"}], "n": 2}', '3:38 /augment/0/n: 2 of 1 branches without '
         '"replace": true'),
        ('{"some_of": [{"op": "flip"}], "n": "1"}', '3:38 /augment/0/n: "1" is not allowed; write '
         "a count, or [least, most]"),
        ('{"some_of": [{"op": "flip"}], "n": 33, "replace": true}', "3:38 /augment/0/n: 33 picks; "
         "at most 32 are allowed"),
    ],
)  # fmt: skip
def test_wrong_step_is_refused_at_its_place(refusal, step, message):
    assert refusal(_augment(step)).startswith(f"p.json:{message}")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"dtype": "int8"}, '/output/dtype: "int8" is not one of "float32", "float16", '
         '"bfloat16", "uint8"'),
        ({"dtype": "uint8", "range": [0, 1]}, "/output/range: uint8 output takes the range "
         "[0, 255] only"),
        ({"range": [0, 0]}, "/output/range: the lower bound of [0, 0] is not below the upper one"),
        ({"dtype": "float16", "range": [0, 100000]}, "/output/range: 0 and 1 become 0 and 100000, "
         'and float16 holds -65504 to 65504; take a smaller range, or "dtype": "float32"'),
        ({"dtype": "bfloat16", "range": [0, 3.39e38]}, "/output/range: 0 and 1 become 0 and "
         '3.39e+38, and bfloat16 holds -3.38e+38 to 3.38e+38; take a smaller range, or "dtype": '
         '"float32"'),
        ({"range": [-3e38, 3e38]}, "/output/range: 0 and 1 become -3e+38 and 3e+38, and float32 "
         "holds -3.4e+38 to 3.4e+38; take a smaller range"),
        ({"range": [0, 1e308]}, "/output/range: 0 and 1 become 0 and 1e+308, and float32 holds "
         "-3.4e+38 to 3.4e+38; take a smaller range"),
        ({"range": [1e8, 1e8 + 1]}, "/output/range: 0 and 1 become 100000000.0 and 100000001.0, "
         "which are one number in float32; take a wider range"),
        ({"dtype": "float16", "range": [2048, 2049]}, "/output/range: 0 and 1 become 2048.0 and "
         "2049.0, which are one number in float16; take a wider range"),
        ({"dtype": "float16", "normalize": {"mean": [0.5], "std": [1e-5]}},
         "/output/normalize/std/0: 0 and 1 become -50000 and 50000, and float16 holds -65504 to "
         '65504; take a smaller range, or "dtype": "float32"'),
        ({"normalize": {"mean": [0.5] * 3, "std": [1, 1, 1e-320]}}, "/output/normalize/std/2: 0 "
         "and 1 become -inf and inf, and float32 holds -3.4e+38 to 3.4e+38; take a smaller range"),
        ({"range": [0]}, "/output/range: 1 entries; minItems is 2"),
        ({"normalize": {"mean": [0.5]}}, '/output/normalize: "std" is missing'),
        ({"normalize": {"mean": [0.5], "std": [0]}}, '/output/normalize/std: "std" has to be '
         "above 0"),
        ({"normalize": {"mean": [0.5] * 3, "std": [1]}}, '/output/normalize: "mean" and "std" '
         "take one number each, or three"),
        ({"normalize": {"mean": [0.5] * 2, "std": [1] * 2}}, '/output/normalize: "mean" and "std" '
         "take one number each, or three"),
        ({"normalize": {"mean": [0], "std": [1]}, "range": [0, 1]}, '/output/normalize: '
         '"normalize" does not go with "range"'),
        ({"normalize": {"mean": [0], "std": [1]}, "dtype": "uint8"}, '/output/normalize: '
         '"normalize" does not go with uint8'),
    ],
)  # fmt: skip
def test_wrong_output_is_refused_at_its_place(output, message):
    with pytest.raises(PolicyError) as caught:
        policy({"op": "flip"}, output=output)

    assert str(caught.value) == message


def test_policy_in_a_dict_is_held_to_the_same_rules_without_a_place():
    for value, message in (
        ({"version": 1, "augment": [{"op": "flip", "p": float("nan")}]}, "NaN is not a number"),
        ({"version": 1, "augment": [{"op": "flip", "p": object()}]}, "the policy is not JSON: "),
        ({"version": 1, "augment": {1, 2}}, "the policy is not JSON: "),
    ):
        with pytest.raises(PolicyError) as caught:
            augreg.load_policy(value)
        assert str(caught.value).startswith(message)
        assert caught.value.line is None


def test_two_steps_that_would_draw_alike_are_refused():
    step = {"op": "rotate", "degrees": [0, 9], "id": "same"}
    with pytest.raises(PolicyError) as caught:
        policy(step, {**step, "degrees": [0, 5]})
    assert str(caught.value) == (
        '/augment/1/id: "same" and the id of /augment/0 give the same draws; choose another "id"'
    )

    with pytest.raises(PolicyError, match=r"/augment/1/id: .* give the same draws"):
        policy({"op": "rotate", "degrees": [0, 9]}, {**step, "id": "/augment/0"})


def test_ids_that_collide_in_32_bits_are_refused(monkeypatch):
    monkeypatch.setattr("augreg.random.generator.draw_id", lambda path, name: len(name))

    with pytest.raises(PolicyError, match="give the same draws"):
        policy({"op": "flip"}, {"op": "invert"})


def test_error_survives_pickling():
    error = PolicyError("no", path="p.json", pointer="/a", line=1, column=2)

    copy = pickle.loads(pickle.dumps(error))

    assert str(copy) == str(error) == "p.json:1:2 /a: no"
    assert (copy.path, copy.pointer, copy.line, copy.column) == ("p.json", "/a", 1, 2)


# --- what is loaded


def test_defaults_of_a_policy():
    with pytest.warns(PolicyWarning):
        loaded = augreg.load_policy({"version": 1})

    assert (loaded.name, loaded.description) == ("policy", "")
    assert loaded.prepare(True) == loaded.prepare(False) == loaded.augment == ()
    assert loaded.output == Output("float32", (1.0,), (0.0,))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({}, Output("float32", (1.0,), (0.0,))),
        ({"range": [-1, 1]}, Output("float32", (2.0,), (-1.0,))),
        ({"range": [0, 255], "dtype": "float16"}, Output("float16", (255.0,), (0.0,))),
        ({"dtype": "uint8"}, Output("uint8", (255.0,), (0.0,))),
        ({"normalize": {"mean": [0.5], "std": [0.25]}}, Output("float32", (4.0,), (-2.0,))),
    ],
)
def test_output_is_a_scale_and_an_offset(output, expected):
    assert policy({"op": "flip"}, output=output).output == expected


def test_prepare_may_differ_between_training_and_evaluation():
    loaded = augreg.load_policy(
        {
            "version": 1,
            "prepare": {
                "train": [{"op": "resized_crop", "height": 8, "width": 8}],
                "eval": [{"op": "resize", "height": 8, "width": 8}],
            },
        }
    )

    assert [step.op.name for step in loaded.prepare(True)] == ["resized_crop"]
    assert [step.pointer for step in loaded.prepare(False)] == ["/prepare/eval/0"]


def test_step_and_group_have_defaults():
    loaded = policy(
        {"op": "rotate", "degrees": 9},
        {"one_of": [{"op": "flip"}, {"sequence": [{"op": "invert", "id": "x"}]}]},
    )
    step, group = loaded.augment

    assert isinstance(step, Step) and isinstance(group, Group)
    assert (step.p, step.path) == (1.0, "/augment/0")
    assert step.arguments == {
        "degrees": distributions.Constant(9.0),
        "fill": "reflect",
        "fill_value": 0.0,
        "interpolation": "bilinear",
    }
    assert (group.kind, group.weights, group.p) == ("one_of", (1.0, 1.0), 1.0)
    assert [node.path for node in walk(loaded.augment)] == [
        *("/augment/0", "/augment/1", "/augment/1/one_of/0", "/augment/1/one_of/1", "x")
    ]


def test_some_of_takes_a_count_or_a_range():
    branches = [{"op": "flip"}, {"op": "invert"}]

    for n, expected in ((1, (1, 1)), ([0, 2], (0, 2))):
        (group,) = policy({"some_of": branches, "n": n}).augment
        assert (group.n, group.replace) == (expected, False)


def test_loaded_policy_is_returned_as_it_is():
    loaded = policy({"op": "flip"})

    assert augreg.load_policy(loaded) is loaded


def test_policy_does_not_change_with_the_dict_it_came_from():
    value = {"version": 1, "augment": [{"op": "flip"}]}
    loaded = augreg.load_policy(value)
    value["augment"].clear()

    assert loaded.source == {"version": 1, "augment": [{"op": "flip"}]}


def test_name_defaults_to_the_files(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"version": 1, "augment": [{"op": "flip"}]}')

    assert augreg.load_policy(path).name == augreg.load_policy(str(path)).name == "mine"


def test_hash_covers_what_decides_pixels_and_nothing_else():
    one = policy({"op": "rotate", "degrees": [0, 9]})

    same = [
        policy({"op": "rotate", "degrees": [0.0, 9.0]}, name="n", description="d"),
        policy({"degrees": [0, 9], "op": "rotate"}, **{"$schema": "s"}),
    ]
    other = [
        policy({"op": "rotate", "degrees": [0, 8]}),
        policy({"op": "rotate", "degrees": [0, 9], "p": 0.5}),
        policy({"op": "rotate", "degrees": [0, 9], "id": "x"}),
        policy({"op": "rotate", "degrees": [0, 9]}, output={"range": [-1, 1]}),
        policy({"op": "rotate", "degrees": [0, 9]}, prepare=[{"op": "flip"}]),
    ]

    assert {p.hash for p in same} == {one.hash}
    assert len({p.hash for p in (one, *other)}) == len(other) + 1


def test_hash_covers_the_versions_of_ops_and_draws(monkeypatch):
    def tint(version):
        @augreg.op("acme/tint", version=version)
        def nothing(xp):
            """Nothing."""

        return with_ops(nothing)

    hashes = [policy({"op": "acme/tint"}, registry=tint(v)).hash for v in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]
    monkeypatch.setattr("augreg.random.generator.VERSION", 2)
    assert policy({"op": "acme/tint"}, registry=tint(1)).hash != hashes[0]


def test_plugins_of_a_policy_are_those_whose_ops_it_uses():
    @augreg.op("acme/tint")
    def tint(xp):
        """Tints."""

    registry = with_ops(tint)

    assert policy({"op": "flip"}, registry=registry).plugins == {"augreg": augreg.__version__}
    used = policy({"one_of": [{"op": "acme/tint"}]}, registry=registry)
    assert used.plugins == {"acme-ops": "2.5"}


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.stem)
def test_ready_policy_loads(path):
    loaded = augreg.load_policy(path)

    assert loaded.name == path.stem
    assert loaded.description
