"""Which JSON is read and which is refused: the cases that public JSON parsing test suites try.

In the terms of RFC 8259. Where the standard leaves it open (huge numbers, lone surrogates, UTF-16,
equal keys), a policy is refused.
"""

from __future__ import annotations

from typing import Any

import pytest

from augreg.errors import PolicyError
from augreg.policy.document import decode, parse

ACCEPTED: dict[str, Any] = {
    "[[]   ]": [[]],
    '[""]': [""],
    "[]\n": [],
    '[null, 1, "1", {}]': [None, 1, "1", {}],
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
    *('{"a":', '{"a"', "{1:1}", "{9999E9999:1}", "{null:null}", '{"a":0,,,}', "{'a':0}"),
    '{"a":0,}',
    *('{"a":"b"}/**/', '{"a":"b"}//', '{"a":"b"}#', '{"a":/*c*/"b"}', '{"a":1,,"c":2}', '{"a":"a'),
    *(" ", "", "\ufeff", '["\\uD800\\"]', '["\\uD800\\u1x"]', '["\\\0"]', '["\\x00"]', '["\\\t"]'),
    *('["\\"]', '["\\u00A"]', '["\\a"]', '["\\uqqqq"]', '[\\u0020"a"]', "[\\n]", '"', "['a']"),
    *("abc", '["\\', '["a\0a"]', '["new\nline"]', '["\t"]', '"\\UA66D"', '""x', "<.>", "[<null>]"),
    *("[1]x", "1]", '{"x": true,', "[][]", "]", "[", "{}}", '{"":', '{"a": true} "x"', "{", "{]"),
    *("{,", "{[", '{"a', '["\\{["\\{["\\{', "*", "[1", "[ false, nul", '{"asd":"asd"', "\u00e9"),
]
REFUSED_BYTES = [
    *(b"[a\xe5]", b"[\xff]", b"[123\xe5]", b"[1e1\xe5]", b'{"\xb9":"0"}', b'["\\u\xe5"]', b"\xe5"),
    *(b"\xef\xbb{}", b"\xef\xbb\xbf", b'["\xc0\xaf"]', b'["\xed\xa0\x80"]'),
    b'["\xf4\xbf\xbf\xbf"]',
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
