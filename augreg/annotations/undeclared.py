"""What looks like a target and was not declared: it would stay behind while its image moves.

A dict's key may nearly be a name that augreg knows ("bboxes", "mask"), a part may have its image's
own height and width, or a tuple's part without a name the shape of boxes or of keypoints. Each is
refused with what to write; a part that is really meant to stay as it is says so, with None in
`parts`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from augreg.annotations.element import Path, by_convention, excused, has_frames, paths
from augreg.annotations.layout import NEAREST, Layout
from augreg.annotations.parts import BOXES, KEYPOINTS, LABELS, MASKS
from augreg.checks import is_numeric, shape_of
from augreg.errors import DataError

# What others call them.
_OTHERS = {
    "masks": "mask segmentation segmentations segmap seg segmentation_map trimap panoptic "
    "silhouette",
    "boxes": "box bbox bboxes roi rois bounding_box boundingbox bndbox bndboxes rect rects "
    "rectangles",
    "keypoints": "keypoint kpts kps kpt kp landmark landmarks joints polygon polygons polyline "
    "polylines",
}
_LEAST_RANK = {"masks": 2, "boxes": 1, "keypoints": 1}  # of a sample's part
# One side of boxes each, of a box or of many.
_SIDES = ("xmin", "ymin", "xmax", "ymax", "x_min", "y_min", "x_max", "y_max")
# Words that say nothing, in which case the shape of a sample's part does: [N, 4], [N, 2].
_VAGUE = re.compile(
    "annotations?|bounds|contours?|coordinates?|coords|corners?|detections|gt|locations?|objects?"
    "|outline|points?|poses?|pts|quads?|regions?|shapes|skeleton|targets?|vertex|vertices"
)
_GEOMETRY = {2: "keypoints", 3: "keypoints", 4: "boxes"}  # by a sample's last dimension
_NAME_OF = {other: name for name, others in _OTHERS.items() for other in others.split()}
_NAME_OF.update({name: names[0] for names in (MASKS, BOXES, KEYPOINTS) for name in names})
_BEHIND = "that would stay behind while the image moves"
_ALIKE = 0.85  # "masks" and "tasks" are at 0.8


@dataclass(frozen=True)
class Suspect:
    """A part that may be of its image's own size: it has to be looked at where it isn't known."""

    path: Path
    value: Any


def check_declared(element: Any, layout: Layout, unbatched: bool) -> list[Suspect]:
    """Refuses what by its name is a target that was not declared.

    Args:
        element, layout: as in `augreg.annotations.element.paths`.
        unbatched: a single sample; else a batch, whose dimension is in front.

    Returns:
        The parts that by their shape may be one: compare them with the image.

    Raises:
        DataError: names the part, and what to write.
    """
    suspects, leading = [], _leading(unbatched, has_frames(element, layout))
    # What no name of augreg's moves, labels among them, but for what is named None.
    known = {path for name, path in paths(element, layout).items() if name != LABELS}
    for path, value in _walk(element, (), known | excused(element, layout)):
        shape = _of_sample(value, leading)
        for key in (step for step in path if isinstance(step, str)):
            if key.lower() in _SIDES and _holds_numbers(value):
                raise DataError(
                    f"{_shown(path)} looks like one side of boxes {_BEHIND}: stack the four into "
                    '"boxes", [N, 4], as {"boxes": {"boxes": [N, 4], "labels": [N]}}; '
                    f"or parts={_written(path, None, element, layout)} leaves it as it is"
                )
            name = meant(key, value, shape)
            if name is not None:
                raise DataError(_misnamed(path, key, name, element, layout))
        if _holds_numbers(value) and (shape is None or len(shape) >= 2):
            suspects.append(Suspect(path, value))
    return suspects


def of_unknown_size(
    suspects: list[Suspect], images: Any, element: Any, layout: Layout, unbatched: bool
) -> list[Suspect]:
    """Those suspects of which their static shapes don't say whether they are of `images`' size.

    images: [B,H,W,C] or [B,T,H,W,C], also of a single sample.

    Raises:
        DataError: one of the others is of that size, or a tuple's part that has no name is of the
            shape of boxes or keypoints.
    """
    unknown, size = [], (images.shape[-3], images.shape[-2])
    leading = _leading(unbatched, len(images.shape) == 5)
    said = set() if layout.parts is None else {*paths(element, layout).values()}
    for suspect in suspects:
        shape = _of_sample(suspect.value, leading)
        found = None if shape is None else is_of_size(shape, size)
        if found:
            raise DataError(as_large(suspect, f"{size[0]}x{size[1]}", element, layout))
        nameless = suspect.path not in said and not any(isinstance(s, str) for s in suspect.path)
        if nameless and (name := _by_shape(suspect.value, shape)):
            raise DataError(
                f"{_shown(suspect.path)}, of the shape {shape} for each image, looks like {name} "
                f"{_BEHIND}: {_remedy(suspect.path, name, element, layout)}"
            )
        unknown += [suspect] if found is None else []
    return unknown


def meant(key: str, value: Any, shape: tuple[Any, ...] | None) -> str | None:
    """The target that a dict's key nearly names, where the part can be one; else None.

    shape: of a sample's part; None where its rank is unknown.
    """
    text = hasattr(value, "dtype") and not is_numeric(value)
    near = difflib.get_close_matches(key.lower(), _NAME_OF, n=1, cutoff=_ALIKE)
    if near:
        name = _NAME_OF[near[0]]
        return name if text or shape is None or len(shape) >= _LEAST_RANK[name] else None
    words = _words(key)
    for word in () if text else words:
        name = _NAME_OF.get(word, "")
        if name and (shape is None or len(shape) >= _LEAST_RANK[name]):
            return name
    return _by_shape(value, shape) if any(map(_VAGUE.fullmatch, words)) else None


def _words(key: str) -> list[str]:
    """The words of a key, in small letters: of "gtBoxes_2d" gt, boxes and d."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", key)
    return re.split(r"[^a-z]+", apart.lower())


