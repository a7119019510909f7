"""`augreg apply --shard` and `augreg merge`: the tree of one run, made by several commands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apply_driver as driver
import numpy as np
import pytest
from PIL import Image

import augreg
from augreg.apply import ApplyOptions, Merged, Report, Shard, apply_folder, merge, replay
from augreg.apply import made_with as makers
from augreg.apply.folder import OutputFolder
from augreg.apply.journal import Journal
from augreg.apply.shard import LOCK, SHARDS
from augreg.cli import main
from augreg.errors import DataError, PathError, RunError
from augreg.sources.originals import Originals

LIGHT = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}  # no kernel to compile
IMAGES = ("a.jpg", "bad.png", "c.jpg", "deep/er/d.png", "e.jpg")
ROOT = Path(__file__).parents[1]
DEADLINE = 120  # seconds that a process may take on the slowest machine


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy and five images in `in`, of which one can't be read. Outputs are hashes."""
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    monkeypatch.chdir(tmp_path)
    for name in IMAGES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Path(name).stem.encode())
    (tmp_path / "p.json").write_text(json.dumps(LIGHT))
    return tmp_path


def run(shard: str | None, output: str = "out", images: str = "in", **more: Any) -> Report:
    report = Report()
    policy = augreg.load_policy(more.pop("policy", LIGHT))
    part = Shard.parse(shard) if shard else None
    options = ApplyOptions(policy, Path(images), Path(output), shard=part, **{"copies": 2, **more})
    apply_folder(options, report)
    return report


def merged(output: str = "out") -> Merged:
    report = Merged()
    merge(Path(output), report)
    return report


def tree(output: str) -> dict[str, bytes]:
    return driver.tree(Path(output))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: its exit code and both streams."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return int(end.value.code or 0), streams.out, streams.err

    return run


# --- one tree -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 7], ids="in {}".format)
def test_merged_shards_are_the_tree_of_one_run(place: Path, count: int) -> None:
    whole = run(None, "whole", seed=4, epoch=3)
    reports = [run(f"{n}/{count}", seed=4, epoch=3) for n in reversed(range(count))]
    assert sum(report.made for report in reports) == whole.made == 8
    assert sum(report.images for report in reports) == 5
    report = merged()
    assert (report.shards, report.made, report.total) == (count, 8, 10)
    assert report.skipped == {1: "bad.png: bad"}
    assert tree("out") == tree("whole")
    assert sorted(os.listdir("out")) == sorted(os.listdir("whole"))


def test_kernels_give_merged_shards_the_bytes_of_one_run_and_lines_that_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(pixels).save(f"in/{i}.png")
    for shard, output in ((None, "whole"), ("0/2", "out"), ("1/2", "out")):
        run(shard, output)
    merged()
    assert tree("out") == tree("whole")
    assert replay(Path("out/manifest.jsonl"), 3).line.output == "1.png.0.png"


def test_commands_say_what_comes_next_and_end_as_apply_does(place: Path, said: Any) -> None:
    arguments = ("apply", "p.json", "in", "out", "--copies", 2)
    assert said(*arguments, "--shard", "0/2") == (
        0, "shard 0/2: made 6 of 6 outputs; when all shards are done: augreg merge out\n", ""
    )  # fmt: skip
    code, out, err = said("merge", "out")
    assert (code, out) == (1, "")
    assert err == (
        "augreg: out: 1 of 2 shards are not done; run the following, then augreg merge out again:\n"
        "  augreg apply p.json in out --copies 2 --shard 1/2  # never begun\n"
    )
    skipped = "skipped 1 of {} images:\n  bad.png: bad\n"
    code, out, err = said(*arguments, "--shard", "1/2")
    assert (code, err) == (4, skipped.format(2)) and out.startswith(
        "shard 1/2: made 2 of 4 outputs;"
    )
    assert said("merge", "out") == (
        4, "merged 2 shards: 8 of 10 outputs; out/manifest.jsonl\n", skipped.format(5)
    )  # fmt: skip
    assert said("merge", "out")[:2] == (
        0, "nothing to merge: out is one run's, or was merged before\n"
    )  # fmt: skip
    code, out, err = said(*arguments)
    assert code == 4 and out == "made 0 of 10 outputs, 8 were there; out/manifest.jsonl\n"


