"""Every command works in any terminal: ASCII only, 40 columns wide, or no terminal at all."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augreg.cli import main

ROOT = Path(__file__).parents[1]

QUICK = [
    "--help",
    "ops",
    "ops rotate",
    "ops --json",
    "plugins",
    "schema",
    "validate {policy}",
    "validate flowers",
    "explain {policy}",
    "explain {policy} --json",
    "explain imagenet",
    "expand {policy}",
    "expand randaugment",
    "preview {policy} {image} -o {out}",
    "preview {image} {policy}",
    "train --help",
    "replay 5",
    "validate {missing}",
]


@pytest.fixture
def words(tmp_path: Path) -> dict[str, str]:
    """What commands name: a policy, an image and files whose names and texts are not ASCII."""
    policy = {
        "version": 1,
        "name": "blüten → 花 \U0001f33c",
        "description": "é × “quoted” …",
        "augment": [
            {"op": "flip", "p": 0.5, "id": "größe"},
            {"op": "brightness", "delta": {"normal": [0, 0.1]}},
        ],
    }
    path = tmp_path / "blüten.json"
    path.write_text(json.dumps(policy, ensure_ascii=False), encoding="utf-8")
    Image.new("RGB", (12, 8)).save(tmp_path / "größe.png")
    return {
        "policy": str(path),
        "image": str(tmp_path / "größe.png"),
        "out": str(tmp_path / "öut.png"),
        "missing": str(tmp_path / "fehlt→.json"),
    }


class Ascii:
    """Both streams of this process as those of a terminal of one encoding."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
        self.streams = {}
        for name in ("stdout", "stderr"):
            self.streams[name] = io.BytesIO()
            wrapper = io.TextIOWrapper(self.streams[name], encoding=encoding, errors="strict")
            monkeypatch.setattr(sys, name, wrapper)
        self.encoding = encoding

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (s.getvalue().decode(self.encoding) for s in self.streams.values())
        return int(end.value.code or 0), out, err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("line", QUICK)
def test_command_works_in_a_terminal_of_any_encoding_40_columns_wide(
    line: str, encoding: str, words: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    arguments = [word.format(**words) for word in line.split()]
    terminal = Ascii(monkeypatch, encoding)
    code, out, err = terminal.run(*arguments)
    assert "Traceback" not in err
    assert code == {"replay 5": 2, "preview {image} {policy}": 2, "validate {missing}": 3}.get(
        line, 0
    )
    assert (out if code == 0 else err).strip()


def test_json_stays_json_where_letters_are_not_in_the_encoding(
    words: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Ascii(monkeypatch, "ascii")
    code, out, _ = terminal.run("expand", words["policy"])
    assert code == 0
    assert json.loads(out) == json.loads(Path(words["policy"]).read_text("utf-8"))


def test_nothing_of_a_table_is_lost_at_40_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from augreg.plugin.registry import default_registry

    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = Ascii(monkeypatch, "ascii").run("ops")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 40
    text = "".join(out.split())
    first = [line.split()[0] for line in out.splitlines() if line.strip() and line[0] != " "]
    assert "bright" in text and first
    for name in default_registry().steps:
        assert name in out or name[:6] in out


@pytest.mark.parametrize("columns", [40, 79, 80])
@pytest.mark.parametrize(
    "command", ["validate", "explain", "preview", "apply", "replay", "train", "compare", "search"]
)
def test_no_option_is_cut_off_in_the_help_of_a_narrow_terminal(
    command: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for width in (columns, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        code, out, _ = Ascii(monkeypatch, "ascii").run(command, "--help")
        assert code == 0 and max(map(len, out.splitlines())) <= width
        shown.append(set(re.findall(r"--[a-z][a-z-]*", out)))
    assert shown[0] == shown[1]


@pytest.mark.parametrize("line", ["explain imagenet", "plugins", "validate {missing}", "--help"])
def test_process_in_the_plainest_locale_writes_to_a_pipe(line: str, words: dict[str, str]) -> None:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "COLUMNS": "40"}
    done = subprocess.run(
        [sys.executable, "-m", "augreg", *(word.format(**words) for word in line.split())],
        capture_output=True,
        cwd=ROOT,
        env={**plain, **locale},
    )
    assert done.returncode == (3 if "missing" in line else 0), done.stderr
    assert b"Traceback" not in done.stderr
    done.stdout.decode("ascii")
    done.stderr.decode("ascii")


def test_suite_does_not_depend_on_the_terminal_that_it_is_run_in() -> None:
    odd = {"COLUMNS": "40", "FORCE_COLOR": "1", "GITHUB_ACTIONS": "true", "TERMINAL_WIDTH": "30"}
    settings = {"AUGREG_DISABLE_PLUGINS": "augreg_ops", "KERAS_BACKEND": "jax"}
    some = "help_lists_every or ops_lists_every or op_shows or failed_plugin"
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_here, "tests/test_cli.py", "-k", some],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **odd, **settings},
    )
    assert done.returncode == 0, done.stdout


def test_streams_are_as_before_after_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal: Any = Ascii(monkeypatch, "ascii")
    terminal.run("plugins")
    assert sys.stdout.errors == "strict"
