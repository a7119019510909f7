"""YOLO's label files as a source: boxes, polygons (as masks) and keypoints.

The layout and the columns are those of Ultralytics: https://docs.ultralytics.com/datasets/. A line
is a class and numbers relative to the image's size: a box as center_xywh; or a polygon; or a box
and its keypoints, where data.yaml has a `kpt_shape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.errors import DataError, printable
from augreg.images import ImageSize, list_images, one_line
from augreg.images.files import has_extension
from augreg.sources.annotated import BACKGROUND, Annotations, FileLayout, Thing
from augreg.sources.faults import Faults
from augreg.sources.formats import HASHED, folder_of, hashed, parts_of, read_text
from augreg.sources.label_masks import Region, coco_mask
from augreg.sources.openers import Reading
from augreg.sources.splitting import SPLITS, splits_among
from augreg.sources.yolo_config import WANTED, YoloConfig, read_config

_BOX = 5  # columns of a box
_VISIBLE = 2.0  # of keypoints without a visibility


def layout_of(spec: str, reading: Reading, faults: Faults) -> FileLayout:
    """What the files of `yolo:PATH` say; raises `DataError`."""
    config = read_config(folder_of(spec, WANTED))
    listed, notes = _photos(config)
    splits = _existing(listed, faults)
    photos = [path for paths in splits.values() for path in paths]
    for label in _without_image(photos):
        faults.leave_out(one_line(label), "there is no image for it in images/")
    polygons = config.keypoints is None and _has_polygons(photos)
    found = [
        "boxes",
        *(["masks"] if polygons else []),
        *(["keypoints"] if config.keypoints else []),
    ]
    parts = parts_of(spec, reading.parts, found, found)
    if "masks" in parts:
        coco_mask()  # what is missing is said before an hour of work
    meant = dict(enumerate((BACKGROUND, *config.names)))
    read = _Reader(config, polygons).read
    return FileLayout(splits, read, parts, config.names, meant, config.keypoints, tuple(notes))


# --- images and labels ----------------------------------------------------------------------------


def _photos(config: YoloConfig) -> tuple[dict[str, list[Path]], list[str]]:
    if config.splits:
        every = {split: _listed(config, given) for split, given in config.splits.items()}
        return {split: every[split] for split in SPLITS if split in every}, []
    images = config.root / "images"
    if not images.is_dir():
        raise DataError(f"{one_line(images)}: there is no such folder; wanted is {WANTED}")
    folders = splits_among([path.name for path in images.iterdir() if path.is_dir()])
    if folders:
        return {split: list_images(images / name) for name, split in folders.items()}, []
    return hashed(list_images(images)), [HASHED]


def _listed(config: YoloConfig, given: Any) -> list[Path]:
    """The images of a split: folders, or texts with a path a line; one of them or a list."""
    found: list[Path] = []
    for name in given if isinstance(given, list) else [given]:
        path = _found(config.root, str(name))
        if path.is_dir():
            found += list_images(path)
        elif path.suffix == ".txt" and path.is_file():
            lines = (line.strip() for line in read_text(path).splitlines())
            found += [path.parent / line for line in lines if line]
        else:
            where = one_line(config.path)
            raise DataError(f"{where}: there is no folder or .txt file {one_line(path)}")
    return sorted(set(found))


def _found(root: Path, name: str) -> Path:
    """Roboflow writes ../train/images for what is train/images."""
    path = root / name
    if not path.exists() and name.startswith("../"):
        return root / name.removeprefix("../")
    return path


def _existing(splits: Mapping[str, list[Path]], faults: Faults) -> dict[str, list[Path]]:
    """The images that are there, each in the first split that lists it."""
    seen: set[Path] = set()
    found: dict[str, list[Path]] = {}
    for split, paths in splits.items():
        found[split] = []
        for path in paths:
            if path in seen:
                faults.leave_out(one_line(path), f"in {split!r} and in another split")
            elif not path.is_file():
                faults.leave_out(one_line(path), "there is no such image")
            else:
                found[split].append(path)
        seen.update(paths)
    return found


def label_file(image: Path) -> Path:
    """labels/train/a.txt of images/train/a.jpg: the last folder `images` becomes `labels`."""
    parts = list(image.with_suffix(".txt").parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def _without_image(photos: Iterable[Path]) -> Iterator[Path]:
    """The label files, in the labels' folders of these images, that no image has."""
    folders = {label_file(path).parent: path.parent for path in photos}
    for labels, images in sorted(folders.items()):
        stems = {path.stem for path in images.iterdir() if has_extension(path)}
        for path in sorted(labels.glob("*.txt")):
            if path.stem not in stems and path.name != "classes.txt":
                yield path


