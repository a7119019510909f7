"""Faults 47 to 53 of files.

Where the machine can't have a fault (a full disk, a permission that root lacks), it is
injected at the system call.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from fault_tools import applied, command, encoded, pixels, tree

from augreg import files
from augreg.apply.folder import OutputFolder
from augreg.errors import RunError

TESTS = Path(__file__).parents[1]
IMAGE = encoded(pixels())


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "a//x.png"])
def test_fault_47_output_path_stays_inside_of_the_output_folder(
    tmp_path: Path, name: str, run: list[Any]
) -> None:
    with OutputFolder(tmp_path / "out") as folder, pytest.raises(RunError, match="not a name"):
        folder.write(name, b"x")
    assert tree(tmp_path / "out") == {}
    assert command(*run).code == 0
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"0.png"', f'"{name}"', 1))
    said = command("replay", manifest, 1, "-o", tmp_path / "again.png")
    assert said.code == 1 and not (tmp_path / "again.png").exists()
    assert not list(tmp_path.rglob("x.png"))


def test_fault_48_link_waiting_in_the_output_folder_is_not_followed(
    tmp_path: Path, run: list[Any]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/0.png.0.png").symlink_to(victim)
    assert command(*run).code == 0
    assert victim.read_text() == "mine" and not (tmp_path / "out/0.png.0.png").is_symlink()
    (tmp_path / "out/manifest.jsonl").unlink()
    (tmp_path / "out/manifest.jsonl").symlink_to(victim)
    said = command(*run)
    assert said.code == 1 and "a symbolic link or another thing waits" in said.err
    assert victim.read_text() == "mine"


def test_fault_49_loop_of_links_in_the_input_ends(tmp_path: Path, run: list[Any]) -> None:
    (tmp_path / "in/deep").mkdir()
    (tmp_path / "in/deep/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    assert "made 3 of 3 outputs" in command(*run).out


def test_fault_50_images_that_differ_in_extension_give_two_outputs(tmp_path: Path) -> None:
    done = applied(tmp_path, {"a.jpg": encoded(pixels(), "JPEG"), "a.png": IMAGE})
    assert done.said.code == 0 and list(done.images) == ["a.jpg", "a.png"]


def test_fault_51_file_names_of_any_bytes_work(tmp_path: Path) -> None:
    names = [os.fsdecode(b"a\xff.png"), "line\nbreak.png"]
    done = applied(tmp_path, {**dict.fromkeys(names, IMAGE), "b\n\xe9.png": b""})
    assert done.said.code == 4 and sorted(done.images) == sorted(names)
    assert "b\\n\xe9.png: the file is empty" in done.said.err


def test_fault_52_output_folder_equal_to_the_input_folder_is_refused(
    tmp_path: Path, run: list[Any]
) -> None:
    before = tree(tmp_path)
    said = command(*run[:3], tmp_path / "in/../in")
    assert said.code == 1 and "the output folder is the input folder" in said.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_fault_53_full_disk_or_no_permission_leaves_no_partial_file(
    tmp_path: Path, run: list[Any], monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    assert command(*run).code == 0
    whole = tree(tmp_path / "out")
    for at in range(6):
        output = tmp_path / f"out{at}"
        with monkeypatch.context() as patch:
            fails_at(patch, call, at, number)
            said = command(*run[:3], output)
        if said.code == 0:  # there are fewer calls than that
            break
        assert said.code == 1 and os.strerror(number) in said.err
        last = said.err.splitlines()[-1]  # which names a file, but where the folder is synced
        assert f"augreg: {output}/" in last or call == "fsync", said.err
        left = tree(output)
        assert ".augreg.part" not in left
        for name, contents in left.items():
            complete = whole[name]
            assert contents == complete or name == "manifest.jsonl"
            assert complete.startswith(contents) and contents[-1:] in (b"", b"\n", complete[-1:])
        assert command(*run[:3], output).code == 0
        assert tree(output) == whole
    assert at > 0


def fails_at(patch: pytest.MonkeyPatch, call: str, at: int, number: int) -> None:
    real, calls = getattr(os, call), iter(range(10**6))

    def failing(*args: Any, **more: Any) -> Any:
        if next(calls) != at:
            return real(*args, **more)
        if call == "write":
            real(args[0], bytes(args[1])[:5])  # a part gets through, as on a real disk
        raise OSError(number, os.strerror(number))

    patch.setattr(os, call, failing)


@pytest.mark.parametrize(
    "arguments", [("schema", "-o"), ("preview", "flowers", "--copies", 1, "-o")], ids=str
)
def test_fault_53_other_commands_keep_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...]
) -> None:
    target = tmp_path / "old.png"
    target.write_text("what was there")
    fails_at(monkeypatch, "fsync", 0, errno.ENOSPC)
    said = command(*arguments, target)
    assert said.code == 1 and said.err == f"augreg: {target}: No space left on device\n"
    assert tree(tmp_path) == {"old.png": b"what was there"}
    fails_at(monkeypatch, "fsync", 0, errno.ENOSPC)
    with pytest.raises(RunError, match="No space left"):
        files.write_text(target, "new")
    assert tree(tmp_path) == {"old.png": b"what was there"}
