"""The compilation cache: programs of one process for the next."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import augreg
from augreg import compilation_cache as cache
from augreg.errors import PathError

# Prints a hash of the first batch.
SCRIPT = """
import hashlib
import augreg
import numpy as np
import tensorflow as tf

images = np.random.default_rng(0).integers(0, 256, (4, 130, 130, 3), np.uint8)
steps = [{"op": "rotate", "degrees": [-30, 30]}, {"op": "contrast", "factor": [0.5, 2]}]
for n in range(NAMED):  # XLA's cache must not go by how many functions there were before
    tf.function(lambda x: x + n)(tf.zeros(1))
ds = tf.data.Dataset.from_tensor_slices(images)
ds = augreg.augment_dataset(ds, {"version": 1, "augment": steps}, 4)
batch = next(iter(ds)).numpy()
print(hashlib.sha256(batch.tobytes()).hexdigest())
"""


def run(folder: Path, named: int = 0) -> str:
    script = SCRIPT.replace("NAMED", str(named))
    environment = {**os.environ, cache.VARIABLE: str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*/*{suffix}"))


@pytest.mark.skipif(
    cache.tensorflow_version() < "2.21", reason="TensorFlow before 2.21 has no cache"
)
def test_second_process_does_not_compile_and_a_damaged_program_is_replaced(tmp_path: Path) -> None:
    batch = run(tmp_path)
    (kept,) = files(tmp_path, ".pb")
    made = kept.stat().st_mtime_ns

    assert run(tmp_path, named=5) == batch
    assert files(tmp_path, "") == [kept] and kept.stat().st_mtime_ns == made

    os.truncate(kept, 1000)
    assert run(tmp_path) == batch
    assert files(tmp_path, "") == [kept] and kept.stat().st_size > 10_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this process alone."""
    monkeypatch.setattr(cache, "tensorflow_version", lambda: "2.21.0")
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    return tmp_path / "cache"


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
    (place,) = folder.iterdir()
    for i in range(4):
        path = place / f"{i}.pb"
        path.write_bytes(bytes([0x0A, 126, *[0] * 126]))  # a whole message: a field of 126 bytes
        os.utime(path, (i, i))
    monkeypatch.setattr(cache, "_LIMIT", 300)
    augreg.set_compilation_cache(folder)
    assert [path.stem for path in files(folder, ".pb")] == ["2", "3"]


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
    assert os.environ["TF_XLA_FLAGS"] == ""


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
