"""Outputs as a Pascal VOC dataset: images, XML files, palette masks and lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from augreg.apply.masks import mask_file
from augreg.apply.moved import Moved, MovedThing
from augreg.sources.splitting import folder_of_split

if TYPE_CHECKING:
    from augreg.sources.annotated import FileLayout

# The colours of VOC's own masks: bit b of a value's red, green and blue is its bit 3b, 3b+1, 3b+2.
_PALETTE = [
    sum((value >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
    for value in range(256)
    for channel in range(3)
]


def target(split: str, name: str) -> str:
    """Where the outputs of an image go: all in one folder."""
    return f"JPEGImages/{name.replace('/', '__')}"


def files(layout: FileLayout, every: Iterable[Moved]) -> Iterator[tuple[str, bytes]]:
    """The path and the contents of each file that holds annotations."""
    lists: dict[str, list[str]] = {}
    for one in every:
        path = PurePosixPath(one.output)
        lists.setdefault(folder_of_split(one.split), []).append(path.stem)
        if "boxes" in layout.parts:
            yield f"Annotations/{path.stem}.xml", _xml(layout, one, path.name)
        if one.mask is not None:
            palette = one.palette or _PALETTE
            yield f"SegmentationClass/{path.stem}.png", mask_file(one.mask, palette)
    kinds = ["Main"] + ["Segmentation"] * ("masks" in layout.parts)
    for split, names in lists.items():
        for kind in kinds:
            text = "".join(f"{name}\n" for name in names)
            yield f"ImageSets/{kind}/{split}.txt", text.encode("utf-8", "surrogateescape")


def _xml(layout: FileLayout, one: Moved, name: str) -> bytes:
    height, width = one.size
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = name
    size = ElementTree.SubElement(root, "size")
    for key, value in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, key).text = str(value)
    ElementTree.SubElement(root, "segmented").text = str(int(one.mask is not None))
    for thing in one.things:
        root.append(_object(layout.class_names[thing.label], thing, one.size))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _object(name: str, thing: MovedThing, size: tuple[int, int]) -> ElementTree.Element:
    """Boxes are whole pixels that count from 1, both ends included; one pixel at least."""
    left, top, right, bottom = (float(edge) for edge in thing.box)
    height, width = size
    x, y = min(round(left), width - 1), min(round(top), height - 1)
    ends = {"xmin": x + 1, "ymin": y + 1}
    ends |= {"xmax": max(round(right), x + 1), "ymax": max(round(bottom), y + 1)}
    element = ElementTree.Element("object")
    ElementTree.SubElement(element, "name").text = name
    ElementTree.SubElement(element, "difficult").text = str(int(thing.difficult))
    box = ElementTree.SubElement(element, "bndbox")
    for key, value in ends.items():
        ElementTree.SubElement(box, key).text = str(value)
    return element
