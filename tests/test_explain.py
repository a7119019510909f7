"""What `explain` says: stages, sharing, boundaries and their reasons, costs and draws."""

from __future__ import annotations

import json
from typing import Any

import pytest

import augreg
from augreg.views.explain import Explanation, explain


def explained(augment: list[Any], **more: Any) -> Explanation:
    size = more.pop("size", (32, 32))
    policy = augreg.load_policy({"version": 1, "augment": augment, **more})
    return explain(policy, size=size)


def test_geometry_that_shares_a_resample_is_one_stage() -> None:
    result = explained(
        [{"op": "flip", "p": 0.5}, {"op": "rotate", "degrees": 10}, {"op": "zoom", "factor": 2}]
    )
    (stage,) = result.stages
    assert stage.kind == "resample"
    assert stage.does == "3 steps share one bilinear resample, fill reflect"
    assert [step.op for step in stage.steps] == ["flip", "rotate", "zoom"]
    assert stage.steps[0].selected == "arguments"


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (
            [{"op": "rotate", "degrees": 9}, {"op": "rotate", "degrees": 9, "fill": "wrap"}],
            "another fill or interpolation",
        ),
        (
            [{"op": "crop", "height": 8, "width": 8}, {"op": "rotate", "degrees": 9}],
            "a window cut before could come back through this fill",
        ),
        ([{"op": "rotate", "degrees": 9}, {"op": "invert"}], "another family"),
        ([{"op": "invert"}, {"op": "rotate", "degrees": 9}], "pointwise before it"),
        (
            [{"op": "rotate", "degrees": 9}, {"op": "resize", "height": 8, "width": 8}],
            "resize is a boundary",
        ),
    ],
)
def test_boundary_says_why(steps: list[Any], why: str) -> None:
    result = explained(steps)
    assert len(result.stages) == 2
    assert result.stages[1].why == why


def test_prepare_ends_before_augment() -> None:
    result = explained([{"op": "flip"}], prepare=[{"op": "resize", "height": 8, "width": 9}])
    assert [stage.section for stage in result.stages] == ["prepare", "augment"]
    assert result.stages[1].why == "prepare ends before augment"
    assert (result.size_in, result.size_prepared, result.size_out) == ("32x32", "8x9", "8x9")


def test_passes_say_what_they_did_and_why_not() -> None:
    result = explained(
        [
            {"op": "saturation", "factor": 2},
            {"op": "brightness", "delta": 0.1, "p": 0},
            {"op": "contrast", "factor": 2},
        ]
    )
    assert [(note.pass_name, note.pointer, note.done) for note in result.passes] == [
        ("drop_never", "/augment/1", True),
        ("merge_pointwise", "/augment/2", False),
    ]
    assert "needs the mean" in result.passes[1].message
    assert len(result.written) == 3 and len(result.stages) == 2


def test_choice_among_families_says_what_it_costs() -> None:
    result = explained([{"one_of": [{"op": "rotate", "degrees": 9}, {"op": "invert"}]}])
    assert result.costs == (
        "/augment/0: its branches are of different families, so it costs 2 kernels for every "
        "image; warps, windows and histograms only where they are chosen",
    )
    assert result.stages[0].steps[0].under == ("branch 0 of one_of at /augment/0",)


def test_branches_that_change_the_shape_are_all_computed() -> None:
    result = explained(
        [
            {
                "one_of": [
                    {"op": "resize", "height": 8, "width": 8},
                    {"op": "crop", "height": 8, "width": 8},
                ]
            }
        ]
    )
    (stage,) = result.stages
    assert stage.kind == "branches" and stage.size_out == "8x8"
    assert [branch[0].kind for branch in stage.branches] == ["resize", "whole-pixel moves"]
    assert result.costs == ("/augment/0: costs the sum of its 2 branches for every image",)


def test_steps_in_branches_say_what_decides_about_them() -> None:
    cut, crop = ({"op": op, "height": 8, "width": 8} for op in ("resized_crop", "crop"))
    result = explained([{"mixture": [{"op": "invert"}], "p": 0.3}, {"one_of": [cut, crop]}])
    mixed, branches = result.stages
    assert mixed.branches[0][0].steps[0].under == ("mixture with p 0.3 at /augment/0",)
    first, second = (branch[0].steps[0] for branch in branches.branches)
    assert first.under == ("branch 0 of one_of at /augment/1",)
    assert second.under == ("branch 1 of one_of at /augment/1",)
    assert (first.selected, second.selected) == ("pixels", "pixels")


