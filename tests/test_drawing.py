"""`augreg preview --annotations`: what is read, what is drawn, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augreg
from augreg.errors import DataError
from augreg.views.overlay import draw, read_annotations
from augreg.views.preview import PreviewOptions, preview_page

BLUE, RED = (40, 120, 230), (230, 60, 50)


def written(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"a.png": value}))
    return path


def test_masks_boxes_and_keypoints_are_drawn_where_they_are() -> None:
    black = np.zeros((60, 60, 3), np.uint8)
    mask = np.zeros((60, 60), np.int32)
    mask[50:] = 1
    element = {
        "images": black,
        "masks": mask,
        "boxes": {"boxes": [[10, 5, 30, 40], [0, 0, 0, 0]], "labels": [1, -1]},
        "keypoints": [[45, 20]],
    }
    drawn = draw(element)
    assert tuple(drawn[20, 45]) == RED
    assert tuple(drawn[5, 10]) == BLUE == tuple(drawn[39, 29])
    assert not drawn[20, 20].any() and not drawn[4, 10].any() and not drawn[20, 30].any()
    assert tuple(drawn[55, 5]) == tuple(level // 2 for level in RED)
    assert not drawn[0, 0].any()  # a dropped box
    assert draw({"images": black}) is black


def test_a_preview_moves_what_it_draws(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.eye(100, dtype=np.uint8)).save(tmp_path / "mask.png")
    path = written(
        tmp_path,
        {
            "boxes": [[0.1, 0.1, 0.2, 0.3]],
            "labels": [1],
            "bounding_box_format": "rel_xywh",
            "keypoints": [[80, 20]],
            "mask": "mask.png",
        },
    )
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "flip", "axis": "vertical"}]})
    found = read_annotations(path)
    one = PreviewOptions(policy, [tmp_path / "a.png"], copies=1, annotations=found)
    before, after = (
        np.argwhere((picture.pixels == BLUE).all(axis=-1)) for picture in preview_page(one).pictures
    )
    assert len(before) == len(after) > 50
    np.testing.assert_array_equal(np.sort(99 - after[:, 0]), np.sort(before[:, 0]))  # it came down


def test_oriented_boxes_are_outlined_by_their_corners_and_turn_with_the_image(
    tmp_path: Path,
) -> None:
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save(tmp_path / "a.png")
    corners = [[30.5, 10.5], [50.5, 30.5], [40.5, 40.5], [20.5, 20.5]]
    path = written(
        tmp_path,
        {
            "boxes": [[20, 10, 51, 41]],
            "corners": [corners],
            "labels": [1],
            "bounding_box_format": "xyxy",
        },
    )
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "rot90", "k": 1}]})
    found = read_annotations(path)
    one = PreviewOptions(policy, [tmp_path / "a.png"], copies=1, annotations=found)
    before, after = (picture.pixels for picture in preview_page(one).pictures)
    for x, y in ((30, 10), (50, 30), (40, 40), (20, 20), (40, 20)):
        assert tuple(before[y, x]) == BLUE
        assert tuple(after[99 - x, y]) == BLUE  # a quarter turn to the left
    assert not before[12, 22].any() and not before[25, 33].any()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"box": []}, 'unknown key "box"; allowed are boxes'),
        ({"boxes": [[1, 2, 3, 4]]}, 'needs "bounding_box_format"'),
        ({"boxes": [[1, 2]], "bounding_box_format": "xyxy"}, '"boxes" takes a list of lists of 4'),
        (
            {"boxes": [[1, 2, 3, 4]], "labels": [1, 2], "bounding_box_format": "xyxy"},
            '"labels" takes a number for each of 1 boxes',
        ),
        (
            {"boxes": [[1, 2, 3, 4]], "corners": [[[1, 2]]], "bounding_box_format": "xyxy"},
            '"corners" takes a list of 1 lists of 4 lists of 2 numbers',
        ),
        (
            {"boxes": [[1, 2, 3, 4]], "corners": [[[1, 2]] * 4] * 2, "bounding_box_format": "xyxy"},
            '"corners" takes a list of 1 lists of 4 lists of 2 numbers',
        ),
        ({"corners": [[[1, 2]] * 4]}, '"corners" go with "boxes"'),
        ({"keypoints": "here"}, '"keypoints" takes a list of lists of 2 numbers'),
        ({"mask": "none.png"}, "none.png can't be read"),
        ([], "takes an object such as"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_annotations(written(tmp_path, value))


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match=r"x\.json: not valid JSON"):
        read_annotations(tmp_path / "x.json")
    with pytest.raises(DataError, match=r"none\.json: can't be read: No such file"):
        read_annotations(tmp_path / "none.json")
