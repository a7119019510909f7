"""The files of a studio: what it reads and writes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from augreg.errors import PolicyError
from augreg.policy.given import ready_names, ready_policies
from augreg.studio.documents import ChangedError, Documents

TEXT = '{"version": 1}\n'


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    (tmp_path / "mine.json").write_text(TEXT)
    (tmp_path / "notes.txt").write_text("secret")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "other.json").write_text(TEXT)
    return Documents(str(tmp_path / "mine.json"))


def test_policies_of_the_folder_and_ready_ones_are_read(documents: Documents) -> None:
    assert documents.files() == [str(documents.folder / "mine.json")]
    assert documents.read(documents.given) == documents.first == TEXT
    assert documents.read("flowers") == (ready_policies() / "flowers.json").read_text()


@pytest.mark.parametrize(
    "file", ["notes.txt", "inner/other.json", "inner/../mine.json", "../mine.json", ".json", "x/"]
)
def test_nothing_else_is_read_or_written(documents: Documents, file: str) -> None:
    path = str(documents.folder / file)
    for given in (path, file, "/etc/passwd", "/etc/x.json"):
        with pytest.raises(PolicyError, match="was not given this file"):
            documents.read(given)
        with pytest.raises(PolicyError, match="a policy's name ends with"):
            documents.write(given, TEXT, None)
    assert (documents.folder / "notes.txt").read_text() == "secret"


def test_a_ready_policy_is_read_and_saved_beside_who_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    documents = Documents("flowers")
    assert documents.is_ready("flowers")
    with pytest.raises(PolicyError, match="a policy's name ends with"):
        documents.write("flowers", TEXT, None)
    assert documents.named("mine") == documents.named(" mine.json ") == "mine.json"
    documents.write("mine.json", TEXT, None)
    assert documents.files() == ["mine.json"]
    assert sorted(ready_names()) == sorted(p.stem for p in ready_policies().glob("[!p]*.json"))


def test_a_file_that_changed_meanwhile_is_not_overwritten(documents: Documents) -> None:
    path = Path(documents.given)
    path.write_text("{}")
    with pytest.raises(ChangedError) as error:
        documents.write(documents.given, '{"version": 1, "name": "a"}', TEXT)
    assert error.value.text == "{}" == path.read_text()
    documents.write(documents.given, TEXT, error.value.text)
    assert path.read_text() == TEXT


def test_a_file_that_is_there_is_not_taken_for_a_new_one(documents: Documents) -> None:
    with pytest.raises(ChangedError):
        documents.write(documents.given, "{}", None)
    assert Path(documents.given).read_text() == TEXT


def test_a_file_that_is_gone_is_written_anew(documents: Documents) -> None:
    Path(documents.given).unlink()
    documents.write(documents.given, TEXT, TEXT)
    assert Path(documents.given).read_text() == TEXT


def test_a_file_keeps_its_line_ends(documents: Documents) -> None:
    path = Path(documents.given)
    path.write_bytes(b'{\r\n"version": 1\r\n}')
    text = documents.read(documents.given)
    assert text == '{\n"version": 1\n}'
    documents.write(documents.given, text.replace("1", "1, \n"), text)
    assert path.read_bytes() == b'{\r\n"version": 1, \r\n\r\n}'


def test_what_is_longer_than_a_policy_may_be_is_not_written(documents: Documents) -> None:
    with pytest.raises(PolicyError, match="at most 1,000,000 bytes"):
        documents.write(documents.given, "é" * 600_000, TEXT)
    assert Path(documents.given).read_text() == TEXT
