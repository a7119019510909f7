"""The kinds of sources: how each is written, and what opens it. A new kind is a line of `OPENERS`.

TensorFlow is imported where a source is opened, so that help texts cost nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from augreg.errors import DataError
from augreg.images import MAX_PIXELS
from augreg.sources.source import CLIP, HANDLINGS, Source

if TYPE_CHECKING:
    from augreg.sources.annotated import FileLayout
    from augreg.sources.faults import Faults

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Reading:
    """How a source is read and checked; see `augreg.sources.open_source`."""

    data_dir: AnyPath | None = None
    manual_dir: AnyPath | None = None
    max_bad: float = 0.01
    max_pixels: int = MAX_PIXELS
    verify: bool = True
    parts: tuple[str, ...] | None = None
    bad_annotations: str = CLIP
    difficult: bool = False
    instances: bool = False

    def __post_init__(self) -> None:
        if self.bad_annotations not in HANDLINGS:
            raise DataError(
                f"bad_annotations={self.bad_annotations!r}; allowed are {', '.join(HANDLINGS)}"
            )


@dataclass(frozen=True)
class Opener:
    """A kind of source.

    Attributes:
        form: how it is written: a word, or a prefix, a colon and what comes after it.
        function: what opens it, as module:name in `augreg.sources`; called with the specification
            and the `Reading`.
        layout: of images with annotations, what reads their files, as module:name; called with the
            `Faults` too, it returns a `FileLayout`.
    """

    form: str
    function: str
    layout: str = ""

    @property
    def annotated(self) -> bool:
        """Whether images have boxes, masks or keypoints in place of a class label."""
        return bool(self.layout)

    def takes(self, spec: str) -> bool:
        """Whether the specification is of this kind."""
        prefix, colon, _ = self.form.partition(":")
        return spec.startswith(prefix + colon) if colon else spec == self.form

    def open(self, spec: str, reading: Reading) -> Source:
        return _function(self.function)(spec, reading)

    def layout_of(self, spec: str, reading: Reading, faults: Faults) -> FileLayout:
        return _function(self.layout)(spec, reading, faults)


def _function(name: str) -> Any:
    module, function = name.split(":")
    return getattr(import_module(f"augreg.sources.{module}"), function)


_ANNOTATED = "annotated:open_annotated"
OPENERS = (
    Opener("digits", "digits:open_digits"),
    Opener("folder:PATH", "folder:open_folder"),
    Opener("coco:PATH", _ANNOTATED, "coco:layout_of"),
    Opener("yolo:PATH", _ANNOTATED, "yolo:layout_of"),
    Opener("voc:PATH", _ANNOTATED, "voc:layout_of"),
    Opener("masks:PATH", _ANNOTATED, "mask_folders:layout_of"),
)
ANNOTATED_FORMS = tuple(opener.form for opener in OPENERS if opener.annotated)
# Whatever no other takes is a name.
NAMED = Opener("a TFDS name such as tf_flowers", "tfds:open_tfds")


def opener_of(spec: str) -> Opener:
    """What opens a source that is written like this."""
    return next((opener for opener in OPENERS if opener.takes(spec)), NAMED)


def without_kind(spec: str) -> str:
    """The path in a specification such as `folder:PATH`; a name as it is."""
    form = opener_of(spec).form
    return spec.partition(":")[2] if ":" in form else spec


def forms(annotated: bool = True) -> str:
    """How sources are written, for help texts and errors; with those of annotated images or not."""
    listed = [opener.form for opener in OPENERS if annotated or not opener.annotated]
    return f"{', '.join(listed)} or {NAMED.form}"
