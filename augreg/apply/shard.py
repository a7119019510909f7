"""A shard: the images of a run whose index leaves the same remainder, and the files it keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from augreg.errors import RunError, printable

SHARDS = (
    ".augreg-shards"  # in the output folder until `merge`; hidden, so it is no folder of images
)
LOCK = f"{SHARDS}/lock"  # held together by the shards that run, and by `merge` alone
_FILE = re.compile(r"(\d{1,9})-of-(\d{1,9})\.json", re.ASCII)


@dataclass(frozen=True, order=True)
class Shard:
    """Shard `number`, from 0, of `count`. Raises `RunError` where there is no such shard."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.count:
            raise _no_shard(str(self))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`0/2` as it is written on the command line."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if found is None:
            raise _no_shard(text)
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_state(cls, name: str) -> Self | None:
        """The shard whose state is the file `name` of the folder `SHARDS`, if one's is."""
        found = _FILE.fullmatch(name)
        return cls(int(found[1]), int(found[2])) if found else None

    @property
    def state(self) -> str:
        return f"{SHARDS}/{self.number}-of-{self.count}.json"

    @property
    def journal(self) -> str:
        return f"{self.state}l"

    @property
    def part(self) -> str:
        return f".augreg.{self.number}-of-{self.count}.part"

    def holds(self, index: int) -> bool:
        """Whether the image of this index is one of the shard's."""
        return index % self.count == self.number


def _no_shard(text: str) -> RunError:
    return RunError(
        f'"{printable(text)}" is no shard; write I/N with I from 0 to N - 1: '
        "0/2 and 1/2 are the two halves of a run"
    )
