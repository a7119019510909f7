"""What is wrong in annotations: clipped, left out or refused, and always listed with its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated_sets import (
    H,
    W,
    annotation,
    coco_set,
    mask_set,
    palette_mask,
    photo,
    voc_object,
    voc_set,
    yolo_set,
)
from PIL import Image
from pycocotools import mask

from augreg.errors import DataError
from augreg.sources import Source, open_source

GOOD = annotation(1, 10, 3, (2, 3, 10, 12))
NAN = float("nan")
LONG = mask.frPyObjects({"size": [H, W], "counts": [H * W, 9]}, H, W)["counts"].decode()
WHOLE = [[0, 0, W, 0, W, H]]


def boxes(source: Source) -> list[Any]:
    return [
        box
        for one in source.splits["train"].dataset.as_numpy_iterator()
        for box in one["boxes"]["boxes"].tolist()
    ]


def check_each_handling(
    spec: str, place: str, reason: str, good: Any, clipped: Sequence[Any] = ()
) -> None:
    """Opens a source in which one annotation is wrong. clipped: the boxes that clipping gives."""
    for handling in ("clip", "drop"):
        source = open_source(spec, bad_annotations=handling)
        (bad,) = source.bad_annotations
        assert bad.path.endswith(place)
        assert reason in bad.reason
        keeps = handling == "clip" and len(clipped) > 0
        assert bad.action == ("clipped" if keeps else "left out")
        np.testing.assert_allclose(boxes(source), [*good, *(clipped if keeps else ())], atol=1e-4)
    with pytest.raises(DataError) as caught:
        open_source(spec, bad_annotations="error")
    first, listed = str(caught.value).split("\n")
    assert "1 annotations are wrong" in first and 'bad_annotations="drop"' in first
    assert place in listed and reason in listed


COCO = {
    "beyond": (
        {"bbox": [20, 3, 30, 10]},
        "reaches out of the image, 31x24",
        [[20, 3, W, 13]],
    ),
    "a little beyond": ({"bbox": [20.005, 3, 11.005, 10]}, "", None),
    "half a pixel beyond": ({"bbox": [20, 3, 11.5, 10]}, "reaches out", [[20, 3, W, 13]]),
    "outside": ({"bbox": [40, 3, 5, 5]}, "is outside of the image", []),
    "no area": ({"bbox": [4, 3, 0, 5]}, "has no area", []),
    "negative": ({"bbox": [9, 3, -2, 5]}, "has no area", []),
    "not a number": ({"bbox": [NAN, 3, 2, 5]}, "finite numbers", []),
    "three numbers": ({"bbox": [3, 2, 5]}, '"bbox" takes four numbers', []),
    "text": ({"bbox": "3 2 5 6"}, '"bbox" takes four numbers', []),
    "no box": ({"bbox": None, "segmentation": []}, '"bbox" takes four numbers', []),
    "unlisted class": ({"category_id": 5}, "category_id 5 is not among the categories", []),
    "class of a strange kind": ({"category_id": [3]}, "category_id [3] is not among", []),
    "unlisted image": ({"image_id": 99}, "image_id 99 is not among the images", []),
    "image of a strange kind": ({"image_id": {}}, "image_id {} is not among the images", []),
    "empty polygon": ({"segmentation": [[]]}, "a polygon of 0 points", []),
    "two points": ({"segmentation": [[1, 2, 3, 4]]}, "a polygon of 2 points", []),
    "odd polygon": ({"segmentation": [[1, 2, 3, 4, 5]]}, "takes pairs of numbers", []),
    "polygon of text": ({"segmentation": ["a"]}, "takes pairs of numbers", []),
    "polygon of NaN": ({"segmentation": [[1, 2, 3, 4, NAN, 6]]}, "finite numbers", []),
    "run lengths of another size": (
        {"segmentation": {"size": [9, 9], "counts": [81]}},
        "run lengths of the size [9, 9]; the image has [24, 31]",
        [],
    ),
    "run lengths that end early": (
        {"segmentation": {"size": [H, W], "counts": [5, 5]}},
        "have to add up to the image's pixels",
        [],
    ),
    "packed run lengths that run on": (
        {"segmentation": {"size": [H, W], "counts": LONG}},
        "can't be decoded",
        [],
    ),
}


@pytest.mark.parametrize("name", COCO)
def test_bad_coco_annotation(tmp_path: Path, name: str) -> None:
    change, reason, clipped = COCO[name]
    bad = {**annotation(2, 10, 7, (4, 4, 5, 5), segmentation=WHOLE), **change}
    coco_set(tmp_path, [{**GOOD, "segmentation": WHOLE}, bad])
    if clipped is None:
        assert open_source(f"coco:{tmp_path}", bad_annotations="error").bad_annotations == ()
        return
    place = "instances_train2017.json#annotation 2"
    check_each_handling(f"coco:{tmp_path}", place, reason, [[2, 3, 12, 15]], clipped)


def test_second_coco_annotation_of_one_id_is_left_out(tmp_path: Path) -> None:
    coco_set(tmp_path, [GOOD, GOOD])
    reason = "a second annotation with this id"
    check_each_handling(f"coco:{tmp_path}", "#annotation 1", reason, [[2, 3, 12, 15]])


def _images(change: Callable[[list[Any]], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document["images"])
        path.write_text(json.dumps(document))

    return write


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (_images(lambda images: images[1].update(file_name="no.png")), "#image 11", "no file "),
        (_images(lambda images: images[1].update(width=30)), "#image 11", "its size is 30x24"),
        (_images(lambda images: images[1].update(id=10)), "#image 10", "second image with this id"),
        (_images(lambda images: images[1].update(file_name="0.png")), "#image 11", "listed twice"),
        (_images(lambda images: images[1].pop("file_name")), "#image 11", 'takes an "id"'),
    ],
)
def test_bad_coco_image_is_left_out(
    tmp_path: Path, change: Callable[[Path], None], place: str, reason: str
) -> None:
    change(coco_set(tmp_path, [GOOD]))
    check_each_handling(f"coco:{tmp_path}", place, reason, [[2, 3, 12, 15]])
    assert open_source(f"coco:{tmp_path}").splits["train"].size == 1


def test_an_image_of_two_splits_is_in_the_first(tmp_path: Path) -> None:
    path = coco_set(tmp_path / "coco", [GOOD])
    (tmp_path / "coco/train2017").rename(tmp_path / "coco/images")
    document = json.loads(path.read_text())
    path.with_name("instances_val2017.json").write_text(
        json.dumps({**document, "images": document["images"][:1]})
    )
    reason = "in 'validation' and in another split"
    check_each_handling(f"coco:{tmp_path / 'coco'}", "images/0.png", reason, [[2, 3, 12, 15]])

    data = yolo_set(tmp_path / "yolo", ["0 0.5 0.5 0.5 0.5\n"])
    data.write_text("train: images/train\nval: images/train\nnames: [cat, dog]\n")
    good = [[W / 4, H / 4, 3 * W / 4, 3 * H / 4]]
    check_each_handling(f"yolo:{tmp_path / 'yolo'}", "images/train/0.png", reason, good)


def test_coco_keypoint_outside_of_the_image_is_hidden(tmp_path: Path) -> None:
    person = {"id": 3, "name": "cat", "keypoints": ["a", "b"]}
    points = [5, 5, 2, 40, 5, 2]
    coco_set(tmp_path, [{**GOOD, "keypoints": points}], categories=[person])
    source = open_source(f"coco:{tmp_path}")
    (bad,) = source.bad_annotations
    assert bad.reason == "keypoint 1 at 40, 5 is outside of the image, 31x24"
    first = next(source.splits["train"].dataset.as_numpy_iterator())
    np.testing.assert_array_equal(first["keypoints"], [[[5, 5, 2], [0, 0, 0]]])
    assert boxes(open_source(f"coco:{tmp_path}", bad_annotations="drop")) == []


YOLO = {
    "beyond": ("1 0.8 0.5 0.4012 0.5", "reaches out of the image", [[18.5814, 6, W, 18]]),
    "rounded beyond": ("1 0.8 0.5 0.400001 0.5", "", None),
    "outside": ("1 1.5 0.5 0.2 0.5", "is outside of the image", []),
    "pixels": ("1 15 12 4 4", "is outside of the image", []),
    "no area": ("1 0.5 0.5 0.0 0.5", "has no area", []),
    "not a number": ("1 0.5 nan 0.5 0.5", "finite numbers", []),
    "text": ("dog 0.5 0.5 0.5 0.5", "not numbers: dog 0.5", []),
    "unlisted class": ("2 0.5 0.5 0.5 0.5", "its class is 2; the classes are 0 to 1", []),
    "half a class": ("0.5 0.5 0.5 0.5 0.5", "its class is 0.5", []),
    "four columns": ("1 0.5 0.5 0.5", "4 columns; allowed are 5 (a box)", []),
    "duplicate": ("0  0.5 0.5 0.5 0.5", "the same line a second time", []),
}


@pytest.mark.parametrize("name", YOLO)
def test_bad_yolo_line(tmp_path: Path, name: str) -> None:
    line, reason, clipped = YOLO[name]
    yolo_set(tmp_path, [f"0 0.5 0.5 0.5 0.5\n\n{line}\n"])
    if clipped is None:
        assert open_source(f"yolo:{tmp_path}", bad_annotations="error").bad_annotations == ()
        return
    good = [[W / 4, H / 4, 3 * W / 4, 3 * H / 4]]
    check_each_handling(f"yolo:{tmp_path}", "labels/train/0.txt:3", reason, good, clipped)


def test_bad_yolo_polygon_and_pose_are_left_out(tmp_path: Path) -> None:
    good = "0 0.1 0.1 0.5 0.1 0.5 0.5\n"
    yolo_set(tmp_path / "a", [f"{good}1 0.1 0.1 0.5 0.1 0.5 0.5 0.3\n"])
    check_each_handling(f"yolo:{tmp_path / 'a'}", "0.txt:2", "8 columns", [[3.1, 2.4, 15.5, 12]])
    yolo_set(tmp_path / "b", ["0 0.5 0.5 0.5 0.5 0.5 0.5\n"], "kpt_shape: [1, 3]\n")
    check_each_handling(f"yolo:{tmp_path / 'b'}", "0.txt:1", "7 columns; kpt_shape makes it 8", [])


def test_yolo_labels_without_an_image_and_images_that_are_listed_only(tmp_path: Path) -> None:
    yolo_set(tmp_path, ["0 0.5 0.5 0.5 0.5\n"])
    good = [[W / 4, H / 4, 3 * W / 4, 3 * H / 4]]
    (tmp_path / "labels/train/x.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    check_each_handling(f"yolo:{tmp_path}", "labels/train/x.txt", "no image for it", good)
    (tmp_path / "labels/train/x.txt").unlink()
    (tmp_path / "train.txt").write_text("images/train/0.png\nimages/train/y.png\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nnames: [cat, dog]\n")
    check_each_handling(f"yolo:{tmp_path}", "images/train/y.png", "no such image", good)


VOC = {
    "beyond": (voc_object("cat", (20, 3, 36, 10)), "reaches out", [[19, 2, W, 10]]),
    "from 0": (voc_object("cat", (0, 3, 6, 10)), "reaches out", [[0, 2, 6, 10]]),
    "no area": (voc_object("cat", (7, 3, 6, 10)), "has no area", []),
    "not a number": (voc_object("cat", ("nan", 3, 6, 10)), "finite numbers", []),
    "text": (voc_object("cat", ("a", 3, 6, 10)), "bndbox takes four numbers", []),
    "no name": (voc_object("", (1, 3, 6, 10)), "an object takes a name", []),
}


@pytest.mark.parametrize("name", VOC)
def test_bad_voc_object(tmp_path: Path, name: str) -> None:
    text, reason, clipped = VOC[name]
    voc_set(tmp_path, [voc_object("dog", (1, 1, 9, 9)) + text])
    check_each_handling(f"voc:{tmp_path}", "0.xml#object 2", reason, [[0, 0, 9, 9]], clipped)


ENTITIES = '<!DOCTYPE a [<!ENTITY b "cccc">]><annotation>&b;</annotation>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation><size>", "not valid XML"),
        ("", "not valid XML"),
        (ENTITIES, "a document type (<!DOCTYPE>) is not allowed"),
        (
            "<annotation><size><width>9</width><height>9</height></size></annotation>",
            "its size is 9x9; ",
        ),
    ],
)
def test_bad_voc_file_leaves_its_image_out(tmp_path: Path, text: str, reason: str) -> None:
    voc_set(tmp_path, [voc_object("dog", (1, 1, 9, 9)), ""])
    (tmp_path / "Annotations/1.xml").write_text(text)
    check_each_handling(f"voc:{tmp_path}", "Annotations/1.xml", reason, [[0, 0, 9, 9]])
    assert open_source(f"voc:{tmp_path}").splits["train"].size == 1


def test_voc_list_names_an_image_that_is_not_there(tmp_path: Path) -> None:
    voc_set(tmp_path, [voc_object("dog", (1, 1, 9, 9))])
    (tmp_path / "ImageSets/Main/train.txt").write_text("0  1\nx -1\n")
    check_each_handling(f"voc:{tmp_path}", "train.txt", "there is no image x", [[0, 0, 9, 9]])


def _colours(root: Path) -> None:
    photo(root / "train/masks/1.png")


def _floats(root: Path) -> None:
    (root / "train/masks/1.png").unlink()
    Image.fromarray(np.full((H, W), -1.0, np.float32)).save(root / "train/masks/1.tif")


def _damage(root: Path) -> None:
    path = root / "train/masks/1.png"
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (_colours, "masks/1.png", "this one has colours"),
        (_floats, "masks/1.tif", "the values of a mask are 0 to 65535; found -1 to -1"),
        (_damage, "masks/1.png", ""),
        (
            lambda root: palette_mask(root / "train/masks/1.png", np.zeros((5, 4))),
            "masks/1.png",
            "4x5 pixels; its image has 31x24",
        ),
        (lambda root: (root / "train/masks/1.png").unlink(), "images/1.jpg", "there is no mask"),
        (lambda root: (root / "train/images/1.jpg").unlink(), "masks/1.png", "no image for it"),
    ],
)
def test_bad_mask_leaves_its_image_out(
    tmp_path: Path, change: Callable[[Path], Any], place: str, reason: str
) -> None:
    change(mask_set(tmp_path))
    source = open_source(f"masks:{tmp_path}")
    (bad,) = source.bad_annotations
    assert bad.path.endswith(place) and reason in bad.reason
    assert source.splits["train"].size == 1
    with pytest.raises(DataError, match="1 annotations are wrong"):
        open_source(f"masks:{tmp_path}", bad_annotations="error")


def test_bad_images_count_against_max_bad_not_as_annotations(tmp_path: Path) -> None:
    coco_set(tmp_path, [GOOD])
    path = tmp_path / "train2017/1.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="1 of 2 images can't be used"):
        open_source(f"coco:{tmp_path}")
    source = open_source(f"coco:{tmp_path}", max_bad=0.5, bad_annotations="error")
    assert (len(source.bad), source.bad_annotations) == (1, ())


def test_a_turned_photograph_whose_file_states_the_stored_size_is_left_out(tmp_path: Path) -> None:
    coco_set(tmp_path, [GOOD])
    exif = Image.Exif()
    exif[274] = 6
    for suffix in (".png", ".jpg"):  # the file's name is JPEG's, its size is that before turning
        (tmp_path / f"train2017/1{suffix}").unlink(missing_ok=True)
    Image.new("RGB", (W, H)).save(tmp_path / "train2017/1.jpg", exif=exif)
    file = tmp_path / "annotations/instances_train2017.json"
    file.write_text(file.read_text().replace("1.png", "1.jpg"))
    check_each_handling(f"coco:{tmp_path}", "#image 11", "its size is 31x24", [[2, 3, 12, 15]])


def test_an_unknown_handling_is_refused() -> None:
    with pytest.raises(DataError, match="allowed are clip, drop, error"):
        open_source("digits", bad_annotations="ignore")
