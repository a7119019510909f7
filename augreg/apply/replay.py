"""`augreg replay`: one line of a manifest again, byte for byte."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any

from augreg.apply.encoding import FIRST, Encoding
from augreg.apply.journal import ManifestLine, check_merged, parse_line
from augreg.apply.renderer import Made, Renderer, Task
from augreg.apply.settings import POLICY, SETTINGS, changed_since, read_settings
from augreg.apply.shard import SHARDS
from augreg.apply.store import Store, place_of
from augreg.errors import RunError
from augreg.images import one_line
from augreg.policy import Policy, load_policy


def replay(manifest: Path | Store, number: int, source: Path | Store | None = None) -> Made:
    """Makes line `number` (from 1) of a manifest again.

    Args:
        manifest: the manifest of a run; `policy.json` and `apply.json` lie beside it.
        source: the folder of the images; that of the run where None.

    Raises:
        RunError: there is no such line, the policy or the image changed, or the result differs.
    """
    manifest, source = place_of(manifest), None if source is None else place_of(source)
    check_merged(manifest.parent.parent if manifest.parent.name == SHARDS else manifest.parent)
    where = f"{one_line(manifest)}:{number}"
    line = _line(manifest, number, where)
    policy = _policy(manifest.parent / POLICY)
    if policy.hash != line.policy:
        raise RunError(
            f"{where}: it was made with policy {line.policy[:12]}, and {POLICY} is "
            f"{policy.hash[:12]} here: the file was changed, or the ops' versions differ"
        )
    settings = _settings(manifest)
    folder = source or _input(manifest, settings)
    path = _source(folder, line, where)
    encoding = Encoding.parse(str(settings.get("encoding", FIRST)))
    made = Renderer(policy, line.seed, encoding=encoding).make(
        Task(
            path,
            line.source,
            line.index,
            line.epoch,
            line.copy,
            suffix=encoding.suffix,
            target=line.output.removesuffix(f".{line.copy}{encoding.suffix}"),
        )
    )
    if made.line.sha256 != line.sha256:
        changed = changed_since(settings)
        raise RunError(
            f"{where}: the result differs: sha256 {made.line.sha256[:12]}, the manifest says "
            f"{line.sha256[:12]}; "
            + (changed or f"all that {SETTINGS} says of what made it is the same here")
        )
    return made


def _policy(path: Path | Store) -> Policy:
    return load_policy(json.loads(path.read_bytes()) if isinstance(path, Store) else path)


def _line(manifest: Path | Store, number: int, where: str) -> ManifestLine:
    if number < 1:
        raise RunError(f"{where}: lines count from 1")
    with manifest.open("rb") as file:
        text = next(itertools.islice(file, number - 1, None), None)
    if text is None:
        raise RunError(f"{where}: the manifest has no such line")
    return parse_line(text, where)


def _settings(manifest: Path | Store) -> dict[str, Any]:
    """The run's; empty where they are lost, which only what needs them has to say."""
    path = manifest.parent / SETTINGS
    return read_settings(path.read_bytes(), one_line(path)) if path.exists() else {}


def _input(manifest: Path | Store, settings: dict[str, Any]) -> Path | Store:
    said = settings.get("input")
    if not isinstance(said, str):
        where = one_line(manifest.parent / SETTINGS)
        raise RunError(f"{where}: it names no input folder; give --input")
    if isinstance(manifest, Store) or isinstance(place_of(said), Store):
        return place_of(said)
    return manifest.parent / said


def _source(folder: Path | Store, line: ManifestLine, where: str) -> Path | Store:
    """The image's file, checked to be the one that the line was made from."""
    if os.path.isabs(line.source) or ".." in line.source.split("/"):
        raise RunError(f"{where}: the source {one_line(line.source)} leads out of its folder")
    path = folder / line.source
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