def test_shards_that_ran_in_folders_of_their_own_are_copied_into_one(place: Path) -> None:
    run(None, "whole")
    for n in range(2):
        run(f"{n}/2", f"out{n}")
        shutil.copytree(f"out{n}", "out", dirs_exist_ok=True)
    merged()
    assert tree("out") == tree("whole")


def test_image_that_can_be_read_again_is_made_by_the_same_shard(place: Path) -> None:
    for n in range(2):
        run(f"{n}/2")
    Path("in/bad.png").write_bytes(b"good")
    assert run("1/2").made == 2
    assert merged().skipped == {}
    run(None, "whole")
    assert tree("out") == tree("whole")


def test_shard_that_was_done_and_is_stopped_when_made_again_is_not_done(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(2):
        run(f"{n}/2")
    Path("in/bad.png").write_bytes(b"good")
    append = Journal.append

    def stopping(journal: Journal, line: Any) -> None:
        append(journal, line)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(Journal, "append", stopping)
        run("1/2")  # makes one copy of two
    with pytest.raises(DataError, match="shard 1/2  # stopped at 3 of 4 outputs"):
        merged()


def test_shards_with_a_listing_skip_what_is_missing(place: Path) -> None:
    listing = Path("listing.txt")
    listing.write_text("e.jpg\ndeep/er/d.png\ngone.jpg\n")
    run(None, "whole", listing=listing)
    for n in range(2):
        run(f"{n}/2", listing=listing)
    report = merged()
    assert (report.made, list(report.skipped)) == (4, [2])
    assert tree("out") == tree("whole")


# --- processes ------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(*arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/apply_driver.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}", **more},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_shards_at_once_of_which_one_is_killed_are_merged_after_the_same_command(
    place: Path, said: Any
) -> None:
    for i in range(20):
        Path(f"in/{i}.jpg").write_bytes(b"%d" % i)
    command = ("apply", "p.json", "in", "out", "--copies", "2")
    with (
        started(*command, "--shard", "0/2") as whole,
        started(*command, "--shard", "1/2", **{driver.MAKES: "9"}) as hanging,  # then it waits
    ):
        assert whole.communicate(timeout=DEADLINE)[1] == "" and whole.returncode == 0
        journal, end = Path("out", Shard(1, 2).journal), time.monotonic() + DEADLINE
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
            assert time.monotonic() < end and hanging.poll() is None
            time.sleep(0.01)
        for line, words in (
            (("merge", "out"), "out: still running: 1/2; wait for it to end"),
            ((*command, "--shard", "1/2"), "out: shard 1/2 is running already; wait for it to end"),
            (command, "out: another run is writing to this folder; wait for it"),
        ):
            code, _, err = said(*line)
            assert code == 1 and err.startswith(f"augreg: {words}")
        assert hanging.poll() is None
        hanging.kill()
        hanging.communicate(timeout=DEADLINE)
    code, _, err = said("merge", "out")
    assert code == 1 and re.search(
        r"1 of 2 shards are not done.*\n  augreg apply p.json in out --copies 2 --shard 1/2"
        r"  # stopped at \d+ of 24 outputs\n$",
        err,
    )
    assert said(*command, "--shard", "1/2")[0] == said("merge", "out")[0] == 4
    run(None, "whole")
    assert tree("out") == tree("whole")


