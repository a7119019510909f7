"""The table of what was drawn for a sample."""

from __future__ import annotations

from samples import drawn_values

from augreg.plan import plan
from augreg.policy import load_policy
from augreg.studio.detail.draws import Row, rows_of, table

POLICY = load_policy(
    {
        "version": 1,
        "prepare": [{"op": "resize", "height": 24, "width": 24}],
        "augment": [
            {"op": "flip", "p": 0.5},
            {"op": "rotate", "degrees": [-10, 10]},
            {"one_of": [{"op": "grayscale"}, {"op": "brightness", "delta": [0.1, 0.2]}]},
            {"some_of": [{"op": "contrast", "factor": [1, 2]}], "n": 2, "replace": True},
        ],
    }
)


def rows(epoch: int) -> list[Row]:
    planned = plan(POLICY, size=(30, 30))
    return list(rows_of(POLICY, drawn_values(planned, 0, epoch, 0)))


def test_each_step_is_there_with_its_values_or_its_fate() -> None:
    for epoch in range(20):
        drawn = drawn_values(plan(POLICY, size=(30, 30)), 0, epoch, 0)
        found = {(row.pointer, row.parameter): row for row in rows(epoch)}
        assert found["/prepare/0", ""].value == "always done"
        flip = found["/augment/0", ""]
        assert flip.value == ("done" if "/augment/0" in drawn else "left out")
        assert flip.given == "p 0.5"
        assert found["/augment/1", "degrees"].value == f"{drawn['/augment/1']['degrees']:.3g}"
        assert found["/augment/1", "degrees"].given == "uniform -10 to 10"
        gray = "/augment/2/one_of/0" in drawn
        assert found["/augment/2/one_of/0", ""].value == ("done" if gray else "left out")
        name = "" if gray else "delta"
        assert (found["/augment/2/one_of/1", name].value == "left out") == gray
        slots = [pointer for pointer, _ in found if pointer.startswith("/augment/3")]
        assert slots == ["/augment/3/some_of/0#0", "/augment/3/some_of/0#1"]


def test_both_fates_occur() -> None:
    assert {row.value for epoch in range(20) for row in rows(epoch) if row.op == "flip"} == {
        "done",
        "left out",
    }


def test_the_table_writes_a_step_once_and_escapes() -> None:
    made = table([Row("/a", "<b>", "x", "1", ""), Row("/a", "<b>", "y", "2", "")])
    assert made.count("<td>/a</td>") == 1
    assert "<b>" not in made
    assert "<td>&lt;b&gt;</td>" in made
