"""Sources with boxes, masks and keypoints: what they read, against the formats' own tools."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from annotated_sets import (
    PALETTE,
    H,
    W,
    annotation,
    coco_document,
    coco_set,
    mask,
    mask_set,
    palette_mask,
    photo,
    run_lengths,
    voc_object,
    voc_set,
    yolo_set,
)
from PIL import Image
from pycocotools.coco import COCO

import augreg
from augreg.dataset.indexed import behind
from augreg.errors import AugregError, DataError
from augreg.sources import Source, open_source
from augreg.train import TrainOptions, train

POLICY = {
    "version": 1,
    "prepare": [{"op": "resize", "height": 16, "width": 16}],
    "augment": [{"op": "flip", "p": 0.5}, {"op": "rotate", "degrees": [-20, 20]}],
}
BLOB = np.zeros((H, W), np.uint8)
BLOB[5:9, 6:14] = 1
# a large polygon, a small one on top, run lengths, a crowd
ANNOTATIONS = (
    annotation(1, 10, 3, (2, 3, 20, 15), segmentation=[[2, 3, 22, 3, 22, 18, 2, 18]]),
    annotation(2, 10, 7, (5.5, 4, 6, 6), segmentation=[[5.5, 4, 11.5, 4, 8, 10]]),
    annotation(3, 11, 7, (6, 5, 8, 4), segmentation=run_lengths(BLOB)),
    annotation(4, 11, 3, (0, 0, 31, 3), segmentation=run_lengths(np.eye(H, W)), iscrowd=1),
)


def elements(source: Source, split: str = "train") -> list[Any]:
    return list(source.splits[split].dataset.as_numpy_iterator())


def coco_api(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def pair_up(boxes: dict[str, Any]) -> list[Any]:
    return [(int(label), *map(float, box)) for box, label in zip(*boxes.values(), strict=True)]


# --- COCO -----------------------------------------------------------------------------------------


def test_coco_boxes_are_those_of_its_api_as_corners_with_classes_from_0(tmp_path: Path) -> None:
    path = coco_set(tmp_path, ANNOTATIONS)
    source, api = open_source(f"coco:{tmp_path}"), coco_api(path)
    assert source.class_names == ("cat", "dog")
    assert (source.parts, source.box_format) == (("boxes", "masks"), "xyxy")
    for image, element in zip((10, 11), elements(source), strict=True):
        found = api.loadAnns(api.getAnnIds(image, iscrowd=False))
        corners = keras.utils.bounding_boxes.convert_format(
            np.array([one["bbox"] for one in found], np.float32), "xywh", "xyxy"
        )
        np.testing.assert_allclose(element["boxes"]["boxes"], corners)
        names = [api.cats[one["category_id"]]["name"] for one in found]
        assert [source.class_names[label] for label in element["boxes"]["labels"]] == names
    assert source.notes == ("1 crowds or difficult objects have no box; difficult=True keeps them",)
    kept = open_source(f"coco:{tmp_path}", difficult=True)
    assert [len(one["boxes"]["labels"]) for one in elements(kept)] == [2, 2]


def test_coco_masks_are_painted_from_the_largest_region_to_the_smallest(tmp_path: Path) -> None:
    path = coco_set(tmp_path, ANNOTATIONS)
    api = coco_api(path)
    large, small, blob, crowd = (api.annToMask(one) for one in api.loadAnns([1, 2, 3, 4]))
    expected = np.where(small, 2, np.where(large, 1, 0))
    first, second = (one["masks"] for one in elements(open_source(f"coco:{path}")))
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, np.where(crowd, 1, np.where(blob, 2, 0)))


def test_coco_compressed_run_lengths_mean_what_plain_ones_do(tmp_path: Path) -> None:
    path = coco_set(tmp_path, ANNOTATIONS)
    before = elements(open_source(f"coco:{path}"))
    document, api = json.loads(path.read_text()), coco_api(path)
    for one in document["annotations"]:
        packed = api.annToRLE(one)
        one["segmentation"] = {**packed, "counts": packed["counts"].decode()}
    path.write_text(json.dumps(document))
    for old, new in zip(before, elements(open_source(f"coco:{path}")), strict=True):
        np.testing.assert_array_equal(old["masks"], new["masks"])


def test_coco_keypoints_have_a_row_for_each_box_and_zeros_where_there_are_none(
    tmp_path: Path,
) -> None:
    points = [4, 5, 2, 30, 23, 1, 0, 0, 0]
    people = [
        annotation(1, 10, 3, (2, 3, 20, 15), keypoints=points),
        annotation(2, 10, 7, (2, 3, 4, 5)),
    ]
    person = {"id": 3, "name": "cat", "keypoints": ["nose", "l", "r"], "skeleton": [[1, 2], [2, 3]]}
    coco_set(tmp_path, people, categories=[person, {"id": 7, "name": "dog"}])
    source = open_source(f"coco:{tmp_path}")
    first, second = (one["keypoints"] for one in elements(source))
    np.testing.assert_array_equal(first, [np.reshape(points, (3, 3)), np.zeros((3, 3))])
    assert second.shape == (0, 3, 3)
    assert source.keypoints is not None
    assert source.keypoints.names == ("nose", "l", "r")
    assert source.keypoints.skeleton == ((0, 1), (1, 2))


def test_coco_splits_come_from_the_names_of_files_or_folders(tmp_path: Path) -> None:
    coco_set(tmp_path / "a", ANNOTATIONS)
    document = coco_document(ANNOTATIONS[:2], 1)
    (tmp_path / "a/annotations/instances_val2017.json").write_text(json.dumps(document))
    (tmp_path / "a/annotations/captions_val2017.json").write_text("{}")
    photo(tmp_path / "a/val2017/0.png")
    source = open_source(f"coco:{tmp_path / 'a'}")
    assert {name: split.size for name, split in source.splits.items()} == {
        "train": 2,
        "validation": 1,
    }
    for split in ("train", "valid", "test"):
        photo(tmp_path / "b" / split / "0.png")
        file = tmp_path / "b" / split / "_annotations.coco.json"
        file.write_text(json.dumps(document))
    assert set(open_source(f"coco:{tmp_path / 'b'}").splits) == {"train", "validation", "test"}


def test_a_coco_file_without_a_split_is_split_by_names_of_files(tmp_path: Path) -> None:
    for i in range(40):
        photo(tmp_path / f"{i}.png", i)
    (tmp_path / "labels.json").write_text(json.dumps(coco_document(ANNOTATIONS, 40)))
    source = open_source(f"coco:{tmp_path}")
    assert sum(split.size for split in source.splits.values()) == 40
    assert set(source.splits) == {"train", "validation", "test"}
    assert "split 80/10/10" in source.notes[0]


# --- YOLO -----------------------------------------------------------------------------------------


def test_yolo_boxes_are_relative_centers_and_sizes(tmp_path: Path) -> None:
    rows = np.array([[0.5, 0.5, 0.25, 0.5], [0.2, 0.3, 0.1, 0.2]])
    text = "".join(f"{i} {' '.join(map(str, row))}\n" for i, row in enumerate(rows))
    yolo_set(tmp_path, [text, ""])
    source = open_source(f"yolo:{tmp_path}")
    first, second = elements(source)
    expected = keras.utils.bounding_boxes.convert_format(rows * [W, H, W, H], "center_xywh", "xyxy")
    np.testing.assert_allclose(first["boxes"]["boxes"], expected, rtol=1e-6)
    np.testing.assert_array_equal(first["boxes"]["labels"], [0, 1])
    assert (second["boxes"]["boxes"].shape, source.parts) == ((0, 4), ("boxes",))


def test_yolo_polygons_are_masks_and_boxes(tmp_path: Path) -> None:
    points = np.array([[2, 3], [22, 3], [22, 18], [2, 18]])
    row = " ".join(f"{value:.7f}" for value in (points / [W, H]).ravel())
    yolo_set(tmp_path / "yolo", [f"1 {row}\n"])
    path = coco_set(tmp_path, ANNOTATIONS)
    (element,) = elements(open_source(f"yolo:{tmp_path / 'yolo'}"))
    np.testing.assert_allclose(element["boxes"]["boxes"], [[2, 3, 22, 18]], atol=1e-4)
    region = coco_api(path).annToMask(ANNOTATIONS[0])
    np.testing.assert_array_equal(element["masks"], 2 * region)


@pytest.mark.parametrize("columns", [2, 3])
def test_yolo_keypoints_are_relative_to_the_image_as_its_boxes(
    tmp_path: Path, columns: int
) -> None:
    seen = " 2" if columns == 3 else ""
    none = " 0" if columns == 3 else ""
    row = f"0 0.5 0.5 0.5 0.5 0.5 0.5{seen} 0 0{none}\n"
    yolo_set(tmp_path, [row], f"kpt_shape: [2, {columns}]\nflip_idx: [1, 0]\n")
    source = open_source(f"yolo:{tmp_path}")
    (element,) = elements(source)
    # the image's center, by pixels whose centers are at integers
    np.testing.assert_allclose(element["keypoints"], [[[15, 11.5, 2], [0, 0, 0]]])
    assert source.keypoints is not None
    assert (source.keypoints.flip, source.keypoints.visibility) == ((1, 0), columns == 3)


@pytest.mark.parametrize(
    "yaml",
    [
        "path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n",
        "train: ../images/train\nval: ../images/val\nnames: {0: cat, 1: dog}\n",
        "train: [images/train]\nval: val.txt\nnames: [cat, dog]\n",
    ],
)
def test_yolo_splits_are_folders_lists_of_folders_or_texts(tmp_path: Path, yaml: str) -> None:
    yolo_set(tmp_path, ["0 0.5 0.5 0.5 0.5\n"] * 3).write_text(yaml)
    photo(tmp_path / "images/val/x.png")
    (tmp_path / "val.txt").write_text("./images/val/x.png\n")
    source = open_source(f"yolo:{tmp_path / 'data.yaml'}")
    assert source.class_names == ("cat", "dog")
    assert {name: split.size for name, split in source.splits.items()} == {
        "train": 3,
        "validation": 1,
    }
    assert source.bad_annotations == ()


# --- VOC and masks --------------------------------------------------------------------------------


def test_voc_boxes_count_pixels_from_1_and_include_both_ends(tmp_path: Path) -> None:
    whole, pixel = (1, 1, W, H), (5, 7, 5, 7)
    voc_set(tmp_path, [voc_object("dog", whole) + voc_object("cat", pixel, 1), ""])
    source = open_source(f"voc:{tmp_path}", difficult=True)
    first, second = elements(source)
    dog, cat = (source.class_names.index(name) for name in ("dog", "cat"))
    assert pair_up(first["boxes"]) == [(dog, 0, 0, W, H), (cat, 4, 6, 5, 7)]
    assert len(source.class_names) == 20
    assert pair_up(second["boxes"]) == []
    easy = open_source(f"voc:{tmp_path}")
    assert [len(one["boxes"]["labels"]) for one in elements(easy)] == [1, 0]


def test_voc_masks_are_palette_indices_and_few_images_have_one(tmp_path: Path) -> None:
    voc_set(tmp_path / "VOCdevkit/VOC2012", [voc_object("dog", (1, 1, 9, 9))] * 3, masks=True)
    (tmp_path / "VOCdevkit/VOC2012/SegmentationClass/2.png").unlink()
    assert open_source(f"voc:{tmp_path}").parts == ("boxes",)
    source = open_source(f"voc:{tmp_path}", parts=("masks",))
    found = elements(source)
    for i in range(2):
        np.testing.assert_array_equal(found[i]["masks"], mask(i))
    assert (len(found), source.mask_names[1], source.mask_names[255]) == (2, "aeroplane", "void")
    assert source.notes == ("1 images of 'train' have no masks: left out",)


def test_voc_classes_of_ones_own_are_those_that_the_files_have(tmp_path: Path) -> None:
    voc_set(tmp_path, [voc_object("zebra", (1, 1, 9, 9)) + voc_object("ape", (2, 2, 9, 9))])
    assert open_source(f"voc:{tmp_path}").class_names == ("ape", "zebra")


@pytest.mark.parametrize("layout", ["split first", "split last", "one folder"])
def test_masks_beside_images_are_palette_indices(tmp_path: Path, layout: str) -> None:
    mask_set(tmp_path / "set", 20)
    if layout != "split first":
        for kind in ("images", "masks"):
            folder = tmp_path / "other" / kind / ("train" if layout == "split last" else "")
            shutil.move(tmp_path / "set/train" / kind, folder)
    source = open_source(f"masks:{tmp_path / ('set' if layout == 'split first' else 'other')}")
    assert (source.parts, source.class_names) == (("masks",), ("0", "1", "2"))
    assert sum(split.size for split in source.splits.values()) == 20
    first = elements(source)[0]
    np.testing.assert_array_equal(np.unique(first["masks"]), [0, 1, 2])
    assert set(first) == {"images", "masks"}


def test_grey_masks_keep_their_values_also_above_255(tmp_path: Path) -> None:
    mask_set(tmp_path)
    deep = mask(0).astype(np.uint16) * 500
    Image.fromarray(deep).save(tmp_path / "train/masks/0.png")
    source = open_source(f"masks:{tmp_path}")
    first, second = (one["masks"] for one in elements(source))
    assert first.dtype == second.dtype == np.int32
    np.testing.assert_array_equal(first, deep)
    np.testing.assert_array_equal(second, mask(1))
    assert source.class_names == ("0", "1", "2", "500", "1000")


def test_a_palette_of_two_colours_is_read_as_its_indices(tmp_path: Path) -> None:
    values = np.minimum(mask(0), 1)
    photo(tmp_path / "images/train/0.png")
    path = palette_mask(tmp_path / "masks/train/0_mask.png", values)
    with Image.open(path) as image:  # one bit a pixel
        image.putpalette(PALETTE[:6])
        image.save(path, bits=1)
    (element,) = elements(open_source(f"masks:{tmp_path}"))
    np.testing.assert_array_equal(element["masks"], values)


# --- all of them ----------------------------------------------------------------------------------


def made(tmp_path: Path, kind: str) -> Source:
    box = voc_object("dog", (3, 4, 12, 9))
    if kind == "coco":
        coco_set(tmp_path, ANNOTATIONS)
    elif kind == "yolo":
        yolo_set(tmp_path, ["0 0.5 0.5 0.4 0.4 0.5 0.5 2\n" * 1, ""], "kpt_shape: [1, 3]\n")
    elif kind == "voc":
        voc_set(tmp_path, [box, ""], masks=True)
    else:
        mask_set(tmp_path)
    return augreg.open_source(f"{kind}:{tmp_path}")


@pytest.mark.parametrize("kind", ["coco", "yolo", "voc", "masks"])
def test_batches_are_padded_as_keras_takes_them(tmp_path: Path, kind: str) -> None:
    source = made(tmp_path, kind)
    batches = augreg.augment_dataset(
        source.splits["train"].dataset,
        POLICY,
        batch_size=2,
        shuffle=True,
        bounding_box_format=source.box_format,
    )
    (batch,) = batches
    assert batch["images"].shape == (2, 16, 16, 3)
    assert behind(source.splits["train"].dataset) is not None
    if "boxes" in source.parts:
        boxes, labels = batch["boxes"]["boxes"], batch["boxes"]["labels"]
        assert boxes.shape == (*labels.shape, 4) and labels.shape[0] == 2
        padded = labels.numpy() == -1
        assert padded.any() and not boxes.numpy()[padded].any()
    if "masks" in source.parts:
        assert batch["masks"].shape == (2, 16, 16) and batch["masks"].dtype == tf.uint8
    if "keypoints" in source.parts:
        assert batch["keypoints"].shape == (2, 1, 1, 3)


def test_parts_choose_what_elements_hold(tmp_path: Path) -> None:
    coco_set(tmp_path, ANNOTATIONS)
    source = open_source(f"coco:{tmp_path}", parts=["boxes"])
    assert set(elements(source)[0]) == {"images", "boxes"}
    with pytest.raises(DataError, match=r"it has no 'keypoints'; it has boxes, masks"):
        open_source(f"coco:{tmp_path}", parts=["keypoints"])


def test_train_refuses_annotated_images_before_it_writes(tmp_path: Path) -> None:
    mask_set(tmp_path / "data")
    options = TrainOptions(None, data=f"masks:{tmp_path / 'data'}", output=tmp_path / "run")
    with pytest.raises(AugregError, match="holds masks, not a class label for each image"):
        train(options)
    assert not (tmp_path / "run" / "model.keras").exists()


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("coco:", '"coco:" names no path'),
        ("yolo:{}/nothing", "there is no "),
        ("coco:{}", "found no JSON file"),
        ("yolo:{}", "found neither data.yaml nor classes.txt"),
        ("voc:{}", "folders with JPEGImages: none"),
        ("masks:{}", "there is no such folder"),
        ("coco:{}/bad.json", "not valid JSON"),
        ("yolo:{}/bad.json", 'takes keys such as "names"'),
    ],
)
def test_what_is_no_such_data_set_is_refused(tmp_path: Path, spec: str, text: str) -> None:
    if "bad" in spec:
        (tmp_path / "bad.json").write_text("[{]" if "coco" in spec else "[]")
    with pytest.raises(DataError, match=text):
        open_source(spec.format(tmp_path))


@pytest.mark.parametrize(
    ("yaml", "text"),
    [
        ("names: 5\n", '"names" takes a list of classes'),
        ("names: {0: cat, 2: dog}\n", "names has the keys"),
        ("kpt_shape: [3]\n", "kpt_shape is .*; allowed is"),
        ("kpt_shape: [3, 4]\n", "kpt_shape is .*; allowed is"),
        ("kpt_shape: [2, 3]\nflip_idx: 1\n", "flip_idx takes each of 0 to 1; found 1"),
        ("kpt_shape: [2, 3]\nflip_idx: [0, 0]\n", "flip_idx takes each of 0 to 1"),
        ("train: nowhere\n", "there is no folder or .txt file"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_yaml_that_cannot_be_meant_is_refused(tmp_path: Path, yaml: str, text: str) -> None:
    yolo_set(tmp_path, [""], yaml)
    with pytest.raises(DataError, match=text):
        open_source(f"yolo:{tmp_path}")


def test_masks_without_pycocotools_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco_set(tmp_path, ANNOTATIONS)
    monkeypatch.setitem(__import__("sys").modules, "pycocotools", None)
    with pytest.raises(DataError, match=r"pip install 'augreg\[coco\]'"):
        open_source(f"coco:{tmp_path}")
    assert open_source(f"coco:{tmp_path}", parts=("boxes",)).parts == ("boxes",)
