"""Habits at the front door: what people type first, and what the network or the reader then saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augreg
from augreg.cli import main

PHOTO = np.asarray(Image.open(augreg.images.photo_paths()[0]).resize((60, 40)))


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


# --- B7: a grid of nine -------------------------------------------------------------------------


def different(images: Any) -> int:
    return len({np.asarray(image).tobytes() for image in images})


def test_grid_of_nine_in_a_notebook_shows_nine_pictures() -> None:
    layer = augreg.AugmentationLayer("flowers", seed=7)
    assert different(layer(PHOTO, training=True) for _ in range(9)) == 9
    assert different(layer(np.repeat(PHOTO[None], 9, axis=0), training=True)) == 9
    assert different(layer(PHOTO) for _ in range(9)) == 1  # inference, as the docs begin with


def test_preview_in_a_notebook_shows_the_same_nine_as_training_sees() -> None:
    figure = augreg.preview("flowers", PHOTO, seed=7)
    drawn = [np.asarray(axes.get_images()[0].get_array()) for axes in figure.axes]
    assert different(drawn) == 10
    layer = augreg.AugmentationLayer("flowers", seed=7)
    for epoch, picture in enumerate(drawn[1:]):
        seen = layer(PHOTO, training=True, index=[0], epoch=epoch)
        np.testing.assert_allclose(np.asarray(seen) * 255, picture, atol=1.01)


def test_last_line_of_a_cell_says_what_it_is() -> None:
    policy = augreg.load_policy("flowers")
    assert "rotate degrees [-30, 30]" in repr(policy) and "<li>" in policy._repr_html_()


CELL = """
@augreg.op("acme/warm", amount=augreg.Range(0.0, 1.0, default=[0, 0.5]))
def warm(xp, amount):
    "Moves red up and blue down."
    return augreg.ColorMap(xp.eye(3), xp.stack([amount, amount * 0, -amount], axis=-1))

