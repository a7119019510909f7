"""`augreg apply` of annotated images: what it writes is what `augment` gives, in every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apply_driver as driver
import numpy as np
import pytest
from annotated_sets import (
    PALETTE,
    H,
    W,
    annotation,
    coco_set,
    mask_set,
    photo,
    run_lengths,
    voc_object,
    voc_set,
    yolo_set,
)
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import augreg
from augreg.apply import ApplyOptions, Merged, Report, Shard, apply_folder, merge, replay
from augreg.apply.annotated import FORMS
from augreg.apply.folder import OutputFolder
from augreg.apply.outlines import outline
from augreg.apply.settings import WRITTEN
from augreg.cli import main
from augreg.errors import AugregError, DataError, RunError
from augreg.sources import Source, open_source
from augreg.sources.elements import elements

POLICY = {
    "version": 1,
    "prepare": {
        "train": [{"op": "resized_crop", "height": 40, "width": 52, "area": [0.7, 1]}],
        "eval": [{"op": "resize", "height": 40, "width": 52}],
    },
    "augment": [
        {"op": "flip", "p": 0.5},
        {"op": "rotate", "degrees": [-25, 25], "fill": "constant"},
        {"op": "crop", "height": 32, "width": 36},
    ],
    "output": {"dtype": "uint8"},
}
LEFT = np.zeros((H, W), np.uint8)
LEFT[3:18, 2:14] = 1
LEFT[6:9, 5:8] = 0  # a hole
RIGHT = np.zeros((H, W), np.uint8)
RIGHT[8:22, 16:30] = 1
RIGHT[20:22, 2:6] = 1  # a part that does not touch
PERSON = {"id": 3, "name": "cat", "keypoints": ["nose", "ear"], "skeleton": [[1, 2]]}


def coco(root: Path, **more: Any) -> str:
    coco_set(
        root,
        [
            annotation(1, 10, 3, (2, 3, 12, 15), segmentation=run_lengths(LEFT), **more),
            annotation(2, 10, 7, (2, 8, 28, 14), segmentation=run_lengths(RIGHT)),
            annotation(3, 11, 7, (4, 4, 9, 8), segmentation=[[4, 4, 13, 4, 13, 12, 4, 12]]),
        ],
        images=3,
    )
    return f"coco:{root}"


def people(root: Path) -> str:
    points = [5, 6, 2, 25, 20, 1]
    one = annotation(1, 10, 3, (2, 3, 25, 19), keypoints=points)
    two = annotation(2, 10, 7, (5, 8, 20, 14))
    coco_set(root, [one, two], categories=[PERSON, {"id": 7, "name": "dog"}])
    return f"coco:{root}"


def yolo(root: Path) -> str:
    yolo_set(
        root,
        [
            "0 0.1 0.1 0.5 0.1 0.5 0.7 0.1 0.6\n1 0.6 0.5 0.9 0.4 0.8 0.9\n",
            "",
            "1 0.5 0.5 0.4 0.4\n",
        ],
    )
    return f"yolo:{root}"


def pose(root: Path) -> str:
    row = "0 0.5 0.5 0.6 0.6 0.4 0.5 2 0.55 0.45 1 0 0 0\n"
    yolo_set(root, [row, ""], "kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\n")
    return f"yolo:{root}"


def voc(root: Path) -> str:
    first = voc_object("dog", (3, 4, 20, 19)) + voc_object("cat", (8, 8, 30, 22))
    voc_set(root, [first, voc_object("cat", (2, 2, 12, 9)), ""], masks=True)
    return f"voc:{root}"


def masks(root: Path) -> str:
    mask_set(root, 3)
    return f"masks:{root}"


MAKERS: dict[str, Callable[[Path], str]] = {
    "coco": coco,
    "people": people,
    "yolo": yolo,
    "pose": pose,
    "voc": voc,
    "masks": masks,
}


def run(spec: str, output: Path, **more: Any) -> Report:
    report = Report()
    policy = augreg.load_policy(more.pop("policy", POLICY))
    apply_folder(ApplyOptions(policy, Path(spec), output, **{"seed": 5, **more}), report)
    return report


def augmented(source: Source, copies: int) -> list[Any]:
    """What `augment` gives for the outputs of a run, in their order, objects that are left only."""
    found = []
    for index, element in enumerate(elements(source.splits["train"])):
        for epoch in range(copies):
            how = {"seed": 5, "index": [index], "epoch": epoch}
            if source.keypoints:
                how["keypoint_pairs"] = source.keypoints.pairs
            one = augreg.augment(element, POLICY, bounding_box_format=source.box_format, **how)
            if "boxes" in one:
                kept = one["boxes"]["labels"] >= 0
                one["boxes"] = {name: part[kept] for name, part in one["boxes"].items()}
                if "keypoints" in one:
                    one["keypoints"] = one["keypoints"][kept]
            found.append(one)
    return found


def by_place(element: Any, source: Source) -> list[Any]:
    boxes = zip(element["boxes"]["boxes"], element["boxes"]["labels"], strict=True)
    return sorted((source.class_names[label], *box.tolist()) for box, label in boxes)


def test_left_and_right_change_places_in_a_mirror(tmp_path: Path) -> None:
    person = {"id": 3, "name": "cat", "keypoints": ["left_ear", "nose", "Right_Ear"]}
    points = [5, 6, 2, 12, 9, 2, 25, 20, 1]
    coco_set(
        tmp_path / "data",
        [annotation(1, 10, 3, (2, 3, 25, 19), keypoints=points)],
        categories=[person, {"id": 7, "name": "dog"}],
    )
    spec, flip = f"coco:{tmp_path / 'data'}", {"op": "flip", "axis": "horizontal"}
    source = open_source(spec)
    assert source.keypoints and source.keypoints.pairs == ((0, 2),)
    run(spec, tmp_path / "out", policy={"version": 1, "augment": [flip]})
    (one, *_) = elements(open_source(f"coco:{tmp_path / 'out'}").splits["train"])
    expected = [[W - 1 - x, y, seen] for x, y, seen in ((25, 20, 1), (12, 9, 2), (5, 6, 2))]
    np.testing.assert_allclose(one["keypoints"], [expected], atol=1e-4)


# --- a format into itself and into others ---------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_what_was_written_reads_back_as_what_augment_gives(tmp_path: Path, name: str) -> None:
    spec = MAKERS[name](tmp_path / "data")
    report = run(spec, tmp_path / "out", copies=2)
    kind = spec.partition(":")[0]
    before = open_source(spec)
    after = open_source(f"{kind}:{tmp_path / 'out'}", bad_annotations="error")
    expected, found = augmented(before, 2), list(elements(after.splits["train"]))
    assert report.made == len(found) == len(expected)
    assert after.parts == before.parts
    within = 0.51 if kind == "voc" else 1e-3  # VOC has whole pixels
    lost = 0
    for one, other in zip(expected, found, strict=True):
        assert np.abs(one["images"].astype(int) - other["images"]).max() <= 1
        if "boxes" in one:
            assert after.class_names == before.class_names
            np.testing.assert_array_equal(one["boxes"]["labels"], other["boxes"]["labels"])
            if name != "yolo":  # polygons' boxes are those of their pixels
                np.testing.assert_allclose(
                    one["boxes"]["boxes"], other["boxes"]["boxes"], atol=within
                )
        if "masks" in one:
            lost += np.sum(one["masks"] != other["masks"])
        if "keypoints" in one:
            seen = other["keypoints"][..., 2] > 0
            np.testing.assert_allclose(
                one["keypoints"][seen], other["keypoints"][seen], atol=within
            )
            left = one["keypoints"][~seen]
            size = np.array(one["images"].shape[1::-1])
            outside = ((left[:, :2] < -0.5) | (left[:, :2] > size - 0.5)).any(axis=1)
            assert (outside | (left[:, 2] == 0)).all()
    # what is left of a dropped object stays in augment's masks
    total = sum(one["masks"].size for one in expected if "masks" in one)
    assert lost <= 0.01 * total if kind in ("coco", "yolo") else lost == 0


def test_every_format_that_may_be_asked_for_is_written() -> None:
    assert set(WRITTEN) == set(FORMS)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *(("coco", "yolo"), ("coco", "voc"), ("coco", "masks"), ("people", "yolo")),
        *(("yolo", "coco"), ("pose", "coco"), ("voc", "coco"), ("voc", "yolo"), ("voc", "masks")),
    ],
)
def test_another_format_holds_the_same(tmp_path: Path, name: str, form: str) -> None:
    spec = MAKERS[name](tmp_path / "data")
    kind = spec.partition(":")[0]
    run(spec, tmp_path / "same")
    run(spec, tmp_path / "other", annotations=form)
    one, other = (
        open_source(f"{kind}:{tmp_path / 'same'}"),
        open_source(f"{form}:{tmp_path / 'other'}"),
    )
    assert other.bad_annotations == ()
    pairs = zip(elements(one.splits["train"]), elements(other.splits["train"]), strict=True)
    for first, second in pairs:
        np.testing.assert_array_equal(first["images"], second["images"])
        shared = set(one.parts) & set(other.parts)
        assert shared
        if "masks" in shared:
            assert np.mean(first["masks"] != second["masks"]) <= 0.01
        polygons = "masks" in shared and "yolo" in (kind, form)  # whose boxes are their pixels'
        if "boxes" in shared and not polygons:
            boxes = [
                by_place(first, one),
                by_place(second, other),
            ]
            assert [box[0] for box in boxes[0]] == [box[0] for box in boxes[1]]
            corners = [np.array([box[1:] for box in found]) for found in boxes]
            within = 0.51 if "voc" in (form, kind) else 1e-3
            np.testing.assert_allclose(*corners, atol=within)
        if "keypoints" in shared:
            np.testing.assert_allclose(first["keypoints"], second["keypoints"], atol=1e-3)


def test_the_api_of_coco_reads_what_was_written(tmp_path: Path) -> None:
    run(coco(tmp_path / "data", iscrowd=1), tmp_path / "out")
    path = tmp_path / "out/train/annotations.json"
    api = COCO(path)
    assert [one["name"] for one in api.loadCats(api.getCatIds())] == ["cat", "dog"]
    assert len(api.getImgIds()) == 3
    for one in api.loadAnns(api.getAnnIds()):
        region = api.annToMask(one)
        image = api.imgs[one["image_id"]]
        assert region.shape == (image["height"], image["width"]) == (32, 36)
        assert one["area"] == region.sum() > 0
        left, top, width, height = one["bbox"]
        rows, columns = np.nonzero(region)
        assert left - 1 <= columns.min() and columns.max() + 1 <= left + width + 1
        assert top - 1 <= rows.min() and rows.max() + 1 <= top + height + 1
        with Image.open(tmp_path / "out/train" / image["file_name"]) as picture:
            assert picture.size == (36, 32)
    assert [one["iscrowd"] for one in api.loadAnns(api.getAnnIds(iscrowd=True))] == [1]


def test_yolo_files_are_ultralytics_layout(tmp_path: Path) -> None:
    run(pose(tmp_path / "data"), tmp_path / "out")
    out = tmp_path / "out"
    assert (out / "data.yaml").read_text() == (
        'train: images/train\nnc: 2\nnames: ["cat", "dog"]\n'
        "kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\n"
    )
    assert sorted(path.name for path in (out / "labels/train").iterdir()) == [
        "0.png.0.txt",
        "1.png.0.txt",
    ]
    assert len((out / "labels/train/0.png.0.txt").read_text().split()) == 5 + 9
    assert (out / "images/train/0.png.0.png").is_file()


def test_palettes_are_kept(tmp_path: Path) -> None:
    run(masks(tmp_path / "data"), tmp_path / "out")
    with Image.open(tmp_path / "out/train/masks/0.jpg.0.png") as mask:
        assert (mask.mode, mask.getpalette()) == ("P", PALETTE)
    run(voc(tmp_path / "voc"), tmp_path / "same")
    with Image.open(tmp_path / "same/SegmentationClass/0.jpg.0.png") as mask:
        assert mask.getpalette() == PALETTE
    run(voc(tmp_path / "voc"), tmp_path / "grey", annotations="masks")
    with Image.open(tmp_path / "grey/train/masks/0.jpg.0.png") as mask:
        assert mask.getpalette() == PALETTE
    run(coco(tmp_path / "coco"), tmp_path / "colours", annotations="voc")
    with Image.open(tmp_path / "colours/SegmentationClass/0.png.0.png") as mask:
        assert mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]  # VOC's own


def test_splits_stay_apart_and_training_images_have_the_indices_of_training(tmp_path: Path) -> None:
    data = yolo_set(tmp_path / "data", ["0 0.5 0.5 0.4 0.4\n"] * 2)
    photo(tmp_path / "data/images/val/0.png")
    data.write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    run(f"yolo:{tmp_path / 'data'}", tmp_path / "out", annotations="voc")
    lines = list(map(json.loads, (tmp_path / "out/manifest.jsonl").read_text().splitlines()))
    assert [(line["index"], line["source"]) for line in lines] == [
        (0, "train/0.png"),
        (1, "train/1.png"),
        (2, "val/0.png"),
    ]
    assert (tmp_path / "out/ImageSets/Main/val.txt").read_text() == "val__0.png.0\n"


# --- the promises of `apply` ----------------------------------------------------------------------

PROMISED = [("coco", ""), ("yolo", ""), ("voc", ""), ("masks", ""), ("people", "yolo-obb")]


@pytest.mark.parametrize(("name", "form"), PROMISED)
def test_a_run_that_is_stopped_at_any_file_ends_as_one_that_was_not(
    tmp_path: Path, name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    spec = MAKERS[name](tmp_path / "data")
    run(spec, tmp_path / "whole", annotations=form)
    whole, write = driver.tree(tmp_path / "whole"), OutputFolder.write
    for stop in range(len(whole)):
        left = iter(range(stop))

        def stopping(folder: Any, path: str, contents: bytes, left: Any = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            write(folder, path, contents)

        monkeypatch.setattr(OutputFolder, "write", stopping)
        output = tmp_path / f"stopped{stop}"
        try:
            run(spec, output, annotations=form)
        except KeyboardInterrupt:
            monkeypatch.setattr(OutputFolder, "write", write)
            run(spec, output, annotations=form)
        assert driver.tree(output) == whole
        monkeypatch.setattr(OutputFolder, "write", write)


@pytest.mark.parametrize(("name", "form"), PROMISED)
def test_merged_shards_are_the_files_of_one_run(
    tmp_path: Path, name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    spec = MAKERS[name](tmp_path / "data")
    run(spec, tmp_path / "whole", copies=2, annotations=form)
    for number in (1, 0):
        run(spec, tmp_path / "out", copies=2, annotations=form, shard=Shard(number, 2))
    merge(tmp_path / "out", Merged())
    assert driver.tree(tmp_path / "out") == driver.tree(tmp_path / "whole")


def test_shards_of_other_annotations_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    spec = coco(tmp_path / "data")
    run(spec, tmp_path / "out", shard=Shard(0, 2))
    with pytest.raises(RunError, match="begun with annotations coco, this one with annotations y"):
        run(spec, tmp_path / "out", shard=Shard(1, 2), annotations="yolo")
    run(spec, tmp_path / "one")
    with pytest.raises(RunError, match="it was begun with other settings"):
        run(spec, tmp_path / "one", annotations="yolo")


def test_a_line_is_replayed(tmp_path: Path) -> None:
    run(coco(tmp_path / "data"), tmp_path / "out", copies=2)
    made = replay(tmp_path / "out/manifest.jsonl", 4)
    assert made.line.output == "train/1.png.1.png"
    assert made.contents == (tmp_path / "out" / made.line.output).read_bytes()


def test_copies_of_a_photograph_stay_in_its_split_when_outputs_are_split_anew(
    tmp_path: Path,
) -> None:
    run(coco(tmp_path / "data"), tmp_path / "out", copies=3)
    lines = list(map(json.loads, (tmp_path / "out/manifest.jsonl").read_text().splitlines()))
    assert {line["original"] for line in lines} == {"0.png", "1.png", "2.png"}


def test_a_split_none_of_whose_images_can_be_used_is_left_out(tmp_path: Path) -> None:
    mask_set(tmp_path / "data", 2)
    photo(tmp_path / "data/val/images/0.jpg")
    photo(tmp_path / "data/val/masks/0.png")  # a mask with colours
    report = run(f"masks:{tmp_path / 'data'}", tmp_path / "out")
    assert (report.made, len(report.bad_annotations)) == (2, 1)
    assert not (tmp_path / "out/val").exists()


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("masks", {"annotations": "coco"}, 'holds masks; the format "coco" needs boxes'),
        ("people", {"annotations": "masks"}, 'the format "masks" needs masks'),
        ("coco", {"annotations": "csv"}, '"csv" is no format of annotations; allowed are coco'),
        ("coco", {"format": "tfds"}, "is for folders of images without annotations"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, name: str, options: Any, text: str
) -> None:
    with pytest.raises(AugregError, match=text):
        run(MAKERS[name](tmp_path / "data"), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_annotations_of_a_folder_without_any_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "in/a.png")
    with pytest.raises(RunError, match="annotations in the format coco, and the input"):
        run(str(tmp_path / "in"), tmp_path / "out", annotations="coco")


def test_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    data = yolo_set(tmp_path / "data", ["0 0.5 0.5 0.4 0.4\n"])
    photo(tmp_path / "data/images/train__0.png")
    data.write_text("train: images\nnames: [cat, dog]\n")
    with pytest.raises(DataError, match="would have outputs of one name"):
        run(f"yolo:{tmp_path / 'data'}", tmp_path / "out", annotations="voc")


def test_the_command_lists_wrong_annotations_and_images_with_exit_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = [annotation(1, 10, 3, (2, 3, 60, 15)), annotation(2, 10, 9, (2, 3, 6, 5))]
    coco_set(tmp_path / "data", boxes)
    (tmp_path / "data/train2017/1.png").write_bytes(b"<html>")
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, "augment": [{"op": "flip"}]}))
    words = ("apply", tmp_path / "p.json", f"coco:{tmp_path / 'data'}", tmp_path / "out")

    def command(*more: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main([*map(str, words), *more])
        return int(end.value.code or 0), capsys.readouterr().err

    code, error = command()
    assert code == 4
    assert "skipped 1 of 2 images" in error and "this is an HTML page" in error
    assert "2 wrong annotations:" in error and "category_id 9 is not among" in error
    code, error = command("--bad-annotations", "error")
    assert code == 1 and "2 annotations are wrong" in error


# --- outlines -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_an_outline_covers_the_pixels_of_its_mask_and_no_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((13, 17)) < random.choice([0.1, 0.5, 0.9])
    mask |= (seed % 2 == 0) & (LEFT[:13, :17] | RIGHT[:13, :17]).astype(bool)
    flat = np.array(outline(mask), float).ravel().tolist()
    packed = coco_mask.merge(coco_mask.frPyObjects([flat], 13, 17))
    np.testing.assert_array_equal(coco_mask.decode(packed), mask)


def test_an_outline_of_nothing_is_empty_and_a_rectangle_has_four_corners() -> None:
    assert outline(np.zeros((3, 4), bool)) == []
    mask = np.zeros((6, 7), bool)
    mask[1:4, 2:6] = True
    assert sorted(outline(mask)) == [(2, 1), (2, 4), (6, 1), (6, 4)]


def test_pixels_that_meet_at_a_corner_have_outlines_of_their_own() -> None:
    first, second = [(0, 0), (1, 0), (1, 1), (0, 1)], [(1, 1), (2, 1), (2, 2), (1, 2)]
    assert outline(np.eye(2, dtype=bool)) == [*first, (0, 0), *second, (1, 1), (0, 0)]
