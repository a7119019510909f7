"""Hostile policies: whatever the bytes are, a policy loads or is refused by a `PolicyError`.

`make fuzz` runs 100,000 inputs (`AUGREG_FUZZ` says how many); the suite runs a few hundred. A
tenth comes from hypothesis, which shrinks what it finds; the rest from a seeded mutator, because
hypothesis takes several times as long to make an input as augreg to refuse it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import resource
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.plugin.registry import default_registry
from augreg.policy import PolicyWarning, load_policy
from augreg.policy.document import MAX_BYTES, MAX_PARTS, parse

READY = [
    path.read_text()
    for path in sorted((Path(__file__).parents[1] / "policies").glob("*.json"))
    if path.name != "policy.schema.json"
]
INPUTS = int(os.environ.get("AUGREG_FUZZ", "2000"))
EXAMPLES = INPUTS // 10
MOST = 6_000_000  # calls and returns of functions for one input; see `counted`
GROWTH = 300  # MB of peak memory, over all inputs; 206 seen once beside a loaded TensorFlow

WORDS = re.split(
    r"\s+",
    r"""
    "op" "p" "id" "one_of" "some_of" "sequence" "n" "weights" "replace" "choice" "normal" "min"
    "log_uniform" "version" "prepare" "augment" "output" "$ref" "$schema" "__class__" "os.system"
    { } [ ] , : " \ null true false NaN -Infinity 1e999 1e30 -1 0 0.5 1.5 [] {} [1,0] [0,0]
    "\ud800" "a/b" "file:///etc/passwd" "#/$defs/step" "~1" ""
    """.strip(),
)

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
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars.map(str), inner),
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
            keys = sorted(part) if isinstance(part, dict) else range(len(part))
            key = draw(st.sampled_from(keys))
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


def refused_or_loaded(path: Path, contents: bytes) -> PolicyError | None:
    """What `load_policy` and `plan` say of the bytes."""
    path.write_bytes(contents)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PolicyWarning)
            policy = load_policy(path)
        for training in (True, False):
            plan(policy, training=training)
    except PolicyError as refusal:
        return refusal
    return None


def counted(path: Path, contents: bytes) -> tuple[PolicyError | None, int]:
    """Also the calls that it took: the same number on every machine, however busy."""
    calls, before = itertools.count(), sys.getprofile()
    sys.setprofile(lambda frame, event, argument: next(calls))
    try:
        error = refused_or_loaded(path, contents)
    finally:
        sys.setprofile(before)
    return error, next(calls)


def peak() -> float:
    """The most memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_any_bytes_are_a_policy_or_a_policy_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "p.json"
    seen = {"inputs": 0, "loaded": 0}

    @settings(
        max_examples=EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def look(contents: bytes) -> None:
        error = refused_or_loaded(path, contents)
        seen["inputs"] += 1
        seen["loaded"] += error is None
        if error is not None:
            assert error.path == str(path) and error.message and str(path) in str(error)

    refused_or_loaded(path, READY[0].encode())  # loads the registry and the schema
    before = peak()
    look()
    print(f"\n{seen}, peak memory {before:.0f} to {peak():.0f} MB")
    assert peak() - before < GROWTH
    assert seen["inputs"] >= 0.9 * EXAMPLES
    assert 0 < seen["loaded"] < seen["inputs"]


def mutated(chance: random.Random) -> bytes:
    """A ready policy with its parts cut, doubled, swapped with another's, or overwritten."""
    text = chance.choice(READY).encode()
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 1, 2, 5, 20, 200)))
        other = chance.choice(READY).encode()
        at = chance.randrange(len(other))
        new = (
            b"",
            text[start:end] * 2,
            other[at : at + chance.randrange(40)],
            chance.choice(WORDS).encode(),
            chance.randbytes(chance.randrange(1, 4)),
            str(chance.choice((0, -1, 2**31, 2**64, 1e-320, 1e308, 0.1, 33, 16385))).encode(),
        )
        text = text[:start] + chance.choice(new) + text[end:]
    return text


TOKEN = re.compile(rb'"[^"]*"|-?[0-9.]+')


def replaced(chance: random.Random) -> bytes:
    """A ready policy, one to three of whose strings and numbers are another word: still JSON."""
    text = chance.choice(READY).encode()
    for _ in range(chance.randrange(1, 4)):
        found = chance.choice(list(TOKEN.finditer(text)) or [re.search(rb"^", text)])
        more = TOKEN.findall(chance.choice(READY).encode())
        new = chance.choice((*more, *(word.encode() for word in WORDS[:26]), b"[0, 1]", b"{}"))
        text = text[: found.start()] + new + text[found.end() :]
    return text


