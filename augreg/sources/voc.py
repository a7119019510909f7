"""Pascal VOC's folders as a source: boxes from XML files, masks from palette PNG files.

The format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/. Its boxes are pixels that count
from 1, both ends included; as edges, left is xmin - 1 and right is xmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from augreg.errors import DataError, printable, show
from augreg.images import ImageSize, list_images, one_line
from augreg.sources.annotated import BACKGROUND, Annotations, FileLayout, Thing
from augreg.sources.faults import Faults
from augreg.sources.formats import HASHED, folder_of, hashed, parts_of, read_text
from augreg.sources.label_masks import mask_of
from augreg.sources.openers import Reading
from augreg.sources.splitting import SPLITS

_WANTED = "voc:PATH of a folder with JPEGImages/ and Annotations/, such as VOCdevkit/VOC2012"
# In the order of the masks' values, from 1.
_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_VOID = 255  # the borders of objects, in masks


def layout_of(spec: str, reading: Reading, faults: Faults) -> FileLayout:
    """What the files of `voc:PATH` say; raises `DataError`."""
    root = _root(folder_of(spec, _WANTED))
    has = {"boxes": root / "Annotations", "masks": root / "SegmentationClass"}
    found = [part for part, folder in has.items() if folder.is_dir()]
    if not found:
        raise DataError(f"{one_line(root)}: neither Annotations/ nor SegmentationClass/ in it")
    # few of VOC's own images have a mask: it is no reason to leave out the others
    photos = list_images(root / "JPEGImages")
    whole = all(_path(root, "masks", path).is_file() for path in photos)
    parts = parts_of(spec, reading.parts, found, found if whole else found[:1])
    splits, notes = _splits(root, parts, photos, faults)
    paths = [path for found in splits.values() for path in found]
    files = {path: _read(_path(root, "boxes", path)) for path in paths if "boxes" in parts}
    names = _names(files.values())
    meant = {**dict(enumerate((BACKGROUND, *names))), _VOID: "void"} if "masks" in parts else {}
    read = _Reader(root, parts, files, names).read
    return FileLayout(splits, read, parts, names, meant, notes=tuple(notes))


def _root(path: Path) -> Path:
    """The folder with JPEGImages: the path, or the only such folder below it."""
    found = [at.parent for depth in ("", "*/", "*/*/") for at in path.glob(f"{depth}JPEGImages")]
    if len(found) != 1:
        names = ", ".join(one_line(at) for at in found) or "none"
        raise DataError(f"{one_line(path)}: folders with JPEGImages: {names}; wanted is {_WANTED}")
    return found[0]


def _path(root: Path, part: str, image: Path) -> Path:
    if part == "boxes":
        return root / "Annotations" / f"{image.stem}.xml"
    return root / "SegmentationClass" / f"{image.stem}.png"


def _lists(root: Path, kind: str) -> dict[str, tuple[Path, list[str]]]:
    """The lists of each split, with the names in them; empty where there are none."""
    kinds = (kind, "Main", "Segmentation")
    folder = next((at for one in kinds if (at := root / "ImageSets" / one).is_dir()), None)
    if folder is None:
        return {}
    files = {split: _first(folder, names) for split, names in SPLITS.items()}
    if files["train"] is None and files["validation"] is None:
        files["train"] = _first(folder, ("trainval",))
    return {split: (path, _listed(path)) for split, path in files.items() if path is not None}


def _first(folder: Path, names: Iterable[str]) -> Path | None:
    return next((path for name in names if (path := folder / f"{name}.txt").is_file()), None)


def _listed(path: Path) -> list[str]:
    """The names in a list: the first word of each line."""
    return [line.split()[0] for line in read_text(path).splitlines() if line.strip()]


def _splits(
    root: Path, parts: Iterable[str], images: Iterable[Path], faults: Faults
) -> tuple[dict[str, list[Path]], list[str]]:
    """The images of each split that have all parts, and notes."""

    def complete(photos: Iterable[Path]) -> list[Path]:
        return [path for path in photos if all(_path(root, p, path).is_file() for p in parts)]

    photos = {path.stem: path for path in images}
    lists = _lists(root, "Main" if tuple(parts) == ("boxes",) else "Segmentation")
    if not lists:
        return hashed(complete(photos.values())), [HASHED]
    splits, notes = dict[str, list[Path]](), list[str]()
    for split, (listing, names) in lists.items():
        for name in dict.fromkeys(names):
            if name not in photos:
                faults.leave_out(one_line(listing), f"there is no image {printable(name)}")
        listed = [photos[name] for name in dict.fromkeys(names) if name in photos]
        splits[split] = complete(listed)
        if missing := len(listed) - len(splits[split]):
            notes.append(f"{missing} images of {split!r} have no {' or no '.join(parts)}: left out")
    return splits, notes


# --- XML ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Object:
    name: str
    box: tuple[str, ...]  # xmin, ymin, xmax, ymax as written
    difficult: bool


@dataclass(frozen=True)
class _File:
    """What an XML file says.

    size: H, W; None where it says none, or 0. fault: why the file says nothing.
    """

    objects: tuple[_Object, ...] = ()
    size: ImageSize | None = None
    fault: str = ""


def _read(path: Path) -> _File:
    try:
        contents = path.read_bytes()
        _refuse_entities(contents)
        tree = ElementTree.fromstring(contents)
    except OSError as error:
        return _File(fault=f"can't be read: {error.strerror}")
    except (ElementTree.ParseError, expat.ExpatError, ValueError) as error:
        return _File(fault=f"not valid XML: {error}")
    sides = [tree.findtext(f"size/{side}", "").strip() for side in ("height", "width")]
    size = (int(sides[0]), int(sides[1])) if all(side.isdecimal() for side in sides) else (0, 0)
    return _File(tuple(map(_object, tree.findall("object"))), size if all(size) else None)


def _refuse_entities(contents: bytes) -> None:
    """Raises `ValueError` for a document type, where XML declares entities that grow."""

    def refuse(*_: object) -> None:
        raise ValueError("a document type (<!DOCTYPE>) is not allowed")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(contents, True)


def _object(element: ElementTree.Element) -> _Object:
    ends = ("xmin", "ymin", "xmax", "ymax")
    return _Object(
        element.findtext("name", "").strip(),
        tuple(element.findtext(f"bndbox/{end}", "").strip() for end in ends),
        element.findtext("difficult", "0").strip() == "1",
    )


def _names(files: Iterable[_File]) -> tuple[str, ...]:
    """VOC's classes, if the files have no others; else those that they have, in their order."""
    found = {one.name for file in files for one in file.objects if one.name}
    return _CLASSES if found <= set(_CLASSES) else tuple(sorted(found))


