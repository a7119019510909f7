"""`manifest.jsonl`: one line for each output, appended when the output is whole.

A line says all that its output depends on, so it can be made again. A process that is killed may
leave a last line without its end; the next one cuts it off and makes that output anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Any, Self

from augreg.apply.folder import OutputFolder, name_of, write_all
from augreg.errors import RunError

NAME = "manifest.jsonl"
_SYNC_EVERY = 64  # a lost line costs one output made twice, a sync costs milliseconds


@dataclass(frozen=True)
class Line:
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

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode("ascii") + b"\n"


def parse_line(text: bytes, where: str) -> Line:
    """A manifest's line; raises `RunError` for anything else."""
    try:
        value = json.loads(text)
        wanted: dict[str, Any] = {field.name: field.type for field in fields(Line)}
        if not isinstance(value, dict) or set(value) != set(wanted):
            raise ValueError
        for name, kind in wanted.items():
            known = {"str": str, "int": int}.get(str(kind), dict)
            if not isinstance(value[name], known) or isinstance(value[name], bool):
                raise ValueError
    except (ValueError, RecursionError):
        raise RunError(
            f"{where}: this is no line of a manifest; the file was changed by another program: "
            "restore it, or begin again in another folder"
        ) from None
    return Line(**value)


class Journal:
    """The manifest of a run, open for appending. `lines` are those of earlier runs."""

    def __init__(self, folder: OutputFolder) -> None:
        self.folder = folder
        self.lines: dict[tuple[int, int], Line] = {}
        self._descriptor = -1
        self._unsynced = 0

    def __enter__(self) -> Self:
        self._descriptor = self.folder.append_to(NAME)
        try:
            for line in self._recover():
                self.lines[line.index, line.copy] = line
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def append(self, line: Line) -> None:
        """Adds a line, whole or not at all."""
        length = os.fstat(self._descriptor).st_size
        try:
            write_all(self._descriptor, line.encode())
        except BaseException as error:
            os.ftruncate(self._descriptor, length)
            name_of(error, self.folder.path / NAME)
            raise
        self.lines[line.index, line.copy] = line
        self._unsynced += 1
        if self._unsynced >= _SYNC_EVERY:
            os.fsync(self._descriptor)
            self._unsynced = 0

    def _recover(self) -> Iterator[Line]:
        """The whole lines; what stands after the last end of a line is cut off."""
        with open(os.dup(self._descriptor), "rb") as file:
            text = file.read()
        end = text.rfind(b"\n") + 1
        if end < len(text):
            os.ftruncate(self._descriptor, end)
        for number, part in enumerate(text[:end].splitlines(), start=1):
            yield parse_line(part, f"{self.folder.path / NAME}:{number}")
