"""`augreg apply --annotations yolo-obb`: a class and four corners a line, inside of the image."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotated_sets import H, W, annotation, coco_set
from test_apply_annotated import MAKERS, POLICY, mask_set, run

import augreg
from augreg.apply import replay
from augreg.cli import main
from augreg.errors import DataError
from augreg.sources import open_source
from augreg.sources.elements import elements

OBB = {"annotations": "yolo-obb"}
TURN = {"op": "rotate", "degrees": 30, "fill": "constant"}


def policy(*steps: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), "output": {"dtype": "uint8"}}


def lines_of(path: Path) -> tuple[list[int], np.ndarray]:
    """The classes, and the corners [N, 4, 2], of a label file."""
    rows = [line.split() for line in path.read_text().splitlines()]
    assert all(len(row) == 9 for row in rows)
    corners = np.array([row[1:] for row in rows], float).reshape(-1, 4, 2)
    assert ((corners >= 0) & (corners <= 1)).all()
    return [int(row[0]) for row in rows], corners


def boxes(root: Path, *rows: Any) -> str:
    """A dataset of one image; rows are xywh of class 0."""
    every = [annotation(n + 1, 10, 3, row) for n, row in enumerate(rows)]
    coco_set(root, every, images=1)
    return f"coco:{root}"


@pytest.mark.parametrize("name", ["coco", "people", "yolo", "pose", "voc"])
def test_lines_are_the_corners_that_augment_gives(tmp_path: Path, name: str) -> None:
    spec = MAKERS[name](tmp_path / "data")
    run(spec, tmp_path / "out", copies=2, **OBB)
    source, out = open_source(spec), tmp_path / "out"
    labels, pictures = sorted(out.glob("labels/train/*")), sorted(out.glob("images/train/*"))
    assert [path.stem for path in labels] == [path.stem for path in pictures]
    found, checked = iter(labels), 0
    for index, element in enumerate(elements(source.splits["train"])):
        for epoch in range(2):
            rules = {"bounding_box_format": source.box_format, "oriented": True}
            one = augreg.augment(element, POLICY, seed=5, index=[index], epoch=epoch, **rules)
            kept = one["boxes"]["labels"] >= 0
            height, width = one["images"].shape[:2]
            inside = np.clip(one["boxes"]["corners"][kept] / [width, height], 0, 1)
            classes, corners = lines_of(next(found))
            assert classes == one["boxes"]["labels"][kept].tolist()
            np.testing.assert_allclose(corners, inside.reshape(-1, 4, 2), atol=1e-6)
            checked += len(corners)
    assert checked >= 2
    names = json.dumps(source.class_names)  # without keypoints, which these lines don't hold
    expected = f"train: images/train\nnc: {len(source.class_names)}\nnames: {names}\n"
    assert (out / "data.yaml").read_text() == expected


def test_a_trainer_makes_the_turned_rectangle_of_a_line(tmp_path: Path) -> None:
    """Ultralytics hands the four corners, in pixels, to OpenCV's `minAreaRect`."""
    run(boxes(tmp_path / "data", (10, 8, 12, 6)), tmp_path / "out", policy=policy(TURN), **OBB)
    _, (corners,) = lines_of(tmp_path / "out/labels/train/0.png.0.txt")
    center, size, angle = cv2.minAreaRect((corners * [W, H]).astype(np.float32))
    turned = cv2.getRotationMatrix2D(((W - 1) / 2, (H - 1) / 2), 30, 1.0) @ [15.5, 10.5, 1]
    np.testing.assert_allclose(center, turned + 0.5, atol=1e-3)
    np.testing.assert_allclose(sorted(size), [6, 12], atol=1e-3)
    assert math.isclose(angle % 90, 60, abs_tol=1e-2)
    again = open_source(f"yolo:{tmp_path / 'out'}", bad_annotations="error")
    assert again.parts == ("boxes", "masks")  # a line is a polygon
    (one,) = elements(again.splits["train"])
    assert abs(one["masks"].astype(bool).sum() - 6 * 12) < 8


def test_an_object_is_left_out_whose_turned_box_is_outside(tmp_path: Path) -> None:
    """The upright box around a thin one that is turned reaches into the image; itself does not."""
    shift = {"op": "translate", "x": -0.5, "y": -0.4}
    turn = {"op": "rotate", "degrees": 45, "fill": "constant"}
    spec = boxes(tmp_path / "data", (2, 10, 27, 1), (14, 4, 8, 18))
    run(spec, tmp_path / "upright", policy=policy(turn, shift), annotations="yolo")
    rows = (tmp_path / "upright/labels/train/0.png.0.txt").read_text().splitlines()
    run(spec, tmp_path / "out", policy=policy(turn, shift), **OBB)
    _, corners = lines_of(tmp_path / "out/labels/train/0.png.0.txt")
    one = next(elements(open_source(spec).splits["train"]))
    rules = {"bounding_box_format": "xyxy", "oriented": True}
    moved = augreg.augment(one, policy(turn, shift), seed=5, index=[0], **rules)["boxes"]
    image = np.array([[0, 0], [W, 0], [W, H], [0, H]], np.float32)
    inside = [cv2.intersectConvexConvex(quad, image)[0] for quad in moved["corners"]]
    whole = [cv2.contourArea(quad) for quad in moved["corners"]]
    kept = np.array(inside) >= 0.1 * np.array(whole)
    assert kept.tolist() == [False, True] and len(rows) == 2
    np.testing.assert_allclose(corners, np.clip(moved["corners"][kept] / [W, H], 0, 1), atol=1e-6)


def test_crowds_are_left_out_and_masks_have_no_boxes(tmp_path: Path) -> None:
    run(MAKERS["coco"](tmp_path / "data"), tmp_path / "all", **OBB)
    crowd = MAKERS["coco"](tmp_path / "crowd")
    path = tmp_path / "crowd/annotations/instances_train2017.json"
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 1', 1))
    run(crowd, tmp_path / "out", **OBB)
    every, fewer = (
        lines_of(tmp_path / folder / "labels/train/0.png.0.txt")[0] for folder in ("all", "out")
    )
    assert every == [0, 1] and fewer == [1]
    mask_set(tmp_path / "masks")
    with pytest.raises(DataError, match='holds masks; the format "yolo-obb" needs boxes'):
        run(f"masks:{tmp_path / 'masks'}", tmp_path / "none", **OBB)


def test_the_command_takes_it_and_a_line_is_replayed(tmp_path: Path) -> None:
    spec, out = boxes(tmp_path / "data", (10, 8, 12, 6)), tmp_path / "out"
    steps = tmp_path / "policy.json"
    steps.write_text('{"version": 1, "augment": [{"op": "flip"}]}')
    with pytest.raises(SystemExit) as end:
        main(["apply", str(steps), spec, str(out), "--annotations", "yolo-obb"])
    assert end.value.code == 0
    made = replay(out / "manifest.jsonl", 1)
    assert made.contents == (out / made.line.output).read_bytes()
    assert lines_of(out / "labels/train/0.png.0.txt")[0] == [0]
