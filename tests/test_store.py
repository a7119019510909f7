"""`augreg apply` with object stores: fsspec's in memory, and S3 as moto serves it on loopback."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apply_driver as driver
import fsspec
import pytest
from PIL import Image

import augreg
from augreg.apply import ApplyOptions, Merged, Report, Shard, apply_folder, merge, replay
from augreg.apply.inputs import FROZEN
from augreg.apply.output import OutputStore
from augreg.apply.shard import SHARDS
from augreg.apply.store import Store, place_of
from augreg.cli import main
from augreg.errors import DataError, PathError, RunError

LIGHT = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
IMAGES = {
    "a.jpg": b"a",
    "bad.png": b"bad",
    "deep/er/d.png": b"d",
    "e": b"\xff\xd8\xff of JPEG",  # an image by its first bytes
    "z.jpg": b"z",
}
OTHERS = {"notes.txt": b"no image", ".hidden/x.jpg": b"x", "deep/.y.jpg": b"y"}
DEADLINE = 120  # seconds that a process may take on the slowest machine


@dataclass
class Bucket:
    """One that is empty when a test begins. `puts`: the paths that were put, of S3 only."""

    url: str
    puts: list[str] = field(default_factory=list)

    def put(self, name: str, contents: bytes) -> None:
        (Store(self.url) / name).write_bytes(contents)

    def tree(self, prefix: str) -> dict[str, bytes]:
        store = Store(f"{self.url}/{prefix}")
        return {name: (store / name).read_bytes() for name in store.names()}


@pytest.fixture(scope="session")
def s3() -> Iterator[list[str]]:
    """S3 on loopback; the paths that were put."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    puts: list[str] = []
    app = DomainDispatcherApplication(create_backend_app)

    def counting(environ: Any, start: Any) -> Any:
        if environ["REQUEST_METHOD"] == "PUT":
            puts.append(environ["PATH_INFO"])
        return app(environ, start)

    server = make_server("127.0.0.1", 0, counting, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield puts
    server.shutdown()
    thread.join()


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.scale)])
def bucket(request: pytest.FixtureRequest, place: Path) -> Bucket:
    name = f"b-{abs(hash(request.node.name)) % 10**9}"
    if request.param == "memory":
        found = Bucket(f"memory://{name}")
    else:
        puts = request.getfixturevalue("s3")
        fsspec.filesystem("s3").mkdir(name)
        puts.clear()
        found = Bucket(f"s3://{name}", puts)
    for path, contents in {**IMAGES, **OTHERS}.items():
        found.put(f"in/{path}", contents)
    found.puts.clear()
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same images in a folder of this machine. Outputs are hashes."""
    monkeypatch.setattr("augreg.apply.run.Renderer", driver.HashMaker)
    monkeypatch.chdir(tmp_path)
    for name, contents in {**IMAGES, **OTHERS}.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)
    (tmp_path / "p.json").write_text(json.dumps(LIGHT))
    return tmp_path


def run(images: str, output: str, shard: str | None = None, **more: Any) -> Report:
    report, stop = Report(), more.pop("stop", 10**9)
    part = Shard.parse(shard) if shard else None
    policy = augreg.load_policy(LIGHT)
    given: dict[str, Any] = {"copies": 3, "shard": part, **more}
    options = ApplyOptions(policy, images, output, **given)  # type: ignore[arg-type]

    def tick() -> None:
        if report.made + report.kept >= stop:
            raise KeyboardInterrupt

    apply_folder(options, report, tick)
    return report


def merged(output: str) -> Merged:
    report = Merged()
    merge(place_of(output), report)
    return report


def without_input(tree: dict[str, bytes]) -> dict[str, Any]:
    settings = json.loads(tree["apply.json"])
    del settings["input"]  # a path of this machine, or a URL
    return {**tree, "apply.json": settings}


@pytest.mark.parametrize("both", [True, False])
def test_outputs_in_a_bucket_are_those_of_a_folder(bucket: Bucket, both: bool) -> None:
    run("in", "out")
    expected = without_input(driver.tree(Path("out")))
    report = run(f"{bucket.url}/in" if both else "in", f"{bucket.url}/out")
    assert (report.images, report.made, list(report.skipped)) == (5, 12, ["bad.png"])
    assert without_input(bucket.tree("out")) == expected
    assert run(f"{bucket.url}/in" if both else "in", f"{bucket.url}/out").kept == 12
    run(f"{bucket.url}/in", "back")
    assert without_input(driver.tree(Path("back"))) == expected


def test_an_output_is_one_request(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    puts: list[str] = []
    real = Store.write_bytes
    monkeypatch.setattr(
        Store, "write_bytes", lambda self, *a, **k: (puts.append(self.url), real(self, *a, **k))[1]
    )
    run("in", f"{bucket.url}/out")
    outputs = [url for url in puts if url.endswith(".png")]
    assert len(outputs) == len(set(outputs)) == 12
    # the policy, the settings, one segment of lines, and the manifest
    assert len(puts) == 12 + 4
    if bucket.puts:
        assert len(bucket.puts) == len(puts)


def test_stopped_run_goes_on(bucket: Bucket) -> None:
    run("in", "out")
    output = f"{bucket.url}/out"
    with pytest.raises(KeyboardInterrupt):
        run(f"{bucket.url}/in", output, stop=5)
    there = bucket.tree("out")
    assert "manifest.jsonl" not in there
    assert there[".manifest.jsonl/000000001.jsonl"].count(b"\n") == 5
    report = run(f"{bucket.url}/in", output)
    assert (report.kept, report.made) == (5, 7)
    assert without_input(bucket.tree("out")) == without_input(driver.tree(Path("out")))


def test_lost_output_is_made_again(bucket: Bucket) -> None:
    run("in", f"{bucket.url}/out")
    before = bucket.tree("out")
    Store(f"{bucket.url}/out").remove(["a.jpg.1.png"])
    report = run("in", f"{bucket.url}/out")
    assert (report.kept, report.made) == (11, 1)
    assert bucket.tree("out") == before


def test_images_that_come_or_go_meanwhile_change_nothing(bucket: Bucket) -> None:
    """The list is frozen until the run is done."""
    source, output = f"{bucket.url}/in", f"{bucket.url}/out"
    with pytest.raises(KeyboardInterrupt):
        run(source, output, stop=2)
    assert bucket.tree("out")[FROZEN].decode().split() == sorted(IMAGES)
    bucket.put("in/aa.jpg", b"later")
    Store(source).remove(["e", "z.jpg"])
    report = run(source, output)
    assert (report.images, sorted(report.skipped)) == (5, ["bad.png", "e", "z.jpg"])
    assert FROZEN not in bucket.tree("out")
    with pytest.raises(RunError, match="begun with other settings"):
        run(source, output)


def test_shards_in_a_bucket_merge_into_the_tree_of_one_run(bucket: Bucket) -> None:
    run("in", "out")
    source, output = f"{bucket.url}/in", f"{bucket.url}/out"
    with pytest.raises(KeyboardInterrupt):
        run(source, output, "1/3", stop=2)
    run(source, output, "2/3")
    with pytest.raises(DataError, match=r"(?s)2 of 3 shards .*--shard 0/3  # never .*--shard 1/3"):
        merged(output)
    for shard in ("0/3", "1/3"):
        run(source, output, shard)
    report = merged(output)
    assert (report.shards, report.made, report.total) == (3, 12, 15)
    assert without_input(bucket.tree("out")) == without_input(driver.tree(Path("out")))
    assert merged(output).shards == 0
    with pytest.raises(RunError, match="its shards are merged already"):
        run(source, output, "0/3")


def test_merge_that_is_stopped_while_it_tidies_is_ended_by_the_next(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shard in ("0/2", "1/2"):
        run("in", f"{bucket.url}/out", shard)

    def stop(self: OutputStore, name: str) -> None:
        self.remove(f"{name}/0-of-2.json")  # the first of many
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(OutputStore, "discard", stop)
        with pytest.raises(KeyboardInterrupt):
            merged(f"{bucket.url}/out")
    assert merged(f"{bucket.url}/out").shards == 0
    assert not any(name.startswith(SHARDS) for name in bucket.tree("out"))
    run("in", "out")
    assert without_input(bucket.tree("out")) == without_input(driver.tree(Path("out")))


def test_second_of_two_runs_at_once_ends_by_name(bucket: Bucket) -> None:
    output = OutputStore(Store(f"{bucket.url}/out"))
    first, second = output.log("manifest.jsonl"), output.log("manifest.jsonl")
    for log in (first, second):
        log.append(b"line\n")
    first.close(done=False)
    with pytest.raises(RunError, match=r"000000001\.jsonl: another run of the same outputs"):
        second.close(done=False)
    assert output.log("manifest.jsonl").read() == b"line\n"


def test_lines_are_put_as_they_become_many(bucket: Bucket) -> None:
    log = OutputStore(Store(f"{bucket.url}/out")).log("manifest.jsonl")
    lines = [b"%d\n" % number for number in range(200)]
    for line in lines:
        log.append(line)
    assert len(bucket.tree("out")) == 3  # what a kill leaves: 192 of 200
    log.close(done=True)
    assert bucket.tree("out") == {"manifest.jsonl": b"".join(lines)}


def test_records_in_a_bucket_are_those_of_a_folder(bucket: Bucket) -> None:
    run("in/deep", "out", format="tfds")
    run(f"{bucket.url}/in/deep", f"{bucket.url}/out", format="tfds")
    assert without_input(bucket.tree("out")) == without_input(driver.tree(Path("out")))


def test_outputs_are_originals_of_a_run_on_them(bucket: Bucket) -> None:
    run(f"{bucket.url}/in", f"{bucket.url}/out", copies=1)
    run(f"{bucket.url}/out/deep", f"{bucket.url}/again", copies=1)
    line = json.loads(bucket.tree("again")["manifest.jsonl"])
    assert (line["source"], line["original"]) == ("er/d.png.0.png", "deep/er/d.png")


def test_refusals(bucket: Bucket, place: Path) -> None:
    source = f"{bucket.url}/in"
    for output, words in (("in", "holds it"), ("in/x", "inside the input"), ("", "holds it")):
        with pytest.raises(RunError, match=words):
            run(source, f"{bucket.url}/{output}".rstrip("/"))
    with pytest.raises(DataError, match=r"nothing: not a folder; name a folder of images$"):
        run(f"{bucket.url}/nothing", "out")
    with pytest.raises(RunError, match=r"nothing: no such folder"):
        merged(f"{bucket.url}/nothing")
    (place / "in" / "no\udcff.jpg").write_bytes(b"not UTF-8")
    report = run("in", f"{bucket.url}/names")
    assert "not UTF-8" in str(report.skipped["no\udcff.jpg"])


def test_name_with_a_line_break_is_refused(place: Path) -> None:
    """It would be two in the frozen list. In memory: moto has no such name."""
    Store("memory://lines/in/a\nb.jpg").write_bytes(b"b")
    with pytest.raises(DataError, match=r"^memory://lines/in/a\\nb\.jpg: a name with // or a line"):
        run("memory://lines/in", "out")


@pytest.mark.scale
def test_name_with_two_slashes_and_missing_bucket_are_refused(
    s3: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of S3: in memory there is no such name, and every bucket is there."""
    fsspec.filesystem("s3").mkdir("slashes")
    Store("s3://slashes/in/a//b.jpg").write_bytes(b"b")
    with pytest.raises(DataError, match=r"^s3://slashes/in/a//b\.jpg: a name with // or a line"):
        run("s3://slashes/in", "out")
    with pytest.raises(SystemExit) as end:
        main(["apply", "p.json", "in", "s3://no-such-bucket/out"])
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "s3://no-such-bucket/out" in said and "Traceback" not in said
    assert not Path("s3:").exists()