def test_mutated_policies_are_policies_or_policy_errors(tmp_path: Path) -> None:
    path, chance = tmp_path / "p.json", random.Random(5)
    refused_or_loaded(path, READY[0].encode())
    before, loaded, slowest = peak(), 0, (0.0, b"")
    for _ in range(INPUTS - EXAMPLES):
        contents = chance.choice((mutated, replaced))(chance)
        begun = time.thread_time()
        loaded += refused_or_loaded(path, contents) is None
        slowest = max(slowest, (time.thread_time() - begun, contents))
    assert counted(path, slowest[1])[1] < MOST, slowest[1]
    print(f"\n{INPUTS - EXAMPLES} mutations, {loaded} loaded, slowest {slowest[0]:.3f} s")
    print(f"peak memory {before:.0f} to {peak():.0f} MB")
    assert peak() - before < GROWTH and loaded


# --- made to be slow, or to take memory -------------------------------------------------------

MOST_STEPS = "as many steps as may be"
MANY_KEYS = ",".join(f'"k{i:x}":0' for i in range(80_000))
MEAN = {
    "a key twice among 80,000": f'{{"version":1,{MANY_KEYS},"zz":1,"zz":2}}',
    "a long key over many values": f'{{"version":1,"{"x" * 400_000}":[{"0," * 240_000}0]}}',
    "a long key over values": f'{{"version":1,"{"x" * 900_000}":[{"0," * 3000}0]}}',
    "60,000 steps": f'{{"version":1,"augment":[{",".join(["""{"op":"flip"}"""] * 60_000)}]}}',
    MOST_STEPS: json.dumps({"version": 1, "augment": [{"op": "flip"}] * (MAX_PARTS // 2 - 5)}),
    "a choice of 400,000": (
        f'{{"version":1,"augment":[{{"op":"rotate","degrees":{{"choice":[{"1," * 400_000}1]}}}}]}}'
    ),
    "a long name of an op": f'{{"version":1,"augment":[{{"op":"a/{"rotate" * 150_000}"}}]}}',
    "escapes": '"' + '\\"' * 450_000,
    "colons": ":" * 900_000,
    "surrogates": '["' + "\\uD800" * 100_000 + '"]',
    "empty arrays": "[" + "[]," * 300_000 + "[]]",
    "as many mistakes as may be": json.dumps(
        {"version": 1, "augment": [{"op": "rotat", "p": 2}] * (MAX_PARTS // 3 - 5)}
    ),
    "groups in groups": (
        '{"version":1,"augment":' + '[{"one_of":' * 32 + '[{"op":"flop"}]' + "}]" * 32 + "}"
    ),
}


@pytest.mark.parametrize("name", MEAN)
def test_policy_made_to_be_slow_is_no_more_work_than_others(name: str, tmp_path: Path) -> None:
    contents = MEAN[name].encode()
    assert len(contents) <= MAX_BYTES
    path = tmp_path / "p.json"
    refused_or_loaded(path, READY[0].encode())
    before = peak()
    if name == MOST_STEPS:  # each of 3,000 steps is checked: to count their calls takes a minute
        error = refused_or_loaded(path, contents)
    else:
        error, work = counted(path, contents)
        assert work < MOST
    assert peak() - before < GROWTH
    assert (error is None) == (name == MOST_STEPS)


def test_work_on_a_policy_grows_with_its_steps_and_not_with_their_square(tmp_path: Path) -> None:
    path, work = tmp_path / "p.json", []
    refused_or_loaded(path, READY[0].encode())
    for count in (30, 90):
        steps = [{"op": "rotate", "degrees": [-i, i]} for i in range(1, count + 1)]
        error, calls = counted(path, json.dumps({"version": 1, "augment": steps}).encode())
        assert error is None
        work.append(calls)
    assert work[1] < 4 * work[0]


def test_more_values_than_a_policy_may_have_are_refused_at_their_place() -> None:
    assert parse("[" + "0," * (MAX_PARTS - 1) + "0]")[1] == [0] * MAX_PARTS
    with pytest.raises(PolicyError, match="more than 6,000 values") as error:
        parse("[\n" + "0," * MAX_PARTS + "0]")
    assert (error.value.line, error.value.column) == (2, 2 * MAX_PARTS)


def test_op_at_the_root_that_is_no_name_is_refused(tmp_path: Path) -> None:
    """Found by the fuzz: it was looked up among the ops, and a list can't be."""
    error = refused_or_loaded(tmp_path / "p.json", b'{"$schema":null,"op":[]}')
    assert error is not None and error.pointer in ("/$schema", "/op", "")
