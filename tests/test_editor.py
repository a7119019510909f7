"""Editors: a language server for JSON, with our schema, over the policies that we ship.

The server is Visual Studio Code's, which `make test` installs with npm where npm is. It reads
policies/policy.schema.json, because that is what "$schema" of these files names.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from language_server import LanguageServer

from augreg.plugin.registry import default_registry
from augreg.policy import ready_policies

ROOT = Path(__file__).parents[1]
COMMAND = "vscode-json-language-server"
INSTALLED = ROOT / "build" / "editor" / "node_modules" / ".bin" / COMMAND
SERVER = str(INSTALLED) if INSTALLED.exists() else shutil.which(COMMAND)
POLICIES = sorted(set(ready_policies().glob("*.json")) - {ready_policies() / "policy.schema.json"})
STEP = re.compile(r'\{"op": "(\w+)"[^{}]*\}')
KEY = re.compile(r'"(\w+)": ')

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which runs the server"),
    pytest.mark.skipif(SERVER is None, reason=f"needs {COMMAND}: make build/editor/.done"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    assert SERVER is not None
    with LanguageServer([SERVER, "--stdio"], ROOT) as running:
        yield running


def step_of(server: LanguageServer, name: str, step: str) -> tuple[Path, str, int]:
    """A policy with this step, open in the editor; its path, its text, and where | stood."""
    path = ready_policies() / f"{name}.json"
    text = f'{{"$schema": "policy.schema.json", "version": 1, "augment": [{step}]}}'
    offset = text.find("|")
    text = text.replace("|", "")
    server.open(path, text)
    return path, text, offset


def labels(completion: dict) -> set[str]:
    return {item["label"].strip('"') for item in completion["items"]}


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_shipped_policy_is_free_of_complaints(server: LanguageServer, path: Path) -> None:
    server.open(path, path.read_text())
    assert server.diagnostics(path) == []


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_each_op_of_a_shipped_policy_is_completed(server: LanguageServer, path: Path) -> None:
    text = path.read_text()
    opened = path.with_name(f"completed_{path.name}")
    server.open(opened, text)
    for step in STEP.finditer(text):
        offered = server.at("completion", opened, text, step.start(1))
        assert labels(offered) == set(default_registry().steps)
        shown = {item["label"].strip('"'): item["documentation"] for item in offered["items"]}
        assert shown[step[1]] == default_registry().steps[step[1]].summary


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_each_parameter_of_a_shipped_policy_is_explained(
    server: LanguageServer, path: Path
) -> None:
    text = path.read_text()
    opened = path.with_name(f"explained_{path.name}")
    server.open(opened, text)
    for step in STEP.finditer(text):
        op = default_registry().steps[step[1]]
        for key in KEY.finditer(text, step.start(), step.end()):
            if key[1] in op.settable:
                shown = server.at("hover", opened, text, key.start() + 1)["contents"]
                plain = " ".join(shown).replace("\\", "").lower()
                assert op.about(key[1]).lower() in plain
                assert op.settable[key[1]].takes.lower() in plain


def test_number_out_of_range_is_flagged_where_it_is(server: LanguageServer) -> None:
    path, text, _ = step_of(server, "range", '{"op": "rotate", "degrees": [-400, 20]}')
    (complaint,) = server.diagnostics(path)
    assert complaint["message"] == "Value is below the minimum of -360."
    assert complaint["range"]["start"]["character"] == text.index("-400")


def test_unknown_parameter_and_word_are_flagged(server: LanguageServer) -> None:
    path, _, _ = step_of(server, "unknown", '{"op": "flip", "axes": 1, "axis": "sideways"}')
    messages = [complaint["message"] for complaint in server.diagnostics(path)]
    assert messages == [
        'Value is not accepted. Valid values: "horizontal", "vertical", "both".',
        "Property axes is not allowed.",
    ]


def test_empty_object_may_become_a_step_or_any_group(server: LanguageServer) -> None:
    offered = server.at("completion", *step_of(server, "empty", "{|}"))
    groups = {"sequence", "one_of", "some_of", "random_order", "mixture"}
    assert labels(offered) == {"op", *groups}


def test_parameters_are_completed_with_an_example_or_the_default(server: LanguageServer) -> None:
    offered = server.at("completion", *step_of(server, "keys", '{"op": "rotate", |}'))
    inserted = {item["label"]: item["insertText"] for item in offered["items"]}
    op = default_registry().ops["rotate"]
    assert set(inserted) == {*op.settable, "p", "when", "id"}
    assert json.loads(inserted["degrees"].partition(": ")[2]) == op.example["degrees"]
    assert inserted["fill_value"] == '"fill_value": ${1:0}'
    assert inserted["p"] == '"p": ${1:1}'


def test_words_of_a_parameter_are_completed(server: LanguageServer) -> None:
    step = '{"op": "rotate", "degrees": 9, "fill": |}'
    offered = server.at("completion", *step_of(server, "words", step))
    assert labels(offered) == {"reflect", "nearest", "wrap", "constant"}
