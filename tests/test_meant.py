"""Arguments in another order, or too few of them: the message is the command to write."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import apply_driver as driver
import pytest
from PIL import Image

from augreg.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, a policy and a run of `apply`, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")  # a message stands in one line
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b c.png", "noname"):
        Image.new("RGB", (8, 6)).save(tmp_path / "photos" / name, "PNG")
    policy = {"version": 1, "augment": [{"op": "flip"}]}
    (tmp_path / "my.json").write_text(json.dumps(policy))
    main_code("apply my.json photos out")
    return tmp_path


def main_code(line: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(shlex.split(line))
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("preview photos/a.jpg my.json", "preview my.json photos/a.jpg"),
        ("preview photos/a.jpg flowers", "preview flowers photos/a.jpg"),
        ("preview photos/noname flowers", "preview flowers photos/noname"),
        ("preview photos/a.jpg", "preview flowers photos/a.jpg"),
        ("preview 'photos/b c.png' my.json", "preview my.json 'photos/b c.png'"),
        ("preview photos/a.jpg photos/noname my.json", "my.json photos/a.jpg photos/noname"),
        ("preview photos my.json", "preview my.json photos/*.jpg"),
        ("preview my.json photos", "preview my.json photos/*.jpg"),
        ("preview flowers photos/a.jpg digits", "digits is a policy, and flowers is already"),
        ("preview my.json other.json", "No such file"),
        ("apply photos my.json out2", "apply my.json photos out2"),
        ("apply photos out2 my.json", "apply my.json photos out2"),
        ("apply photos flowers out2", "apply flowers photos out2"),
        ("replay 2 out/manifest.jsonl", "replay out/manifest.jsonl 2"),
        ("replay 2", "replay manifest.jsonl 2"),
        ("replay out/manifest.jsonl", "replay out/manifest.jsonl 1"),
        ("replay out 2", "replay out/manifest.jsonl 2"),
        ("replay out", "replay out/manifest.jsonl 1"),
        ("replay out/manifest.jsonl two", "two is not the number of a line"),
        ("replay gone.png", "gone.png: no such file; name the manifest"),
        ("replay photos/a.jpg", "replay out/manifest.jsonl 1"),
    ],
)  # fmt: skip
def test_message_says_what_was_meant(
    place: Path, capsys: pytest.CaptureFixture[str], given: str, meant: str
) -> None:
    before = driver.tree(place)
    code = main_code(given)
    said = capsys.readouterr().err
    assert code == (1 if meant == "No such file" else 2)
    assert meant in said and "Traceback" not in said
    assert driver.tree(place) == before


def test_output_of_a_run_in_place_of_the_manifest_gets_its_own_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_code("replay 'out/b c.png.0.png'") == 2
    said = capsys.readouterr().err
    assert f"replay '{place}/out/manifest.jsonl' 2" in said or (
        f"replay {place}/out/manifest.jsonl 2" in said
    )


def test_ready_name_goes_before_a_folder_of_that_name(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "flowers").mkdir()
    assert main_code("preview flowers photos/a.jpg -o p.png --copies 1") == 0
    assert main_code("validate flowers") == 0


def test_policy_in_place_of_an_image_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "other.json").write_text("{}")
    assert main_code("preview my.json other.json") == 2
    assert "other.json is a policy" in capsys.readouterr().err
