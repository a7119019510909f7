"""A run's options as a TOML file: `--config`, and the `train.toml` that each run leaves behind."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from augreg import files
from augreg.errors import RunError, show, suggest
from augreg.train.options import TrainOptions

NAME = "train.toml"
_NOT_KEPT = ("resume",)  # belongs to one call
# By how an annotation of `TrainOptions` begins; all others are written as strings.
_KINDS = {"int": int, "float": float, "bool": bool}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}


def read_config(path: str | PathLike[str]) -> dict[str, Any]:
    """Reads options from a TOML file, as `TrainOptions` takes them.

    The keys are the names of `TrainOptions`, which are those of the command line with underscores;
    `size` is a string such as "180x240". Relative paths are relative to the working directory.

    Raises:
        RunError: the file is not there or no TOML, a key is unknown, or a value has another type.

    >>> from augreg.train import TrainOptions, read_config  # doctest: +SKIP
    >>> TrainOptions(**read_config("train.toml")).epochs
    20
    """
    path = Path(path)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: it can't be read: {error.strerror}") from error
    except ValueError as error:  # of UTF-8, or of TOML
        raise RunError(f"{path}: not TOML: {error}") from error
    known = {f.name: str(f.type) for f in fields(TrainOptions) if f.name not in _NOT_KEPT}
    for name, value in found.items():
        if name not in known:
            raise RunError(
                f'{path}: unknown option "{name}"{suggest(name, known)}; allowed are '
                f"{', '.join(known)}"
            )
        kind = _KINDS.get(known[name].split(" ")[0], str)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise RunError(f"{path}: {name} is {show(value)}; it has to be {_WORDS[kind]}")
    if "size" in found:
        found["size"] = _size(path, found["size"])
    return {"policy": None, **found}


def write_config(path: Path, options: TrainOptions, without: Sequence[str] = ()) -> None:
    """Writes `config_text` to a file, whole or not at all."""
    files.write_text(path, config_text(options, without))


def config_text(options: TrainOptions, without: Sequence[str] = ()) -> str:
    """All options that have a value, as TOML; a policy that was a dict is where the run kept it.

    Args:
        options: of a run.
        without: names to leave out.
    """
    lines = ["# Options of a run of `augreg train`; `augreg train --config FILE` reads them."]
    for field in fields(options):
        name, value = field.name, getattr(options, field.name)
        if value is not None and name not in (*_NOT_KEPT, *without):
            lines.append(f"{name} = {_text(name, value, options)}")
    return "\n".join(lines) + "\n"


def _text(name: str, value: Any, options: TrainOptions) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if name == "size":
        value = "{}x{}".format(*value)
    elif name == "policy" and not isinstance(value, str | PathLike):
        value = options.output / "policy.json"
    # a string of JSON is one of TOML, but for this character
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _size(path: Path, text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise RunError(f'{path}: size is "{text}"; write HEIGHTxWIDTH, such as "180x240"')
    return int(height), int(width)
