"""What a caller gives as a policy: the name of a file or of a ready policy, or a dict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from augreg.errors import PolicyError, printable, suggest
from augreg.paths import elsewhere
from augreg.policy import document
from augreg.policy.document import MAX_DEPTH, pointer_of

_WANTED = "a policy is a file's path, the name of a ready policy, or a dict"


def ready_policies() -> Path:
    """The folder of the ready policies: inside of an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "policies"
    return inside if inside.is_dir() else package.parent / "policies"


def ready_names() -> list[str]:
    """The names of the ready policies, sorted."""
    return sorted(p.stem for p in ready_policies().glob("*.json") if p.stem != "policy.schema")


def find_policy(name: str | PathLike[str]) -> Path:
    """The file that `name` means: a path, or else a ready policy's name. Raises `PolicyError`."""
    if not isinstance(name, str | PathLike):
        raise PolicyError(f"{_WANTED}; found {_kind(name)}")
    text = str(fspath(name))
    if not text.strip():
        raise PolicyError(f"{_WANTED}; found an empty name")
    if text.lstrip().startswith("{"):
        raise PolicyError(f"{_WANTED}; this is JSON as text: give json.loads(text)")
    if reason := elsewhere(text):
        raise PolicyError(reason, path=text)
    path = Path(text)
    try:
        if path.is_file():
            return path
    except OSError as error:  # such as a name that is too long
        raise PolicyError(f"can't be read: {error.strerror}", path=printable(text)) from error
    known = ready_names()
    if text in known:
        return ready_policies() / f"{text}.json"
    if path.is_dir():
        raise PolicyError("this is a folder; name a policy's file", path=text)
    if path.exists():  # a pipe, such as /dev/stdin
        return path
    hint = suggest(path.stem, known)
    raise PolicyError(f"no such file{hint}; ready policies: {', '.join(known)}", path=text)


def parsed(policy: Mapping[str, Any]) -> Any:
    """A dict as a file would be read, so that both are held to the same rules.

    NumPy's numbers, arrays and tuples become JSON's.

    Raises:
        PolicyError: a value is none of JSON's.
    """
    try:
        return document.parse(json.dumps(_plain(policy, ())))[1]
    except PolicyError as error:
        if error.line is None:
            raise
        # its place is one in a text that the caller never saw
        raise PolicyError(error.message) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"the policy is not JSON: {error}") from error


def _plain(value: Any, path: tuple[str | int, ...]) -> Any:
    if len(path) > MAX_DEPTH:
        raise PolicyError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            where = pointer_of(path) or "the root"
            raise PolicyError(f"the policy is not JSON: a key at {where} is {_kind(wrong[0])}")
        return {str(key): _plain(part, (*path, str(key))) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, (*path, i)) for i, part in enumerate(value)]
    if hasattr(value, "dtype") and hasattr(value, "item"):  # NumPy's, without importing it
        return _number(value, path)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise PolicyError(
        f"the policy is not JSON: {pointer_of(path)} is {_kind(value)}; write a number, text, "
        "true or false, a list or a dict"
    )


def _number(value: Any, path: tuple[str | int, ...]) -> Any:
    if getattr(value, "ndim", 0):
        return [_plain(part, (*path, i)) for i, part in enumerate(value)]
    single = value.item()
    # 0.1 of float32 is meant as 0.1, which is the same float32, and reads the same in every hash
    return _plain(float(str(value)) if isinstance(single, float) else single, path)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of the type {type(value).__name__}"
