"""Which photograph an image was made from, as the manifests of `augreg apply` say.

Copies of one photograph in training and in test would make a test of what was learnt by heart.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

from augreg.errors import DataError
from augreg.images import one_line

MANIFEST = "manifest.jsonl"
SHARDS = ".augreg-shards"  # instead of it, until they are merged
_MARKS = {"source", "source_sha256", "output", "policy"}  # of a line that augreg wrote


class Originals:
    """Reads the manifest above each image, once."""

    def __init__(self) -> None:
        self._lines = functools.cache(_read)

    def name(self, path: Path) -> str:
        """The name of the photograph behind an image: its own where no run of ours made it.

        Raises:
            DataError: a manifest was damaged.
        """
        path = path.absolute()
        for folder in path.parents:
            lines = self._lines(folder / MANIFEST)
            if lines is not None:
                made_from = lines.get(path.relative_to(folder).as_posix(), path.name)
                return made_from.rsplit("/", 1)[-1]
        return path.name


def _read(manifest: Path) -> dict[str, str] | None:
    """Output -> original; None where there is no manifest of ours."""
    if not os.path.isfile(manifest):
        if os.path.isdir(manifest.with_name(SHARDS)):
            where = one_line(manifest.parent)
            raise DataError(
                f"{where}: shards of augreg apply made these images, and are not merged yet; "
                f"run augreg merge {where}"
            )
        return None
    try:
        texts = manifest.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise DataError(
            f"{one_line(manifest)}: can't be read ({error.strerror}), and only it says which "
            "images were made from one photograph"
        ) from None
    found: dict[str, str] = {}
    for number, text in enumerate(texts, start=1):
        if not text.endswith(b"\n"):  # a run that was killed left it; it names no output
            break
        line = _parsed(text)
        if line is None and number == 1:
            return None  # another program's
        if line is None:
            raise DataError(
                f"{one_line(manifest)}:{number}: no line of a manifest, and only it says which "
                "images were made from one photograph; restore it, or make the images anew"
            )
        found[line["output"]] = line.get("original") or line["source"]
    return found


def _parsed(text: bytes) -> Any:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    ours = isinstance(line, dict) and all(isinstance(line.get(key), str) for key in _MARKS)
    return line if ours else None
