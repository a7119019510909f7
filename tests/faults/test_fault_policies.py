"""Faults 1 to 25 of a policy's file, as `augreg validate` answers them."""

from __future__ import annotations

import socket
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from fault_tools import command, policy_file


def refused(tmp_path: Path, policy: Any, place: str, *words: str, size: str = "") -> None:
    """`validate` exits 3 with one line: file, place, then a message that holds `words`."""
    path = policy_file(tmp_path, policy)
    said = command("validate", path, *(["--size", size] if size else []))
    assert said.code == 3 and said.out == ""
    assert said.err.startswith(f"augreg: {path}{place}: "), said.err
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err, said.err
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]


def accepted(tmp_path: Path, policy: Any) -> str:
    said = command("validate", policy_file(tmp_path, policy))
    assert (said.code, said.err) == (0, "")
    return said.out


def steps(*augment: str) -> str:
    """A policy as text, one step on each line from the second."""
    return '{"version": 1, "augment": [\n' + ",\n".join(augment) + "\n]}"


def test_fault_01_empty_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, b"", ":1:1", "the file is empty", '{"version": 1}')


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        ('{"version": 1,\n "augment": []\n,}', ":3:1"),
        ('{"version": 1,\n "augment": [\n{"op": "flip"},\n]}', ":3:15"),
        ('{"version": 1,\n "augment": [\n{"op": "flip", }]}', ":3:14"),
    ],
    ids=["policy", "list", "step"],
)
def test_fault_02_trailing_comma_has_line_and_column(
    tmp_path: Path, policy: str, place: str
) -> None:
    refused(tmp_path, policy, place, 'not valid JSON: a comma before "', "remove it")


def test_fault_03_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert "valid" in accepted(tmp_path, b"\xef\xbb\xbf" + steps('{"op": "flip"}').encode())


def test_fault_04_utf16_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, steps().encode("utf-16"), "", "UTF-16", "save it as UTF-8")


def test_fault_05_byte_that_is_not_utf8_has_its_offset(tmp_path: Path) -> None:
    refused(tmp_path, b'{"name": "\xe9"}', "", "byte 0xe9 at offset 10 is not UTF-8")


def test_fault_06_duplicate_key_is_refused(tmp_path: Path) -> None:
    policy = '{"version": 1,\n "name": "a", "name": "b"}'
    refused(tmp_path, policy, ":2:15", 'duplicate key "name"')


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_fault_07_nan_and_infinity_are_refused(tmp_path: Path, word: str) -> None:
    policy = steps(f'{{"op": "brightness", "delta": {word}}}')
    refused(tmp_path, policy, ":2:31", f"{word} is not a number of JSON")


def test_fault_08_number_that_overflows_is_refused(tmp_path: Path) -> None:
    policy = steps('{"op": "brightness", "delta": 1e999}')
    refused(tmp_path, policy, ":2:31", "1e999 is too large a number")


def test_fault_09_integer_of_5000_digits_is_refused(tmp_path: Path) -> None:
    policy = steps(f'{{"op": "rot90", "k": {"7" * 5000}}}')
    refused(tmp_path, policy, ":2:22", "an integer of 5000 digits is too large")


def test_fault_10_100000_nested_arrays_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, "[" * 100_000, ":1:151", "nested deeper than 150 levels")


def test_fault_11_groups_nested_over_32_deep_are_refused(tmp_path: Path) -> None:
    def nested(depth: int) -> str:
        return steps('{"sequence": [' * depth + '{"op": "flip"}' + "]}" * depth)

    accepted(tmp_path, nested(32))
    place = f":2:{14 * 33} /augment/0{'/sequence/0' * 32}/sequence"
    refused(tmp_path, nested(33), place, "groups nest deeper than 32 levels")


def test_fault_12_file_over_1_mb_is_refused_before_parsing(tmp_path: Path) -> None:
    refused(tmp_path, b"x" * 1_000_001, "", "larger than 1,000,000 bytes")


def test_fault_13_lone_surrogate_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, '{"version": 1,\n"name": "\\ud800"}', ":2:10", "lone surrogate \\ud800")


def test_fault_14_true_is_no_number(tmp_path: Path) -> None:
    policy = steps('{"op": "brightness", "delta": true}')
    refused(tmp_path, policy, ":2:31 /augment/0/delta", "true")


def test_fault_15_whole_float_is_an_integer(tmp_path: Path) -> None:
    one, other = (accepted(tmp_path, steps(f'{{"op": "rot90", "k": {k}}}')) for k in ("1.0", "1"))
    assert one == other  # the hash is in it


def test_fault_16_huge_float_is_no_integer(tmp_path: Path) -> None:
    policy = steps('{"op": "rot90", "k": 1e30}')
    refused(tmp_path, policy, ":2:22 /augment/0/k", "1e+30")


def test_fault_17_unknown_op_gets_the_nearest_name_or_the_plugin(tmp_path: Path) -> None:
    place = ":2:8 /augment/0/op"
    refused(tmp_path, steps('{"op": "rotat"}'), place, '"rotat" (did you mean "rotate"?)')
    wheel = 'install the wheel that ships "acme" ops'
    refused(tmp_path, steps('{"op": "acme/tint"}'), place, 'unknown op "acme/tint"', wheel)


