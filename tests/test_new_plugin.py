"""`augreg new-plugin` writes a distribution that builds, is checked and passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from samples import command

from augreg.errors import PluginError
from augreg.kit import LICENSES, write_plugin
from augreg.testing.contract import NAMES

ROOT = Path(__file__).parents[1]


def run(*arguments: object, folder: Path) -> str:
    """What a Python command prints, with the modules that are imported here."""
    path = os.pathsep.join(filter(None, [os.environ["PYTHONPATH"], *sys.path]))
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_new_plugin_builds_is_checked_as_a_wheel_and_passes_its_own_tests(tmp_path, capsys):
    folder = tmp_path / "acme"
    code, out, error = command(capsys, "new-plugin", "augreg-acme", "--directory", folder)
    assert (code, error) == (0, "")
    assert out.splitlines() == [
        f"Written to {folder}. Next, in that folder:",
        "  pip install -e '.[dev]'",
        "  pytest",
        "  augreg plugins --check augreg-acme",
    ]
    run("-m", "hatchling", "build", "-t", "wheel", folder=folder)
    (built,) = (folder / "dist").glob("*.whl")
    assert built.name == "augreg_acme-0.1.0-py3-none-any.whl"  # as its README says
    assert "augreg_acme-0.1.0.dist-info/licenses/LICENSE" in zipfile.ZipFile(built).namelist()

    code, out, error = command(capsys, "plugins", "--check", built)
    assert (code, error) == (0, "")
    lines = out.splitlines()
    assert lines[0] == 'augreg-acme 0.1.0, plugin "acme": ready'
    assert lines[1:-1] == [
        f"acme/{op}: {check}: passed"
        for op in ("fade", "stretch")
        for check in (*NAMES, "time limit")
    ]
    assert lines[-1] == "2 ops, 30 checks: 30 passed"

    assert "4 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder=folder)


def test_files_of_a_new_plugin_are_valid_and_name_it(tmp_path):
    write_plugin("augreg-blur-lab", tmp_path / "new", "mit", 'Ann "Ö" Lee')
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["license"]) == ("augreg-blur-lab", "MIT")
    assert project["authors"] == [{"name": 'Ann "Ö" Lee'}]
    assert project["entry-points"]["augreg"] == {"blur-lab": "augreg_blur_lab"}
    assert 'Ann "Ö" Lee\n' in (tmp_path / "new" / "LICENSE").read_text()
    assert '"blur-lab/fade"' in (tmp_path / "new" / "augreg_blur_lab" / "color.py").read_text()
    ci = (tmp_path / "new" / ".github" / "workflows" / "test.yml").read_text()
    assert "python-version: ${{ matrix.python }}" in ci
    texts = [p.read_text() for p in (tmp_path / "new").rglob("*") if p.is_file() and p != ci]
    assert not [text for text in texts if "MODULE" in text or "${module}" in text]


@pytest.mark.parametrize("name", LICENSES)
def test_licence_of_a_new_plugin_is_the_one_that_was_chosen(tmp_path, name):
    write_plugin("acme", tmp_path / "new", name)
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]
    if name == "none":
        assert not (tmp_path / "new" / "LICENSE").exists()
        assert "license" not in project and "license-files" not in project
        return
    text = (tmp_path / "new" / "LICENSE").read_text()
    first = {"apache-2.0": "Apache License", "mit": "MIT License"}.get(name, "BSD 3-Clause License")
    assert text.strip().startswith(first)
    assert name == "apache-2.0" or "the acme authors" in text
    assert project["license-files"] == ["LICENSE"]


def test_apache_licence_of_the_kit_is_the_one_of_augreg():
    kit = ROOT / "augreg" / "kit" / "licenses" / "apache-2.0.txt"
    assert kit.read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme Ops", '"Acme Ops" is no name for a plugin; write small letters, digits and single'),
        ("3d", '"3d" is no name for a plugin'),
        ("acme--ops", '"acme--ops" is no name for a plugin'),
        ("../acme", '"../acme" is no name for a plugin'),
        ("json", 'its module would be "json", which is taken; write "augreg-json", for example'),
        ("augreg-ops", 'its module would be "augreg_ops", which is taken'),
        ("class", 'its module would be "class", which is taken'),
    ],
)
def test_name_that_no_plugin_can_have_is_refused(tmp_path, capsys, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    code, out, error = command(capsys, "new-plugin", name)
    assert (code, out) == (1, "") and said in error
    assert list(tmp_path.iterdir()) == []


def test_prefix_of_ops_begins_with_a_letter(tmp_path):
    write_plugin("augreg-3d", tmp_path / "new")
    assert '"augreg-3d/fade"' in (tmp_path / "new" / "augreg_3d" / "color.py").read_text()


def test_folder_with_something_in_it_is_kept(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    write_plugin("acme", tmp_path / "mine")  # empty, so it may be filled
    (tmp_path / "mine" / "LICENSE").write_text("mine")
    code, _, error = command(capsys, "new-plugin", "acme", "--directory", tmp_path / "mine")
    assert code == 1
    assert f"{tmp_path / 'mine'}: it exists and is not empty" in error and "--directory" in error
    assert (tmp_path / "mine" / "LICENSE").read_text() == "mine"


def test_licence_and_author_that_can_not_be_are_refused(tmp_path):
    with pytest.raises(PluginError, match='"gpl" is no licence here; allowed are apache'):
        write_plugin("acme", tmp_path / "new", "gpl")
    for author in ("", "Ann\nLee"):
        with pytest.raises(PluginError, match="is no name of an author"):
            write_plugin("acme", tmp_path / "new", author=author)
    assert list(tmp_path.iterdir()) == []
