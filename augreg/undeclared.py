"""What looks like a target and was not declared: it would stay behind while its image moves.

A dict's key may nearly be a name that augreg knows ("bboxes", "mask"), or a part may have its
image's own height and width. Either is refused with what to write; a part that is really meant to
stay as it is says so, with None in `parts`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from augreg.annotations import BOXES, KEYPOINTS, LABELS, MASKS, is_numeric, shape_of
from augreg.elements import Parts, Path, by_convention, excused, paths
from augreg.errors import DataError

# What others call them; the number is the rank that a sample's part has to have at least.
_OTHERS = {
    "masks": (2, ("mask", "segmentation", "segmentations", "segmap", "seg", "segmentation_map")),
    "boxes": (1, ("box", "bbox", "bboxes", "rois", "bounding_box", "boundingbox")),
    "keypoints": (1, ("keypoint", "kpts", "kps", "kpt", "landmark", "landmarks", "joints")),
}
_NAME_OF = {other: name for name, (_, others) in _OTHERS.items() for other in others}
_NAME_OF.update({name: names[0] for names in (MASKS, BOXES, KEYPOINTS) for name in names})
_ALIKE = 0.85  # "masks" and "tasks" are at 0.8


@dataclass(frozen=True)
class Suspect:
    """A part that may be of its image's own size: it has to be looked at where it isn't known."""

    path: Path
    value: Any


def check_declared(element: Any, parts: Parts | None, alone: bool) -> list[Suspect]:
    """Refuses what by its name is a target that was not declared.

    Args:
        element, parts: as in `augreg.elements.paths`.
        alone: a single sample; else a batch, whose dimension is in front.

    Returns:
        The parts that by their shape may be one: compare them with the image.

    Raises:
        DataError: names the part, and what to write.
    """
    suspects = []
    for path, value in _others(element, parts):
        shape = shape_of(value)
        rank = None if shape is None else len(shape) - (not alone)
        for key in path:
            name = meant(key, value, rank) if isinstance(key, str) else None
            if name is not None:
                raise DataError(_misnamed(path, key, name, element, parts))
        if hasattr(value, "dtype") and is_numeric(value) and (rank is None or rank >= 2):
            suspects.append(Suspect(path, value))
    return suspects


def of_unknown_size(
    suspects: list[Suspect], images: Any, element: Any, parts: Parts | None, alone: bool
) -> list[Suspect]:
    """Those suspects of which their static shapes don't say whether they are of `images`' size.

    images: [B,H,W,C], also of a single sample.

    Raises:
        DataError: one of the others is of that size.
    """
    unknown, size = [], (images.shape[1], images.shape[2])
    for suspect in suspects:
        shape = shape_of(suspect.value)
        found = None if shape is None else is_of_size(shape if alone else shape[1:], size)
        if found:
            raise DataError(as_large(suspect, f"{size[0]}x{size[1]}", element, parts))
        unknown += [suspect] if found is None else []
    return unknown


def meant(key: str, value: Any, rank: int | None) -> str | None:
    """The target that a dict's key nearly names, where the part can be one; else None."""
    small = key.lower()
    text = hasattr(value, "dtype") and not is_numeric(value)
    near = difflib.get_close_matches(small, _NAME_OF, n=1, cutoff=_ALIKE)
    if near:
        name = _NAME_OF[near[0]]
        return name if text or rank is None or rank >= _OTHERS[name][0] else None
    for word in re.split(r"[^a-z0-9]+", small):
        name = _NAME_OF.get(word, "")
        if name and not text and (rank is None or rank >= _OTHERS[name][0]):
            return name
    return None


def is_of_size(shape: tuple[Any, ...], size: tuple[Any, Any]) -> bool | None:
    """Whether a sample's part has its image's height and width, first or last; None for unknown."""
    if len(shape) < 2 or size == (1, 1):
        return False
    found: bool | None = False
    for pair in {shape[:2], shape[-2:]}:
        fits = [
            None if None in both else both[0] == both[1] for both in zip(pair, size, strict=True)
        ]
        if all(fits):
            return True
        found = None if False not in fits else found
    return found


def as_large(suspect: Suspect, size: str, element: Any, parts: Parts | None) -> str:
    """What to say of a part that has its image's size, in words as "6x8"."""
    return (
        f"{_shown(suspect.path)} has the image's own height and width ({size}), and nobody said "
        f"what it is: {_remedy(suspect.path, 'masks', element, parts)}"
    )


def _misnamed(path: Path, key: str, name: str, element: Any, parts: Parts | None) -> str:
    rename = f'call it "{name}"' if path[-1] == key else f'put it beside the image as "{name}"'
    return (
        f"{_shown(path)} looks like {name} that would stay behind while the image moves: {rename}; "
        f"or {_remedy(path, name, element, parts)}"
    )


def _remedy(path: Path, name: str, element: Any, parts: Parts | None) -> str:
    moves, stays = (_written(path, one, element, parts) for one in (name, None))
    moved = f"parts={moves} moves it with the image, " if moves else ""
    return f"{moved}parts={stays} leaves it as it is"


def _written(path: Path, name: str | None, element: Any, parts: Parts | None) -> str:
    """`parts` as one writes it, with this name at the path; empty where it can't say that."""
    place, *rest = path
    known = dict(parts) if isinstance(parts, Mapping) else list(parts or ())
    if isinstance(element, Mapping):
        return "" if rest and name else repr({**dict(known), place: name})
    named: list[Any] = list(known) or list(by_convention(element))
    if rest and isinstance(named[place], Mapping):
        if len(rest) > 1 and name:
            return ""
        named[place] = {**named[place], rest[0]: name}
    else:
        named[place] = name
    return repr(tuple(named))


def _shown(path: Path) -> str:
    """A path in words."""
    keys = "/".join(str(key) for key in path if isinstance(key, str))
    if not isinstance(path[0], int):
        return f'"{keys}"'
    part = (
        f"the element's {('first', 'second', 'third')[path[0]]} part"
        if path[0] < 3
        else (f"part {path[0]} of the element")
    )
    return f'"{keys}" in {part}' if keys else part


def _others(element: Any, parts: Parts | None) -> Iterator[tuple[Path, Any]]:
    """The parts that no name of augreg's moves, labels among them, but for those named None."""
    known = {path for name, path in paths(element, parts).items() if name != LABELS}
    yield from _walk(element, (), known | excused(element, parts))


def _walk(value: Any, path: Path, known: set[Path]) -> Iterator[tuple[Path, Any]]:
    if path in known or value is None:
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _walk(part, (*path, key), known)
    elif isinstance(value, tuple | list):
        for place, part in enumerate(value):
            yield from _walk(part, (*path, place), known)
    else:
        yield path, value
