"""`augreg.beam`: what `augreg apply` makes, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apply_driver as driver
import pytest

import augreg
from augreg.apply import ApplyOptions, Encoding, Report, apply_folder
from augreg.apply.folder import OutputFolder
from augreg.errors import PolicyError, RunError

beam = pytest.importorskip(
    "apache_beam", reason="Apache Beam has an environment of its own: make test-beam"
)
import beam_driver  # noqa: E402  # imports Beam
from apache_beam.testing.util import assert_that, equal_to  # noqa: E402

from augreg.beam import Apply, _finish, _Render, _Skipped  # noqa: E402

ROOT = Path(__file__).parent.parent
FLIP = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
RESIZE = {"op": "resize", "height": 24, "width": 20}
WAIT = 120  # seconds, for what takes a few
STRANGE = os.fsdecode(b"\xff\n.png")  # no UTF-8


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Not images, for outputs that are made of hashes; the second and the last one are bad."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for i in range(20):
        (folder / f"deep/{i:02}.png").write_bytes(b"bad" if i == 1 else b"image %d" % i)
    (folder / STRANGE).write_bytes(b"bad")
    return folder


@pytest.fixture
def wanted(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What `apply` makes of them, two copies with seed 7."""
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    monkeypatch.setattr("augreg.beam.Renderer", driver.HashMaker)
    policy = augreg.load_policy(FLIP)
    apply_folder(ApplyOptions(policy, images, tmp_path / "one", 2, 7), Report())
    return driver.tree(tmp_path / "one")


def _run(images: Path, output: Path, **options: Any) -> dict[str, int]:
    return beam_driver.run(FLIP, images, output, **{"copies": 2, "seed": 7, **options})


# --- two worker processes -------------------------------------------------------------------------


def test_the_example_of_the_page_makes_what_apply_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_apply import picture

    # a file takes precedence over the ready policy, whose programs take long to compile
    (tmp_path / "flowers").write_text(json.dumps(source := {**FLIP, "prepare": [RESIZE]}))
    for i, name in enumerate(("a.jpg", "a.png", "deep/er/b.png", "c.jpg")):
        picture(tmp_path / "photos" / name, i, (40 + 7 * i, 50))
    (tmp_path / "photos/deep/bad.jpg").write_bytes(b"none")
    text = (ROOT / "docs/apply.md").read_text()
    (example,) = re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/apply.md", "exec"), {"__name__": "docs"})
    report = Report()
    policy = augreg.load_policy(source)
    options = ApplyOptions(policy, tmp_path / "photos", tmp_path / "one", copies=3, seed=7)
    apply_folder(options, report)
    assert (report.made, list(report.skipped)) == (12, ["deep/bad.jpg"])
    assert driver.tree(tmp_path / "augmented") == driver.tree(tmp_path / "one")


