"""The kinds of sources: how each is written, and what opens it. A new kind is a line of `OPENERS`.

TensorFlow is imported where a source is opened, so that help texts cost nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from augreg.images import MAX_PIXELS
from augreg.sources.source import Source

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Reading:
    """How a source is read and checked; see `augreg.sources.open_source`."""

    data_dir: AnyPath | None = None
    manual_dir: AnyPath | None = None
    max_bad: float = 0.01
    max_pixels: int = MAX_PIXELS
    verify: bool = True


@dataclass(frozen=True)
class Opener:
    """A kind of source.

    Attributes:
        form: how it is written: a word, or a prefix, a colon and what comes after it.
        function: what opens it, as module:name in `augreg.sources`; called with the specification
            and the `Reading`.
    """

    form: str
    function: str

    def takes(self, spec: str) -> bool:
        """Whether the specification is of this kind."""
        prefix, colon, _ = self.form.partition(":")
        return spec.startswith(prefix + colon) if colon else spec == self.form

    def open(self, spec: str, reading: Reading) -> Source:
        module, name = self.function.split(":")
        function: Callable[[str, Reading], Source]
        function = getattr(import_module(f"augreg.sources.{module}"), name)
        return function(spec, reading)


OPENERS = (
    Opener("digits", "digits:open_digits"),
    Opener("folder:PATH", "folder:open_folder"),
)
# Whatever no other takes is a name.
NAMED = Opener("a TFDS name such as tf_flowers", "tfds:open_tfds")


def opener_of(spec: str) -> Opener:
    """What opens a source that is written like this."""
    return next((opener for opener in OPENERS if opener.takes(spec)), NAMED)


def forms() -> str:
    """How sources are written, for help texts and errors."""
    return f"{', '.join(opener.form for opener in OPENERS)} or {NAMED.form}"