@pytest.mark.parametrize("call", ["write", "rename", "unlink", "rmdir"])
def test_merge_that_is_stopped_anywhere_is_done_by_the_same_command(
    place: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    run(None, "whole")
    for n in range(2):
        run(f"{n}/2", "begun")
    stops = 0
    for at in range(20):
        shutil.copytree("begun", f"out{at}")
        real, calls = getattr(os, call), iter(range(10**6))

        def stopping(
            *args: Any, at: int = at, real: Any = real, calls: Any = calls, **more: Any
        ) -> Any:
            if next(calls) == at:
                raise KeyboardInterrupt
            return real(*args, **more)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(os, call, stopping)
            merged(f"out{at}")
            break
        stops += 1
        merged(f"out{at}")
        assert tree(f"out{at}") == tree("whole")
    assert stops == {"write": 3, "rename": 4, "unlink": 6, "rmdir": 1}[call]


# --- what does not fit together -------------------------------------------------------------------

OTHERS = [
    ({"seed": 1}, r"seed 0, {} with seed 1"),
    ({"copies": 3}, r"copies 2, listing \w+, {} with copies 3, listing \w+"),
    ({"epoch": 1}, r"epoch 0, {} with epoch 1"),
    ({"policy": {"version": 1, "augment": [{"op": "invert"}]}}, r"policy \w+, {} with policy \w+"),
    ({"images": "more"}, r"images 5, listing \w+, {} with images 6, listing \w+"),
    ({"shard": "1/3"}, r"shards 2, {} with shards 3"),
    ({"instruction_set": "avx"}, r"instruction_set avx2, {} with instruction_set avx"),
    ({"tensorflow_version": "2.18.0"}, r"tensorflow 2.21.0, {} with tensorflow 2.18.0"),
]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the instruction set, or the version of TensorFlow."""

    def change(instruction_set: str = "avx2", tensorflow_version: str = "2.21.0") -> None:
        monkeypatch.setattr(makers, "instruction_set", lambda: instruction_set)
        monkeypatch.setattr(makers, "tensorflow_version", lambda: tensorflow_version)

    change()
    return change


def other(change: dict[str, Any], output: str, machine: Any) -> None:
    shutil.copytree("in", "more", dirs_exist_ok=True)
    Path("more/0.jpg").write_bytes(b"0")
    ours = ("instruction_set", "tensorflow_version")
    made = {name: change[name] for name in change if name in ours}
    machine(**made)
    settings = {name: change[name] for name in change if name not in made}
    run(**{"shard": "1/2", "output": output, **settings})


@pytest.mark.parametrize(("change", "words"), OTHERS, ids=[next(iter(case[0])) for case in OTHERS])
def test_shard_that_is_begun_otherwise_is_refused_and_so_are_both_in_one_folder(
    place: Path, machine: Any, change: dict[str, Any], words: str
) -> None:
    need = "; all shards need the same settings, versions and instruction set"
    run("0/2")
    before = tree("out")
    with pytest.raises(
        RunError, match=f"out: shard 0/2 was begun with {words.format('this one')}{need}"
    ):
        other(change, "out", machine)
    left = tree("out")
    assert {name: left.pop(name) for name in set(left) - set(before)} in (
        {f"{SHARDS}/1-of-2.jsonl": b""}, {f"{SHARDS}/1-of-3.jsonl": b""}
    )  # fmt: skip
    assert left == before
    other(change, "there", machine)
    shutil.copytree("there", "out", dirs_exist_ok=True)
    theirs, ours = words.split(", {} with ")
    with pytest.raises(
        RunError, match=f"^out: shard 1/. was begun with {ours}, shard 0/2 with {theirs}{need}"
    ):
        merged()


def test_shard_is_not_gone_on_with_on_another_kind_of_machine(place: Path, machine: Any) -> None:
    run("0/2")
    machine("neon")
    with pytest.raises(
        RunError, match="shard 0/2 was begun with instruction_set avx2, this one wi"
    ):
        run("0/2")


def test_shards_of_several_settings_are_named_together(place: Path) -> None:
    for n in range(4):
        run(f"{n}/4", f"out{n}", seed=n // 2)
        shutil.copytree(f"out{n}", "out", dirs_exist_ok=True)
    with pytest.raises(
        RunError, match="shards 2/4, 3/4 were begun with seed 1, shard 0/4 with seed 0"
    ):
        merged()


def test_of_two_shards_that_begin_at_one_moment_one_sees_the_other(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = OutputFolder.write

    def late(folder: OutputFolder, name: str, contents: bytes) -> None:
        if name == Shard(1, 2).state and not folder.read(Shard(0, 2).state):
            write(folder, Shard(0, 2).state, contents.replace(b'"seed": 0', b'"seed": 1'))
        write(folder, name, contents)

    monkeypatch.setattr(OutputFolder, "write", late)
    with pytest.raises(RunError, match="shard 0/2 was begun with seed 1, this one with seed 0"):
        run("1/2")
    assert set(os.listdir(f"out/{SHARDS}")) == {"0-of-2.json", "1-of-2.jsonl", "lock"}


def test_run_without_shards_and_shards_refuse_each_others_folder(place: Path) -> None:
    run("0/2", "split")
    with pytest.raises(
        RunError, match=r"^split: shards were begun in it, .* run augreg merge split"
    ):
        run(None, "split")
    run(None, "whole")
    before = tree("whole")
    with pytest.raises(
        RunError, match=r"^whole: it holds a run without shards, or its shards are mer"
    ):
        run("0/2", "whole")
    assert merged("whole").shards == 0 and tree("whole") == before


def test_shard_waits_for_no_merge(place: Path) -> None:
    run("0/2")
    with (
        OutputFolder(Path("out"), shared=True) as folder,
        folder.locked(LOCK, ""),
        pytest.raises(RunError, match=r"^out: its shards are being merged; wait for it"),
    ):
        run("1/2")
    with (
        OutputFolder(Path("out"), shared=True) as folder,
        folder.locked(LOCK, ""),
        pytest.raises(RunError, match=r"^out: still running: another merge; wait for it to end"),
    ):
        merged()


def test_shard_that_is_started_twice_does_not_touch_the_first_ones_file(place: Path) -> None:
    run("0/2")
    part = Path("out", Shard(0, 2).part)
    with OutputFolder(Path("out"), shared=True) as folder, folder.locked(Shard(0, 2).journal, ""):
        part.touch()
        with pytest.raises(RunError, match=r"^out: shard 0/2 is running already"):
            run("0/2")
        assert part.exists()
    run("0/2")
    assert not part.exists()  # now it is a killed one's


# --- what merge finds -----------------------------------------------------------------------------


@pytest.fixture
def done(place: Path) -> Path:
    """The shards' folder of two shards that are done."""
    for n in range(2):
        run(f"{n}/2")
    return Path("out", SHARDS)


def cut(path: Path) -> None:
    """Takes the last line off."""
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda at: (at / "../e.jpg.1.png").resolve().unlink(), "1, the first: e.jpg.1.png"),
        (lambda at: (at / "../a.jpg.0.png").resolve().write_bytes(b"?"), "1, the first: a.jpg.0"),
        (lambda at: cut(at / "0-of-2.jsonl"), "1, the first: copy 1 of image 4"),
        (lambda at: (at / "0-of-2.jsonl").unlink(), "6, the first: copy 0 of image 0"),
    ],
)  # fmt: skip
def test_holes_are_named_and_mended_by_the_command_that_is_given(
    done: Path, said: Any, damage: Callable[[Path], None], found: str
) -> None:
    damage(done)
    with pytest.raises(DataError, match="1 of 2 shards are not done") as error:
        merged()
    line, reason = str(error.value).splitlines()[1].split("  # ")
    assert reason.startswith(f"lost or changed outputs: {found}")
    assert line == "  augreg apply POLICY in out --copies 2 --shard 0/2"  # the policy was a dict
    assert said(*line.replace("POLICY", "p.json").split()[1:])[0] == 0
    merged()
    run(None, "whole")
    assert tree("out") == tree("whole")


