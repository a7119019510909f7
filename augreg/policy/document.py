"""Reading a policy's text: strict JSON with limits, and the line and column of any part of it.

The standard library parses. What is ours is what it lacks: refusing what JSON forbids and it
accepts (NaN, duplicate keys), limits against hostile files, and positions, which are worked out
only when an error needs one.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from augreg.errors import MAX_MISTAKES, PolicyError, joined, printable

MAX_BYTES = 1_000_000
MAX_DEPTH = 150  # jsonschema overflows the stack between 150 and 300 levels
MAX_DIGITS = 40
MAX_PARTS = 6_000  # a step takes the schema 0.3 ms: 70,000 of them fit into a file, 20 s

_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF")  # what the files begin with

_FAULTS = MAX_MISTAKES + 1  # that are looked for in the text, each from its beginning

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_TRAILING = re.compile(r",\s*[\]}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def read_document(path: Path) -> tuple[str, Any]:
    """Reads a policy file. Returns its text and the parsed value; raises `PolicyError`."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PolicyError(f"can't read the policy file: {reason}", path=name) from error
    if len(raw) > MAX_BYTES:
        raise PolicyError(
            f"the file is larger than {MAX_BYTES:,} bytes, the most that a policy may have",
            path=name,
        )
    return parse(decode(raw, name), name)


def decode(raw: bytes, path: str | None = None) -> str:
    """UTF-8 text of `raw`, a byte-order mark allowed; raises `PolicyError` naming the bad byte."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PolicyError("the file is UTF-16; save it as UTF-8", path=path)
    if raw.startswith(_IMAGES):
        raise PolicyError("this is an image; name a policy's file", path=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise PolicyError(
            f"byte 0x{byte:02x} at offset {error.start} is not UTF-8; save the file as UTF-8",
            path=path,
        ) from error


def parse(text: str, path: str | None = None) -> tuple[str, Any]:
    """Parses strict JSON (RFC 8259). Returns `(text, value)`; raises `PolicyError`."""
    if not text.strip():
        raise PolicyError(
            'the file is empty; the smallest policy is {"version": 1}', path=path, line=1, column=1
        )
    _check_extent(text, path)
    faults: list[_Fault] = []
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, faults),
            parse_constant=lambda word: _fault(faults, f"{word} is not a number of JSON"),
            parse_float=lambda digits: _float(digits, faults),
            parse_int=lambda digits: _int(digits, faults),
        )
    except json.JSONDecodeError as error:
        message, offset = _not_json(text, error)
        line, column = _line_column(text, offset)
        raise PolicyError(
            f"not valid JSON: {message}", path=path, line=line, column=column
        ) from error
    if faults:
        places = sorted(
            (_position(text, faults, i), faults[i].message) for i in range(len(faults[:_FAULTS]))
        )
        raise joined(
            PolicyError(message, path=path, line=line, column=column)
            for (line, column), message in places
        )
    if found := _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        code = f"\\u{ord(found.group()):04x}"
        line, column = _line_column(text, max(text.lower().find(code), 0))
        raise PolicyError(f"lone surrogate {code} in a string", path=path, line=line, column=column)
    return text, value


def _not_json(text: str, error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong, and where: Python before 3.13 points behind a trailing comma."""
    for start in (error.pos, len(text[: error.pos].rstrip()) - 1):
        if start >= 0 and (comma := _TRAILING.match(text, start)):
            return f'a comma before "{comma.group()[-1]}"; remove it', start
    return error.msg, error.pos


