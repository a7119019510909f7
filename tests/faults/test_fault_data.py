"""Faults 70 to 76 of data and models, and a training run among bad files (26 to 30, 56)."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import keras
import pytest
from fault_tools import BAD, Said, command, encoded, pixels, policy_file, tree

from augreg.errors import AugregError
from augreg.train import load_model

POLICY = {
    "version": 1,
    "prepare": [{"op": "resize", "height": 8, "width": 8}],
    "augment": [{"op": "flip", "p": 0.5}],
}


def fill(root: Path, *folders: str, count: int = 2) -> Path:
    """Images in folders such as train/a."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (root / folder / f"{i}.png").write_bytes(encoded(pixels(seed=i)))
    return root


def refused(
    tmp_path: Path, data: str, *words: str, options: dict[str, object] | None = None
) -> None:
    """`validate --data` and `train` exit 1 with `words`, and leave nothing."""
    more = [part for option in (options or {}).items() for part in option]
    path, output = policy_file(tmp_path / "policy"), tmp_path / "run"
    for command_line in (["validate", path], ["train", path, "-o", output]):
        said = command(*command_line, "--data", data, *more)
        assert said.code == 1
        assert all(word in said.err for word in words), said.err
    assert set(tree(output)) <= {".lock"}


def test_fault_70_empty_class_folder_is_named(tmp_path: Path) -> None:
    root = fill(tmp_path / "data", "train/a", "train/b", "val/a", "val/b", "test/a", "test/b")
    (root / "train/c").mkdir()
    words = (f"{root}/train/c: the class folder is empty", "put images", "or remove it")
    refused(tmp_path, f"folder:{root}", *words)


def test_fault_71_empty_split_is_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    digests = (hashlib.sha256(f"{i}.png".encode()).digest() for i in range(100))
    name = next(i for i, d in enumerate(digests) if int.from_bytes(d[:4]) % 100 < 80)
    for label in "ab":  # by the hash of its name, a lone file goes into train
        (root / label).mkdir(parents=True)
        (root / label / f"{name}.png").write_bytes(encoded(pixels()))
    refused(tmp_path, f"folder:{root}", "split", "is empty (found train 2, validation 0, test 0)")


def test_fault_72_one_class_only_is_refused(tmp_path: Path) -> None:
    root = fill(tmp_path / "data", "train/a", "val/a", "test/a")
    refused(tmp_path, f"folder:{root}", "two or more classes; found only 'a'")


def test_fault_73_name_that_tfds_does_not_know_gets_the_nearest(tmp_path: Path) -> None:
    words = ('tf_flower: no such data source (did you mean "tf_flowers"?)', "folder:PATH")
    refused(tmp_path, "tf_flower", *words, options={"--data-dir": tmp_path / "tfds"})


def test_fault_74_no_network_and_nothing_prepared_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_names(*_: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    root = tmp_path / "tfds"
    words = (
        f"it is not prepared in {root}",
        "on a machine with a network run",
        "tfds.builder('tf_flowers/3.0.1', data_dir='DIR').download_and_prepare()",
        f"copy DIR/tf_flowers/3.0.1 to {root}/tf_flowers/3.0.1",
    )
    refused(tmp_path, "tf_flowers", *words, options={"--data-dir": root})


def test_fault_75_keras_file_with_a_lambda_is_refused(tmp_path: Path) -> None:
    layer = keras.layers.Lambda(lambda x: x)
    inner = keras.Sequential([keras.Input((4,)), layer])
    for model in (inner, keras.Sequential([keras.Input((4,)), inner])):
        model.save(tmp_path / "m.keras")
        with pytest.raises(AugregError) as refusal:
            load_model(tmp_path / "m.keras")
        assert str(refusal.value).startswith(
            f"{tmp_path / 'm.keras'}: the model has a Lambda layer"
        )
        assert "write it as a registered layer" in str(refusal.value)


# --- a run among bad files --------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes in three splits; all the bad files lie in one of them."""
    root = tmp_path_factory.mktemp("data") / "data"
    fill(root, *(f"{split}/{label}" for split in ("train", "val", "test") for label in "ab"))
    for name, contents in BAD.items():
        (root / "train/a" / name).write_bytes(contents)
    return root


def train(folder: Path, output: Path, *options: object) -> Said:
    policy = policy_file(output.parent, POLICY)
    data = ("--data", f"folder:{folder}", "--epochs", 1)
    return command("train", policy, *data, "-o", output, *options)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "run"
    said = train(folder, output, "--max-bad", 0.5)
    assert said.code == 0, said.err
    return output


def test_fault_26_27_28_29_30_training_goes_on_and_lists_the_bad_files(run: Path) -> None:
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    assert [Path(bad["path"]).name for bad in summary["bad_images"]] == sorted(BAD)
    assert all(bad["reason"] for bad in summary["bad_images"])
    assert summary["samples"]["train"] == 4


def test_fault_26_27_28_29_30_training_fails_where_too_many_are_bad(
    folder: Path, tmp_path: Path
) -> None:
    said = train(folder, tmp_path / "run", "--max-bad", 0.25)
    assert said.code == 1
    assert "5 of 17 images can't be used, 29.4%; at most 25.0%" in said.err
    first, *listed = said.err.splitlines()
    assert first.startswith("augreg: ") and "raise max_bad" in first
    assert [Path(line.partition(": ")[0]).name for line in listed] == sorted(BAD)
    assert all(line.startswith("  ") for line in listed)
    assert set(tree(tmp_path / "run")) <= {".lock"}


def test_fault_56_training_does_not_go_on_with_another_seed_or_policy(
    folder: Path, run: Path
) -> None:
    before = tree(run)
    said = train(folder, run, "--max-bad", 0.5, "--resume", "--seed", 9)
    assert said.code == 1 and "seed was 0 and is now 9" in said.err
    other = policy_file(run.parent, {**POLICY, "augment": []}, "other.json")
    data = ("--data", f"folder:{folder}", "--epochs", 1, "--max-bad", 0.5)
    said = command("train", other, *data, "-o", run, "--resume")
    assert said.code == 1 and "policy hash was" in said.err
    assert tree(run) == before


def test_fault_76_model_whose_classes_differ_from_the_datas_is_refused_with_both_lists(
    folder: Path, run: Path, tmp_path: Path
) -> None:
    renamed = Path(shutil.copytree(folder, tmp_path / "data"))
    for split in ("train", "val", "test"):
        (renamed / split / "b").rename(renamed / split / "c")
    policy = run.parent / "p.json"
    data = ("--data", f"folder:{renamed}", "--epochs", 1, "--max-bad", 0.5)
    said = command("train", policy, *data, "-o", run, "--resume")
    assert said.code == 1
    assert "[a, b]" in said.err and "[a, c]" in said.err
