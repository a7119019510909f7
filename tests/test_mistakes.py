"""All mistakes of a policy are said at once, in the document's order, each at its place."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import augreg
from augreg import PolicyError
from augreg.cli import main
from augreg.errors import MAX_MISTAKES, joined
from augreg.plan import plan
from augreg.plugin.registry import Plugin, Registry, default_registry


def refused(policy: Any) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        augreg.load_policy(policy)
    return caught.value


def pointers(policy: Any) -> list[str]:
    return [mistake.pointer for mistake in refused(policy).mistakes]


WRONG = """{
  "version": 1,
  "augment": [
    {"op": "rotate", "degrees": [30, -30]},
    {"op": "rotat", "degrees": 5},
    {"one_of": [{"op": "invert", "strength": 1}, {"op": "gamma", "gamma": -1}],
     "weights": [1, 2, 3]},
    {"op": "flip", "p": 1.5},
    {"op": "rand_augment", "n": 99}
  ],
  "output": {"range": [1, 0]},
  "nmae": "x"
}
"""


def test_mistakes_of_every_kind_are_said_at_once_in_the_documents_order(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(WRONG)
    error = refused(path)
    assert [f"{m.line} {m.pointer}" for m in error.mistakes] == [
        "4 /augment/0/degrees",
        "5 /augment/1/op",
        "6 /augment/2/one_of/0/strength",
        "6 /augment/2/one_of/1/gamma",
        "7 /augment/2/weights",
        "8 /augment/3/p",
        "9 /augment/4/n",
        "11 /output/range",
        "12 /nmae",
    ]
    assert str(error).splitlines() == [str(mistake) for mistake in error.mistakes]
    first = error.mistakes[0]
    assert (error.pointer, error.line, error.column, error.message, error.path) == (
        *(first.pointer, first.line, first.column, first.message, first.path),
    )
    assert str(first) in str(error) and str(first).startswith(f"{path}:4:")


def test_command_prints_every_mistake_on_a_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.json"
    path.write_text(WRONG)
    with pytest.raises(SystemExit) as end:
        main(["validate", str(path)])
    assert end.value.code == 3
    assert capsys.readouterr().err.splitlines() == [
        f"augreg: {mistake}" for mistake in refused(path).mistakes
    ]


def test_at_most_twenty_are_listed_and_the_last_says_that_there_are_more() -> None:
    for count in (19, 20, 21, 900):
        steps = [{"op": "flip", "axis": "up", "id": str(i)} for i in range(count)]
        error = refused({"version": 1, "augment": steps})
        assert len(error.mistakes) == len(str(error).splitlines()) == min(count, MAX_MISTAKES)
        assert str(error).endswith("(more mistakes follow)") == (count > MAX_MISTAKES)
        assert "more mistakes" not in str(error).rpartition("\n")[0]


def test_misspelt_parameter_is_one_mistake_and_not_also_a_missing_one() -> None:
    assert pointers({"version": 1, "augment": [{"op": "rotate", "degree": 5}]}) == [
        "/augment/0/degree"
    ]
    assert pointers({"version": 1, "augment": [{"op": "rotate", "by": 5}]}) == [
        "/augment/0",
        "/augment/0/by",
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"prepare": 5},
        {"prepare": {"train": []}},
        {"prepare": {"train": [{"op": "nope"}], "eval": []}},
        {"augment": "flip"},
        {"augment": [5, {"op": "nope"}]},
        {"augment": [{"one_of": []}, {"some_of": [{"op": "flip"}], "n": "x"}]},
        {"augment": [{"some_of": [{"op": "flip"}]}]},
        {"augment": [{"sequence": {"op": "flip"}}]},
        {"output": {"normalize": {"mean": [1, 2], "std": [0]}}},
        {"output": {"normalize": {"mean": [1]}, "dtype": "x"}},
        {"output": 3},
        {"op": "flip", "output": {"range": ["x", 1]}},
        {"output": {"op": "flip", "range": ["x", 1]}},
        {"augment": [{"op": ["flip"]}, {"op": "clip", "min": {"choice": []}}]},
        {"augment": [{"op": "rotate", "degrees": {"normal": [0, 1], "mim": 0}}]},
    ],
    ids=json.dumps,
)
def test_what_is_right_beside_a_mistake_is_still_looked_at(part: dict[str, Any]) -> None:
    alone = pointers({"version": 1, **part})
    last = {"op": "zoom", "factor": [2, 1], "id": "last"}
    section = "augment" if "augment" not in part else "prepare"
    found = pointers({"version": 1, **part, section: [last]})
    assert f"/{section}/0/factor" in found
    assert set(alone) <= set(found)


def test_ids_that_give_the_same_draws_are_all_named() -> None:
    steps = [{"op": "flip", "p": 0.5, "id": name} for name in ("a", "b", "a", "b", "x#1")]
    assert pointers({"version": 1, "augment": steps}) == [
        "/augment/2/id",
        "/augment/3/id",
        "/augment/4/id",
    ]


def test_numbers_that_json_has_not_are_all_named_each_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"version": 1,\n "a": NaN, "b": 1e999,\n "c": NaN, "d": 1, "d": 2}')
    places = [(m.line, m.message.split(" ")[0]) for m in refused(path).mistakes]
    assert places == [(2, "NaN"), (2, "1e999"), (3, "NaN"), (3, "duplicate")]


def test_mistakes_of_plugins_that_are_not_there_do_not_hide_others() -> None:
    known = default_registry()
    broken = Plugin("acme", "acme-ops", "2.0", "failed", (), "ImportError: no")
    registry = Registry(known.ops, (*known.plugins, broken), known.owner, {}, known.macros)
    steps = [{"op": "acme/tint"}, {"op": "flip", "p": 2}]
    with pytest.raises(PolicyError) as caught:
        augreg.load_policy({"version": 1, "augment": steps}, registry=registry)
    first, second = caught.value.mistakes
    assert 'plugin "acme" is failed: ImportError: no' in first.message
    assert second.pointer == "/augment/1/p"


def test_error_with_all_its_mistakes_goes_to_another_process() -> None:
    error = refused({"version": 1, "augment": [{"op": "x"}, {"op": "y"}]})
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and len(again.mistakes) == 2
    assert [str(one) for one in again.mistakes[0].mistakes] == [str(again.mistakes[0])]


def test_joined_errors_hold_each_mistake_once() -> None:
    one, two = PolicyError("a", pointer="/x"), PolicyError("b", pointer="/y")
    assert str(joined([one, joined([two, one]), two])) == "/x: a\n/y: b"


def test_mistakes_that_only_a_plan_finds_are_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mix = {"op": "mixup", "classes": 3}
    gray = {"op": "grayscale", "channels": 1}
    crop = {"op": "crop", "height": 99, "width": 8}
    steps = [gray, {"op": "saturation", "factor": 2}, {"op": "hue", "delta": 0.1}, crop, crop]
    path = tmp_path / "p.json"
    prepare = {"train": [], "eval": [mix]}
    path.write_text(json.dumps({"version": 1, "prepare": prepare, "augment": steps}))
    policy = augreg.load_policy(path)
    with pytest.raises(PolicyError) as caught:
        plan(policy, size=(32, 32))
    found = [mistake.pointer for mistake in caught.value.mistakes]
    # what stands behind a step whose result is not known may be right
    assert found == ["/augment/1", "/augment/2", "/augment/3/height"]
    with pytest.raises(SystemExit) as end:
        main(["validate", str(path), "--size", "32x32"])
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 3 and len(lines) == 4
    assert "/prepare/eval/0" in lines[3]
