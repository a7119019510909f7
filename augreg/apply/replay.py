"""`augreg replay`: one line of a manifest again, byte for byte."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

from augreg.apply.journal import Line, parse_line
from augreg.apply.renderer import Made, Renderer, Task
from augreg.apply.settings import POLICY, SETTINGS, read_settings
from augreg.errors import RunError
from augreg.images import one_line
from augreg.paths import check_here
from augreg.policy import load_policy


def replay(manifest: Path, number: int, source: Path | None = None) -> Made:
    """Makes line `number` (from 1) of a manifest again.

    Args:
        manifest: the manifest of a run; `policy.json` and `apply.json` lie beside it.
        source: the folder of the images; that of the run where None.

    Raises:
        RunError: there is no such line, the policy or the image changed, or the result differs.
    """
    check_here(manifest, source)
    where = f"{one_line(manifest)}:{number}"
    line = _line(manifest, number, where)
    policy = load_policy(manifest.parent / POLICY)
    if policy.hash != line.policy:
        raise RunError(
            f"{where}: it was made with policy {line.policy[:12]}, and {POLICY} is "
            f"{policy.hash[:12]} here: the file was changed, or the ops' versions differ"
        )
    path = _source(manifest, line, source, where)
    made = Renderer(policy, line.seed).make(
        Task(path, line.source, line.index, line.epoch, line.copy)
    )
    if made.line.sha256 != line.sha256:
        raise RunError(
            f"{where}: the result differs: sha256 {made.line.sha256[:12]}, the manifest says "
            f"{line.sha256[:12]}; another TensorFlow or another machine may have made "
            f"it ({SETTINGS} names the versions)"
        )
    return made


def _line(manifest: Path, number: int, where: str) -> Line:
    if number < 1:
        raise RunError(f"{where}: lines count from 1")
    with manifest.open("rb") as file:
        text = next(itertools.islice(file, number - 1, None), None)
    if text is None:
        raise RunError(f"{where}: the manifest has no such line")
    return parse_line(text, where)


def _source(manifest: Path, line: Line, given: Path | None, where: str) -> Path:
    """The image's file, checked to be the one that the line was made from."""
    if os.path.isabs(line.source) or ".." in line.source.split("/"):
        raise RunError(f"{where}: the source {one_line(line.source)} leads out of its folder")
    if given is None:
        settings = manifest.parent / SETTINGS
        said = read_settings(settings.read_bytes(), one_line(settings)).get("input")
        if not isinstance(said, str):
            raise RunError(f"{one_line(settings)}: it names no input folder; give --input")
        given = manifest.parent / said
    path = given / line.source
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(
            f"{where}: the image {one_line(path)} can't be read ({error.strerror}); "
            "name its folder with --input"
        ) from error
    if found != line.source_sha256:
        raise RunError(
            f"{where}: the image {one_line(path)} is not the one that the line was made from "
            f"(sha256 {found[:12]}, the manifest says {line.source_sha256[:12]})"
        )
    return path
