"""Hostile policies: whatever the bytes are, a policy loads or is refused by a `PolicyError`.

`make fuzz` runs 100,000 inputs (`AUGREG_FUZZ` says how many); the suite runs a few hundred.
"""

from __future__ import annotations

import json
import os
import resource
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augreg.document import MAX_BYTES, MAX_PARTS, decode, parse
from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.policy import PolicyWarning, load_policy
from augreg.registry import default_registry

READY = [
    path.read_text()
    for path in sorted((Path(__file__).parents[1] / "policies").glob("*.json"))
    if path.name != "policy.schema.json"
]
EXAMPLES = int(os.environ.get("AUGREG_FUZZ", "300"))
SLOWEST = 1.0  # seconds of this thread, whatever else the machine does
GROWTH = 200  # MB of peak memory, over all inputs

WORDS = (
    '"op" "p" "id" "one_of" "some_of" "sequence" "n" "weights" "replace" "choice" "normal" "min" '
    '"log_uniform" "version" "prepare" "augment" "output" "$ref" "$schema" "__class__" "os.system" '
    '{ } [ ] , : " \\ null true false NaN -Infinity 1e999 1e30 -1 0 0.5 1.5 [] {} [1,0] [0,0] '
    '"\\ud800" "a/b" "file:///etc/passwd" "#/$defs/step" "~1" ""'
).split()

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([json.loads(w) for w in WORDS if w.startswith('"') and len(w) > 1])
    | st.sampled_from(sorted(default_registry().ops))
    | st.text(max_size=6)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars.map(str), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def changed_text(draw: st.DrawFn) -> bytes:
    """A ready policy with a few places cut out, doubled or overwritten."""
    text = draw(st.sampled_from(READY)).encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        length = draw(st.integers(0, 20))
        new = draw(
            st.sampled_from(WORDS).map(str.encode)
            | st.binary(max_size=4)
            | st.just(text[start : start + length] * 2)
        )
        text = text[:start] + new + text[start + length :]
    return text


@st.composite
def changed_tree(draw: st.DrawFn) -> bytes:
    """A ready policy, one of whose values is another value, or whose key is another key."""
    tree = json.loads(draw(st.sampled_from(READY)))
    for _ in range(draw(st.integers(1, 3))):
        part, key, inner = tree, None, tree
        while isinstance(inner, dict | list) and inner and (key is None or draw(st.booleans())):
            part = inner
            key = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
            inner = part[key]
        if isinstance(part, dict) and key is not None and draw(st.booleans()):
            part[str(draw(scalars))] = part.pop(key)
        elif key is not None:
            part[key] = draw(values)
    return json.dumps(tree).encode()


inputs = (
    changed_text()
    | changed_tree()
    | values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(["version", "augment", "prepare", "output"]), values).map(
        lambda value: json.dumps({"version": 1, **value}).encode()
    )
    | st.binary(max_size=200)
)


def refused_or_loaded(path: Path, contents: bytes) -> tuple[PolicyError | None, float]:
    """What `load_policy` and `plan` say of the bytes, and the seconds it took them."""
    path.write_bytes(contents)
    begun = time.thread_time()
    error = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PolicyWarning)
            policy = load_policy(path)
        for training in (True, False):
            plan(policy, training=training)
    except PolicyError as refusal:
        error = refusal
    return error, time.thread_time() - begun