def _by_shape(value: Any, shape: tuple[Any, ...] | None) -> str | None:
    """The target that a sample's part of this shape is, as [N, 4] are boxes; None for another."""
    if shape is None or len(shape) != 2 or not _holds_numbers(value):
        return None
    return _GEOMETRY.get(shape[-1])


def _holds_numbers(value: Any) -> bool:
    """Whether a part is an array of numbers or truths, and neither text nor anything else."""
    return hasattr(value, "dtype") and is_numeric(value)


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


def as_large(suspect: Suspect, size: str, element: Any, layout: Layout) -> str:
    """What to say of a part that has its image's size, in words as "6x8"."""
    key = suspect.path[-1]
    beside = f', also={{"{key}": "{NEAREST}"}} beside masks' if isinstance(key, str) else ""
    return (
        f"{_shown(suspect.path)} has the image's own height and width ({size}), and nobody said "
        f"what it is: {_remedy(suspect.path, 'masks', element, layout, beside)}"
    )


def _misnamed(path: Path, key: str, name: str, element: Any, layout: Layout) -> str:
    rename = f'call it "{name}"' if path[-1] == key else f'put it beside the image as "{name}"'
    return (
        f"{_shown(path)} looks like {name} {_BEHIND}: {rename}; "
        f"or {_remedy(path, name, element, layout)}"
    )


def _leading(unbatched: bool, frames: bool) -> int:
    """How many dimensions stand before a sample's, or a frame's, own."""
    return (not unbatched) + frames


def _of_sample(value: Any, leading: int) -> tuple[Any, ...] | None:
    """The static shape of a sample's part, or a frame's; None where its rank is unknown."""
    shape = shape_of(value)
    return shape if shape is None else shape[leading:]


def _remedy(path: Path, name: str, element: Any, layout: Layout, beside: str = "") -> str:
    moves, stays = (_written(path, one, element, layout) for one in (name, None))
    return f"parts={moves} moves it with the image{beside}, parts={stays} leaves it as it is"


def _written(path: Path, name: str | None, element: Any, layout: Layout) -> str:
    """`parts` as one writes it, with this name at the path."""

    def named(value: Any, known: Any, rest: Path) -> Any:
        if not rest:
            return name
        place = rest[0]
        if isinstance(value, Mapping):
            known = dict(known) if isinstance(known, Mapping) else {}
            return {**known, place: named(value[place], known.get(place), rest[1:])}
        if isinstance(known, tuple | list):
            inside = list(known)
        else:
            inside = list(by_convention(value)) if value is element else [None] * len(value)
        inside[place] = named(value[place], inside[place], rest[1:])
        return tuple(inside)

    return repr(named(element, layout.parts, path))


def _shown(path: Path) -> str:
    """A path in words."""
    keys = "/".join(str(key) for key in path if isinstance(key, str))
    if not isinstance(path[0], int):
        return f'"{keys}"'
    part = f"part {path[0]} of the element"
    if path[0] < 3:
        part = f"the element's {('first', 'second', 'third')[path[0]]} part"
    return f'"{keys}" in {part}' if keys else part


def _walk(value: Any, path: Path, known: set[Path]) -> Iterator[tuple[Path, Any]]:
    """The parts of an element, with their paths, but for the known ones."""
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