def test_encoding_is_the_one_that_apply_has(
    images: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    options = ApplyOptions(
        augreg.load_policy(FLIP), images, tmp_path / "jpeg", 2, 7, encoding=Encoding("jpeg", 80)
    )
    apply_folder(options, Report())
    _run(images, tmp_path / "out", encoding="jpeg:80")
    made = driver.tree(tmp_path / "out")
    assert made == driver.tree(tmp_path / "jpeg") != wanted
    assert "deep/00.png.1.jpg" in made


def test_killed_worker_ends_the_run_and_the_next_run_completes_it(
    images: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "flip.json").write_bytes(wanted["policy.json"])
    output, first = tmp_path / "out", tmp_path / "first"
    environment = {beam_driver.FIRST: str(first), driver.MAKES: "5"}
    with _started(environment, tmp_path / "flip.json", images, output) as run:
        _until(lambda: (noted := _noted(output)) and len(noted) == 2 and max(noted.values()) > 5)
        os.kill(int(first.read_text()), signal.SIGKILL)
        assert run.wait(timeout=WAIT) == 1
    assert "Channel closed prematurely" in (tmp_path / "log").read_text()
    assert not (output / "manifest.jsonl").exists()
    kept = sum(_noted(output).values())
    (output / ".augreg.part-of-a-killed-one").write_bytes(b"half")
    with _started(environment, tmp_path / "flip.json", images, output) as run:
        counted = json.loads(run.communicate(timeout=WAIT)[0])
    assert counted == {"kept": kept, "made": 38 - kept, "skipped": 4}
    assert driver.tree(output) == wanted


@contextlib.contextmanager
def _started(environment: dict[str, str], *arguments: Path) -> Iterator[subprocess.Popen[str]]:
    """The driver's pipeline, in a session of its own: it ends with all of its workers."""
    command = [sys.executable, beam_driver.__file__, *arguments]
    with (arguments[-1].parent / "log").open("w") as log:
        run = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    with run:
        try:
            yield run
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


def _noted(output: Path) -> dict[str, int]:
    """How many outputs each worker has noted."""
    return {path.name: path.read_bytes().count(b"\n") for path in output.glob(".augreg.lines-*")}


def _until(ready: Any) -> None:
    deadline = time.monotonic() + WAIT
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- in this process ------------------------------------------------------------------------------


def test_skipped_images_are_given_once_each_with_the_reason(
    images: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    pipeline = beam_driver.pipeline()
    skipped = pipeline | Apply(FLIP, images, tmp_path / "out", copies=2, seed=7)
    assert_that(
        skipped,
        equal_to([("deep/01.png", "deep/01.png: bad"), (r"\xff\n.png", r"\xff\n.png: bad")]),
    )
    assert beam_driver.counters(pipeline) == {"made": 38, "skipped": 4}
    assert driver.tree(tmp_path / "out") == wanted


def test_outputs_that_are_lost_or_altered_are_made_again(
    images: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "one/deep/00.png.0.png").unlink()
    (tmp_path / "one/deep/02.png.1.png").write_bytes(b"altered")
    assert _run(images, tmp_path / "one") == {"kept": 36, "made": 2, "skipped": 4}
    assert driver.tree(tmp_path / "one") == wanted


def test_source_that_changed_is_refused_and_the_folder_is_free_again(
    images: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "one/deep/03.png.1.png").unlink()
    (images / "deep/03.png").write_bytes(b"another")
    with pytest.raises(Exception, match=r"03\.png\.1\.png: made again, it differs from what an"):
        _run(images, tmp_path / "one")
    (images / "deep/03.png").write_bytes(b"image 3")
    assert _run(images, tmp_path / "one")["made"] == 1
    assert driver.tree(tmp_path / "one") == wanted


# --- what is refused ------------------------------------------------------------------------------


def _apply(images: Path, output: Path, seed: int = 7) -> None:
    """Builds a pipeline, and does not run it."""
    beam_driver.pipeline() | Apply(FLIP, images, output, copies=2, seed=seed)


def test_other_settings_are_refused_before_the_pipeline_runs(
    images: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    start = re.escape(f"{tmp_path / 'one'}: it was begun with other settings (")
    with pytest.raises(RunError, match=start + r"seed 7 there, 8 here\); give the same ones"):
        _apply(images, tmp_path / "one", seed=8)
    (images / "new.png").write_bytes(b"image")
    with pytest.raises(RunError, match=start + r"images 21 there, 22 here; listing"):
        _apply(images, tmp_path / "one")
    with pytest.raises(RunError, match="the output folder is the input folder or holds it"):
        _apply(images, images)
    assert driver.tree(tmp_path / "one") == wanted


def test_folder_that_apply_writes_to_is_refused(images: Path, tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "out"), pytest.raises(Exception, match="another run is writing"):
        _run(images, tmp_path / "out")
    with (
        OutputFolder(tmp_path / "out", "its own", shared=True),
        OutputFolder(tmp_path / "out", "another's", shared=True),
        pytest.raises(RunError, match="another run is writing to this folder; wait for it"),
        OutputFolder(tmp_path / "out"),
    ):
        pass


def test_worker_with_other_ops_is_refused(images: Path, tmp_path: Path) -> None:
    policy = replace(augreg.load_policy(FLIP), hash="0" * 64)
    pattern = "the policy is 000000000000 where the pipeline was started and .* on this worker"
    with pytest.raises(RunError, match=pattern):
        beam_driver.pipeline() | Apply(policy, images, tmp_path / "out")


def test_worker_on_another_processor_is_refused(images: Path, tmp_path: Path) -> None:
    _run(images, tmp_path / "out")
    settings = tmp_path / "out" / "apply.json"
    text = re.sub(r'"instruction_set": "\w+"', '"instruction_set": "vax"', settings.read_text())
    settings.write_text(text)
    worker = _Render(Apply(FLIP, images, tmp_path / "out").options)
    with pytest.raises(RunError, match=r"apply.json: a worker differs \(instruction_set vax there"):
        worker.setup()
    worker._folder.__exit__(None)


def test_policy_that_fits_no_image_is_an_error_after_the_manifest(tmp_path: Path) -> None:
    results = [((i, 0), _Skipped(f"{i}.png", PolicyError(f"{i} is too small"))) for i in (1, 0)]
    with pytest.raises(PolicyError, match="0 is too small"):
        list(_finish((None, results), tmp_path))
    assert driver.tree(tmp_path) == {"manifest.jsonl": b""}