steps = [{"op": "acme/warm"}, {"op": "rotate", "degrees": [-30, 30]}]
policy = augreg.load_policy({"version": 1, "augment": steps}, registry=registry_with(warm))
layer = augreg.AugmentationLayer(policy, seed=7)
model = keras.Sequential([keras.Input((40, 60, 3), dtype="uint8"), layer])
pictures = [model(PHOTO[None], training=True) for _ in range(3)]
batches = augreg.augment_dataset(tf.data.Dataset.from_tensors(PHOTO), policy, batch_size=1, seed=7)
pictures += [next(iter(batches)) for _ in range(3)]
"""


def test_cell_that_runs_again_gives_the_same_again() -> None:
    """In one namespace, as a notebook does: everything in it is made anew."""
    import keras
    import tensorflow as tf

    from augreg.testing import registry_with

    names = {"augreg": augreg, "keras": keras, "tf": tf, "registry_with": registry_with}
    names["PHOTO"] = PHOTO
    seen = []
    for _ in range(2):
        exec(compile(CELL, "<cell>", "exec"), names)
        seen.append(np.stack([np.asarray(picture) for picture in names["pictures"]]))
    np.testing.assert_array_equal(seen[0], seen[1])
    assert different(seen[0][:3]) == 3 == different(seen[0][3:])


# --- B9: outputs among inputs -------------------------------------------------------------------


def test_apply_into_its_own_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    assert command("apply", "flowers", tmp_path, tmp_path / "augmented") == 1
    assert "is inside the input folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_copies_name_their_original_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "in/cat").mkdir(parents=True)
    Image.fromarray(PHOTO).save(tmp_path / "in/cat/a.png")
    policy = tmp_path / "p.json"
    policy.write_text(json.dumps({"version": 1, "augment": [{"op": "flip", "p": 0.5}]}))
    assert command("apply", policy, tmp_path / "in", tmp_path / "out", "--copies", 3) == 0
    lines = map(json.loads, (tmp_path / "out/manifest.jsonl").read_text().splitlines())
    assert [line["original"] for line in lines] == ["cat/a.png"] * 3


# --- B10: the front door ------------------------------------------------------------------------


def test_ready_name_is_a_policy_everywhere(tmp_path: Path) -> None:
    import tensorflow as tf

    assert augreg.load_policy("flowers").name == "flowers"
    source = tf.data.Dataset.from_tensors(PHOTO)
    (image,) = augreg.augment_dataset(source, "flowers", batch_size=1, seed=7)
    wanted = augreg.augment(PHOTO[None], "flowers", seed=7, index=[0])
    np.testing.assert_allclose(image, wanted, atol=1 / 255)
    fn = augreg.map_fn("flowers", seed=7)
    np.testing.assert_allclose(fn(0, PHOTO), wanted[0], atol=1 / 255)


def test_file_goes_before_a_ready_policy_and_a_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flowers").mkdir()
    assert augreg.load_policy("flowers").name == "flowers"
    Path("flowers").rmdir()
    Path("flowers").write_text('{"version": 1, "name": "mine", "augment": [{"op": "flip"}]}')
    assert augreg.load_policy("flowers").name == "mine"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("flower", 'did you mean "flowers"'),
        ("nowhere/of/all.json", "no such file.*; ready policies: "),
        ('{"version": 1}', "this is JSON as text"),
        ([{"op": "flip"}], "found a value of the type list"),
        (None, "found None"),
        ("x" * 5000, "can't be read: File name too long"),
    ],
    ids=["misspelt", "missing", "text", "list", "none", "long"],
)
def test_what_is_no_policy_is_refused_with_what_is(given: Any, message: str) -> None:
    with pytest.raises(augreg.PolicyError, match=message):
        augreg.load_policy(given)


def test_numpy_numbers_and_tuples_are_what_they_mean() -> None:
    written = {
        "version": np.int64(1),
        "augment": (
            {"op": "brightness", "delta": (np.float32(-0.1), np.float64(0.2)), "p": np.array(0.5)},
            {"op": "zoom", "factor": np.array([0.5, 1.5], np.float32)},
            {"op": "crop", "height": np.int32(4), "width": np.uint8(4)},
            {"op": "resize", "height": 4, "width": 4, "antialias": np.bool_(True)},
        ),
    }
    plain = {
        "version": 1,
        "augment": [
            {"op": "brightness", "delta": [-0.1, 0.2], "p": 0.5},
            {"op": "zoom", "factor": [0.5, 1.5]},
            {"op": "crop", "height": 4, "width": 4},
            {"op": "resize", "height": 4, "width": 4, "antialias": True},
        ],
    }
    assert augreg.load_policy(written).hash == augreg.load_policy(plain).hash
    assert json.dumps(augreg.load_policy(written).source)
    with pytest.raises(augreg.PolicyError, match="/augment/0/p is a value of the type set"):
        augreg.load_policy({"version": 1, "augment": [{"op": "flip", "p": {0.5}}]})
    with pytest.raises(augreg.PolicyError, match="a key at /augment/0 is a value of the type int"):
        augreg.load_policy({"version": 1, "augment": [{"op": "flip", 1: 2}]})


def test_all_mistakes_of_a_first_policy_are_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.json"
    steps = ({"op": "RandomFlip"}, {"op": "normalize"}, {"op": "rotate", "degrees": [40, -40]})
    path.write_text('{"version": 1, "augment": [\n' + ",\n".join(map(json.dumps, steps)) + "]}")
    assert command("validate", path) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[1].removeprefix(f"{path}:").split(":")[0] for line in lines] == [
        *("2", "3", "4"),
    ]
    assert '{"op": "flip", "p": 0.5}' in lines[0] and '"output"' in lines[1]


def test_swapped_arguments_are_said_to_be_swapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    Image.fromarray(PHOTO).save(tmp_path / "rose.png")
    assert command("preview", tmp_path / "rose.png", "flowers") == 2
    assert f"augreg preview flowers {tmp_path}/rose.png" in capsys.readouterr().err
