"""Annotated images as the input of a run, and the files with the annotations of its outputs.

Annotations depend on what the source's files say, and on the policy, seed, epoch and index of an
output; its pixels are not needed. So they are written after all images, from the lines of the
manifest, whatever has interrupted the run before: the same lines give the same files.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from augreg.apply import coco, masks, voc, yolo
from augreg.apply.journal import ManifestLine
from augreg.apply.moved import Moved, known_size, move
from augreg.apply.output import Output
from augreg.apply.settings import ANNOTATED, YOLO_OBB
from augreg.apply.store import Store
from augreg.errors import DataError
from augreg.images import one_line
from augreg.plan import plan
from augreg.policy import Policy
from augreg.sources.openers import Reading
from augreg.sources.source import BadAnnotation, BadImage

if TYPE_CHECKING:
    from augreg.sources.annotated import FileLayout

    Files = Callable[[FileLayout, Iterable[Moved]], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True)
class Form:
    """A format that annotations are written in.

    Attributes:
        target: (split, image's path in the folder of all that go together) -> the path of its
            outputs, without the copy's number.
        files: what holds the annotations.
        part: what a source has to have.
        regions: whether the pixels of each object are written.
        oriented: whether the corners of each box are written.
        flat: whether the images of all splits are in one folder.
    """

    target: Callable[[str, str], str]
    files: Files
    part: str
    regions: bool = False
    oriented: bool = False
    flat: bool = False


FORMS = {
    "coco": Form(coco.target, coco.files, "boxes", regions=True),
    "yolo": Form(yolo.target, yolo.files, "boxes", regions=True),
    YOLO_OBB: Form(yolo.target, yolo.oriented_files, "boxes", oriented=True),
    "voc": Form(voc.target, voc.files, "boxes", flat=True),
    "masks": Form(masks.target, masks.files, "masks"),
}


class AnnotatedInput:
    """The images of a run, in the order of a source's splits, and what belongs to them.

    Attributes:
        root: the folder that holds all images.
        targets: an image's path in it -> the path of its outputs, without the copy's number.
        bad: images that can't be read. bad_annotations: what is wrong with others.

    Raises:
        DataError: there is no such dataset, annotations are wrong and that is to be an error, or
            the format can't hold what it has.
    """

    def __init__(self, spec: str, form: str, bad_annotations: str, max_pixels: int) -> None:
        from augreg.sources.annotated import check_images
        from augreg.sources.faults import Faults

        faults = Faults(bad_annotations)
        reading = Reading(
            max_bad=1.0, max_pixels=max_pixels, verify=False, bad_annotations=bad_annotations
        )
        checked = check_images(spec, reading, faults)
        self.layout, self.form, self._handling = checked.layout, FORMS[form], bad_annotations
        self._check_form(spec, form)
        self.bad: tuple[BadImage, ...] = checked.bad
        self._sizes = {
            path: size
            for path, size in checked.sizes.items()
            if self.layout.read(path, size, faults) is not None
        }
        faults.check(spec)
        self.bad_annotations: tuple[BadAnnotation, ...] = tuple(faults.found)
        if not self._sizes:
            raise DataError(f"{spec}: no image is left; {self.bad_annotations[0]}")
        self.root = _common(self._sizes)
        self._places: dict[str, tuple[Path, str]] = {}
        self.targets: dict[str, str] = {}
        for split, photos in self.layout.photos.items():
            part = [path for path in photos if path in self._sizes]
            together = self.root if self.form.flat or not part else _common(part)
            for path in part:
                name = _relative(path, self.root)
                self._places[name] = path, split
                self.targets[name] = self.form.target(split, _relative(path, together))
        _check_distinct(self.targets)

    @property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        about = self.layout.keypoints
        return about.pairs if about else ()

    def _check_form(self, spec: str, form: str) -> None:
        if self.form.part not in self.layout.parts:
            found = " and ".join(self.layout.parts)
            raise DataError(
                f'{spec}: holds {found}; the format "{form}" needs {self.form.part}: choose '
                "another one with --annotations"
            )

    @classmethod
    def of_settings(cls, output: Path | Store, settings: Mapping[str, Any]) -> Self:
        """That of a run, by its settings."""
        kind, _, path = settings["source"].partition(":")
        if isinstance(output, Path):
            path = os.path.join(output.resolve(), path)
        spec = f"{kind}:{path}"
        return cls(spec, *(settings[name] for name in ANNOTATED))

    def write(self, folder: Output, policy: Policy, lines: Iterable[ManifestLine]) -> None:
        """Writes the annotations of these outputs, in the lines' order by index and copy."""
        ordered = sorted(lines, key=lambda line: (line.index, line.copy))
        for name, contents in self.form.files(self.layout, self._moved(policy, ordered)):
            folder.write(name, contents)

    def _moved(self, policy: Policy, lines: Iterable[ManifestLine]) -> Iterator[Moved]:
        from augreg.sources.faults import Faults

        planned = functools.cache(lambda size: plan(policy, size=size))
        again = Faults(self._handling)  # of what was said before
        for line in lines:
            path, split = self._places[line.source]
            size = self._sizes[path]
            made = self.layout.read(path, size, again)
            if made is None:
                raise DataError(f"{one_line(path)}: its annotations changed while they were read")
            mask = made.mask_of_classes(size) if "masks" in self.layout.parts else None
            key = (line.seed, line.epoch, line.index)
            regions, oriented = self.form.regions, self.form.oriented
            things, mask = move(
                planned(size), key, made, mask, size, regions, self._pairs, oriented
            )
            palette = made.mask.palette if made.mask else None
            after = known_size(planned(size))
            yield Moved(line.output, split, after, things, mask, palette)


def _common(paths: Iterable[Path]) -> Path:
    """The folder that all of them are in."""
    return Path(os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths]))


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.abspath(path)).relative_to(folder).as_posix()


def _check_distinct(targets: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for name, target in targets.items():
        if target in seen:
            raise DataError(
                f"{one_line(name)} and {one_line(seen[target])} would have outputs of one name; "
                "rename one of them, or choose another format with --annotations"
            )
        seen[target] = name
