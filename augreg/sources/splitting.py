"""Which split an image of a folder belongs to, by the folders that it lies in or by its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection

# each with the names that a folder of it may have
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


def splits_among(folders: Collection[str]) -> dict[str, str]:
    """Folder -> split, of those that are named like one."""
    return {name: split for split, names in SPLITS.items() for name in names if name in folders}


def hashed_split(name: str) -> str:
    """The split of an image without one, by the name of its photograph's file.

    Adding or removing a file moves no other: the first four bytes of the SHA-256 of the name, as a
    big-endian number, modulo 100, is below 80 for training, below 90 for validation, and the rest
    is the test split.
    """
    digest = hashlib.sha256(os.fsencode(name)).digest()
    percent = int.from_bytes(digest[:4]) % 100
    return "train" if percent < 80 else "validation" if percent < 90 else "test"


def folder_of_split(split: str) -> str:
    """What the folder of a split is called where augreg writes one; `splits_among` reads it."""
    return "val" if split == "validation" else split
