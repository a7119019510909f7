"""`augreg`, with outputs made of hashes and not by TensorFlow: to be killed often and cheaply.

Everything that writes, locks, journals and catches signals is the real thing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import augreg.apply.run
import augreg.cli.quiet
from augreg.apply.encoding import PNG, Encoding
from augreg.apply.journal import ManifestLine
from augreg.apply.renderer import Made, Task
from augreg.cli import main
from augreg.errors import ImageError
from augreg.lower.sampled import Drawn

MAKES = "AUGREG_TEST_MAKES"  # after so many outputs, a run waits to be killed


class HashMaker:
    """Stands in for `Renderer`: an output depends on the image's bytes, seed, index and epoch."""

    salt = b""  # what another machine has another of

    def __init__(
        self, policy: Any, seed: int, max_pixels: int = 0, encoding: Encoding = PNG
    ) -> None:
        self.policy, self.seed = policy, seed

        self.left = int(os.environ.get(MAKES, 10**9))

    def drawn(self, tasks: Sequence[Task]) -> list[Drawn]:
        return [{} for _ in tasks]

    def open(self, task: Task) -> None:
        """Nothing: `make` reads the file."""

    def make(self, task: Task, *_: Any) -> Made:
        self.left -= 1  # nearly so: several threads count
        if self.left < 0:
            time.sleep(10**6)  # until it is killed
        time.sleep(0.002)
        source = task.path.read_bytes() if task.path.exists() else b"bad"
        if source.startswith(b"bad"):
            raise ImageError(f"{task.name}: bad")
        key = self.salt + source + repr((self.seed, task.index, task.epoch)).encode()
        contents = hashlib.sha256(key).digest() * 1000
        line = ManifestLine(
            source=task.name,
            source_sha256=hashlib.sha256(source).hexdigest(),
            index=task.index,
            epoch=task.epoch,
            seed=self.seed,
            copy=task.copy,
            policy=self.policy.hash,
            drawn={},
            sha256=hashlib.sha256(contents).hexdigest(),
            output=task.output,
            original=task.original,
        )
        return Made(contents, line, ())


def patch() -> None:
    augreg.apply.run.Renderer = HashMaker  # type: ignore[assignment, misc]  # a stand-in
    augreg.cli.quiet._import_tensorflow = lambda: None  # two seconds, for what makes nothing here


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    patch()
    main()
