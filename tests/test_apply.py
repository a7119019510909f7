"""`augreg apply` and `replay`: the pixels, the journal, and everything that may stop a run."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from unittest import mock

import apply_driver as driver
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from samples import drawn_values, with_ops

import augreg
from augreg.apply import ApplyOptions, Report, apply_folder, made_with, replay
from augreg.apply.folder import OutputFolder
from augreg.apply.journal import parse_line
from augreg.apply.renderer import Renderer
from augreg.apply.transcode import Transcoder
from augreg.cli import main
from augreg.errors import DataError, PolicyError, RunError
from augreg.images.png import encode_png
from augreg.plan import plan

DRIVER = [sys.executable, str(Path(driver.__file__))]
LIGHT = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}  # no kernel to compile
POLICY = {
    "version": 1,
    "prepare": [{"op": "resize", "height": 24, "width": 20}],
    "augment": [
        {"op": "flip", "p": 0.5},
        {"op": "rotate", "degrees": [-40, 40]},
        {"one_of": [{"op": "brightness", "delta": [-0.3, 0.3]}, {"op": "invert"}]},
    ],
    "output": {"dtype": "float32", "range": [-1, 1]},
}


def picture(path: Path, seed: int, size: tuple[int, int] = (30, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize(size[::-1]).save(path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for i, name in enumerate(("a.jpg", "a.png", "deep/er/b.png")):
        picture(folder / name, i, (30 + 7 * i, 40))
    return folder


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY))
    return path


def run(images: Path, output: Path, **more: Any) -> Report:
    report = Report()
    policy = augreg.load_policy(more.pop("policy", POLICY))
    apply_folder(ApplyOptions(policy, images, output, **more), report)
    return report


def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


# --- copies ---


def test_copies_of_an_image_are_decoded_once_and_are_what_each_epoch_alone_gives(
    images: Path, tmp_path: Path
) -> None:
    open_ = Transcoder.open
    with mock.patch.object(Transcoder, "open", autospec=True, side_effect=open_) as spy:
        report = run(images, tmp_path / "all", copies=3)
    opened = [call.args[2] for call in spy.call_args_list]
    assert sorted(opened) == sorted(set(opened)) and len(opened) == report.made / 3 > 1
    made = driver.tree(tmp_path / "all")
    for copy in range(3):
        alone = tmp_path / f"{copy}"
        run(images, alone, epoch=copy)
        for name in (name for name in driver.tree(alone) if name.endswith(".0.png")):
            assert made[f"{name.removesuffix('.0.png')}.{copy}.png"] == (alone / name).read_bytes()


def test_draws_of_many_copies_are_those_of_each_alone(images: Path, tmp_path: Path) -> None:
    brighter = {"op": "brightness", "delta": [0.1, 0.2]}
    policy = {
        **POLICY,
        "augment": [
            *POLICY["augment"],
            {"some_of": [brighter, {"op": "invert"}], "n": 2, "replace": True},
            {"op": "coarse_dropout"},
        ],
    }
    run(images, tmp_path / "out", policy=policy, copies=23, epoch=5, seed=3)
    planned = plan(augreg.load_policy(policy))
    manifest = (tmp_path / "out/manifest.jsonl").read_bytes()
    lines = [parse_line(one, "") for one in manifest.splitlines()]
    assert len(lines) == 69
    for line in lines:
        assert line.drawn == drawn_values(planned, 3, line.epoch, line.index)


def test_an_end_is_not_kept_waiting_by_the_copies_that_a_worker_has_yet_to_make(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    make, made, stopped = driver.HashMaker.make, list[str](), threading.Event()

    def slow(self: driver.HashMaker, task: Any, *more: Any) -> Any:
        if task.index or task.copy:
            assert stopped.wait(30)
            time.sleep(0.5)  # in which the run ends
        made.append(task.output)
        return make(self, task, *more)

    def stop() -> None:
        stopped.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(driver.HashMaker, "make", slow)
    options = ApplyOptions(augreg.load_policy(POLICY), images, tmp_path / "out", copies=40)
    with pytest.raises(KeyboardInterrupt):
        apply_folder(options, Report(), stop)
    assert len(made) <= 5  # the first, and the one that each of four workers was at


def test_what_was_traced_is_kept_for_the_same_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    def transcoder(policy: Any, seed: int = 0) -> Any:
        return Renderer(augreg.load_policy(policy), seed)._transcoder

    first = transcoder(LIGHT)
    assert transcoder(dict(LIGHT)) is first
    assert transcoder(LIGHT, seed=1) is not first
    monkeypatch.setenv("AUGREG_DEBUG", "1")
    assert transcoder(LIGHT) is not first


# --- images that an op can't do ---


def test_tiny_images_are_blurred_and_sharpened_as_the_reference_does(tmp_path: Path) -> None:
    """Sides below the kernel: once, eight pixels became two, and the run ended with SIGABRT."""
    steps = [
        {"op": "gaussian_blur", "kernel_size": 9, "sigma": 2},
        {"op": "sharpness", "factor": 2},
    ]
    sizes = [(8, 8), (9, 1), (1, 9), (1, 1), (30, 40)]
    for i, size in enumerate(sizes):
        picture(tmp_path / f"in/{i}.png", i, size)
    policy = {"version": 1, "augment": steps}
    report = run(tmp_path / "in", tmp_path / "out", policy=policy)
    assert (report.made, report.skipped) == (len(sizes), {})
    for i in range(len(sizes)):
        source = np.asarray(Image.open(tmp_path / f"in/{i}.png"))
        wanted = augreg.augment(source, {**policy, "output": {"dtype": "uint8"}}, seed=0, index=[i])
        found = np.asarray(Image.open(tmp_path / f"out/{i}.png.0.png"))
        assert np.abs(found.astype(int) - wanted).max() <= 1


def _fails_at_odd_heights(when: str) -> augreg.Op:
    """An op that is right on even heights: else it raises at plan time, or makes another size."""

    def halves(xp: Any, planes: Any) -> Any:
        return tuple(xp.concat([p[:, : xp.shape(p)[1] // 2]] * 2, axis=1) for p in planes)

    @augreg.op("acme/halves")
    def op(xp: Any, size: Any) -> augreg.Neighborhood:
        """Repeats the upper half."""
        if when == "plan" and isinstance(size[0], int) and size[0] % 2:
            raise ZeroDivisionError("odd")
        return augreg.Neighborhood(halves)

    return op


@pytest.mark.parametrize("when", ["plan", "run"])
def test_an_op_that_fails_on_one_image_is_listed_and_does_not_end_the_run(
    images: Path, tmp_path: Path, when: str
) -> None:
    op = _fails_at_odd_heights(when)
    source = {"version": 1, "augment": [{"op": "acme/halves"}]}
    policy = augreg.load_policy(source, registry=with_ops(op))
    report = Report()
    apply_folder(ApplyOptions(policy, images, tmp_path / "out"), report)
    assert report.made == 2
    assert list(report.skipped) == ["a.png"]  # 37 pixels high
    said = str(report.skipped["a.png"])
    assert said.startswith("a.png: ") and "acme/halves" in said, said
    assert (tmp_path / "out/deep/er/b.png.0.png").exists()


# --- what it makes --------------------------------------------------------------------------------


def test_outputs_are_what_the_reference_gives_for_their_lines(images: Path, tmp_path: Path) -> None:
    report = run(images, tmp_path / "out", copies=2, seed=5, epoch=3)
    assert (report.made, report.images, report.skipped) == (6, 3, {})
    lines = [
        json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    ]
    assert [(line["index"], line["copy"], line["epoch"]) for line in lines] == [
        (i, c, 3 + c) for i in range(3) for c in range(2)
    ]
    for line in lines:
        source = np.asarray(Image.open(images / line["source"]).convert("RGB"))
        wanted = augreg.augment(
            source,
            {**POLICY, "output": {"dtype": "uint8"}},
            seed=line["seed"],
            index=[line["index"]],
            epoch=line["epoch"],
        )
        found = np.asarray(Image.open(tmp_path / "out" / line["output"]))
        assert found.shape == (24, 20, 3)
        assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize(
    "prepare",
    [
        [{"op": "resize", "height": 20, "width": 20}],
        {"train": [{"op": "resized_crop", "height": 20, "width": 20}], "eval": []},
        [{"op": "resize", "height": 20, "width": 20}, {"op": "flip", "p": 0.5}],
        [{"op": "resize", "height": 20, "width": 20}, {"op": "gaussian_noise", "std": 0.2}],
        [
            {"op": "resize", "height": 20, "width": 20},
            {"op": "brightness", "delta": {"schedule": {"from": 0, "to": 0.5, "epochs": 2}}},
        ],
    ],
    ids=["fixed", "random crop", "chance", "noise", "schedule"],
)
def test_outputs_are_what_augment_dataset_gives(prepare: Any, images: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    policy = {**POLICY, "prepare": prepare}
    run(images, tmp_path / "out", policy=policy, seed=9, copies=2)
    files = sorted(str(path) for path in images.rglob("*.*"))
    encoded = tf.data.Dataset.from_tensor_slices(files).map(tf.io.read_file)
    policy["output"] = {"dtype": "uint8"}
    batches = augreg.augment_dataset(encoded, policy, batch_size=3, seed=9, epochs=2)
    for copy, batch in enumerate(batches.as_numpy_iterator()):
        for name, image in zip(files, batch, strict=True):
            output = tmp_path / "out" / f"{Path(name).relative_to(images)}.{copy}.png"
            difference = np.asarray(Image.open(output)).astype(int) - image.astype(int)
            assert np.abs(difference).max() <= 1


def test_line_replays_byte_for_byte_from_the_manifest_alone(
    images: Path, tmp_path: Path, policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("apply", policy_file, images, tmp_path / "out", "--copies", 2) == 0
    policy_file.unlink()
    manifest = tmp_path / "out/manifest.jsonl"
    assert command("replay", manifest, 6, "--output", tmp_path / "again/x.png") == 0
    line = json.loads(manifest.read_text().splitlines()[5])
    again = (tmp_path / "again/x.png").read_bytes()
    assert again == (tmp_path / "out" / line["output"]).read_bytes()
    assert "reproduced byte for byte" in capsys.readouterr().out


def test_image_of_any_size_goes_through_a_policy_without_resize(
    images: Path, tmp_path: Path
) -> None:
    policy = {"version": 1, "augment": [{"op": "flip", "axis": "horizontal"}]}
    run(images, tmp_path / "out", policy=policy)
    source = np.asarray(Image.open(images / "a.png"))
    found = np.asarray(Image.open(tmp_path / "out/a.png.0.png"))
    np.testing.assert_array_equal(found, source[:, ::-1])


def test_grey_output_is_a_grey_png(images: Path, tmp_path: Path) -> None:
    policy = {"version": 1, "augment": [{"op": "grayscale", "channels": 1}]}
    run(images, tmp_path / "out", policy=policy)
    with Image.open(tmp_path / "out/a.png.0.png") as image:
        assert image.mode == "L"


def test_output_folder_inside_of_the_input_is_refused_by_whatever_name(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    (tmp_path / "link").symlink_to(images, target_is_directory=True)
    (tmp_path / "to_deep").symlink_to(images / "deep", target_is_directory=True)
    monkeypatch.chdir(images)
    before = driver.tree(tmp_path)
    for output in (images / "out", images / "deep/er", tmp_path / "link/new", Path("new/x")):
        with pytest.raises(RunError, match="is inside the input folder"):
            run(images, output)
    with pytest.raises(RunError, match="is inside the input folder"):
        run(tmp_path / "link", tmp_path / "to_deep/new")
    for name, target in (("back", tmp_path / "out"), ("up", tmp_path), ("deep/x", "../../out/y")):
        (images / name).symlink_to(target)
        with pytest.raises(RunError, match=f"{name}: this link leads from the input folder into"):
            run(images, tmp_path / "out")
        (images / name).unlink()
    for output in (tmp_path, tmp_path / "link/..", images):
        with pytest.raises(RunError, match="is the input folder or holds it"):
            run(images, output)
    assert driver.tree(tmp_path) == before


def test_copies_of_copies_know_the_photograph_they_come_from(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "one", copies=2)
    run(tmp_path / "one", tmp_path / "two")
    run(tmp_path / "one/deep", tmp_path / "three")

    def manifest(name: str) -> dict[str, str]:
        text = (tmp_path / name / "manifest.jsonl").read_text()
        return {line["output"]: line["original"] for line in map(json.loads, text.splitlines())}

    assert set(manifest("one").values()) == {"a.jpg", "a.png", "deep/er/b.png"}
    assert manifest("two")["a.jpg.1.png.0.png"] == "a.jpg"
    assert manifest("three")["er/b.png.1.png.0.png"] == "deep/er/b.png"


def test_manifest_of_an_earlier_version_is_gone_on_with(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    manifest = tmp_path / "out/manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for line in lines:
        assert line.pop("original") == line["source"]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines[:2]))
    (tmp_path / "out/deep/er/b.png.0.png").unlink()
    assert run(images, tmp_path / "out").kept == 2


def test_drawn_values_name_the_steps_that_took_effect() -> None:
    policy = augreg.load_policy(
        {
            "version": 1,
            "augment": [
                {"op": "flip", "p": 0.5},
                {"op": "brightness", "delta": 0.25},
                {"one_of": [{"op": "rotate", "degrees": [10, 20]}, {"op": "invert"}]},
                {
                    "some_of": [
                        {"op": "brightness", "delta": [0.1, 0.2]},
                        {"op": "contrast", "factor": [2, 3]},
                    ],
                    "n": 2,
                    "replace": True,
                },
            ],
        }
    )
    planned = plan(policy)
    found = [drawn_values(planned, 1, 0, i) for i in range(300)]
    assert 110 < sum("/augment/0" in drawn for drawn in found) < 190
    assert not any("/augment/1" in drawn for drawn in found)  # it is not random
    for drawn in found:
        branches = [key for key in drawn if key.startswith("/augment/2")]
        assert branches in (["/augment/2/one_of/0"], ["/augment/2/one_of/1"])
        slots = [key for key in drawn if key.startswith("/augment/3")]
        assert [key[-2:] for key in slots] == ["#0", "#1"]
        for key in slots:
            ((name, value),) = drawn[key].items()
            assert 0.1 <= value < 0.2 if name == "delta" else 2 <= value < 3


@pytest.mark.parametrize("index", range(12))
def test_drawn_values_predict_the_pixels(index: int) -> None:
    policy = augreg.load_policy(
        {"version": 1, "augment": [{"op": "brightness", "delta": [0.1, 0.9], "p": 0.5}]}
    )
    drawn = drawn_values(plan(policy), 4, 2, index)
    black = np.zeros((1, 1, 3), np.float32)
    pixel = augreg.augment(black, policy, seed=4, index=[index], epoch=2)[0, 0, 0]
    assert pixel == np.float32(drawn.get("/augment/0", {"delta": 0})["delta"])


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["png", "png:0", "png:1", "png:9", "jpeg", "jpeg:60"])
def test_outputs_are_encoded_as_asked_and_replayed(
    images: Path, tmp_path: Path, encoding: str
) -> None:
    run(images, tmp_path / "pixels", encoding="png:6")
    output = tmp_path / "out"
    run(images, output, encoding=encoding)
    kind, _, level = encoding.partition(":")
    ending = {"png": ".0.png", "jpeg": ".0.jpg"}[kind]
    lines = [json.loads(line) for line in (output / "manifest.jsonl").read_text().splitlines()]
    for number, line in enumerate(lines, start=1):
        assert line["output"] == line["source"] + ending
        pixels = tf.io.decode_png((tmp_path / f"pixels/{line['source']}.0.png").read_bytes())
        if encoding == "png":
            wanted = encode_png(pixels.numpy())
        elif kind == "png":
            wanted = tf.io.encode_png(pixels, compression=int(level)).numpy()
        else:
            wanted = tf.io.encode_jpeg(pixels, quality=int(level or 95)).numpy()
        assert (output / line["output"]).read_bytes() == wanted
        assert replay(output / "manifest.jsonl", number).contents == wanted
    assert run(images, output, encoding=encoding).kept == len(lines) == 3


def test_run_that_recorded_no_encoding_is_gone_on_with_and_replayed_as_it_was(
    images: Path, tmp_path: Path
) -> None:
    run(images, tmp_path / "out", encoding="png:6")
    settings = json.loads((tmp_path / "out/apply.json").read_text())
    assert settings.pop("encoding") == "png:6"
    (tmp_path / "out/apply.json").write_text(json.dumps(settings))
    with pytest.raises(RunError, match=r"\(encoding png:6 there, png here\); give the same"):
        run(images, tmp_path / "out")
    (tmp_path / "out/a.jpg.0.png").unlink()
    assert run(images, tmp_path / "out", encoding="png:6").kept == 2
    image = tf.io.decode_png((tmp_path / "out/a.jpg.0.png").read_bytes())
    assert replay(tmp_path / "out/manifest.jsonl", 1).contents == tf.io.encode_png(image).numpy()


@pytest.mark.parametrize("text", ["gif", "png:10", "jpeg:0", "jpeg:101", "png:", "PNG", "png:-1"])
def test_unknown_encoding_is_refused_before_anything_is_written(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert command("apply", "flowers", images, tmp_path / "out", "--encoding", text) == 1
    assert f'"{text}" is no encoding; write png or jpeg' in " ".join(
        capsys.readouterr().err.split()
    )
    assert not (tmp_path / "out").exists()


def test_folder_in_the_way_of_a_jpeg_is_refused(images: Path, tmp_path: Path) -> None:
    picture(images / "a.jpg.0.jpg/c.png", 5)
    with pytest.raises(DataError, match=r"^a\.jpg\.0\.jpg: a folder of this name is in the way"):
        run(images, tmp_path / "out", encoding="jpeg")


# --- a listing ------------------------------------------------------------------------------------


def listing(folder: Path, *names: str) -> Path:
    path = folder / "listing.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def test_listing_of_all_images_in_order_is_the_same_run(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "whole")
    run(images, tmp_path / "out", listing=listing(tmp_path, "a.jpg", "a.png", "deep/er/b.png"))
    assert driver.tree(tmp_path / "out") == driver.tree(tmp_path / "whole")


def test_listing_decides_indexes_and_the_folder_is_not_walked(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    monkeypatch.setattr("augreg.apply.inputs.list_images", None)
    monkeypatch.setattr("augreg.apply.inputs.links_in", None)
    report = run(
        images, tmp_path / "out", listing=listing(tmp_path, "deep/er/b.png", "gone.jpg", "a.jpg")
    )
    assert (report.images, report.made, list(report.skipped)) == (3, 2, ["gone.jpg"])
    lines = map(json.loads, (tmp_path / "out/manifest.jsonl").read_text().splitlines())
    assert [(line["source"], line["index"]) for line in lines] == [
        ("deep/er/b.png", 0),
        ("a.jpg", 2),
    ]
    other = listing(tmp_path, "a.jpg", "gone.jpg", "deep/er/b.png")
    with pytest.raises(RunError, match=r"begun with other settings \(listing \w+ there, \w+ here"):
        run(images, tmp_path / "out", listing=other)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "/in/a.jpg",
            "/in/a.jpg: not a path of an image in the input folder; write it relative to",
        ),
        ("../in/a.jpg", "../in/a.jpg: not a path of an image in the input folder"),
        ("deep/../a.jpg", "deep/../a.jpg: not a path of an image in the input folder"),
        (".hidden/a.jpg", ".hidden/a.jpg: not a path of an image in the input folder"),
        ("", "empty: not a path of an image in the input folder"),
        ("a.jpg", "a.jpg: line 1 has it too; list each image once"),
        (
            "notes.txt",
            "notes.txt: not an image, by its extension or its first bytes; remove the li",
        ),
        ("a.png\r", r"a.png\\r: not an image"),
    ],
)
def test_line_of_a_listing_that_names_no_image_is_refused_by_its_number(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    fake(monkeypatch)
    with pytest.raises(DataError, match=rf"/listing\.txt:2: {words}"):
        run(images, tmp_path / "out", listing=listing(tmp_path, "a.jpg", name, "a.png"))
    assert not (tmp_path / "out").exists()


def test_listing_that_is_not_there_or_leads_into_the_output_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    with pytest.raises(DataError, match=r"none.txt: the listing can't be read: No such file"):
        run(images, tmp_path / "out", listing=tmp_path / "none.txt")
    run(images, tmp_path / "out")
    (images / "link").symlink_to(tmp_path / "out/deep")
    with pytest.raises(
        RunError, match="in/link/er: this link leads from the input folder into the"
    ):
        run(images, tmp_path / "out", listing=listing(tmp_path, "a.jpg", "link/er/b.png.0.png"))


# --- bad input ------------------------------------------------------------------------------------


def test_bad_images_are_skipped_and_listed(
    images: Path, tmp_path: Path, policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_file.write_text(json.dumps(LIGHT))
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(
        whole, "PNG"
    )
    (images / "cut.png").write_bytes(whole.getvalue()[:4000])
    (images / "empty.jpg").touch()
    (images / "page.jpg").write_text("<html>not found</html>")
    (images / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert command("apply", policy_file, images, tmp_path / "out") == 4
    error = capsys.readouterr().err
    assert "skipped 4 of 7 images" in error
    for words in (
        "cut.png: a truncated or damaged PNG",
        "empty.jpg: the file is empty",
        "gone.jpg",
    ):
        assert words in error
    assert "page.jpg: this is an HTML page" in error
    assert len((tmp_path / "out/manifest.jsonl").read_text().splitlines()) == 3


def test_what_decoding_drops_is_said_once(
    images: Path, tmp_path: Path, policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_file.write_text(json.dumps(LIGHT))
    for name in ("r.png", "s.png"):
        Image.new("RGBA", (9, 9), (1, 2, 3, 4)).save(images / name)
    assert command("apply", policy_file, images, tmp_path / "out", "--copies", 2) == 0
    assert capsys.readouterr().err == "alpha dropped in 2 images (first: r.png)\n"


def test_header_that_claims_too_much_is_refused_and_the_limit_can_be_raised(
    images: Path, tmp_path: Path, policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_file.write_text(json.dumps(LIGHT))
    arguments = ("apply", policy_file, images)
    assert command(*arguments, tmp_path / "a", "--max-pixels", 1300) == 4  # the first is 30x40
    assert "skipped 2 of 3 images" in capsys.readouterr().err
    assert command(*arguments, tmp_path / "b", "--max-pixels", 5000) == 0


def test_image_that_the_policy_cannot_take_is_skipped(images: Path, tmp_path: Path) -> None:
    policy = {"version": 1, "augment": [{"op": "crop", "height": 35, "width": 35}]}
    report = run(images, tmp_path / "out", policy=policy)  # a.jpg has 30 rows
    assert list(report.skipped) == ["a.jpg"]
    assert "a.jpg: a crop height of 35 is larger" in str(report.skipped["a.jpg"])
    assert report.made == 2


def test_policy_that_no_image_fits_is_an_invalid_policy(images: Path, tmp_path: Path) -> None:
    policy = {"version": 1, "augment": [{"op": "crop", "height": 500, "width": 35}]}
    with pytest.raises(PolicyError, match=r"/augment/0/height: .* is larger than the image"):
        run(images, tmp_path / "out", policy=policy)


def test_file_names_may_hold_any_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch)
    folder = tmp_path / "in"
    picture(folder / "plain.png", 0)
    for name in (b"new\nline.png", b"\xff\xfe.png"):
        os.link(folder / "plain.png", os.path.join(os.fsencode(folder), name))
    for _ in range(2):  # the second time from the manifest
        assert run(folder, tmp_path / "out").total == 3
    outputs = sorted(os.listdir(os.fsencode(tmp_path / "out")))
    assert b"new\nline.png.0.png" in outputs and b"\xff\xfe.png.0.png" in outputs
    manifest = (tmp_path / "out/manifest.jsonl").read_bytes()
    assert manifest.count(b"\n") == 3 and manifest.isascii()


def test_name_that_is_too_long_is_skipped(tmp_path: Path) -> None:
    picture(tmp_path / "in" / ("x" * 250 + ".png"), 0)
    picture(tmp_path / "in" / "ok.png", 1)
    report = run(tmp_path / "in", tmp_path / "out", policy=LIGHT)
    assert report.made == 1
    assert "the name is too long" in str(next(iter(report.skipped.values())))


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="no images in this folder"):
        run(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- where it writes ------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["in", "in/../in", "link", "."])
def test_output_that_is_or_holds_the_input_is_refused(
    images: Path, tmp_path: Path, output: str
) -> None:
    (tmp_path / "link").symlink_to(images)
    with pytest.raises(RunError, match="is the input folder or holds it"):
        run(images, tmp_path / output)
    assert len(list(images.rglob("*.*"))) == 3


def test_link_waiting_for_an_output_is_replaced_and_not_followed(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "out").mkdir()
    for name in ("a.jpg.0.png", "policy.json", "apply.json"):
        (tmp_path / "out" / name).symlink_to(victim)
    run(images, tmp_path / "out")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "out/a.jpg.0.png").is_symlink()


@pytest.mark.parametrize("name", ["deep", "manifest.jsonl"])
def test_link_waiting_for_a_folder_or_the_manifest_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fake(monkeypatch)
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(outside if name == "deep" else outside / "file")
    with pytest.raises(RunError, match=f"{name}: a symbolic link or another thing waits"):
        run(images, tmp_path / "out")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_output_where_a_file_is_says_to_name_a_folder(
    images: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match=f"^{tmp_path / name}: a file is there, or .* name a folder"):
        run(images, tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a//x", "."])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with OutputFolder(tmp_path / "out") as folder, pytest.raises(RunError, match="not a name"):
        folder.write(name, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_manifest_whose_source_leads_out_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"a.jpg"', '"../../secret"', 1))
    with pytest.raises(RunError, match="leads out of its folder"):
        replay(manifest, 1)


def test_folder_in_the_way_of_an_output_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "in/x.png", 0)
    picture(tmp_path / "in/x.png.0.png/y.png", 0)
    with pytest.raises(DataError, match="in the way of an output"):
        run(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("at", [12, 13], ids=["in an output", "in the journal"])
def test_full_disk_or_lost_permission_leaves_whole_files_only(
    images: Path,
    tmp_path: Path,
    policy_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    at: int,
) -> None:
    fake(monkeypatch)
    whole = tmp_path / "whole"
    assert command("apply", policy_file, images, whole, "--copies", 4) == 0
    real, calls = os.write, iter(range(10**6))

    def failing(descriptor: int, data: Any) -> int:
        if next(calls) >= at:
            real(descriptor, bytes(data)[:7])  # a part gets through, as on a real disk
            raise OSError(number, os.strerror(number))
        return real(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing)
        assert command("apply", policy_file, images, tmp_path / "out", "--copies", 4) == 1
    error = capsys.readouterr().err
    assert os.strerror(number) in error and "5 of 12 outputs are whole" in error
    partial = driver.tree(tmp_path / "out")
    complete = driver.tree(whole)
    outputs = [name for name in partial if name.endswith(".png")]
    assert len(outputs) == at - 7 and ".augreg.part" not in partial
    assert all(partial[name] == complete[name] for name in outputs)
    lines = partial["manifest.jsonl"].splitlines(keepends=True)
    assert b"".join(lines) == b"".join(complete["manifest.jsonl"].splitlines(keepends=True)[:5])
    assert command("apply", policy_file, images, tmp_path / "out", "--copies", 4) == 0
    assert driver.tree(tmp_path / "out") == complete


# --- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"copies": 3}, "copies 2 there, 3 here"),
        ({"encoding": "jpeg:80"}, "encoding png there, jpeg:80 here"),
        ({"policy": {"version": 1, "augment": [{"op": "invert"}]}}, "policy "),
    ],
)
def test_other_settings_on_one_folder_are_refused(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    words: str,
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out", copies=2)
    before = driver.tree(tmp_path / "out")
    with pytest.raises(RunError, match="begun with other settings") as refused:
        run(images, tmp_path / "out", **{"copies": 2, **change})
    assert words in str(refused.value)
    assert driver.tree(tmp_path / "out") == before


def test_image_added_to_the_input_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    picture(images / "0.png", 0)  # would move every index
    with pytest.raises(RunError, match="images 3 there, 4 here"):
        run(images, tmp_path / "out")


def test_second_run_on_one_folder_is_refused(images: Path, tmp_path: Path) -> None:
    with (
        OutputFolder(tmp_path / "out"),
        pytest.raises(RunError, match="another run is writing to this folder"),
    ):
        run(images, tmp_path / "out")


@pytest.mark.parametrize("cut", [1, 17, 200])
def test_torn_last_line_is_made_anew(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    whole = driver.tree(tmp_path / "out")
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-cut])
    assert run(images, tmp_path / "out").made == 1
    assert driver.tree(tmp_path / "out") == whole


def test_damaged_line_in_the_middle_is_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": "0"', 1))
    with pytest.raises(RunError, match=r"manifest.jsonl:1: this is no line of a manifest"):
        run(images, tmp_path / "out")


def test_lost_or_damaged_output_is_made_again(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    whole = driver.tree(tmp_path / "out")
    (tmp_path / "out/a.jpg.0.png").unlink()
    (tmp_path / "out/a.png.0.png").write_bytes(b"half")
    report = run(images, tmp_path / "out")
    assert (report.kept, report.made) == (1, 2)
    assert driver.tree(tmp_path / "out") == whole


def test_changed_image_is_not_passed_off_as_the_old_one(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    picture(images / "a.jpg", 99)
    (tmp_path / "out/a.jpg.0.png").unlink()
    with pytest.raises(RunError, match="its source changed"):
        run(images, tmp_path / "out")


@pytest.mark.parametrize("number", [0, 4])
def test_replay_of_a_line_that_is_not_there_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fake(monkeypatch)
    run(images, tmp_path / "out")
    with pytest.raises(RunError, match=f"manifest.jsonl:{number}: "):
        replay(tmp_path / "out/manifest.jsonl", number)


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"source": 1}'])
def test_what_is_no_line_is_refused(text: bytes) -> None:
    with pytest.raises(RunError, match="m:1: this is no line of a manifest"):
        parse_line(text, "m:1")


def start(*arguments: object, driven: bool = True, **more: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[1]
    return subprocess.Popen(
        [*(DRIVER if driven else [sys.executable, "-m", "augreg"]), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'plugins'}", **more},
    )


def wait_for_lines(manifest: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until the run has written them, however slow the machine; fails where it ends before."""
    while not (manifest.exists() and manifest.read_bytes().count(b"\n") >= count):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


