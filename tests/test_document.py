"""Strict JSON: what is read, what is refused and where, and the place of any part of a text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from augreg.errors import PolicyError, show
from augreg.policy import document

# Written after RFC 8259's grammar, in the manner of the JSON test suites.
ACCEPTED = [
    ("0", 0),
    ("-0", 0),
    ("-0.0", 0.0),
    ("12.5e-1", 1.25),
    ("1E+2", 100.0),
    ("1e-400", 0.0),  # underflow is not overflow
    ("9" * 40, int("9" * 40)),
    ("null", None),
    ("true", True),
    ("[]", []),
    ("{}", {}),
    ("[ ]", []),
    ("[[],[[]]]", [[], [[]]]),
    (" \t\r\n[1 ,\n2]\r\n", [1, 2]),
    ('""', ""),
    ('"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'),
    ('"\\u00e9\u00e9"', "éé"),
    ('"\\ud83d\\ude00"', "\U0001f600"),  # a surrogate pair is one character
    ('"NaN"', "NaN"),
    ('"[{,:"', "[{,:"),
    ('{"":1}', {"": 1}),
    ('{"a":{"a":1},"b":[{"a":2}]}', {"a": {"a": 1}, "b": [{"a": 2}]}),
    ('"\u2028"', "\u2028"),
    ('"\u007f"', "\u007f"),
]

REFUSED = [
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1",
    "1]",
    "[1]]",
    "]",
    "{",
    '{"a":1,}',
    '{"a" 1}',
    '{"a":}',
    '{"a":1 "b":2}',
    "{a:1}",
    "{1:1}",
    "{'a':1}",
    '{"a":1}}',
    '{"a":1} x',
    "01",
    "-01",
    "+1",
    "1.",
    ".5",
    "-",
    "1e",
    "1e+",
    "0x10",
    "1_000",
    "\uff11",  # a full-width 1
    "True",
    "nul",
    "undefined",
    '"',
    '"a',
    '"\\x41"',
    '"\\u12"',
    '"\\',
    '"a\nb"',
    '"a\tb"',
    '"\x00"',
    "'a'",
    "// a\n1",
    "/* a */ 1",
    "# a\n1",
    "\u00a01",
    "\ufeff1",  # `decode` takes a byte-order mark away; a second one is none
    "1 2",
]


@pytest.mark.parametrize(("text", "value"), ACCEPTED, ids=[text[:20] for text, _ in ACCEPTED])
def test_valid_json_is_read(text, value):
    found = document.parse(text)[1]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", REFUSED)
def test_invalid_json_is_refused_with_its_place(text):
    with pytest.raises(PolicyError, match="not valid JSON") as caught:
        document.parse(text, "p.json")

    assert caught.value.path == "p.json"
    assert caught.value.line is not None and caught.value.column is not None


@pytest.mark.parametrize("text", ["", " ", "\n\t \r\n"])
def test_empty_text_shows_the_smallest_policy(text):
    with pytest.raises(PolicyError) as caught:
        document.parse(text, "p.json")

    assert str(caught.value) == (
        'p.json:1:1: the file is empty; the smallest policy is {"version": 1}'
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('{"a": [1,\n NaN]}', 2, 2, "NaN is not a number of JSON"),
        ('["NaN", Infinity]', 1, 9, "Infinity is not a number of JSON"),
        ("[-Infinity]", 1, 2, "-Infinity is not a number of JSON"),
        ('["1e999", 1e999]', 1, 11, "1e999 is too large a number"),
        ("[1, -2e400]", 1, 5, "-2e400 is too large a number"),
        (f'["{"1" * 50}", {"1" * 41}]', 1, 56, "an integer of 41 digits is too large a number"),
        (f"[{'9' * 5000}]", 1, 2, "an integer of 5000 digits is too large a number"),
        ('{"a": 1,\n "a": 2}', 2, 2, 'duplicate key "a" in one object; keep one'),
        (
            '[{"a":1},{"a":1,\n"a":2}]',
            2,
            1,
            'duplicate key "a" in one object; keep one',
        ),
        ('{"a":"a","\\u0061":2}', 1, 10, 'duplicate key "a" in one object; keep one'),
        ('{"a":{"a":1},"a":2}', 1, 14, 'duplicate key "a" in one object; keep one'),
        ('["x", "\\uD800"]', 1, 8, "lone surrogate \\ud800 in a string"),
        ('{"\\udc00": 1}', 1, 3, "lone surrogate \\udc00 in a string"),
    ],
)
def test_what_the_standard_library_lets_pass_is_refused(text, line, column, message):
    with pytest.raises(PolicyError) as caught:
        document.parse(text, "p.json")

    assert str(caught.value) == f"p.json:{line}:{column}: {message}"


def test_depth_is_limited_before_anything_is_parsed():
    deepest = document.MAX_DEPTH

    assert document.parse("[" * deepest + "]" * deepest)[1]
    with pytest.raises(PolicyError) as caught:
        document.parse("[" * 100_000 + "]" * 100_000, "p.json")
    assert str(caught.value) == f"p.json:1:{deepest + 1}: nested deeper than {deepest} levels"


def test_brackets_inside_of_strings_do_not_count_as_depth():
    text = json.dumps(["[{" * 1000, '"[' * 1000])

    assert document.parse(text)[1] == json.loads(text)


# --- files


def _write(tmp_path, raw):
    path = tmp_path / "p.json"
    path.write_bytes(raw)
    return path


def test_byte_order_mark_is_accepted(tmp_path):
    assert document.read_document(_write(tmp_path, b"\xef\xbb\xbf[1]"))[1] == [1]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be"])
def test_utf16_is_refused(tmp_path, codec):
    bom = b"\xfe\xff" if codec.endswith("be") else b""
    path = _write(tmp_path, bom + "[1]".encode(codec))

    with pytest.raises(PolicyError, match="the file is UTF-16; save it as UTF-8"):
        document.read_document(path)


def test_byte_that_is_not_utf8_is_refused_with_its_offset(tmp_path):
    path = _write(tmp_path, b'["ab\xff"]')

    with pytest.raises(PolicyError) as caught:
        document.read_document(path)

    message = "byte 0xff at offset 4 is not UTF-8; save the file as UTF-8"
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_image_in_place_of_a_policy_is_called_one(tmp_path, format):
    path = tmp_path / "photo"
    Image.new("RGB", (4, 4)).save(path, format)

    with pytest.raises(PolicyError) as caught:
        document.read_document(path)

    assert str(caught.value) == f"{path}: this is an image; name a policy's file"


def test_file_at_the_limit_is_read_and_one_above_is_not(tmp_path):
    full = b"[1]" + b" " * (document.MAX_BYTES - 3)

    assert document.read_document(_write(tmp_path, full))[1] == [1]
    with pytest.raises(PolicyError, match="larger than 1,000,000 bytes"):
        document.read_document(_write(tmp_path, full + b" "))


def test_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "none.json"
    with pytest.raises(PolicyError) as caught:
        document.read_document(path)

    assert str(caught.value) == f"{path}: can't read the policy file: No such file or directory"


def test_folder_is_no_policy(tmp_path):
    with pytest.raises(PolicyError, match="can't read the policy file: Is a directory"):
        document.read_document(tmp_path)


# --- positions: a writer that notes where it puts each value is the oracle

_space = st.text(" \t\r\n", max_size=3)
_key = st.text(max_size=4) | st.sampled_from(["a/b", "~", "~1", "", '"', "\\", "{", "é", "0"])
_scalar = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=6)
_tree = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_key, inner, max_size=4),
    max_leaves=12,
)


def _written(data, value, pointer, text, places):
    """Appends `value` to `text` (a list of pieces) and notes (pointer, offset) in `places`."""
    text.append(data.draw(_space))
    places.append((pointer, len("".join(text))))
    if isinstance(value, list | dict):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        text.append("{" if isinstance(value, dict) else "[")
        for i, (key, item) in enumerate(pairs):
            text.append("," if i else "")
            if isinstance(value, dict):
                ascii_only = data.draw(st.booleans())
                text.append(data.draw(_space) + json.dumps(key, ensure_ascii=ascii_only))
                text.append(data.draw(_space) + ":")
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            _written(data, item, f"{pointer}/{escaped}", text, places)
        text.append(data.draw(_space) + ("}" if isinstance(value, dict) else "]"))
    else:
        text.append(json.dumps(value, ensure_ascii=data.draw(st.booleans())))
    text.append(data.draw(_space))


def _place(text, offset):
    """Line and column, counted character by character."""
    line, column = 1, 1
    for character in text[:offset]:
        line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
    return line, column


@given(_tree, st.data())
def test_every_value_is_located_where_it_was_written(value, data):
    pieces, places = [], []
    _written(data, value, "", pieces, places)
    text = "".join(pieces)
    assert json.loads(text) == value

    for pointer, offset in places:
        assert document.locate(text, pointer) == _place(text, offset)


@given(_tree, st.data())
def test_pointer_to_nowhere_is_located_at_its_nearest_parent(value, data):
    pieces, places = [], []
    _written(data, value, "", pieces, places)
    text = "".join(pieces)
    pointer, offset = data.draw(st.sampled_from(places))

    assert document.locate(text, pointer + "/no such key") == _place(text, offset)


def test_pointer_that_begins_like_another_is_not_taken_for_it():
    text = '{"a": 1, "ab": 2, "b": [0,1,2,3,4,5,6,7,8,9,10]}'

    assert document.locate(text, "/ab") == (1, 16)
    assert document.locate(text, "/b/1") == (1, 27)
    assert document.locate(text, "/b/10") == (1, text.index("10") + 1)


def test_pointer_escapes_what_rfc_6901_says():
    assert document.pointer_of(["a/b", "~c", 0]) == "/a~1b/~0c/0"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "true"), ("a", '"a"'), ([1, 2], "[1, 2]"), ("x" * 99, '"' + "x" * 56 + "...")],
)
def test_value_is_shown_as_json_and_shortened(value, shown):
    assert show(value) == shown
