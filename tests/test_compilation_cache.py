"""The compilation cache: programs of one process for the next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from samples import policy

import augreg
from augreg import compilation_cache as cache
from augreg.errors import PathError

# Prints how often a program was traced, and a hash of the first batch.
SCRIPT = """
import hashlib, json
import augreg
import numpy as np
import tensorflow as tf
from augreg.backends.tensorflow.program import Program

traced, original = [], Program.__call__
Program.__call__ = lambda self, *given: (traced.append(self), original(self, *given))[1]
images = np.random.default_rng(0).integers(0, 256, (4, 130, 130, 3), np.uint8)
steps = [{"op": "rotate", "degrees": [-30, 30]}, {"op": "contrast", "factor": [0.5, 2]}]
for n in range(NAMED):  # XLA's cache must not go by how many functions there were before
    tf.function(lambda x: x + n)(tf.zeros(1))
ds = tf.data.Dataset.from_tensor_slices(images)
ds = augreg.augment_dataset(ds, {"version": 1, "augment": steps}, 4)
batch = next(iter(ds)).numpy()
print(json.dumps([len(traced), hashlib.sha256(batch.tobytes()).hexdigest()]))
"""


def run(folder: Path, named: int = 0) -> tuple[int, str]:
    script = SCRIPT.replace("NAMED", str(named))
    environment = {**os.environ, cache.VARIABLE: str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    traced, digest = json.loads(done.stdout.splitlines()[-1])
    return traced, digest


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*/*{suffix}"))


@pytest.mark.skipif(
    cache.tensorflow_version() < "2.21", reason="TensorFlow before 2.21 has no cache"
)
def test_second_process_neither_traces_nor_compiles_and_a_damaged_folder_is_mended(
    tmp_path: Path,
) -> None:
    traced, batch = run(tmp_path)
    kept = files(tmp_path, "")
    assert traced == 1
    assert (len(files(tmp_path, ".mlir")), len(files(tmp_path, ".pb"))) == (1, 1)

    assert run(tmp_path, named=5) == (0, batch)
    assert files(tmp_path, "") == kept

    for path, size in zip(kept, (100, 1000), strict=True):
        os.truncate(path, size)
    assert run(tmp_path) == (1, batch)
    assert files(tmp_path, "") == kept
    assert all(path.stat().st_size > 10_000 for path in kept)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this process alone."""
    monkeypatch.setattr(cache, "_folder", None)
    monkeypatch.setattr(cache, "tensorflow_version", lambda: "2.21.0")
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    return tmp_path / "cache"


def ops(*names: str) -> list[augreg.Op]:
    example = {"brightness": {"delta": 0.1}, "invert": {}}
    steps = policy(*({"op": name, **example[name]} for name in names)).augment
    return [step.op for step in steps]


def test_key_is_of_all_that_a_program_is_made_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.key_of(ops("invert"), "policy", 180) is None  # no folder was set
    augreg.set_compilation_cache(folder)
    key = cache.key_of(ops("invert"), "policy", 180)
    assert key is not None and key == cache.key_of(ops("invert"), "policy", 180)
    assert cache.key_of(ops("invert"), "policy", 181) != key
    monkeypatch.setattr(cache, "_sources", lambda: "other code")
    assert cache.key_of(ops("invert"), "policy", 180) != key


def test_programs_of_other_ops_are_not_kept(folder: Path) -> None:
    augreg.set_compilation_cache(folder)

    @augreg.op("test/mine")
    def mine(xp: object) -> None:
        """Reads a file, for all that anybody knows."""

    assert cache.key_of([*ops("invert", "brightness"), mine], "policy") is None


def test_code_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "inner" / "code.py"
    code.parent.mkdir()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(cache, "find_spec", lambda package: spec)
    found = set()
    for text in ("1\n", "2\n"):
        code.write_text(text)
        found.add(cache._sources.__wrapped__())
    assert len(found) == 2


@pytest.mark.parametrize(
    "contents", [b"", b"{", b"{}\nprogram", b'{"sha256": "0"}\nprogram', b"[]\n"]
)
def test_file_that_is_no_program_is_not_taken(folder: Path, contents: bytes) -> None:
    augreg.set_compilation_cache(folder)
    cache.write("key", {"dtype": "float32"}, b"program\nof lines")
    said, program = cache.read("key") or ({}, b"")
    assert (said["dtype"], program) == ("float32", b"program\nof lines")
    (path,) = files(folder, ".mlir")
    path.write_bytes(contents)
    assert cache.read("key") is None


def test_xla_is_told_and_flags_of_the_user_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = "--tf_xla_persistent_cache_directory="
    augreg.set_compilation_cache(folder)
    assert os.environ["TF_XLA_FLAGS"].startswith(f"{ours}{folder}/2.21.0-")
    for mine in (f"{ours}/mine", "flags_in_a_file"):
        monkeypatch.setenv("TF_XLA_FLAGS", mine)
        augreg.set_compilation_cache(folder)
        assert os.environ["TF_XLA_FLAGS"] == mine
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=1")
    augreg.set_compilation_cache(folder)
    assert os.environ["TF_XLA_FLAGS"].startswith(f"--tf_xla_auto_jit=1 {ours}")


@pytest.mark.parametrize("name", ["with space", "with'quote", "gs://bucket/cache"])
def test_folder_that_tensorflow_cannot_be_told_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(PathError):
        augreg.set_compilation_cache(name if "://" in name else folder / name)
    assert os.environ["TF_XLA_FLAGS"] == ""


def test_older_tensorflow_gets_no_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "tensorflow_version", lambda: "2.20.1")
    augreg.set_compilation_cache(folder)
    assert not folder.exists() and os.environ["TF_XLA_FLAGS"] == ""


def test_oldest_programs_go_above_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    augreg.set_compilation_cache(folder)
    for i in range(4):
        cache.write(f"{i}", {}, b"x" * 1000)
    for i, path in enumerate(files(folder, ".mlir")):
        os.utime(path, (i, i))
    monkeypatch.setattr(cache, "_LIMIT", 2500)
    augreg.set_compilation_cache(folder)
    assert [path.stem for path in files(folder, ".mlir")] == ["2", "3"]


@pytest.mark.parametrize(
    ("module", "name", "found"),
    [
        (os, "access", lambda *_: False),
        (shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6)),
    ],
)
def test_folder_that_cannot_be_written_to_is_refused_and_commands_do_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, found: object
) -> None:
    monkeypatch.setattr(module, name, found)
    with pytest.raises(OSError, match=r"Permission denied|No space left"):
        augreg.set_compilation_cache(folder)
    monkeypatch.setenv(cache.VARIABLE, str(folder))
    cache.set_default()
    assert os.environ["TF_XLA_FLAGS"] == "" and cache.key_of((), "policy") is None


def test_commands_have_one_unless_it_is_switched_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    cache.set_default()  # the suite's own variable is empty
    assert not folder.exists()
    monkeypatch.delenv(cache.VARIABLE)
    cache.set_default()
    assert [path.parent for path in folder.glob("augreg/2.21.0-*")] == [folder / "augreg"]
    monkeypatch.setenv(cache.VARIABLE, str(folder / "with space"))
    cache.set_default()  # a command does without
    assert not (folder / "with space").exists()
