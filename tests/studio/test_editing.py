"""What a form does to the text: values, switching off and on again, moves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from augreg.policy.layout import as_policy
from augreg.studio.editing import Editing, is_on
from augreg.studio.images.pictures import Pictures
from augreg.studio.session import Session, View

FLIP = {"op": "flip", "p": 0.25}
HUE = {"op": "hue", "delta": [-0.1, 0.1]}
POLICY = {"version": 1, "augment": [FLIP, HUE]}


@pytest.fixture
def editing() -> Editing:
    renderer: Any = None  # no sample is made here
    return Editing(Session(as_policy(POLICY), View(), Pictures(()), renderer))


def value(editing: Editing) -> Any:
    return json.loads(editing.session.text)


def test_a_value_that_is_the_same_stays_as_it_is_written(editing: Editing) -> None:
    editing.session.write(editing.session.text.replace("[-0.1, 0.1]", "[-1e-1,0.10]"))
    text = editing.session.text
    editing.set("/augment/1/delta", [-0.1, 0.1])
    assert editing.session.text == text
    editing.set_in("/augment/1", "delta/1", 0.2)
    assert editing.session.text == text.replace("0.10", "0.2")


def test_what_is_switched_off_gets_its_p_again(editing: Editing) -> None:
    text = editing.session.text
    for node in ("/augment/0", "/augment/1"):
        assert editing.switch(node, False)
    assert [node["p"] for node in value(editing)["augment"]] == [0, 0]
    assert not any(map(is_on, value(editing)["augment"]))
    editing.set_in("/augment/0", "axis", "vertical")  # changes meanwhile
    editing.move("/augment/0", "/augment", 1)
    assert editing.switch("/augment/1", True)
    assert editing.switch("/augment/0", True)
    assert value(editing)["augment"] == [HUE, {**FLIP, "axis": "vertical"}]
    for _ in range(10):
        editing.session.undo()
    assert editing.session.text == text


def test_what_was_off_in_the_file_is_switched_on(editing: Editing) -> None:
    editing.set("/augment/0/p", 0)
    assert editing.switch("/augment/0", True)
    assert "p" not in value(editing)["augment"][0]


def test_a_step_moves_into_a_section_that_is_missing(editing: Editing) -> None:
    assert editing.move("/augment/1", "/prepare", 0)
    assert value(editing) == {"version": 1, "augment": [FLIP], "prepare": [HUE]}


def test_a_schedule_counts_as_on() -> None:
    assert is_on({"op": "flip", "p": {"schedule": {"from": 0, "to": 1, "epochs": 3}}})
    assert is_on({"op": "flip"}) and not is_on({"op": "flip", "p": 0.0})
