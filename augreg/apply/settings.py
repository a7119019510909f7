"""`policy.json` and `apply.json`: what a run was begun with, and what it has to go on with."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augreg.apply.encoding import FIRST, PNG, Encoding
from augreg.apply.journal import NAME
from augreg.apply.made_with import made_with
from augreg.apply.output import Output
from augreg.apply.renderer import Task
from augreg.apply.shard import SHARDS, Shard
from augreg.apply.store import Store, place_of
from augreg.errors import RunError
from augreg.images import MAX_PIXELS, one_line
from augreg.policy import Policy
from augreg.sources.openers import ANNOTATED_FORMS, opener_of, without_kind
from augreg.sources.source import CLIP

POLICY, SETTINGS = "policy.json", "apply.json"
SAME = ("policy", "seed", "epoch", "copies", "images", "listing", "encoding")
FILES, TFDS = "files", "tfds"
YOLO_OBB = "yolo-obb"  # annotations that are written and not read: oriented boxes
WRITTEN = (*(form.partition(":")[0] for form in ANNOTATED_FORMS), YOLO_OBB)
# of annotated images: what their annotations depend on, and with `max_pixels` their positions
ANNOTATED = ("annotations", "bad_annotations", "max_pixels")
_FIRST = {"format": FILES, "encoding": str(FIRST)}  # of runs that recorded none


@dataclass(frozen=True)
class ApplyOptions:
    """What to make: `copies` of each image of `input`, copy c of image i at (epoch + c, i).

    Attributes:
        input, output: folders, or prefixes of an object store (`s3://bucket/photos`). The input may
            be a dataset with annotations, as `coco:PATH`; it is the folder of its images then, and
            `spec` says how it was written.
        listing: a file with the paths of the images, one a line, in place of those that are found.
        shard: makes the outputs of this shard only, for `merge`.
        format: `files`, one for each output; `tfds`, records of a prepared dataset.
        encoding: of the outputs; text is parsed.
        annotations: the format that those of a dataset are written in; its own where empty.
        bad_annotations: what to do about wrong ones, as in `augreg.open_source`.

    Raises:
        PathError: a scheme is not served, or what serves it is not installed.
        RunError: there is no such format or encoding, or options do not go together.
    """

    policy: Policy
    input: Path | Store
    output: Path | Store
    copies: int = 1
    seed: int = 0
    epoch: int = 0
    max_pixels: int = MAX_PIXELS
    listing: Path | Store | None = None
    shard: Shard | None = None
    format: str = FILES
    encoding: Encoding = PNG
    annotations: str = ""
    bad_annotations: str = CLIP
    spec: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if opener_of(str(self.input)).annotated:
            object.__setattr__(self, "spec", str(self.input))
            object.__setattr__(self, "input", Path(without_kind(self.spec)))
        self._check_annotations()
        if self.format not in (FILES, TFDS):
            raise RunError(f'"{self.format}" is no format; allowed are {FILES} and {TFDS}')
        if self.format == TFDS and self.shard is not None:
            raise RunError(
                f"shard {self.shard} with the format {TFDS}, whose files are written by one run; "
                "leave --shard out"
            )
        if isinstance(self.encoding, str):
            object.__setattr__(self, "encoding", Encoding.parse(self.encoding))
        for name in ("input", "output", "listing"):
            if (place := getattr(self, name)) is not None:
                object.__setattr__(self, name, place_of(place))

    def _check_annotations(self) -> None:
        if self.annotations not in ("", *WRITTEN):
            raise RunError(
                f'"{self.annotations}" is no format of annotations; allowed are '
                f"{', '.join(WRITTEN)}"
            )
        if self.annotations and not self.spec:
            raise RunError(
                f"annotations in the format {self.annotations}, and the input {self.input} has "
                f"none; write {', '.join(ANNOTATED_FORMS)}"
            )
        if self.spec and (self.format == TFDS or self.listing is not None):
            what = f"the format {TFDS}" if self.format == TFDS else "a listing"
            raise RunError(f"{self.spec}: {what} is for folders of images without annotations")

    def within(self, root: Path) -> ApplyOptions:
        """The same, with the folder that holds all images of an annotated dataset as its input."""
        made = copy.copy(self)
        object.__setattr__(made, "input", root)
        return made

    @property
    def annotations_format(self) -> str:
        """The format that annotations are written in; empty where there are none."""
        return self.annotations or self.spec.partition(":")[0]


def read_settings(raw: bytes, where: str) -> dict[str, Any]:
    """A run's settings; raises `RunError` for anything else."""
    try:
        value = json.loads(raw)
        if not (isinstance(value, dict) and value.get("version") == 1):
            raise ValueError
    except (ValueError, RecursionError):
        raise RunError(f"{where}: these are no settings of `augreg apply`") from None
    return value