def pointer_of(path: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a path of keys and positions."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def order_of(value: Any, parts: Iterable[str]) -> tuple[int, ...]:
    """Where the part at a path of keys and positions stands in the document, to sort by.

    A path that leads nowhere is that of the nearest part that exists.
    """
    places: list[int] = []
    for part in parts:
        if isinstance(value, dict) and part in value:
            places.append(list(value).index(part))
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            places.append(int(part))
            value = value[int(part)]
        else:
            break
    return tuple(places)


def parts_of(pointer: str) -> list[str]:
    """The keys and positions in a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def locate(text: str, pointer: str) -> tuple[int, int]:
    """Line and column, from 1, of the value that `pointer` names in valid JSON `text`.

    A pointer that leads nowhere gives the position of the nearest part that exists, so that an
    error about a missing key still has a place.
    """
    wanted = parts_of(pointer)
    best, offset = -1, 0
    for path, start in _values(text):
        if best < len(path) <= len(wanted) and all(map(_same, path, wanted)):
            best, offset = len(path), start
            if best == len(wanted):
                break
    return _line_column(text, offset)


def _same(part: str | int, wanted: str) -> bool:
    return str(part) == wanted


def _values(text: str) -> Iterator[tuple[list[str | int], int]]:
    """Every value of valid JSON `text`, in document order: its path and its offset.

    The path is one list that changes: a pointer for each of 300,000 values under one long key
    took minutes.
    """
    path: list[str | int] = []
    expects_key = False
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in "}]":
            path.pop()
            expects_key = False
        elif word == ",":
            if isinstance(path[-1], int):
                path[-1] += 1
            else:
                expects_key = True
        elif word == ":":
            expects_key = False
        elif expects_key:
            path[-1] = json.loads(word, strict=False)
        else:
            yield path, token.start()
            if word in "{[":
                path.append("" if word == "{" else 0)
                expects_key = word == "{"


def _check_extent(text: str, path: str | None) -> None:
    """Limits the depth and, by their commas and brackets, the number of values."""
    depth = parts = 0
    for token in _TOKEN.finditer(text):
        word = token.group()
        depth += (word in "{[") - (word in "}]")
        parts += word in "{[,"
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            line, column = _line_column(text, token.start())
            message = (
                f"nested deeper than {MAX_DEPTH} levels"
                if depth > MAX_DEPTH
                else f"more than {MAX_PARTS:,} values, the most that a policy may have"
            )
            raise PolicyError(message, path=path, line=line, column=column)


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


@dataclass(frozen=True)
class _Fault:
    """What JSON forbids and Python's parser lets pass. `key`: the duplicate one."""

    message: str
    key: str | None = None

    @property
    def about(self) -> str:
        """What it is found by in the text: the key, or the word that the message begins with."""
        return self.key or self.message.split(" ", 1)[0]


def _object(pairs: list[tuple[str, Any]], faults: list[_Fault]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        message = f'duplicate key "{printable(twice)}" in one object; keep one'
        faults.append(_Fault(message, twice))
    return seen


def _fault(faults: list[_Fault], message: str) -> float:
    faults.append(_Fault(message))
    return 0.0


def _float(digits: str, faults: list[_Fault]) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _fault(faults, f"{digits[:40]} is too large a number")


def _int(digits: str, faults: list[_Fault]) -> float:
    if len(digits) > MAX_DIGITS:
        return _fault(faults, f"an integer of {len(digits)} digits is too large a number")
    return int(digits)


def _position(text: str, faults: list[_Fault], number: int) -> tuple[int, int]:
    """The place of the token that a fault is about: a word, a number, or a key's second use."""
    fault = faults[number]
    alike = sum(other.about == fault.about for other in faults[:number])
    if fault.key is not None:
        offsets = _second_uses(text, fault.key)
    elif fault.about == "an":
        long = (m for m in _TOKEN.finditer(text) if len(_digits(m.group())) > MAX_DIGITS - 1)
        offsets = (m.start() for m in long)
    else:
        offsets = (m.start() for m in _TOKEN.finditer(text) if m.group().startswith(fault.about))
    return _line_column(text, next(islice(offsets, alike, None), 0))


def _digits(token: str) -> str:
    return token.removeprefix("-") if token.removeprefix("-").isdigit() else ""


def _second_uses(text: str, name: str) -> Iterator[int]:
    """Where the key `name` stands for the second time in an object."""
    keys: list[set[str]] = []  # of the objects (and arrays) that are open
    tokens = list(_TOKEN.finditer(text))
    for token, after in pairwise(tokens):
        word = token.group()
        if word in "{[":
            keys.append(set())
        elif word in "}]":
            keys.pop()
        elif after.group() == ":":
            key = json.loads(word)
            if key == name and key in keys[-1]:
                yield token.start()
            keys[-1].add(key)