def _has_polygons(photos: Iterable[Path]) -> bool:
    """Whether any line has as many numbers as a polygon; such a dataset is one of segments."""
    for path in sorted(photos):
        label = label_file(path)
        if label.is_file() and any(len(line.split()) > _BOX + 1 for line in _lines(label)):
            return True
    return False


def _lines(label: Path) -> list[str]:
    return read_text(label).splitlines()


# --- lines ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    config: YoloConfig
    polygons: bool

    def read(self, path: Path, size: ImageSize, faults: Faults) -> Annotations:
        """The annotations of an image; without a label file it has none."""
        label = label_file(path)
        lines = _lines(label) if label.is_file() else []
        things, seen = [], set[str]()
        for number, line in enumerate(lines, start=1):
            where, text = f"{one_line(label)}:{number}", " ".join(line.split())
            if text in seen:
                faults.leave_out(where, "the same line a second time")
            elif text and (thing := self._thing(where, text.split(), size, faults)):
                things.append(thing)
            seen.add(text)
        return Annotations(things)

    def _thing(self, where: str, words: list[str], size: ImageSize, faults: Faults) -> Thing | None:
        numbers = _numbers(words)
        if numbers is None:
            faults.leave_out(where, f"not numbers: {printable(' '.join(words))}")
            return None
        label, rest = numbers[0], numbers[1:]
        if label not in range(len(self.config.names)):
            reason = f"its class is {label:g}; the classes are 0 to {len(self.config.names) - 1}"
            faults.leave_out(where, reason)
            return None
        height, width = size
        scale = np.array([width, height], np.float64)
        if self.config.keypoints:
            return self._pose(where, int(label), rest, size, faults)
        if len(words) == _BOX:
            region, corners = None, _corners(rest, scale)
        elif self.polygons and len(words) % 2 and len(words) > _BOX + 1:
            points = rest.reshape(-1, 2) * scale
            if not faults.polygon(where, points):
                return None
            region, corners = Region((points,)), (*points.min(axis=0), *points.max(axis=0))
        else:
            allowed = f"{_BOX} (a box) or 1 + 2n, n at least 3 (a polygon)"
            faults.leave_out(where, f"{len(words)} columns; allowed are {allowed}")
            return None
        box = faults.box(where, corners, size)
        return None if box is None else Thing(int(label), box, region=region)

    def _pose(
        self, where: str, label: int, rest: NDArray[np.float64], size: ImageSize, faults: Faults
    ) -> Thing | None:
        about = self.config.keypoints
        assert about is not None
        columns = 2 + about.visibility
        wanted = _BOX + about.count * columns
        if len(rest) + 1 != wanted:
            faults.leave_out(where, f"{len(rest) + 1} columns; kpt_shape makes it {wanted}")
            return None
        scale = np.array([size[1], size[0]], np.float64)
        box = faults.box(where, _corners(rest[:4], scale), size)
        if box is None:
            return None
        rows = rest[4:].reshape(about.count, columns)
        # 0 and 0 is how a point that is not annotated is written where there is no visibility
        seen = rows[:, 2:] if about.visibility else _VISIBLE * rows.any(axis=1, keepdims=True)
        points = np.concatenate([rows[:, :2] * scale - 0.5, seen], axis=1)
        kept = faults.keypoints(where, points, size)
        return None if kept is None else Thing(label, box, kept)


def _numbers(words: list[str]) -> NDArray[np.float64] | None:
    try:
        return np.array([float(word) for word in words])
    except ValueError:
        return None


def _corners(box: NDArray[np.float64], scale: NDArray[np.float64]) -> tuple[float, ...]:
    center, extent = box[:2] * scale, box[2:] * scale
    return (*(center - extent / 2).tolist(), *(center + extent / 2).tolist())
