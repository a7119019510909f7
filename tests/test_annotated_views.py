"""`validate --data` and `preview --data` of annotated images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated_sets import H, W, annotation, coco_set, mask, mask_set, photo
from PIL import Image

import augreg
from augreg.cli import main
from augreg.sources import open_source
from augreg.sources.elements import elements
from augreg.views.overlay import color_of, draw
from augreg.views.photos import photos_of
from augreg.views.survey import Survey, survey

BOXES = (
    annotation(1, 10, 3, (0, 0, W, H), segmentation=[[0, 0, W, 0, W, H, 0, H]]),
    annotation(2, 11, 7, (1, 1, 5, 4), segmentation=[[1, 1, 6, 1, 6, 5, 1, 5]]),
    annotation(3, 11, 3, (25, 1, 5, 40)),
)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; gives its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return int(stop.value.code or 0), output.out, output.err

    return run


def surveyed(spec: str, policy: Any) -> Survey:
    return survey(augreg.load_policy(policy), open_source(spec), 50, lambda: None)


def test_survey_counts_the_boxes_and_the_mask_that_each_stage_leaves(tmp_path: Path) -> None:
    coco_set(tmp_path, BOXES)
    policy = {
        "version": 1,
        "prepare": [{"op": "flip", "axis": "horizontal"}],
        "augment": [{"op": "central_crop", "fraction": 0.5}],
    }
    made = surveyed(f"coco:{tmp_path}", policy)
    assert made.found.classes["train"] == {0: 2, 1: 1}
    assert made.found.extents == {"small": 3}
    # of both images: all of the first; 5x4 pixels of the second
    covered = (1 + 20 / (H * W)) / 2
    assert (made.before.images, made.before.boxes) == (2, 3)
    assert made.before.covered / 2 == pytest.approx(covered)
    flipped, cropped = made.effects.values()
    assert (flipped.boxes, flipped.covered) == (3, made.before.covered)
    assert (cropped.boxes, cropped.covered) == (1, 1.0)


def test_survey_counts_boxes_as_augment_keeps_them(tmp_path: Path) -> None:
    coco_set(tmp_path, BOXES)
    policy = {
        "version": 1,
        "augment": [
            {"op": "rotate", "degrees": [20, 60], "fill": "constant"},
            {"op": "invert"},
            {"op": "crop", "height": 12, "width": 12},
        ],
    }
    made = surveyed(f"coco:{tmp_path}", policy)
    made_of = elements(open_source(f"coco:{tmp_path}").splits["train"])
    moved = [
        augreg.augment(one, policy, seed=0, index=[index], bounding_box_format="xyxy")
        for index, one in enumerate(made_of)
    ]
    *_, last = made.effects.values()
    assert last.boxes == sum(np.sum(one["boxes"]["labels"] >= 0) for one in moved)
    assert last.covered == pytest.approx(sum(np.mean(one["masks"] != 0) for one in moved))
    assert 0 < last.covered < made.before.covered


def test_validate_reports_annotations_and_lists_those_that_are_wrong(
    said: Any, tmp_path: Path
) -> None:
    coco_set(tmp_path / "data", BOXES)
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, "augment": [{"op": "flip"}]}))
    arguments = ("validate", tmp_path / "p.json", "--data", f"coco:{tmp_path / 'data'}")
    code, out, error = said(*arguments)
    assert code == 4
    assert "boxes: 3 small, 0 medium, 0 large" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["cat", "2"] in rows and ["dog", "1"] in rows
    assert ["before", "3", "51.34%"] in rows
    assert ["/augment/0", "flip", "0.00%", "0.00%", "3", "51.34%"] in rows
    assert "#annotation 3: the box 25, 1, 30, 41 (xyxy) reaches out of the image, 31x24" in error
    assert error.count("annotation 3") == 1 and "clipped" in error
    code, _, error = said(*arguments, "--bad-annotations", "error")
    assert code == 1 and "1 annotations are wrong" in error
    code, _, error = said(*arguments, "--bad-annotations", "ignore")
    assert code == 1 and "allowed are clip, drop, error" in error


def test_validate_of_masks_reports_the_pixels_of_each_value(said: Any, tmp_path: Path) -> None:
    mask_set(tmp_path / "data")
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, "augment": [{"op": "flip"}]}))
    code, out, _ = said("validate", tmp_path / "p.json", "--data", f"masks:{tmp_path / 'data'}")
    assert code == 0
    share = np.mean([mask(0) == 1, mask(1) == 1])
    assert ["1", "1", f"{share:.2%}"] in [line.split() for line in out.splitlines()]
    assert "boxes" not in out


def test_preview_draws_the_boxes_and_masks_of_a_data_set(said: Any, tmp_path: Path) -> None:
    coco_set(tmp_path / "data", BOXES)
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, "augment": [{"op": "flip"}]}))
    target = tmp_path / "p.png"
    arguments = ("preview", tmp_path / "p.json", "-o", target, "--copies", "1")
    code, _, error = said(*arguments, "--data", f"coco:{tmp_path / 'data'}", "--limit", "2")
    assert (code, error) == (0, "")
    with Image.open(target) as image:
        page = np.asarray(image).astype(int)
    for number in range(2):
        assert (np.abs(page - color_of(number)).sum(axis=-1) < 30).sum() > 50
    code, _, error = said(*arguments, "--data", "digits", tmp_path / "a.png")
    assert code == 2 and "takes no IMAGE" in error


def test_photos_are_spread_over_a_split_and_named_with_their_class(tmp_path: Path) -> None:
    coco_set(tmp_path, BOXES, images=6)
    found = photos_of(open_source(f"coco:{tmp_path}"), 3)
    assert [one.index for one in found] == [0, 2, 4]
    assert [one.title for one in found] == ["train 0", "train 2", "train 4"]
    assert found[0].drawn.names == ("cat", "dog")
    assert len(photos_of(open_source(f"coco:{tmp_path}"), 99)) == 6
    (digit,) = photos_of(open_source("digits"), 1)
    assert digit.title == f"train 0: {digit.drawn.parts['labels']}"


def test_a_damaged_image_in_a_preview_is_named(said: Any, tmp_path: Path) -> None:
    coco_set(tmp_path / "data", BOXES)
    path = photo(tmp_path / "data/train2017/0.png")
    path.write_bytes(path.read_bytes()[:300])
    code, _, error = said(
        *("preview", "flowers", "-o", tmp_path / "p.png", "--data", f"coco:{tmp_path / 'data'}")
    )
    assert code == 1 and "image 0 can't be decoded" in error


def test_every_class_has_a_colour_of_its_own() -> None:
    assert len({color_of(number) for number in range(256)}) == 256


def test_names_are_written_within_the_image_and_hidden_keypoints_are_not_drawn() -> None:
    element = {
        "images": np.zeros((80, 100, 3), np.uint8),
        "boxes": {"boxes": [[60, 40, 90, 70], [80, 0, 100, 20]], "labels": [1, 0]},
        "keypoints": np.array([[[10, 60, 2], [30, 60, 0]], [[50, 60, 1], [0, 0, 0]]]),
    }
    bare, named = draw(element), draw(element, ["a cat of many words", "dog"])
    changed = np.argwhere((bare != named).any(axis=-1))
    above = changed[changed[:, 1] < 80]
    assert len(changed) > 100
    assert above[:, 0].max() < 41  # above the first box; within the second, at the border
    assert tuple(named[60, 10]) == color_of(0) == tuple(named[60, 50])
    assert not named[60, 30].any() and not bare[2, 0].any()
