"""Images beside masks as a source: `images/` and `masks/`, with files of the same name.

A mask is an image file of one channel, a PNG of grey or of a palette mostly, whose values are the
classes. They are kept as they are in the file: {0, 255} of a binary mask, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from augreg.errors import DataError
from augreg.images import ImageSize, list_images, one_line
from augreg.sources.annotated import Annotations, FileLayout
from augreg.sources.faults import Faults
from augreg.sources.formats import HASHED, folder_of, hashed, parts_of
from augreg.sources.label_masks import mask_of
from augreg.sources.openers import Reading
from augreg.sources.splitting import SPLITS, splits_among

_WANTED = "masks:PATH of a folder with images/ and masks/, or with train/images/ and train/masks/"
_IMAGES, _MASKS = "images", "masks"


def layout_of(spec: str, reading: Reading, faults: Faults) -> FileLayout:
    """What the files of `masks:PATH` say; raises `DataError`."""
    root = folder_of(spec, _WANTED)
    parts = parts_of(spec, reading.parts, ("masks",), ("masks",))
    pairs = {split: _pairs(*folders, faults) for split, folders in _folders(root).items()}
    masks = {image: mask for found in pairs.values() for image, mask in found.items()}
    splits = {split: list(found) for split, found in pairs.items()}
    notes: tuple[str, ...] = ()
    if splits.keys() == {""}:
        splits, notes = hashed(splits[""]), (HASHED,)
    return FileLayout(splits, _Reader(masks).read, parts, notes=notes)


def _folders(root: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of images and of masks of each split, "" where there are no splits."""
    outer, inner = (_splits(at) for at in (root, root / _IMAGES))
    nested = {split: (root / name / _IMAGES, root / name / _MASKS) for split, name in outer.items()}
    nested = {split: both for split, both in nested.items() if both[0].is_dir()}
    if not nested and (root / _IMAGES).is_dir():
        nested = {
            split: (root / _IMAGES / name, root / _MASKS / name) for split, name in inner.items()
        } or {"": (root / _IMAGES, root / _MASKS)}
    missing = [masks for _, masks in nested.values() if not masks.is_dir()]
    if not nested or missing:
        where = one_line(missing[0] if missing else root / _IMAGES)
        raise DataError(f"{where}: there is no such folder; wanted is {_WANTED}")
    return {split: nested[split] for split in ("", *SPLITS) if split in nested}


def _splits(folder: Path) -> dict[str, str]:
    """Split -> the folder in `folder` that is named like it."""
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return {split: name for name, split in splits_among(names).items()}


def _pairs(images: Path, masks: Path, faults: Faults) -> dict[Path, Path]:
    """Image -> mask, by the files' names without their ending, in the order of the images."""
    by_name: dict[Path, Path] = {}
    for mask in list_images(masks):
        by_name.setdefault(_stem(mask, masks), mask)
    found: dict[Path, Path] = {}
    for image in list_images(images):
        name = _stem(image, images)
        names = [one for one in (name, name.with_name(f"{name.name}_mask")) if one in by_name]
        if names:
            found[image] = by_name.pop(names[0])
        else:
            faults.leave_out(one_line(image), f"there is no mask {one_line(masks / name)}.png")
    for mask in by_name.values():
        faults.leave_out(one_line(mask), f"there is no image for it in {one_line(images)}")
    return found


def _stem(path: Path, folder: Path) -> Path:
    return path.relative_to(folder).with_suffix("")


@dataclass(frozen=True)
class _Reader:
    masks: Mapping[Path, Path]

    def read(self, path: Path, size: ImageSize, faults: Faults) -> Annotations | None:
        """The annotations of an image of this size."""
        mask = mask_of(self.masks[path], size, faults)
        return None if mask is None else Annotations(mask=mask)
