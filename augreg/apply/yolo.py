"""Outputs as a YOLO data set: `images/`, `labels/` and `data.yaml`, as Ultralytics reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from augreg.apply.moved import Moved, MovedThing
from augreg.apply.outlines import outline
from augreg.sources.splitting import folder_of_split

if TYPE_CHECKING:
    from augreg.sources.annotated import Layout
    from augreg.sources.source import Keypoints

_DECIMALS = 7  # of the image's size, which is a thousandth of a pixel up to 10,000


def target(split: str, name: str) -> str:
    """Where the outputs of an image go."""
    return f"images/{folder_of_split(split)}/{name}"


def files(layout: Layout, every: Iterable[Moved]) -> Iterator[tuple[str, bytes]]:
    """The path and the contents of each file that holds annotations."""
    from augreg.sources.yolo import label_file

    folders: dict[str, None] = {}
    polygons = "masks" in layout.parts and "keypoints" not in layout.parts
    for one in every:
        folders[folder_of_split(one.split)] = None
        # YOLO has no mark for crowds: they have no box, as in a source
        things = [thing for thing in one.things if not thing.difficult]
        lines = [_line(thing, one.size, polygons, layout.keypoints) for thing in things]
        text = "".join(f"{line}\n" for line in lines if line)
        yield label_file(Path(one.output)).as_posix(), text.encode("ascii")
    yield "data.yaml", _yaml(layout, folders).encode()


def _yaml(layout: Layout, folders: Iterable[str]) -> str:
    """JSON's texts and lists are YAML's."""
    lines = [f"{folder}: images/{folder}" for folder in folders]
    lines += [f"nc: {len(layout.class_names)}"]
    lines += [f"names: {json.dumps(list(layout.class_names), ensure_ascii=False)}"]
    about = layout.keypoints
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
