"""`apply --format tfds`: records that TensorFlow Datasets opens and `train` trains on."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from samples import noise
from train_runs import without_export
from typer.testing import CliRunner

import augreg
from augreg.apply import ApplyOptions, Report, apply_folder, replay
from augreg.apply import tfds as records
from augreg.cli import app
from augreg.errors import DataError, RunError
from augreg.sources import open_source
from augreg.train import TrainOptions, train

POLICY = augreg.load_policy(
    {
        "version": 1,
        "prepare": [{"op": "resize", "height": 8, "width": 8}],
        "augment": [{"op": "flip"}, {"op": "brightness", "delta": [-0.2, 0.2]}],
    }
)
COPIES = 2


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """40 images of three classes, and one that can't be read."""
    root = tmp_path_factory.mktemp("images")
    for i, pixels in enumerate(noise(40, 9, 11, 3)):
        path = root / "abc"[i % 3] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(tf.io.encode_png(pixels).numpy())
    (root / "a" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def _apply(source, output, **options) -> Report:
    report = Report()
    options = {"copies": COPIES, "seed": 3, "format": "tfds", **options}
    apply_folder(ApplyOptions(POLICY, Path(source), Path(output), **options), report)
    return report


def _tree(root) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(Path(root).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(images, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("made") / "augmented"
    report = _apply(images, output)
    assert (report.images, report.made, len(report.skipped)) == (41, 80, 1)
    return output


def _elements(folder):
    builder = tfds.builder_from_directory(folder / "1.0.0")
    for split in builder.info.splits:
        for one in builder.as_dataset(split=split, decoders={"image": tfds.decode.SkipDecoding()}):
            yield split, {key: value.numpy() for key, value in one.items()}


def test_records_hold_the_png_files_of_apply(images, made, tmp_path):
    _apply(images, tmp_path, format="files")
    lines = [json.loads(line) for line in (made / "manifest.jsonl").read_text().splitlines()]

    found = {one["name"].decode(): one for _, one in _elements(made)}
    assert found.keys() == {line["output"] for line in lines}
    for name, one in found.items():
        assert one["image"] == (tmp_path / name).read_bytes()
        assert "abc"[one["label"]] == name[0]


def test_records_hold_jpeg_files_where_asked(images, tmp_path):
    _apply(images, tmp_path / "records", encoding="jpeg:80")
    _apply(images, tmp_path / "files", encoding="jpeg:80", format="files")

    found = {one["name"].decode(): one["image"] for _, one in _elements(tmp_path / "records")}
    assert {name[-4:] for name in found} == {".jpg"}
    for name, contents in found.items():
        assert contents == (tmp_path / "files" / name).read_bytes()
    source = open_source("records", data_dir=tmp_path)
    contents, _ = next(iter(source.splits["train"].dataset))
    assert contents.numpy() in found.values()


def test_splits_and_classes_are_those_of_the_folder(images, made):
    prepared = open_source("augmented", data_dir=made.parent)
    folder = open_source(f"folder:{images}", max_bad=0.1)

    assert prepared.class_names == folder.class_names == ("a", "b", "c")
    for name, split in folder.splits.items():
        assert prepared.splits[name].size == COPIES * split.size
    splits = {}
    for split, one in _elements(made):  # no photograph is in two
        splits.setdefault(one["name"].decode().rsplit(".", 2)[0], set()).add(split)
    assert all(len(found) == 1 for found in splits.values())


def test_any_part_of_a_split_has_all_classes(made):
    labels = [one["label"] for split, one in _elements(made) if split == "train"]

    assert set(labels[: len(labels) // 3]) == {0, 1, 2}


def test_given_splits_are_kept(images, tmp_path):
    for split in ("training", "val"):
        for label in "ab":
            folder = tmp_path / "in" / split / label
            folder.mkdir(parents=True)
            for i in (0, 3, 6) if label == "a" else (1, 4, 7):
                (folder / f"{i}.png").symlink_to(images / label / f"{i}.png")
    _apply(tmp_path / "in", tmp_path / "out")

    found = {
        one["name"].decode().split("/")[0]: split for split, one in _elements(tmp_path / "out")
    }
    assert found["val"] == "validation"
    assert found["training"] in ("train", "test")  # the missing split is taken from it


def test_images_without_folders_have_no_label(images, tmp_path):
    _apply(images / "b", tmp_path / "flat")

    assert all(one.keys() == {"image", "name"} for _, one in _elements(tmp_path / "flat"))


def test_train_takes_it_by_its_name(made, tmp_path):
    options = TrainOptions(
        None, data="augmented", data_dir=made.parent, epochs=1, output=tmp_path, size=(8, 8)
    )
    with without_export():
        assert 0 <= train(options).test_accuracy <= 1


def test_line_of_a_record_is_replayed(made):
    lines = (made / "manifest.jsonl").read_text().splitlines()

    again = replay(made / "manifest.jsonl", 5)
    assert hashlib.sha256(again.contents).hexdigest() == json.loads(lines[4])["sha256"]


# --- whole files, or none


def test_same_command_finishes_a_run_that_was_stopped(images, made, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "PER_FILE", 20)
    whole, stopped = tmp_path / "a" / "augmented", tmp_path / "b" / "augmented"
    _apply(images, whole)

    original, calls = records.RecordFormat.records, []

    def stop(self, outputs):
        calls.append(len(outputs))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, outputs)

    monkeypatch.setattr(records.RecordFormat, "records", stop)
    with pytest.raises(KeyboardInterrupt):
        _apply(images, stopped)
    monkeypatch.setattr(records.RecordFormat, "records", original)
    report = _apply(images, stopped)

    assert report.kept == sum(calls[:2])
    assert _tree(stopped) == _tree(whole)
    assert len(_tree(whole)) > len(_tree(made))  # more files


def test_another_run_writes_the_same_bytes(images, made, tmp_path):
    _apply(images, tmp_path / "augmented")

    assert _tree(tmp_path / "augmented") == _tree(made)


@pytest.mark.parametrize("how", ["cut off", "another's", "gone"])
def test_damaged_file_is_made_again(images, made, tmp_path, how):
    output = shutil.copytree(made, tmp_path / "augmented")
    before = _tree(output)
    path = next((output / "1.0.0").glob("*train.tfrecord*"))
    if how == "gone":
        path.unlink()
    else:
        other = next((output / "1.0.0").glob("*test.tfrecord*"))
        path.write_bytes(path.read_bytes()[:-9] if how == "cut off" else other.read_bytes())

    report = _apply(images, output)
    assert _tree(output) == before
    assert 0 < report.made < 80


def test_finished_run_makes_nothing_again(images, made):
    before = _tree(made)
    report = _apply(images, made)

    assert (report.made, report.kept) == (0, 80)
    assert _tree(made) == before


# --- refusals


def test_folder_whose_name_can_be_no_data_set_is_refused(images, tmp_path):
    with pytest.raises(RunError) as caught:
        _apply(images, tmp_path / "My-Set")
    assert str(caught.value).removeprefix(str(tmp_path)) == (
        "/My-Set: the name of the folder becomes the dataset's, and \"My-Set\" can't be one; use "
        f"small letters, digits and _, as in {tmp_path}/my_set"
    )


def test_images_in_and_out_of_class_folders_are_refused(images, tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    for name in ("in/a/0.png", "in/flat.png"):
        (tmp_path / name).symlink_to(images / "a" / "0.png")
    with pytest.raises(DataError, match=r"^flat\.png: it lies in no folder of a class, and others"):
        _apply(tmp_path / "in", tmp_path / "out")


def test_images_out_of_given_splits_are_refused(images, tmp_path):
    for name in ("in/train/a", "in/other/a"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0.png").symlink_to(images / "a" / "0.png")
    with pytest.raises(DataError, match=r"^other/a/0\.png: it lies in no folder of a split, and"):
        _apply(tmp_path / "in", tmp_path / "out")


def test_run_in_another_format_is_refused(images, made):
    with pytest.raises(RunError, match=r"other settings \(format tfds there, files here\)"):
        _apply(images, made, format="files")


def test_unknown_format_and_shards_of_records_are_refused(images, tmp_path):
    run = CliRunner().invoke
    arguments = ["apply", "flowers", str(images), str(tmp_path / "out"), "--format"]

    assert str(run(app, [*arguments, "zip"]).exception) == (
        '"zip" is no format; allowed are files and tfds'
    )
    assert str(run(app, [*arguments, "tfds", "--shard", "0/2"]).exception) == (
        "shard 0/2 with the format tfds, whose files are written by one run; leave --shard out"
    )
