"""Outputs as a COCO dataset: images in a folder for each split, `annotations.json` beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from augreg.apply.moved import Moved, MovedThing
from augreg.sources.splitting import folder_of_split

if TYPE_CHECKING:
    from augreg.sources.annotated import FileLayout

NAME = "annotations.json"
_DECIMALS = 4  # of pixels


def target(split: str, name: str) -> str:
    """Where the outputs of an image go."""
    return f"{folder_of_split(split)}/{name}"


def files(layout: FileLayout, every: Iterable[Moved]) -> Iterator[tuple[str, bytes]]:
    """The path and the contents of each file that holds annotations."""
    documents: dict[str, dict[str, Any]] = {}
    for one in every:
        folder = folder_of_split(one.split)
        document = documents.setdefault(
            folder, {"images": [], "annotations": [], "categories": _categories(layout)}
        )
        number, (height, width) = len(document["images"]) + 1, one.size
        name = one.output.removeprefix(f"{folder}/")
        image = {"id": number, "file_name": name, "height": height, "width": width}
        document["images"].append(image)
        for thing in one.things:
            identity = len(document["annotations"]) + 1
            document["annotations"].append({"id": identity, "image_id": number, **_thing(thing)})
    for folder, document in documents.items():
        yield f"{folder}/{NAME}", (json.dumps(document) + "\n").encode("ascii")


def _categories(layout: FileLayout) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"id": number, "name": name} for number, name in enumerate(layout.class_names, start=1)
    ]
    about = layout.keypoints
    if about is not None:
        names = list(about.names) or [str(number) for number in range(about.count)]
        skeleton = [[a + 1, b + 1] for a, b in about.skeleton]
        for category in found:
            category |= {"keypoints": names, "skeleton": skeleton}
    return found


def _thing(thing: MovedThing) -> dict[str, Any]:
    left, top, right, bottom = (float(edge) for edge in thing.box)
    box = [round(value, _DECIMALS) for value in (left, top, right - left, bottom - top)]
    made: dict[str, Any] = {
        "category_id": thing.label + 1,
        "bbox": box,
        "area": round(box[2] * box[3], _DECIMALS),
        "iscrowd": int(thing.difficult),
    }
    if thing.region is not None:
        from augreg.sources.label_masks import coco_mask

        packed = coco_mask().encode(np.asfortranarray(thing.region, np.uint8))
        counts = packed["counts"].decode("ascii")
        made["segmentation"] = {"size": list(thing.region.shape), "counts": counts}
        made["area"] = int(thing.region.sum())
    if thing.keypoints is not None:
        made["keypoints"] = [round(float(value), _DECIMALS) for value in thing.keypoints.ravel()]
        made["num_keypoints"] = int((thing.keypoints[:, 2] > 0).sum())
    return made
