"""How an output is encoded: PNG or JPEG, and how much work goes into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from augreg.errors import RunError, printable

_RANGES = {"png": (0, 9), "jpeg": (1, 100)}
_DEFAULTS = {"png": None, "jpeg": 95}


@dataclass(frozen=True)
class Encoding:
    """`png`, `png:LEVEL` or `jpeg:QUALITY`.

    Attributes:
        kind: `png` or `jpeg`.
        level: of PNG, zlib's, from 0 (stored as it is) to 9 (smallest), as TensorFlow encodes; None
            for `encode_png`, which takes a fifth of the time of 1 for files as large. Of JPEG,
            the quality from 1 to 100; by default 95, with colour at half the resolution.

    Raises:
        RunError: there is no such encoding.
    """

    kind: str = "png"
    level: int | None = None

    def __post_init__(self) -> None:
        low, high = _RANGES.get(self.kind, (0, -1))
        known = self.kind == "png" if self.level is None else low <= self.level <= high
        if not known:
            raise _no_encoding(str(self))

    def __str__(self) -> str:
        return self.kind if self.level is None else f"{self.kind}:{self.level}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """As it is written on the command line; `png` and `jpeg` alone have their defaults."""
        found = re.fullmatch(r"(png|jpeg)(?::(\d{1,3}))?", text, re.ASCII)
        if found is None:
            raise _no_encoding(text)
        return cls(found[1], int(found[2]) if found[2] else _DEFAULTS[found[1]])

    @property
    def suffix(self) -> str:
        """What the names of its files end with."""
        return {"png": ".png", "jpeg": ".jpg"}[self.kind]


PNG = Encoding()
FIRST = Encoding("png", 6)  # of runs that recorded none


def _no_encoding(text: str) -> RunError:
    return RunError(
        f'"{printable(text)}" is no encoding; write png or jpeg, or with a level png:0 to png:9, '
        "jpeg:1 to jpeg:100"
    )