def test_fault_18_unknown_parameter_gets_the_nearest_name(tmp_path: Path) -> None:
    policy = steps('{"op": "rotate", "degreees": 3}')
    words = ('"rotate" has no parameter "degreees"', 'did you mean "degrees"?')
    refused(tmp_path, policy, ":2:30 /augment/0/degreees", *words)


@pytest.mark.parametrize(
    "policy",
    [
        f'{{"version": 1, "{"k" * 900_000}": 1}}',
        f'{{"version": 1, "{"k" * 400_000}": 1, "{"k" * 400_000}": 1}}',
        steps(f'{{"op": "{"k" * 900_000}"}}'),
        steps(f'{{"op": "acme/{"k" * 900_000}"}}'),
        steps(f'{{"op": "{"k" * 900_000}/x"}}'),
        steps(f'{{"op": "flip", "{"k" * 900_000}": 1}}'),
        steps(f'{{"op": "flip", "id": "{"k" * 900_000}#"}}'),
        steps('{"op": "flip", "a\\u001b[31m\\nb": 1}'),
    ],
    ids=["key", "key twice", "op", "package's op", "package", "parameter", "id", "control"],
)
def test_fault_18_message_repeats_no_long_name_and_nothing_unprintable(
    tmp_path: Path, policy: str
) -> None:
    said = command("validate", policy_file(tmp_path, policy))
    assert said.code == 3 and len(said.err) < 1000
    assert said.err.count("\n") == 1 and said.err[:-1].isprintable()
    assert ("k" * 54 in said.err and "…" in said.err) or "a\\x1b[31m\\nb" in said.err


def test_fault_19_range_that_runs_backwards_is_refused(tmp_path: Path) -> None:
    policy = steps('{"op": "rotate", "degrees": [9, -9]}')
    refused(
        tmp_path, policy, ":2:29 /augment/0/degrees", "is above the upper one; write [-9.0, 9.0]"
    )


@pytest.mark.parametrize("weights", ["[0, 0]", "[1, -1]", "[1, NaN]"])
def test_fault_20_weights_that_choose_nothing_are_refused(tmp_path: Path, weights: str) -> None:
    policy = steps(f'{{"one_of": [{{"op": "flip"}}, {{"op": "invert"}}], "weights": {weights}}}')
    path = policy_file(tmp_path, policy)
    said = command("validate", path)
    assert said.code == 3 and f"{path}:2:" in said.err
    assert ("NaN" if "NaN" in weights else "/augment/0/weights") in said.err


def test_fault_21_policy_without_steps_is_the_identity_with_a_warning(tmp_path: Path) -> None:
    path = policy_file(tmp_path, {"version": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        said = command("validate", path)
    assert (said.code, said.err) == (0, f"warning: {path}: the policy has no steps\n")
    assert "0 steps" in said.out


def test_fault_22_schema_and_ref_read_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    command("validate", "flowers")  # what is read once for all
    secret = tmp_path / "secret.json"
    opened, watching = list[str](), [True]  # a hook stays, so it is told when to stop

    def watch(event: str, args: Any) -> None:
        if watching and event == "open":
            opened.append(str(args[0]))

    sys.addaudithook(watch)
    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    for address in ("http://example.invalid/s.json", f"file://{secret}", str(secret)):
        text = steps('{"op": "flip"}').replace("{", f'{{"$schema": "{address}", ', 1)
        accepted(tmp_path, text)
        place = ":2:9 /augment/0"
        refused(tmp_path, steps(f'{{"$ref": "{address}"}}'), place.replace(":9", ":1"))
    watching.clear()
    assert opened and not [name for name in opened if "secret" in name]


def test_fault_23_future_version_says_which_release_reads_it(tmp_path: Path) -> None:
    words = ("version 2 is newer", "upgrade augreg to a release that reads version 2")
    refused(tmp_path, '{"version": 2}', ":1:13 /version", *words)


@pytest.mark.parametrize("name", ["os.system", "__class__", "antigravity/x", "this"])
def test_fault_24_op_named_like_code_is_unknown_and_imports_nothing(
    tmp_path: Path, name: str
) -> None:
    command("validate", "flowers")
    before = set(sys.modules)
    refused(tmp_path, steps(f'{{"op": "{name}"}}'), ":2:8 /augment/0/op", f'unknown op "{name}"')
    assert not {"this", "antigravity"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    ("step", "place", "words"),
    [
        ('{"op": "crop", "height": 99, "width": 9}', "/augment/0", "99"),
        ('{"op": "rot90", "k": [0, 3]}', "/augment/0", "square"),
        ('{"op": "flip", "p": 1.5}', "/augment/0/p", "1.5"),
        ('{"op": "rotate", "degrees": 9, "fill": "black"}', "/augment/0/fill", '"black"'),
    ],
)
def test_fault_25_what_cannot_work_is_refused_before_any_pixel_is_read(
    tmp_path: Path, step: str, place: str, words: str
) -> None:
    path = policy_file(tmp_path, steps(step))
    said = command("validate", path, "--size", "40x60")
    assert said.code == 3 and f"{path}:2:" in said.err
    assert place in said.err and words in said.err
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.png").write_bytes(b"these pixels are never read")
    code = command("apply", path, source, tmp_path / "out").code
    assert code == (4 if "crop" in step else 3)  # a crop may fit other images: this one is skipped
    assert not list(tmp_path.glob("out/*.png"))
