"""`manifest.jsonl`: one line for each output, appended when the output is whole.

A line says all that its output depends on, so it can be made again. A process that is killed may
leave a last line without its end; the next one cuts it off and makes that output anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from augreg.apply.output import Output
from augreg.apply.shard import SHARDS
from augreg.apply.store import Store
from augreg.errors import RunError
from augreg.images import one_line

NAME = "manifest.jsonl"


@dataclass(frozen=True)
class ManifestLine:
    """One output.

    Attributes:
        source: path of the image, relative to the input folder; names that are not UTF-8 hold
            surrogates, as in `os.fsdecode`.
        source_sha256: of the file it was made from.
        index: the image's position in the input folder, bytewise order.
        epoch, seed: what it was drawn with. copy: epoch minus the run's first epoch.
        policy: the policy's hash.
        drawn: step pointer -> parameter -> value, of the steps that took effect.
        sha256: of the output file.
        output: its path, relative to the manifest.
        original: the photograph behind it, by which data is split: `source`, or where an earlier
            run made that, what its manifest says.
    """

    source: str
    source_sha256: str
    index: int
    epoch: int
    seed: int
    copy: int
    policy: str
    drawn: dict[str, dict[str, Any]]
    sha256: str
    output: str
    original: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "original", self.original or self.source)

    def encode(self) -> bytes:
        # `asdict` copies what was drawn, which takes four times as long as writing it
        return json.dumps(vars(self)).encode("ascii") + b"\n"


def parse_line(text: bytes, where: str) -> ManifestLine:
    """A manifest's line; raises `RunError` for anything else."""
    try:
        value = json.loads(text)
        wanted: dict[str, Any] = {field.name: field.type for field in fields(ManifestLine)}
        if not isinstance(value, dict) or set(value) | {"original"} != set(wanted):
            raise ValueError
        value.setdefault("original", value["source"])  # manifests of 0.1 have none
        for name, kind in wanted.items():
            known = {"str": str, "int": int}.get(str(kind), dict)
            if not isinstance(value[name], known) or isinstance(value[name], bool):
                raise ValueError
    except (ValueError, RecursionError):
        raise RunError(
            f"{where}: this is no line of a manifest; the file was changed by another program: "
            "restore it, or begin again in another folder"
        ) from None
    return ManifestLine(**value)


def find_line(manifest: Path, output: str) -> int | None:
    """The number, from 1, of the line of an output (its path relative to the manifest)."""
    lines = enumerate(_lines(manifest.read_bytes(), manifest), start=1)
    return next((number for number, line in lines if line.output == output), None)


def read_lines(folder: Output, name: str = NAME) -> Iterator[ManifestLine]:
    """The whole lines of a journal; none where there is none."""
    return _lines(_whole(folder.read(name) or b""), folder.path / name)


def _lines(text: bytes, manifest: Path | Store) -> Iterator[ManifestLine]:
    for number, part in enumerate(text.splitlines(), start=1):
        yield parse_line(part, f"{manifest}:{number}")


def _whole(text: bytes) -> bytes:
    """A manifest's text without what stands after the last end of a line."""
    return text[: text.rfind(b"\n") + 1]


def originals(folder: Path | Store) -> dict[str, str]:
    """What the manifest of an earlier run says of the images in `folder`: image -> original.

    Both are paths with slashes, the image's relative to `folder`, which may lie inside of that
    run's output. Empty where no run made them; a file of that name whose first line is none of ours
    is another program's.

    Raises:
        RunError: shards made them and are not merged, or a manifest was damaged.
    """
    inside = folder.resolve()
    for root in (inside, *inside.parents):
        check_merged(root)
        if (root / NAME).is_file() and _is_ours(root / NAME):
            above = str(inside)[len(str(root)) :].lstrip("/") + "/" if root != inside else ""
            return {
                line.output.removeprefix(above): line.original
                for line in _lines(_whole((root / NAME).read_bytes()), root / NAME)
                if line.output.startswith(above)
            }
    return {}


def check_merged(folder: Path | Store) -> None:
    """Raises `RunError` where shards made the outputs in a folder and are not merged."""
    if (folder / SHARDS).is_dir() and not (folder / NAME).exists():
        raise RunError(
            f"{one_line(folder)}: its shards are not merged, so it has no {NAME} yet; "
            f"run augreg merge {one_line(folder)}"
        )


def _is_ours(manifest: Path | Store) -> bool:
    with manifest.open("rb") as file:
        try:
            parse_line(file.readline(), str(manifest))
        except RunError:
            return False
    return True


class Journal:
    """The manifest of a run or a shard, open for appending. `lines` are those of earlier runs."""

    def __init__(self, folder: Output, name: str = NAME) -> None:
        self.folder, self.name = folder, name
        self.lines: dict[tuple[int, int], ManifestLine] = {}

    def __enter__(self) -> Self:
        self._log = self.folder.log(self.name)
        try:
            lines = _lines(self._log.read(), self.folder.path / self.name)
            self.lines = {(line.index, line.copy): line for line in lines}
        except BaseException:
            self._log.close(done=False)
            raise
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        self._log.close(done=kind is None)

    def is_whole(self, line: ManifestLine) -> bool:
        """Whether its output is there, as it was made."""
        return self.folder.is_whole(line.output, line.sha256)

    def append(self, line: ManifestLine) -> None:
        """Adds a line, whole or not at all."""
        self._log.append(line.encode())
        self.lines[line.index, line.copy] = line
