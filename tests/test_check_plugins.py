"""`augreg plugins --check` names what is broken in a plugin, and a plugin that nobody finds."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from samples import EntryPoint, Plugin, command, with_plugins

import augreg
from augreg.plugin.unregistered import unregistered
from augreg.testing import worker

METADATA = "Metadata-Version: 2.1\nName: acme-ops\nVersion: 1.5\nRequires-Dist: augreg>=0.1\n"
HOOK = """
import augreg

@augreg.hookimpl
def register_ops():
    return [{ops}]
"""
OP = """
@augreg.op("acme/{name}", amount=augreg.Range(0.0, 1.0, default=0.2))
def {name}(xp, amount):
    '''Is checked.'''
    {body}
"""


def wheel(folder: Path, source: str, entry_point: str = "[augreg]\nacme = acme") -> Path:
    """A wheel `acme-ops` 1.5 of one module `acme`."""
    path = folder / "acme_ops-1.5-py3-none-any.whl"
    info = "acme_ops-1.5.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme.py", source)
        archive.writestr(f"{info}/METADATA", METADATA)
        archive.writestr(f"{info}/RECORD", "acme.py,,\n")
        if entry_point:
            archive.writestr(f"{info}/entry_points.txt", entry_point)
    return path


def ops(**bodies: str) -> str:
    """A module that registers ops with these bodies."""
    made = "".join(OP.format(name=name, body=body) for name, body in bodies.items())
    return HOOK.format(ops=", ".join(bodies)) + made


@pytest.mark.slow
def test_op_that_hangs_crashes_or_is_broken_is_named_with_its_place(tmp_path, capsys):
    bodies = {
        "hangs": "import time; time.sleep(10**6)",
        "crashes": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "leaves": "import os; os._exit(3)",
        "raises": "raise ValueError('one\\ntwo')",
    }
    source = ops(**bodies)
    path = wheel(tmp_path, source)
    code, out, error = command(capsys, "plugins", "--check", path, "--seconds", 4)
    assert code == 1
    assert error == "augreg: broken: acme/hangs, acme/crashes, acme/leaves, acme/raises\n"
    lines = out.splitlines()
    at = {op: source[: source.index(f'"acme/{op}"')].count("\n") + 1 for op in bodies}
    assert [line for line in lines if ": broken" in line] == [
        f'acme/hangs: time limit: broken at acme.py:{at["hangs"]}: "declaration" is not done 4 '
        "seconds after the first check began; find what does not end, or allow more seconds",
        f"acme/crashes: declaration: broken at acme.py:{at['crashes']}: SIGSEGV ended the process",
        f"acme/leaves: declaration: broken at acme.py:{at['leaves']}: the process ended with "
        "code 3",
        f"acme/raises: call: broken at acme.py:{at['raises'] + 3}: raised ValueError: one two; "
        "with {}",
    ]
    assert "acme/raises: declaration: passed" in lines and "acme/raises: XLA: not run" in lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import time; time.sleep(10**6)", "the plugins are not loaded after 2 seconds"),
        (  # and TensorFlow, which takes seconds, was not waited for
            "import os, sys; os._exit(5 + ('tensorflow' in sys.modules))",
            "while plugins were loaded, the process ended with code 5",
        ),
    ],
)
def test_import_that_does_not_end_well_is_named(tmp_path, capsys, source, said):
    path = wheel(tmp_path, source)
    code, out, error = command(capsys, "plugins", "--check", path, "--seconds", 2)
    assert (code, out) == (1, "") and said in error


@pytest.mark.slow
def test_wheel_without_an_entry_point_is_told_so_as_json(tmp_path, capsys):
    path = wheel(tmp_path, ops(fine="return None"), entry_point="")
    code, out, error = command(capsys, "plugins", "--check", path, "--json")
    assert (code, error) == (1, "augreg: broken: acme-ops\n")
    found = json.loads(out)
    assert found["checks"] == []
    (plugin,) = found["plugins"]
    assert (plugin["distribution"], plugin["version"], plugin["state"]) == (
        *("acme-ops", "1.5"),
        "unregistered",
    )
    assert plugin["error"] == (
        '"acme" defines register_ops, but the distribution has no entry point in the group '
        '"augreg"; add [project.entry-points.augreg] with a line such as acme = "acme" to its '
        "pyproject.toml, and install it again"
    )


@pytest.mark.slow
def test_wheel_whose_hook_is_not_marked_is_told_so(tmp_path, capsys):
    path = wheel(tmp_path, ops(fine="return None").replace("@augreg.hookimpl", ""))
    code, out, _ = command(capsys, "plugins", "--check", path)
    assert code == 1
    assert (
        'acme-ops 1.5, plugin "acme": empty: it registers nothing: its register_ops is not ' in out
    )
    assert "marked with @augreg.hookimpl" in out


def test_macro_and_op_that_two_plugins_claim_are_checked_as_far_as_they_go(monkeypatch):
    @augreg.macro("acme/fine", example={})
    def fine():
        """Writes a step."""
        return [{"op": "flip"}]

    @augreg.macro("acme/lost", example={})
    def lost():
        """Writes a step that there is none of."""
        return [{"op": "acme/missing"}]

    @augreg.macro("acme/claimed", example={})
    def claimed():
        """Is shipped twice."""
        return []

    one, two = Plugin(fine, lost, claimed), Plugin(claimed)
    registry = with_plugins(EntryPoint("acme", one), EntryPoint("other", two))
    monkeypatch.setattr(worker, "default_registry", lambda: registry)
    found = {event["op"]: event for event in worker.events(None, []) if "check" in event}
    assert (found["acme/fine"]["check"], found["acme/fine"]["state"]) == ("declaration", "passed")
    assert 'unknown op "acme/missing"' in found["acme/lost"]["found"]
    assert found["acme/lost"]["place"].startswith(f"{__file__}:")
    assert 'op "acme/claimed" is claimed by two plugins' in found["acme/claimed"]["found"]
    assert [found[name]["state"] for name in ("acme/lost", "acme/claimed")] == ["broken"] * 2


def installed(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """A distribution that is installed for one test."""
    with zipfile.ZipFile(wheel(folder, source, **options)) as archive:
        archive.extractall(folder / "site")
    monkeypatch.syspath_prepend(str(folder / "site"))


def test_installed_distribution_without_an_entry_point_is_listed(tmp_path, capsys, monkeypatch):
    installed(tmp_path, ops(fine="return None"), monkeypatch, entry_point="")
    (plugin,) = unregistered()
    assert (plugin.distribution, plugin.state) == ("acme-ops", "unregistered")
    assert '"acme" defines register_ops, but' in plugin.error
    code, out, _ = command(capsys, "plugins")
    assert code == 0 and "unregistered" in out and "acme-ops" in out


def test_editable_distribution_without_an_entry_point_is_listed(tmp_path, monkeypatch):
    project, info = tmp_path / "my project", tmp_path / "site" / "acme_ops-1.5.dist-info"
    (project / "src" / "acme").mkdir(parents=True)
    (project / "src" / "acme" / "__init__.py").write_text(ops(fine="return None"))
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA)
    (info / "direct_url.json").write_text(
        json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}})
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert ['"acme" defines' in plugin.error for plugin in unregistered()] == [True]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (ops(fine="return None"), {}),
        ("import augreg\n", {"entry_point": ""}),  # it only uses augreg
    ],
)
def test_distribution_that_forgot_nothing_is_not_listed(tmp_path, monkeypatch, source, options):
    installed(tmp_path, source, monkeypatch, **options)
    assert unregistered() == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("missing.whl", "missing.whl: there is no such wheel"),
        ("nobodys-ops", 'no distribution "nobodys-ops" is installed; allowed are the path of a'),
    ],
)
def test_target_that_is_not_there_is_refused(capsys, target, said):
    code, out, error = command(capsys, "plugins", "--check", target)
    assert (code, out) == (1, "") and said in error


def test_file_that_is_no_wheel_is_refused(tmp_path, capsys):
    text, empty = tmp_path / "text.whl", tmp_path / "empty.whl"
    text.write_text("no archive")
    zipfile.ZipFile(empty, "w").close()
    assert f"{text}: it is no wheel" in command(capsys, "plugins", "--check", text)[2]
    assert f"{empty}: it is no wheel: 0 folders" in command(capsys, "plugins", "--check", empty)[2]


def test_target_without_check_is_wrong_usage(capsys):
    code, _, error = command(capsys, "plugins", "acme")
    assert code == 2 and "--check" in error