def test_missing_driver_is_named(place: Path) -> None:
    with pytest.raises(PathError, match=r"^gs://b/out: gs:// needs gcsfs: pip install 'augreg\["):
        run("in", "gs://b/out")
    assert not Path("gs:").exists()


def test_parts_of_an_url() -> None:
    store = place_of(Path("s3://bucket/a/b/"))
    assert isinstance(store, Store)
    assert (str(store), store.name, str(store / "c")) == (
        "s3://bucket/a/b",
        "b",
        "s3://bucket/a/b/c",
    )
    assert [str(parent) for parent in store.parents] == ["s3://bucket/a", "s3://bucket"]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        streams = capsys.readouterr()
        assert not end.value.code, streams.err
        return streams.out

    return run


def test_pixels_are_those_of_a_folder_and_replay(
    bucket: Bucket, place: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[..., str]
) -> None:
    from augreg.apply.renderer import Renderer

    monkeypatch.setattr("augreg.apply.run.Renderer", Renderer)
    (place / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.radial_gradient("L").resize((24, 16)).convert("RGB").save(place / "photos" / name)
        bucket.put(f"photos/{name}", (place / "photos" / name).read_bytes())
    said("apply", "p.json", "photos", "out", "--copies", "2")
    source, output = f"{bucket.url}/photos", f"{bucket.url}/done"
    printed = said("apply", "p.json", source, output, "--copies", "2")
    assert printed == f"made 4 of 4 outputs; {output}/manifest.jsonl\n"
    assert without_input(bucket.tree("done")) == without_input(driver.tree(place / "out"))
    assert "byte for byte" in said("replay", f"{output}/manifest.jsonl", "3")
    assert replay(place_of(f"{output}/manifest.jsonl"), 1).line.output == "a.png.0.png"


@pytest.mark.scale
def test_killed_run_on_s3_goes_on_with_the_same_command(s3: list[str], place: Path) -> None:
    fsspec.filesystem("s3").mkdir("killed")
    for number in range(50):
        (place / "in" / f"{number}.jpg").write_bytes(b"%d" % number)
    command = [sys.executable, driver.__file__, "apply", "p.json", "in", "s3://killed/out"]
    command += ["--copies", "4"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, env={**environment, driver.MAKES: "100"}, stdout=subprocess.DEVNULL
    )
    killed = functools.partial(Store("s3://killed/out").names)
    end = time.monotonic() + DEADLINE
    while sum(name.endswith(".png") for name in killed()) < 90 and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ".manifest.jsonl/000000001.jsonl" in killed()
    again = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert "made 152 of 220 outputs, 64 were there" in again.stdout, again.stderr
    run("in", "out", copies=4)
    tree = Bucket("s3://killed").tree("out")
    assert without_input(tree) == without_input(driver.tree(Path("out")))
