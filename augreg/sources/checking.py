"""The check that every image of a source passes before it is used, and what it may leave out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import tensorflow as tf

from augreg.errors import DataError, ImageError
from augreg.images import ImageSize, inspect
from augreg.images.decode import decode
from augreg.images.signatures import why_not
from augreg.sources.source import BadImage

_CHUNK = 256  # images in memory at once while they are checked

# An image to check: what messages call it, and how its bytes are read (OSError allowed).
Candidate: TypeAlias = tuple[str, Callable[[], bytes]]


@dataclass(frozen=True)
class Verdict:
    """What a check found: why an image can't be used (None where it can), and inspect's notes.

    size: height and width of the decoded image; None where its header can't be read.
    """

    name: str
    reason: str | None
    notes: tuple[str, ...] = ()
    size: ImageSize | None = None


def check_all(
    candidates: Iterable[Candidate], max_pixels: int, decoding: bool = True
) -> Iterator[Verdict]:
    """Decodes every image once, on all cores, and says which can't be; in the given order.

    It costs one full decode per image: 1 to 2 ms of a core for a JPEG of 320x240. A truncated
    file can't be told from its header, and found later it would end an epoch half way. Without
    `decoding`, only headers are read.
    """
    waiting = iter(candidates)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        while chunk := list(islice(waiting, _CHUNK)):
            yield from pool.map(lambda one: _check(one, max_pixels, decoding), chunk)


def _check(candidate: Candidate, max_pixels: int, decoding: bool) -> Verdict:
    name, read = candidate
    try:
        contents = read()
        info = inspect(contents, name, max_pixels)
    except OSError as error:
        return Verdict(name, f"can't be read: {error.strerror}")
    except ImageError as error:
        return Verdict(name, str(error).removeprefix(f"{name}: "))
    try:
        if decoding:
            _decode_once(contents)
    except tf.errors.OpError:
        return Verdict(name, why_not(info.format))
    return Verdict(name, None, info.notes, info.shape)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _decode_once(contents: tf.Tensor) -> tf.Tensor:
    with tf.device("CPU:0"):  # the pixels are dropped: no copy to an accelerator
        return tf.size(decode(contents))


def check_bad_images(
    name: str, verdicts: Sequence[Verdict], max_bad: float
) -> tuple[BadImage, ...]:
    """The images that are left out.

    Raises:
        DataError: their share is above `max_bad`.
    """
    bad = tuple(BadImage(v.name, v.reason) for v in verdicts if v.reason is not None)
    if len(bad) > max_bad * len(verdicts):
        first = "".join(f"\n  {image.path}: {image.reason}" for image in bad[:5])
        more = f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise DataError(
            f"{name}: {len(bad)} of {len(verdicts)} images can't be used, "
            f"{len(bad) / len(verdicts):.1%}; at most {max_bad:.1%} are left out without asking: "
            f"fix or remove them, or raise max_bad{first}{more}"
        )
    return bad


def decoding_notes(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """What decoding drops, said once for each kind: how often, and in which image first."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        for note in verdict.notes:
            kind = note.partition(" of ")[0]  # "first frame of 12" and "... of 3" are one kind
            found.setdefault(kind, []).append(verdict.name)
    return tuple(
        f"{kind} in {len(names)} image{'s' * (len(names) > 1)} (first: {names[0]})"
        for kind, names in found.items()
    )


def require_splits(
    name: str, class_names: tuple[str, ...], sizes: Mapping[str, int], fix: str
) -> None:
    """Refuses what can't be trained on.

    Raises:
        DataError: fewer than two classes, or an empty split.
    """
    if len(class_names) < 2:
        found = f"only {class_names[0]!r}" if class_names else "none"
        raise DataError(f"{name}: a classifier needs two or more classes; found {found}")
    empty = [split for split, size in sizes.items() if not size]
    if empty:
        found = ", ".join(f"{split} {size}" for split, size in sizes.items())
        raise DataError(f"{name}: the split {empty[0]!r} is empty (found {found}); {fix}")
