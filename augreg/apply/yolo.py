"""Outputs as a YOLO dataset: `images/`, `labels/` and `data.yaml`, as Ultralytics reads them.

Oriented boxes are lines of a class and four corners, x1 y1 to x4 y4, relative to the image's size:
https://docs.ultralytics.com/datasets/obb/. Images with coordinates outside of 0..1 are left out
there, so corners are clipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.parts import MIN_VISIBLE
from augreg.apply.moved import Moved, MovedThing
from augreg.apply.outlines import outline
from augreg.sources.splitting import folder_of_split

if TYPE_CHECKING:
    from augreg.sources.annotated import FileLayout
    from augreg.sources.source import Keypoints

_DECIMALS = 7  # of the image's size, which is a thousandth of a pixel up to 10,000


def target(split: str, name: str) -> str:
    """Where the outputs of an image go."""
    return f"images/{folder_of_split(split)}/{name}"


def files(layout: FileLayout, every: Iterable[Moved]) -> Iterator[tuple[str, bytes]]:
    """The path and the contents of each file that holds annotations."""
    polygons = "masks" in layout.parts and "keypoints" not in layout.parts

    def line(thing: MovedThing, size: tuple[int, int]) -> str:
        return _line(thing, size, polygons, layout.keypoints)

    return _files(layout, every, line, layout.keypoints)


def oriented_files(layout: FileLayout, every: Iterable[Moved]) -> Iterator[tuple[str, bytes]]:
    """The same with oriented boxes."""
    return _files(layout, every, _oriented_line, None)


def _files(
    layout: FileLayout,
    every: Iterable[Moved],
    line_of: Callable[[MovedThing, tuple[int, int]], str],
    keypoints: Keypoints | None,
) -> Iterator[tuple[str, bytes]]:
    from augreg.sources.yolo import label_file

    folders: dict[str, None] = {}
    for one in every:
        folders[folder_of_split(one.split)] = None
        # YOLO has no mark for crowds: they have no box, as in a source
        things = [thing for thing in one.things if not thing.difficult]
        lines = [line_of(thing, one.size) for thing in things]
        text = "".join(f"{line}\n" for line in lines if line)
        yield label_file(Path(one.output)).as_posix(), text.encode("ascii")
    yield "data.yaml", _yaml(layout.class_names, folders, keypoints).encode()


def _yaml(classes: Sequence[str], folders: Iterable[str], about: Keypoints | None) -> str:
    """JSON's texts and lists are YAML's."""
    lines = [f"{folder}: images/{folder}" for folder in folders]
    lines += [f"nc: {len(classes)}"]
    lines += [f"names: {json.dumps(list(classes), ensure_ascii=False)}"]
    if about is not None:
        lines.append(f"kpt_shape: [{about.count}, 3]")
        if about.flip:
            lines.append(f"flip_idx: {list(about.flip)}")
    return "\n".join(lines) + "\n"


def _line(
    thing: MovedThing, size: tuple[int, int], polygons: bool, keypoints: Keypoints | None
) -> str:
    """Empty for an object none of whose pixels is left."""
    height, width = size
    scale = np.array([width, height], np.float64)
    if polygons and thing.region is not None:
        corners = np.array(outline(thing.region), np.float64).reshape(-1, 2) / scale
        return _text(thing.label, corners.ravel()) if len(corners) else ""
    box = thing.box.astype(np.float64).reshape(2, 2) / scale
    numbers = [*box.mean(axis=0), *(box[1] - box[0])]
    if keypoints is not None:
        none = np.zeros((keypoints.count, 3))
        for x, y, seen in (none if thing.keypoints is None else thing.keypoints).tolist():
            # relative to the image's edges, as boxes are; pixels' centers are at integers
            point = ((x + 0.5) / width, (y + 0.5) / height, seen) if seen else (0.0, 0.0, 0.0)
            numbers += point
    return _text(thing.label, numbers)


def _text(label: int, numbers: Iterable[float]) -> str:
    words = (f"{number:.{_DECIMALS}f}".rstrip("0").rstrip(".") for number in numbers)
    return " ".join((str(label), *words))


# --- oriented boxes -----------------------------------------------------------------------------


def _oriented_line(thing: MovedThing, size: tuple[int, int]) -> str:
    """Empty for an object that keeps too little of its oriented box.

    Clipped corners of a box outside of the image would enclose a part of it all the same.
    """
    assert thing.corners is not None
    height, width = size
    corners = thing.corners.astype(np.float64) / (width, height)
    if _area(_inside(corners)) < MIN_VISIBLE * _area(corners):
        return ""
    return _text(thing.label, np.clip(corners, 0, 1).ravel())


def _inside(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part [M, 2] of a polygon [N, 2] that lies in 0..1.

    By Sutherland and Hodgman, one side after another: https://doi.org/10.1145/360767.360802.
    """
    for axis, bound, sign in ((0, 0, 1), (0, 1, -1), (1, 0, 1), (1, 1, -1)):
        depth = sign * (polygon[:, axis] - bound)
        kept = []
        for i in range(len(polygon)):
            here, before = polygon[i], polygon[i - 1]
            if (depth[i] > 0) != (depth[i - 1] > 0):
                share = depth[i - 1] / (depth[i - 1] - depth[i])
                kept.append(before + share * (here - before))
            if depth[i] > 0:
                kept.append(here)
        polygon = np.array(kept).reshape(-1, 2)
    return polygon


def _area(polygon: NDArray[np.float64]) -> float:
    x, y = polygon.T
    return float(abs(np.sum(np.roll(x, 1) * y - x * np.roll(y, 1)))) / 2
