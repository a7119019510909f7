"""Tiny annotated datasets on disk, in each format, with the same two classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

H, W = 24, 31
CLASSES = ("cat", "dog")
PALETTE = [0, 0, 0, 200, 30, 30, 30, 200, 30]


def photo(path: Path, number: int = 0, size: tuple[int, int] = (H, W)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def palette_mask(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values, np.uint8))
    image = image.convert("P")
    image.putdata(np.asarray(values).ravel().tolist())
    image.putpalette(PALETTE)
    image.save(path)
    return path


def annotation(number: int, image: int, category: int, bbox: Sequence[float], **more: Any) -> Any:
    area = bbox[2] * bbox[3]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": list(bbox),
        "area": area,
        "iscrowd": 0,
        **more,
    }


def run_lengths(mask: Any) -> dict[str, Any]:
    """COCO's uncompressed run lengths: columns, beginning with zeros."""
    flat = np.asarray(mask).ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat, prepend=0))
    counts = np.diff([*edges, len(flat)], prepend=0)
    return {"size": list(np.shape(mask)), "counts": counts.tolist()}


def coco_document(annotations: Sequence[Any], images: int = 2, **more: Any) -> dict[str, Any]:
    """Categories have ids with gaps, as COCO's."""
    return {
        "images": [
            {"id": 10 + i, "file_name": f"{i}.png", "height": H, "width": W} for i in range(images)
        ],
        "annotations": list(annotations),
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        **more,
    }


def coco_set(root: Path, annotations: Sequence[Any], images: int = 2, **more: Any) -> Path:
    """A folder with one split, "train"."""
    for i in range(images):
        photo(root / "train2017" / f"{i}.png", i)
    path = root / "annotations" / "instances_train2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(coco_document(annotations, images, **more)))
    return path


def yolo_set(root: Path, labels: Sequence[str], yaml: str = "") -> Path:
    """A folder with the split "train": an image for each text of labels."""
    for i, text in enumerate(labels):
        photo(root / "images" / "train" / f"{i}.png", i)
        path = root / "labels" / "train" / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    data = root / "data.yaml"
    data.write_text(f"train: images/train\nnames: [cat, dog]\n{yaml}")
    return data


def voc_object(name: str, box: Sequence[Any], difficult: int = 0) -> str:
    ends = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inner = "".join(f"<{end}>{value}</{end}>" for end, value in ends)
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{inner}</bndbox></object>"
    )


def voc_set(root: Path, objects: Sequence[str], masks: bool = False) -> Path:
    """A folder with the split "train": an image for each text of objects."""
    (root / "Annotations").mkdir(parents=True, exist_ok=True)
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True, exist_ok=True)
    size = f"<size><width>{W}</width><height>{H}</height><depth>3</depth></size>"
    for i, text in enumerate(objects):
        photo(root / "JPEGImages" / f"{i}.jpg", i)
        xml = f"<annotation>{size}{text}</annotation>"
        (root / "Annotations" / f"{i}.xml").write_text(xml)
        if masks:
            palette_mask(root / "SegmentationClass" / f"{i}.png", mask(i))
    (lists / "train.txt").write_text("".join(f"{i}\n" for i in range(len(objects))))
    return root


def mask(number: int) -> Any:
    """0, 1 and 2 in blocks [H, W]."""
    values = np.zeros((H, W), np.uint8)
    values[4:12, 3 : 9 + number] = 1
    values[10:20, 20:28] = 2
    return values


def mask_set(root: Path, count: int = 2) -> Path:
    for i in range(count):
        photo(root / "train" / "images" / f"{i}.jpg", i)
        palette_mask(root / "train" / "masks" / f"{i}.png", mask(i))
    return root