@dataclass(frozen=True)
class _Reader:
    root: Path
    parts: tuple[str, ...]
    files: Mapping[Path, _File]
    names: tuple[str, ...]

    def read(self, path: Path, size: ImageSize, faults: Faults) -> Annotations | None:
        """The annotations of an image of this size."""
        things: list[Thing] = []
        mask = None
        if "boxes" in self.parts:
            file, where = self.files[path], one_line(_path(self.root, "boxes", path))
            shown = f"{one_line(path)} has {size[1]}x{size[0]} pixels"
            if file.fault or file.size not in (None, size):
                stated = file.size or (0, 0)
                faults.leave_out(
                    where, file.fault or f"its size is {stated[1]}x{stated[0]}; {shown}"
                )
                return None
            for number, one in enumerate(file.objects, start=1):
                if thing := self._thing(f"{where}#object {number}", one, size, faults):
                    things.append(thing)
        if "masks" in self.parts:
            mask = mask_of(_path(self.root, "masks", path), size, faults)
            if mask is None:
                return None
        return Annotations(things, mask)

    def _thing(self, where: str, one: _Object, size: ImageSize, faults: Faults) -> Thing | None:
        if not one.name:
            faults.leave_out(where, "an object takes a name")
            return None
        try:
            left, top, right, bottom = map(float, one.box)
        except ValueError:
            found = show(dict(zip(("xmin", "ymin", "xmax", "ymax"), one.box, strict=True)))
            faults.leave_out(where, f"bndbox takes four numbers; found {found}")
            return None
        box = faults.box(where, (left - 1, top - 1, right, bottom), size)
        return (
            None if box is None else Thing(self.names.index(one.name), box, difficult=one.difficult)
        )