def test_killed_at_ten_random_moments_it_ends_as_if_it_never_was(
    tmp_path: Path, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    for i in range(40):
        picture(tmp_path / "in" / f"{i % 4}" / f"{i}.png", i)
    (tmp_path / "in/bad.png").write_bytes(b"bad")
    arguments = ("apply", policy_file, tmp_path / "in")
    assert command(*arguments, tmp_path / "whole", "--copies", 5) == 4
    manifest, chance = tmp_path / "out/manifest.jsonl", random.Random(7)
    kills = 0
    while kills < 10:
        done = manifest.read_bytes().count(b"\n") if manifest.exists() else 0
        # 14 lines are waited for, and 10 times 18 outputs are not all of them: it is never done
        process = start(*arguments, tmp_path / "out", "--copies", 5, **{driver.MAKES: "18"})
        wait_for_lines(manifest, min(done + 1 + 6 * (kills % 3), 199), process)
        time.sleep(chance.random() * 0.02)
        process.kill()
        process.communicate()
        kills += 1
    assert command(*arguments, tmp_path / "out", "--copies", 5) == 4
    assert driver.tree(tmp_path / "out") == driver.tree(tmp_path / "whole")


def test_killed_while_tensorflow_works_it_ends_as_if_it_never_was(
    images: Path, tmp_path: Path, policy_file: Path
) -> None:
    for i in range(12):
        picture(images / f"more{i}.png", i)
    arguments = ("apply", policy_file, images, tmp_path / "out", "--copies", 20)
    process = start(*arguments, driven=False)
    wait_for_lines(tmp_path / "out/manifest.jsonl", 5, process)
    process.kill()
    process.communicate()
    left = len((tmp_path / "out/manifest.jsonl").read_bytes().splitlines())
    assert 5 <= left < 300
    assert command(*arguments) == 0
    run(images, tmp_path / "whole", copies=20)
    assert driver.tree(tmp_path / "out") == driver.tree(tmp_path / "whole")


def test_program_that_was_started_to_ignore_sigint_goes_on_ignoring_it(
    tmp_path: Path, policy_file: Path, foreground: None
) -> None:
    for i in range(40):
        picture(tmp_path / "in" / f"{i}.png", i)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what ends in "&"
    process = start("apply", policy_file, tmp_path / "in", tmp_path / "out", "--copies", 2)
    wait_for_lines(tmp_path / "out/manifest.jsonl", 3, process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert (process.returncode, error) == (0, "")
    assert len((tmp_path / "out/manifest.jsonl").read_text().splitlines()) == 80


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_keeps_what_is_done_and_says_so(
    tmp_path: Path, policy_file: Path, number: signal.Signals, code: int, foreground: None
) -> None:
    for i in range(40):
        picture(tmp_path / "in" / f"{i}.png", i)
    process = start("apply", policy_file, tmp_path / "in", tmp_path / "out", "--copies", 30)
    wait_for_lines(tmp_path / "out/manifest.jsonl", 3, process)
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == code, error
    made = len((tmp_path / "out/manifest.jsonl").read_text().splitlines())
    assert f"stopped: {made} of 1200 outputs are whole" in error
    assert "Traceback" not in error
    assert ".augreg.part" not in driver.tree(tmp_path / "out")


# --- the instruction set --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "text", "name"),
    [
        ("x86_64", "model\t: 1\nflags\t\t: fpu sse4_2 avx avx2 fma avx512f\nbugs\t: x\n", "avx2"),
        ("x86_64", "flags\t\t: sse4_2 avx fma\n", "avx"),
        ("AMD64", "flags\t\t: fpu sse4_2\n", "sse4_2"),
        ("x86_64", "flags\t\t: fpu\n", "unknown"),
        ("x86_64", None, "unknown"),
        ("arm64", None, "neon"),
        ("aarch64", "Features\t: fp asimd\n", "neon"),
    ],
)
def test_instruction_set_has_the_name_of_those_that_give_the_same_bytes(
    tmp_path: Path, machine: str, text: str | None, name: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if text is not None:
        cpuinfo.write_text(text)
    assert made_with.instruction_set(machine, cpuinfo) == name


def test_output_that_another_machine_makes_otherwise_names_the_instruction_set(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    monkeypatch.setattr(made_with, "instruction_set", lambda: "avx2")
    run(images, tmp_path / "out")
    assert '"instruction_set": "avx2"' in (tmp_path / "out/apply.json").read_text()
    monkeypatch.setattr(made_with, "instruction_set", lambda: "avx")
    monkeypatch.setattr(driver.HashMaker, "salt", b"another machine")
    (tmp_path / "out/a.jpg.0.png").unlink()
    words = r"\(instruction_set avx2 there, avx here\); name another folder"
    with pytest.raises(RunError, match=f"made again, it differs .*, or what made it did {words}"):
        run(images, tmp_path / "out")
    module = sys.modules["augreg.apply.replay"]  # the package has a function of this name
    monkeypatch.setattr(module, "Renderer", driver.HashMaker)
    manifest = tmp_path / "out/manifest.jsonl"
    with pytest.raises(RunError, match=r"result differs: .*; instruction_set avx2 there, avx here"):
        replay(manifest, 2)
    monkeypatch.setattr(made_with, "instruction_set", lambda: "avx2")
    with pytest.raises(RunError, match=r"; all that apply.json says of what made it is the same h"):
        replay(manifest, 2)