def peak() -> float:
    """The most memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_any_bytes_are_a_policy_or_a_policy_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "p.json"
    seen = {"inputs": 0, "loaded": 0, "slowest": 0.0}

    @settings(
        max_examples=EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def look(contents: bytes) -> None:
        error, seconds = refused_or_loaded(path, contents)
        seen["inputs"] += 1
        seen["loaded"] += error is None
        seen["slowest"] = max(seen["slowest"], seconds)
        assert seconds < SLOWEST, contents
        if error is not None:
            assert error.path == str(path) and error.message and str(path) in str(error)

    refused_or_loaded(path, READY[0].encode())  # loads the registry and the schema
    before = peak()
    look()
    print(f"\n{seen}, peak memory {before:.0f} to {peak():.0f} MB")
    assert peak() - before < GROWTH
    assert seen["inputs"] >= min(EXAMPLES, 250)
    assert 0 < seen["loaded"] < seen["inputs"]


# --- made to be slow, or to take memory -------------------------------------------------------

MANY_KEYS = ",".join(f'"k{i:x}":0' for i in range(80_000))
MEAN = {
    "a key twice among 80,000": f'{{"version":1,{MANY_KEYS},"zz":1,"zz":2}}',
    "a long key over many values": f'{{"version":1,"{"x" * 400_000}":[{"0," * 240_000}0]}}',
    "a long key over values": f'{{"version":1,"{"x" * 900_000}":[{"0," * 3000}0]}}',
    "70,000 steps": f'{{"version":1,"augment":[{",".join(70_000 * [chr(123) + chr(125)])}]}}',
    "as many steps as may be": (
        f'{{"version":1,"augment":[{",".join((MAX_PARTS // 2 - 5) * [json.dumps({"op": "flip"})])}]}}'
    ),
    "a choice of 400,000": (
        f'{{"version":1,"augment":[{{"op":"rotate","degrees":{{"choice":[{"1," * 400_000}1]}}}}]}}'
    ),
    "a long name of an op": f'{{"version":1,"augment":[{{"op":"a/{"rotate" * 150_000}"}}]}}',
    "escapes": '"' + '\\"' * 450_000,
    "colons": ":" * 900_000,
    "surrogates": '["' + "\\uD800" * 100_000 + '"]',
    "empty arrays": "[" + "[]," * 300_000 + "[]]",
    "groups in groups": (
        '{"version":1,"augment":' + '[{"one_of":' * 32 + '[{"op":"flop"}]' + "}]" * 32 + "}"
    ),
}


@pytest.mark.parametrize("name", MEAN)
def test_policy_made_to_be_slow_is_done_within_a_second(name: str, tmp_path: Path) -> None:
    contents = MEAN[name].encode()
    assert len(contents) <= MAX_BYTES
    path = tmp_path / "p.json"
    refused_or_loaded(path, READY[0].encode())
    before = peak()
    error, seconds = refused_or_loaded(path, contents)
    assert seconds < 2 * SLOWEST  # a machine may be half as fast as the one it was made on
    assert peak() - before < GROWTH
    assert (error is None) == (name == "as many steps as may be")


def test_more_values_than_a_policy_may_have_are_refused_at_their_place() -> None:
    assert parse("[" + "0," * (MAX_PARTS - 1) + "0]")[1] == [0] * MAX_PARTS
    with pytest.raises(PolicyError, match="more than 4,000 values") as error:
        parse("[\n" + "0," * MAX_PARTS + "0]")
    assert (error.value.line, error.value.column) == (2, 2 * MAX_PARTS)


# --- accepted and refused JSON ----------------------------------------------------------------
# The cases that the public JSON parsing test suites try, in RFC 8259's terms. Where the standard
# leaves it open (huge numbers, lone surrogates, UTF-16, equal keys), a policy is refused.

ACCEPTED: dict[str, Any] = {
    "[[]   ]": [[]],
    '[""]': [""],
    "[]\n": [],
    "[null, 1, \"1\", {}]": [None, 1, "1", {}],
    "\t[\r\n1 ]": [1],
    "[-0]": [0],
    "[0e+1]": [0.0],
    "[0E1]": [0.0],
    "[20e1]": [200.0],
    "[123e65]": [123e65],
    "[1E-2, 1e+2, 1.5e7]": [0.01, 100.0, 1.5e7],
    "[-0.000000000000000000000000000000000000001]": [-1e-39],
    "{}": {},
    '{"":0}': {"": 0},
    '{"x\\u0000y": 42}': {"x\0y": 42},
    '{"a":{"a":{"a":[]}}}': {"a": {"a": {"a": []}}},
    '["\\u0060\\u012a\\u12AB"]': ["\u0060\u012a\u12ab"],
    '["\\uD801\\udc37"]': ["\U00010437"],
    '["\\uDBFF\\uDFFF\\uFFFF\\uFDD0"]': ["\U0010ffff\uffff\ufdd0"],
    '["\\"\\\\\\/\\b\\f\\n\\r\\t"]': ['"\\/\b\f\n\r\t'],
    '["\\\\u0000"]': ["\\u0000"],
    '["a/*b*/c/*d//e"]': ["a/*b*/c/*d//e"],
    '["\x7f\u2028\u2029\u03c0\U0001f600"]': ["\x7f\u2028\u2029\u03c0\U0001f600"],
    "false": False,
    "42": 42,
    "-0.1": -0.1,
    "null": None,
    '"text"': "text",
    '""': "",
    " [] ": [],
}
REFUSED = [
    *("[1 true]", '["": 1]', '[""],', "[,1]", "[1,,2]", '["x",,]', '["x"]]', '["",]', '["x"', "[x"),
    *("[3[4]]", "[1:2]", "[,]", "[-]", "[1,]", "[*]", "[1,", "[1,\n1\n,1", "[{}", '["\x0ba"\f]'),
    *("[fals]", "[nul]", "[tru]", "[True]", "123\0", "[\0]", "[\x0c]", "[\u2060]", "[\uff11]"),
    *("[++1]", "[+1]", "[+Inf]", "[-01]", "[012]", "[-1.0.]", "[-2.]", "[1.]", "[-NaN]", "[NaN]"),
    *("[.-1]", "[.2e-3]", "[0.1.2]", "[0.3e+]", "[0.3e]", "[0.e1]", "[0E+]", "[0e]", "[1.0e-]"),
    *("[1 000.0]", "[1eE2]", "[2.e+3]", "[Inf]", "[Infinity]", "[-Infinity]", "[1+2]", "[0x1]"),
    *("[0e+-1]", "[-123.123foo]", "[- 1]", "[-.1]", "[-1x]", "[1ea]", "[1.2a-3]", "[-foo]", "2@"),
    *('{"x", null}', '{"x"::"b"}', '{"a":"a" 1}', "{key: 1}", '{"a" b}', '{:"b"}', '{"a" "b"}'),
    *('{"a":', '{"a"', "{1:1}", "{9999E9999:1}", "{null:null}", '{"a":0,,,}', "{'a':0}", '{"a":0,}'),
    *('{"a":"b"}/**/', '{"a":"b"}//', '{"a":"b"}#', '{"a":/*c*/"b"}', '{"a":1,,"c":2}', '{"a":"a'),
    *(" ", "", "\ufeff", '["\\uD800\\"]', '["\\uD800\\u1x"]', '["\\\0"]', '["\\x00"]', '["\\\t"]'),
    *('["\\"]', '["\\u00A"]', '["\\a"]', '["\\uqqqq"]', '[\\u0020"a"]', "[\\n]", '"', "['a']"),
    *("abc", '["\\', '["a\0a"]', '["new\nline"]', '["\t"]', '"\\UA66D"', '""x', "<.>", "[<null>]"),
    *("[1]x", "1]", '{"x": true,', "[][]", "]", "[", "{}}", '{"":', '{"a": true} "x"', "{", "{]"),
    *("{,", "{[", '{"a', '["\\{["\\{["\\{', "*", "[1", "[ false, nul", '{"asd":"asd"', "\u00e9"),
]
REFUSED_BYTES = [
    *(b"[a\xe5]", b"[\xff]", b"[123\xe5]", b"[1e1\xe5]", b'{"\xb9":"0"}', b'["\\u\xe5"]', b"\xe5"),
    *(b"\xef\xbb{}", b"\xef\xbb\xbf", b'["\xc0\xaf"]', b'["\xed\xa0\x80"]', b'["\xf4\xbf\xbf\xbf"]'),
    *(b"\xff\xfe[\0]\0", b"[\0]\0", b"\0[\0]", b'["\xe0\xff"]', b'["\xfc\x83\xbf\xbf\xbf\xbf"]'),
]
LEFT_OPEN = [
    *("[1e999]", "[-1e999]", "[123123e100000]", "[0.4e00669999999999999999999999999969]"),
    *(f"[{'1' * 41}]", '["\\uDADA"]', '["\\uD888\\u1234"]', '{"\\uDFAA":0}', '["\\uDd1e\\uD834"]'),
    *("[" * 500 + "]" * 500, "[" * 100_000, '{"a":1,"a":1}', '[{"a":{"b":0,"b":1}}]'),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_json_is_accepted(text: str) -> None:
    assert parse(decode(text.encode()))[1] == ACCEPTED[text]


@pytest.mark.parametrize(
    "contents",
    [*(text.encode() for text in REFUSED), *REFUSED_BYTES, *(text.encode() for text in LEFT_OPEN)],
    ids=lambda contents: repr(contents)[:40],
)
def test_what_is_no_json_is_refused(contents: bytes) -> None:
    with pytest.raises(PolicyError):
        parse(decode(contents))


def test_byte_order_mark_before_json_is_accepted() -> None:
    assert parse(decode(b"\xef\xbb\xbf{}"))[1] == {}
