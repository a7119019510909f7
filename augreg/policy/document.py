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
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from augreg.errors import MAX_MISTAKES, PolicyError, joined, printable
from augreg.images.files import MAGIC

MAX_BYTES = 1_000_000
MAX_DEPTH = 150  # jsonschema overflows the stack between 150 and 300 levels
MAX_DIGITS = 40
MAX_PARTS = 6_000  # a step takes the schema 0.3 ms: 70,000 of them fit into a file, 20 s

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_TRAILING = re.compile(r",\s*[\]}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def read_document(path: Path) -> tuple[str, Any]:
    """Reads a policy file. Returns its text and the parsed value; raises `PolicyError`."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a policy file, which may be no policy; raises `PolicyError`."""
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
    return decode(raw, name)


def decode(raw: bytes, path: str | None = None) -> str:
    """UTF-8 text of `raw`, a byte-order mark allowed; raises `PolicyError` naming the bad byte."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PolicyError("the file is UTF-16; save it as UTF-8", path=path)
    if raw.startswith((*MAGIC, b"\x89PNG", b"GIF8")):  # damaged ones, too
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
        raise _error('the file is empty; the smallest policy is {"version": 1}', "", 0, path)
    _check_extent(text, path)
    try:
        # of a longer integer, which is refused below, Python would raise an error of its own
        value = json.loads(text, parse_int=lambda digits: int(digits[:MAX_DIGITS]))
    except json.JSONDecodeError as error:
        message, offset = _not_json(text, error)
        raise _error(f"not valid JSON: {message}", text, offset, path) from error
    if faults := list(islice(_faults(text), MAX_MISTAKES + 1)):
        raise joined(_error(message, text, offset, path) for offset, message in faults)
    if found := _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        code = f"\\u{ord(found.group()):04x}"
        offset = max(text.lower().find(code), 0)
        raise _error(f"lone surrogate {code} in a string", text, offset, path)
    return text, value


def _error(message: str, text: str, offset: int, path: str | None) -> PolicyError:
    line, column = _line_column(text, offset)
    return PolicyError(message, path=path, line=line, column=column)


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


def part_at(value: Any, path: Iterable[str]) -> Any:
    """The part of a document at a path of keys and positions; None where there is none."""
    for name in path:
        if isinstance(value, list):
            value = value[int(name)] if name.isdigit() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def locate(text: str, pointer: str) -> tuple[int, int]:
    """Line and column, from 1, of the value that `pointer` names in valid JSON `text`.

    A pointer that leads nowhere gives the position of the nearest part that exists, so that an
    error about a missing key still has a place.
    """
    wanted = parts_of(pointer)
    best, offset = -1, 0
    for path, start in _values(text):
        if best < len(path) <= len(wanted) and list(map(str, path)) == wanted[: len(path)]:
            best, offset = len(path), start
            if best == len(wanted):
                break
    return _line_column(text, offset)


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
            message = (
                f"nested deeper than {MAX_DEPTH} levels"
                if depth > MAX_DEPTH
                else f"more than {MAX_PARTS:,} values, the most that a policy may have"
            )
            raise _error(message, text, token.start(), path)


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _faults(text: str) -> Iterator[tuple[int, str]]:
    """What JSON forbids and Python's parser lets pass, in order: its offset, and what it is."""
    keys: list[Counter[str]] = []  # of the objects (and arrays) that are open
    tokens = list(_TOKEN.finditer(text))
    for token, after in zip_longest(tokens, tokens[1:]):
        word = token.group()
        if word in "{[":
            keys.append(Counter())
        elif word in "}]":
            keys.pop()
        elif after is not None and after.group() == ":":
            key = json.loads(word)
            keys[-1][key] += 1
            if keys[-1][key] == 2:
                yield token.start(), f'duplicate key "{printable(key)}" in one object; keep one'
        elif fault := _no_number(word):
            yield token.start(), fault


def _no_number(word: str) -> str | None:
    if word.endswith(("NaN", "Infinity")):
        return f"{word} is not a number of JSON"
    if word.removeprefix("-").isdigit() and len(word) > MAX_DIGITS:
        return f"an integer of {len(word)} digits is too large a number"
    if word[0] in "-0123456789" and math.isinf(float(word)):
        return f"{word[:40]} is too large a number"
    return None