def test_p_of_a_resize_that_keeps_the_size_is_a_select_on_pixels() -> None:
    cut = {"op": "resized_crop", "height": 32, "width": 32}
    alone, chosen = explained([{**cut, "p": 0.3}, {"one_of": [cut, {"op": "flip"}]}]).stages[:2]
    assert (alone.steps[0].p, alone.steps[0].selected) == (0.3, "pixels")
    assert (chosen.steps[0].p, chosen.steps[0].selected) == (1, "pixels")
    assert chosen.steps[0].under == ("branch 0 of one_of at /augment/1",)
    assert explained([cut]).stages[0].steps[0].selected == "always"


def test_choice_within_one_family_costs_nothing() -> None:
    result = explained(
        [{"one_of": [{"op": "rotate", "degrees": 9}, {"op": "zoom", "factor": 2}], "p": 0.5}]
    )
    assert result.costs == ()
    assert result.stages[0].steps[0].under == ("one_of with p 0.5 at /augment/0",)
    assert result.stages[0].steps[0].selected == "arguments"


def test_draws_are_listed_with_distribution_and_id() -> None:
    result = explained(
        [
            {"op": "rotate", "degrees": {"normal": [0, 5], "min": -9, "max": 9}, "p": 0.25},
            {"op": "zoom", "factor": {"log_uniform": [0.5, 2]}, "id": "near"},
            {"op": "rot90", "k": {"choice": [0, 2], "weights": [3, 1]}},
            {"op": "brightness", "delta": 0.25},
        ]
    )
    shown = [(draw.path, draw.name, draw.distribution) for draw in result.draws]
    assert shown == [
        ("/augment/0", "p", "probability 0.25"),
        ("/augment/0", "degrees", "normal 0 ± 5, -9 to 9"),
        ("near", "factor", "log-uniform 0.5 to 2"),
        ("/augment/2", "k", "one of 0, 2 by 3, 1"),
    ]
    import hashlib

    assert result.draws[2].id == hashlib.sha256(b"near/factor").hexdigest()[:8]


def test_every_draw_of_nested_groups_with_slots_is_explained() -> None:
    inner = {"one_of": [{"op": "rotate", "degrees": [0, 9]}, {"op": "invert"}], "weights": [3, 1]}
    result = explained(
        [
            {
                "some_of": [inner, {"op": "brightness", "delta": [0, 0.1]}],
                "n": [1, 2],
                "replace": True,
            }
        ]
    )
    names = {(draw.path, draw.name): draw.distribution for draw in result.draws}
    assert names["/augment/0", "n"] == "1 to 2 branches"
    assert names["/augment/0#1", "choice"] == "one of 2 branches"
    assert names["/augment/0/some_of/0#1", "choice"] == "one of 2 branches by 3, 1"
    assert names["/augment/0/some_of/1#0", "delta"] == "uniform 0 to 0.1"


def test_evaluation_leaves_augment_out() -> None:
    policy = augreg.load_policy(
        {
            "version": 1,
            "prepare": {"train": [{"op": "flip"}], "eval": []},
            "augment": [{"op": "invert", "p": 0.5}],
        }
    )
    result = explain(policy, training=False)
    assert (result.mode, result.stages, result.draws) == ("evaluation", (), ())


def test_output_is_described() -> None:
    assert explained([], output={"range": [-1, 1]}, prepare=[{"op": "flip"}]).output == (
        "float32, -1 to 1"
    )
    mean = explained([{"op": "flip"}], output={"normalize": {"mean": [0.5], "std": [0.25]}})
    assert mean.output == "float32, -2 to 2"


def test_explanation_is_json() -> None:
    result = explained([{"op": "rotate", "degrees": [-9, 9]}])
    again = json.loads(json.dumps(result.as_dict()))
    assert again["stages"][0]["steps"][0]["arguments"] == {"degrees": "uniform -9 to 9"}


def test_size_that_cannot_work_is_refused_at_the_step() -> None:
    with pytest.raises(augreg.PolicyError, match=r"^/augment/0/height: a crop height of 64"):
        explained([{"op": "crop", "height": 64, "width": 8}])
