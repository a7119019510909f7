"""Where the studio's token is kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from augreg.studio.door.tokens import token_of


def test_token_is_kept_for_its_port_and_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "studio"
    token = token_of(8123, folder)
    assert token_of(8123, folder) == token
    assert token_of(8124, folder) != token
    assert stat.S_IMODE((folder / "token-8123").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_new_token_replaces_the_kept_one(tmp_path: Path) -> None:
    before = token_of(8123, tmp_path)
    new = token_of(8123, tmp_path, new=True)
    assert new != before
    assert token_of(8123, tmp_path) == new


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 31, "x" * 33, "\u00e9" * 32, "../" * 11, "a" * 10**6]
)
def test_file_that_holds_no_token_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "token-1").write_text(text)
    (tmp_path / "token-1").chmod(0o600)
    assert token_of(1, tmp_path) != text
    assert token_of(1, tmp_path) == (tmp_path / "token-1").read_text()


def test_file_that_others_may_read_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "token-1"
    path.write_text("x" * 32)
    path.chmod(0o640)
    assert token_of(1, tmp_path) != "x" * 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 32)
    elsewhere.chmod(0o600)
    (tmp_path / "token-1").symlink_to(elsewhere)
    assert token_of(1, tmp_path) != "x" * 32
    assert elsewhere.read_text() == "x" * 32


def test_what_is_no_file_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "token-1").mkdir()
    os.mkfifo(tmp_path / "token-2")
    assert len(token_of(1, tmp_path)) == len(token_of(2, tmp_path)) == 32
    (tmp_path / "file").touch()
    assert len(token_of(1, tmp_path / "file" / "studio")) == len(token_of(1, None)) == 32
