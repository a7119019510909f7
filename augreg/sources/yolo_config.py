"""YOLO's data.yaml: classes, splits and keypoints of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augreg.errors import DataError, show
from augreg.images import one_line
from augreg.sources.formats import read_text
from augreg.sources.source import Keypoints
from augreg.sources.splitting import splits_among

WANTED = "yolo:data.yaml, or a folder with data.yaml or classes.txt, images/ and labels/"


@dataclass(frozen=True)
class YoloConfig:
    """What data.yaml says. splits: as they are written; empty where it names none."""

    path: Path
    root: Path
    names: tuple[str, ...]
    splits: Mapping[str, Any]
    keypoints: Keypoints | None


def read_config(path: Path) -> YoloConfig:
    """What data.yaml, or classes.txt, of a dataset says; raises `DataError`."""
    if path.is_file():
        return _of_yaml(path)
    found = [path / "data.yaml"] if (path / "data.yaml").is_file() else sorted(path.glob("*.yaml"))
    if len(found) == 1:
        return _of_yaml(found[0])
    classes = path / "classes.txt"
    if found or not classes.is_file():
        names = ", ".join(one.name for one in found) or "neither data.yaml nor classes.txt"
        raise DataError(f"{one_line(path)}: found {names}; wanted is {WANTED}")
    lines = [line.strip() for line in read_text(classes).splitlines()]
    return YoloConfig(classes, path, tuple(line for line in lines if line), {}, None)


def _of_yaml(path: Path) -> YoloConfig:
    try:
        import yaml
    except ImportError as error:
        raise DataError(
            f"{one_line(path)}: reading YAML needs PyYAML: pip install 'augreg[yolo]'"
        ) from error
    where = one_line(path)
    try:
        value = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise DataError(f'{where}: takes keys such as "names" and "train"')
    names = _names(where, value.get("names"))
    root = path.parent
    if isinstance(value.get("path"), str):
        root = _root(path.parent, value["path"])
    splits = {split: value[key] for key, split in splits_among(value.keys()).items() if value[key]}
    return YoloConfig(path, root, names, splits, _keypoints(where, value))


def _root(beside: Path, written: str) -> Path:
    """`path` of data.yaml, which Ultralytics reads from another folder than where the file is."""
    return next((at for at in (beside / written, Path(written)) if at.is_dir()), beside)


def _names(where: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, dict):
        if sorted(given, key=str) != sorted(range(len(given)), key=str):
            raise DataError(
                f"{where}: names has the keys {show(list(given))}; allowed are 0, 1, ..."
            )
        given = [given[number] for number in range(len(given))]
    if not isinstance(given, list) or not given:
        raise DataError(f'{where}: "names" takes a list of classes, or 0: name, 1: name, ...')
    return tuple(map(str, given))


def _keypoints(where: str, value: Mapping[str, Any]) -> Keypoints | None:
    shape, flip = value.get("kpt_shape"), value.get("flip_idx") or []
    if shape is None:
        return None
    numbers = isinstance(shape, list) and all(type(n) is int for n in shape)
    if not numbers or len(shape) != 2 or shape[0] < 1 or shape[1] not in (2, 3):
        raise DataError(f"{where}: kpt_shape is {show(shape)}; allowed is [number, 2 or 3]")
    if flip and (not isinstance(flip, list) or sorted(map(str, flip)) != _numbers_to(shape[0])):
        raise DataError(f"{where}: flip_idx takes each of 0 to {shape[0] - 1}; found {show(flip)}")
    return Keypoints(shape[0], flip=tuple(flip), visibility=shape[1] == 3)


def _numbers_to(count: int) -> list[str]:
    return sorted(map(str, range(count)))
