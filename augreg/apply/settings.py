"""`policy.json` and `apply.json`: what a run was begun with, and what it has to go on with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from augreg import __version__
from augreg.apply.folder import OutputFolder
from augreg.apply.journal import NAME
from augreg.apply.renderer import Task
from augreg.errors import RunError
from augreg.images import MAX_PIXELS, one_line
from augreg.paths import check_here
from augreg.policy import Policy

POLICY, SETTINGS = "policy.json", "apply.json"


@dataclass(frozen=True)
class ApplyOptions:
    """What to make: `copies` of each image of `input`, copy c of image i at (epoch + c, i).

    Raises:
        PathError: a folder is none of this machine's.
    """

    policy: Policy
    input: Path
    output: Path
    copies: int = 1
    seed: int = 0
    epoch: int = 0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        check_here(self.input, self.output)


def read_settings(raw: bytes, where: str) -> dict[str, Any]:
    """A run's settings; raises `RunError` for anything else."""
    try:
        value = json.loads(raw)
        if not (isinstance(value, dict) and value.get("version") == 1):
            raise ValueError
    except (ValueError, RecursionError):
        raise RunError(f"{where}: these are no settings of `augreg apply`") from None
    return value


def write_or_check_settings(
    folder: OutputFolder, options: ApplyOptions, tasks: Sequence[Task]
) -> None:
    """Writes the policy and the settings of a fresh run, or checks that they are the same."""
    listing = hashlib.sha256(b"\0".join(os.fsencode(task.name) for task in tasks)).hexdigest()
    wanted = {
        "version": 1,
        "policy": options.policy.hash,
        "seed": options.seed,
        "epoch": options.epoch,
        "copies": options.copies,
        "images": len(tasks) // options.copies,
        "listing": listing,
        "input": os.path.relpath(options.input.resolve(), options.output.resolve()),
        "made_with": {"augreg": __version__, "tensorflow": _tensorflow()},
    }
    raw = folder.read(SETTINGS)
    if raw is not None:
        _compare(read_settings(raw, str(folder.path / SETTINGS)), wanted, folder.path)
        return
    if folder.read(NAME):
        raise RunError(
            f"{one_line(folder.path)}: it holds a {NAME} but no {SETTINGS}, so this run can't go "
            "on with it; name another folder"
        )
    text = json.dumps(options.policy.written, indent=2) + "\n"
    folder.write(POLICY, text.encode("ascii"))
    folder.write(SETTINGS, (json.dumps(wanted, indent=2) + "\n").encode("ascii"))


def _tensorflow() -> str:
    """Its version, without importing it."""
    for wheel in ("tensorflow", "tensorflow-cpu", "tensorflow-rocm", "tf-nightly"):
        try:
            return metadata.version(wheel)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"  # a build of one's own


def _compare(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    differing = [
        f"{name} {str(found.get(name))[:12]} there, {str(wanted[name])[:12]} here"
        for name in ("policy", "seed", "epoch", "copies", "images", "listing")
        if found.get(name) != wanted[name]
    ]
    if differing:
        raise RunError(
            f"{one_line(path)}: it was begun with other settings ({'; '.join(differing)}); "
            "give the same ones to go on, or name another folder"
        )