def _edit(name: str, before: str, after: str) -> Callable[[Path], None]:
    return lambda at: (at / name).write_text((at / name).read_text().replace(before, after, 1))


NO_STATE = r"\.json: this is no state of a shard; .* remove it and the \.jsonl beside it"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda at: shutil.copy(at / "0-of-2.jsonl", at / "1-of-2.jsonl"),
            r"1-of-2\.jsonl: a\.jpg\.0\.png: no output of shard 1/2 of this run; .* remove it, and",
        ),
        (_edit("0-of-2.jsonl", '"seed": 0', '"seed": 9'), r"0-of-2\.jsonl: a\.jpg\.0\.png: no out"),
        (_edit("0-of-2.jsonl", '"epoch": 0', '"epoch": 9'), "no output of shard 0/2 of this run"),
        (_edit("0-of-2.jsonl", '"index": 4', '"index": 6'), "no output of shard 0/2 of this run"),
        (
            _edit("1-of-2.jsonl", "deep/er/d.png.0.png", "a.jpg.0.png"),
            r"1-of-2\.jsonl: a\.jpg\.0\.png: shard 0/2 has a line for this output too",
        ),
        (_edit("0-of-2.jsonl", '"index": 0', '"index": "0"'), r"l:1: this is no line of a man"),
        (_edit("1-of-2.json", "{", "["), NO_STATE),
        (_edit("1-of-2.json", '"images": 5', '"images": "5"'), NO_STATE),
        (_edit("1-of-2.json", '"listing"', '"list"'), NO_STATE),
        (_edit("1-of-2.json", '"skipped": [', '"skipped": [1, '), NO_STATE),
    ],
)  # fmt: skip
def test_contradictions_are_refused_by_the_files_name(
    done: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(done)
    before = tree("out")
    with pytest.raises(RunError, match=words):
        merged()
    assert tree("out") == before


def test_outputs_without_the_state_of_their_shard_are_not_gone_on_with(done: Path) -> None:
    (done / "1-of-2.json").unlink()
    with pytest.raises(RunError, match=r"1-of-2\.jsonl: shard 1/2 has outputs, but its .* is lost"):
        run("1/2")


def test_folder_without_a_run_is_named(place: Path) -> None:
    with pytest.raises(
        RunError, match=r"^in: no shard was begun in it; run augreg apply with --shard"
    ):
        merged("in")
    with pytest.raises(RunError, match=r"^nowhere: no such folder; name the output folder"):
        merged("nowhere")
    with pytest.raises(PathError, match="gs:// needs gcsfs"):
        merge(Path("gs://bucket/out"), Merged())


def test_shards_that_are_not_merged_are_no_data(done: Path) -> None:
    """Copies of one photograph would be taken for photographs of their own."""
    with pytest.raises(RunError, match=r"^out: its shards are not merged.* run augreg merge out$"):
        replay(Path("out/manifest.jsonl"), 1)
    with pytest.raises(RunError, match=r"^out: its shards are not merged"):
        replay(done / "0-of-2.jsonl", 1)
    with pytest.raises(RunError, match=r"out/deep/er: its|out: its shards are not merged"):
        run(None, "again", "out/deep/er")
    with pytest.raises(DataError, match=r"out: shards of augreg apply .* run augreg merge .*out$"):
        Originals().name(Path("out/deep/er/d.png.0.png"))
    merged()
    assert Originals().name(Path("out/deep/er/d.png.0.png")) == "d.png"


@pytest.mark.parametrize("text", ["2/2", "1", "-1/2", "0/0", "a/b", "1/2/3", "", "٠/2"])
def test_wrong_shard_is_a_usage_error(place: Path, said: Any, monkeypatch: Any, text: str) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, _, err = said("apply", "p.json", "in", "out", "--shard", text)
    assert code == 2 and not Path("out").exists()
    assert f'"{text}" is no shard; write I/N with I from 0 to N - 1' in err
