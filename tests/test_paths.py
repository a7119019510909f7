"""Paths that no one here serves are refused before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import augreg
from augreg.apply import ApplyOptions
from augreg.cli import main
from augreg.errors import PathError, PolicyError, RunError
from augreg.paths import elsewhere, holds
from augreg.train import TrainOptions

SCHEMES = ["gs://b/x", "s3://b/x", "hdfs://h:9/x", "https://h/x", "abfss://c@a/x", "file:///x"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "photos" / label / "a.png")
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, "augment": [{"op": "flip"}]}))
    return tmp_path


def listed(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


APPLY = [
    "apply p.json photos {}",
    "apply p.json {} out",
    "apply p.json photos out --listing {}",
    "merge {}",
    "replay {} 1",
]


# `apply` serves s3:// (test_store.py), and gs:// where its driver is installed
@pytest.mark.parametrize(
    ("line", "url"),
    [(line, url) for line in APPLY for url in SCHEMES if not url.startswith("s3:")]
    + [
        (line, url)
        for url in SCHEMES
        for line in (
            "preview p.json photos/cat/a.png -o {}.png",
            "preview p.json {}",
            "preview p.json photos/cat/a.png --annotations {}",
            "schema -o {}",
            "expand p.json -o {}",
            "train p.json --output {}",
            "train p.json --data folder:{} --output run",
            "train p.json --data-dir {} --output run",
            "validate p.json --data folder:{}",
        )
    ],
)
def test_scheme_is_refused_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], line: str, url: str
) -> None:
    before = listed(place)
    with pytest.raises(SystemExit) as end:
        main(line.format(url).split())
    said = capsys.readouterr().err
    assert end.value.code == 1
    scheme = url.partition("://")[0]
    assert f"augreg: {scheme}://" in said
    assert "is not served" in said or "without file://" in said or "needs gcsfs" in said
    assert len(said.splitlines()) == 1
    assert listed(place) == before


@pytest.mark.parametrize("url", SCHEMES)
def test_policy_of_a_scheme_is_refused_as_a_policy(url: str) -> None:
    for given in (url, Path(url)):
        with pytest.raises(PolicyError, match=r"is not served|without file://"):
            augreg.load_policy(given)


def test_options_of_python_are_held_to_the_same(place: Path) -> None:
    policy = augreg.load_policy("p.json")
    with pytest.raises(PathError, match=r"^hdfs://b/out: hdfs:// is not served"):
        ApplyOptions(policy, Path("photos"), Path("hdfs://b/out"))
    with pytest.raises(PathError, match=r"^s3://b/out: s3:// is not served"):
        TrainOptions("p.json", output="s3://b/out")  # type: ignore[arg-type]


def test_paths_of_this_machine_are_no_schemes(place: Path) -> None:
    for path in ("a/b", "/a/b", "./gs:/x", "C:/x", "C:\\x", "a:b", "mailto:x", "1x://y", "a b:/c"):
        assert elsewhere(path) is None, path


def test_train_into_the_data_folder_is_refused_before_anything_is_written(place: Path) -> None:
    from augreg.train import train

    (place / "link").symlink_to(place / "photos", target_is_directory=True)
    before = listed(place)
    for output in ("photos", "photos/run", "photos/cat/run", "link/run", "photos/../photos/x/y"):
        with pytest.raises(RunError, match="the data folder or is inside it"):
            train(TrainOptions("p.json", data="folder:photos", output=Path(output)))
    assert listed(place) == before


def test_folder_holds_what_lies_in_it_by_any_name(place: Path) -> None:
    (place / "link").symlink_to(place / "photos", target_is_directory=True)
    photos = place / "photos"
    for inner in (photos, photos / "new/deep", place / "link/cat", place / "link/none/../x"):
        assert holds(photos, inner)
    for other in (place, place / "photos2", place / "photosx/y", place / "link/../out"):
        assert not holds(photos, other) or other == place / "link/../out"
    assert holds(place / "none", place / "none/x") and not holds(place / "none", place / "x")