def settings_of(options: ApplyOptions, tasks: Sequence[Task]) -> dict[str, Any]:
    """The settings of a run; nothing in them tells a shard's from those of the whole."""
    listing = hashlib.sha256(b"\0".join(os.fsencode(task.name) for task in tasks)).hexdigest()
    return {
        "version": 1,
        "policy": options.policy.hash,
        "seed": options.seed,
        "epoch": options.epoch,
        "copies": options.copies,
        "images": len(tasks) // options.copies,
        "listing": listing,
        **({} if options.format == FILES else {"format": options.format}),
        "encoding": str(options.encoding),
        **(_annotations_of(options) if options.spec else {}),
        "input": _input_from(options.output, options.input),
        "made_with": made_with(),
    }


def _annotations_of(options: ApplyOptions) -> dict[str, Any]:
    kind, path = options.spec.partition(":")[0], Path(without_kind(options.spec))
    return {
        "source": f"{kind}:{_input_from(options.output, path)}",
        "annotations": options.annotations_format,
        "bad_annotations": options.bad_annotations,
        "max_pixels": options.max_pixels,
    }


def _input_from(output: Path | Store, source: Path | Store) -> str:
    """The input as it is found from the output: relative, where both are of this machine."""
    if isinstance(output, Store) or isinstance(source, Store):
        return str(source.resolve())
    return os.path.relpath(source.resolve(), output.resolve())


def write_or_check_settings(
    folder: Output, policy: Policy, wanted: dict[str, Any]
) -> dict[str, Any]:
    """Writes the policy and the settings of a fresh run, or checks that they are the same.

    Returns:
        the settings that the run was begun with.
    """
    where = one_line(folder.path)
    if folder.has(SHARDS):
        raise RunError(
            f"{where}: shards were begun in it, and are not merged yet; run augreg merge {where}, "
            "or name another folder"
        )
    raw = folder.read(SETTINGS)
    if raw is not None:
        found = read_settings(raw, str(folder.path / SETTINGS))
        same = {"format": FILES, **dict.fromkeys(ANNOTATED), **wanted}
        compared = (*SAME, "format", *ANNOTATED)
        changed = there_and_here(_FIRST | found, {name: same[name] for name in compared})
        if changed:
            raise RunError(
                f"{where}: it was begun with other settings ({changed}); "
                "give the same ones to go on, or name another folder"
            )
        return found
    if folder.read(NAME):
        raise RunError(
            f"{where}: it holds a {NAME} but no {SETTINGS}, so this run can't go "
            "on with it; name another folder"
        )
    write_settings(folder, policy.written, wanted)
    return wanted


def write_settings(folder: Output, policy: dict[str, Any], settings: dict[str, Any]) -> None:
    """Writes both files, the settings last: where they are, the policy is."""
    for name, value in ((POLICY, policy), (SETTINGS, settings)):
        folder.write(name, (json.dumps(value, indent=2) + "\n").encode("ascii"))


def changed_since(settings: dict[str, Any]) -> str:
    """What makes outputs here and is another one than when a run was begun; empty for nothing."""
    known = settings.get("made_with", {})  # 0.1 recorded no instruction set
    return there_and_here(known, {name: now for name, now in made_with().items() if name in known})


def there_and_here(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """`differences` in words."""
    return "; ".join(f"{name} {a} there, {b} here" for name, a, b in differences(found, wanted))


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What of `wanted` is another one in `found`: its name and both values, cut short."""
    return [
        (name, str(found.get(name))[:12], str(value)[:12])
        for name, value in wanted.items()
        if found.get(name) != value
    ]
