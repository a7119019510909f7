"""Too strong: the step, the value and the narrower range, against policies of constants."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from samples import drawn_values, noise, policy, smooth

import augreg
from augreg.plan import plan
from augreg.plugin.registry import default_registry
from augreg.policy import Policy, ready_names
from augreg.views.difference import changed
from augreg.views.strength import TooStrong, too_strong
from augreg.views.trace import Sample

IMAGE = (smooth(1, 40, 52)[0] * 255).astype(np.uint8)
MIXING = {"copy_paste", "cutmix", "mixup", "mosaic"}


def found_in(loaded: Policy, index: int = 0, element: Any = IMAGE, **more: Any) -> TooStrong:
    return too_strong(loaded, Sample.of(element, seed=3, index=index, **more))


def one_step(**step: Any) -> TooStrong:
    return found_in(policy(step))


@pytest.mark.parametrize("name", sorted({*default_registry().ops} - MIXING))
def test_a_proposal_of_any_op_loads_and_leaves_the_value_out(name: str) -> None:
    step: dict[str, Any] = {"op": name, **default_registry().ops[name].example}
    step |= {side: 24 for side in ("height", "width") if side in step}
    loaded = policy(step)
    source = copy.deepcopy(dict(loaded.source))
    for index in range(3):
        found = found_in(loaded, index)
        assert loaded.source == source
        if found.proposal is None:
            continue
        proposed = augreg.load_policy(found.proposal.document)
        augreg.augment(IMAGE, proposed, seed=3)
        pointer, _, key = found.proposal.pointer.rpartition("/")
        assert pointer == "/augment/0"
        assert found.proposal.document == {**source, "augment": [{**step, key: found.proposal.new}]}
        default = 1 if key == "p" else loaded.augment[0].op.settable[key].default
        assert found.proposal.old == step.get(key, default)
        if found.blame is None or key == "p":
            assert proposed.augment[0].p == loaded.augment[0].p / 2
            continue
        before, after = (one.augment[0].arguments[key].support for one in (loaded, proposed))
        assert not after[0] <= found.blame.value <= after[1]
        assert before[0] <= after[0] <= after[1] <= before[1]


@pytest.mark.parametrize("name", ready_names())
def test_every_ready_policy_says_what_is_strong(name: str) -> None:
    loaded = augreg.load_policy(name)
    for index in range(3):
        found = found_in(loaded, index)
        scores = [share.score for share in found.shares]
        assert scores == sorted(scores, reverse=True) and found.says
        if found.proposal is not None:
            augreg.augment(IMAGE, augreg.load_policy(found.proposal.document), seed=3)
        drawn = drawn_values(plan(loaded), 3, 0, index)
        for share in found.shares:
            assert share.values == drawn.get(share.pointer, {})


@pytest.mark.parametrize(
    ("steps", "strongest"),
    [
        ([{"op": "rotate", "degrees": [2, 3]}, {"op": "brightness", "delta": [0.6, 0.7]}], 1),
        ([{"op": "rotate", "degrees": [40, 45]}, {"op": "brightness", "delta": [0.01, 0.05]}], 0),
        ([{"op": "flip"}, {"op": "saturation", "factor": [0, 0.3]}], 1),
        ([{"op": "gaussian_noise", "std": [0.4, 0.5]}, {"op": "hue", "delta": [0, 0.02]}], 0),
        (
            [
                {"op": "gaussian_blur", "kernel_size": 23, "sigma": [8, 9]},
                {"op": "contrast", "factor": [0.95, 1.05]},
            ],
            0,
        ),
        ([{"op": "zoom", "factor": [0.92, 0.94]}, {"op": "erase", "area": [0.3, 0.4]}], 1),
        ([{"op": "zoom", "factor": [0.3, 0.4]}, {"op": "translate", "x": [0, 0.05]}], 0),
    ],
)
def test_the_strongest_step_is_named(steps: list[dict[str, Any]], strongest: int) -> None:
    for index in range(3):
        found = found_in(policy(*steps), index)
        assert found.shares[0].pointer == f"/augment/{strongest}"
        assert found.says.startswith(f"{steps[strongest]['op']} at /augment/{strongest}")


def test_a_colour_step_has_the_part_of_the_difference_that_goes_with_it() -> None:
    steps = [
        {"op": "rotate", "degrees": [10, 20]},
        {"op": "brightness", "delta": [0.2, 0.4]},
        {"op": "contrast", "factor": [0.3, 0.5]},
    ]
    loaded = policy(*steps)
    drawn = drawn_values(plan(loaded), 3, 0, 5)
    constants = [{**step, **drawn[f"/augment/{i}"]} for i, step in enumerate(steps)]

    def image(*places: int) -> Any:
        chosen = policy(*(constants[i] for i in places))
        return augreg.augment(IMAGE[None], chosen, 0, sections=["augment"])

    shares = {share.pointer: share.score for share in found_in(loaded, 5).shares}
    whole = changed(image(0, 1, 2), image(0))
    assert shares["/augment/1"] == pytest.approx(max(whole - changed(image(0, 2), image(0)), 0))
    assert shares["/augment/2"] == pytest.approx(max(whole - changed(image(0, 1), image(0)), 0))


def test_a_range_becomes_narrower_at_both_sides_of_its_neutral_value() -> None:
    found = one_step(op="rotate", degrees=[-72, 72])

    assert found.blame is not None and found.proposal is not None
    assert found.blame.parameter == "degrees" and found.blame.weakest == 0
    low, high = found.proposal.new
    assert low == -high and 0 < high < abs(found.blame.value)
    assert found.blame.rank == pytest.approx((found.blame.value + 72) / 144, abs=1e-5)


def test_a_default_range_is_written_into_the_proposal() -> None:
    op = default_registry().ops["erase"]
    found = one_step(op="erase")

    assert found.proposal is not None
    key = found.proposal.pointer.rpartition("/")[2]
    assert found.proposal.old == op.params[key].default
    assert found.proposal.document["augment"] == [{"op": "erase", key: found.proposal.new}]


def test_a_step_of_constants_is_to_happen_less_often() -> None:
    found = one_step(op="invert", p=1.0)
    assert found.blame is None and found.proposal is not None
    assert (found.proposal.pointer, found.proposal.new) == ("/augment/0/p", 0.5)
    assert found.says == "invert at /augment/0; p 0.5 in place of 1.0"


def test_what_can_not_be_weaker_says_why() -> None:
    cropped = one_step(op="central_crop", fraction=0.5)
    assert cropped.proposal is None
    assert '"central_crop" changes the size' in cropped.says

    macro = found_in(policy({"op": "rand_augment", "magnitude": 10}))
    assert macro.proposal is None
    assert macro.says.endswith("/augment/0 stands for this step: lower what is given there")


def test_a_flip_and_a_step_without_effect_are_not_strong() -> None:
    found = found_in(policy({"op": "flip"}, {"op": "rot90", "k": 2}, {"op": "clip"}))

    assert [share.score for share in found.shares] == [0, 0, 0]
    assert found.proposal is None and found.says.startswith("no step changes this sample")


def test_a_step_in_a_branch_and_in_a_slot_is_found() -> None:
    step = {"op": "brightness", "delta": [0.3, 0.6]}
    found = found_in(policy({"some_of": [step, step], "n": 2, "replace": True}))
    assert found.shares[0].pointer[-2:] in ("#0", "#1")
    assert found.proposal is not None
    assert found.proposal.pointer.startswith("/augment/0/some_of/")


@pytest.mark.parametrize("slots", [False, True])
def test_a_mixture_goes_as_a_whole(slots: bool) -> None:
    step = {"op": "brightness", "delta": [0.3, 0.6]}
    group: dict[str, Any] = {"mixture": [{"op": "invert"}, step], "p": 0.9}
    loaded = policy({"some_of": [group], "n": 1, "replace": True} if slots else group)
    found = found_in(loaded, 1)
    whole = augreg.augment(IMAGE[None], loaded, 3, [1], sections=["augment"])

    assert [share.op for share in found.shares] == ["mixture"]
    assert found.shares[0].score == pytest.approx(changed(whole, IMAGE[None]))
    assert found.proposal is not None and found.proposal.new == 0.45


def test_a_step_that_mixes_samples_is_no_part_of_one() -> None:
    element = {
        "images": IMAGE,
        "boxes": {"boxes": np.float32([[1, 1, 12, 12]]), "labels": np.int32([0])},
    }
    steps = [{"op": "invert"}, {"op": "copy_paste"}, {"op": "mosaic"}]
    found = found_in(policy(*steps), 0, element, bounding_box_format="xyxy")

    assert [share.op for share in found.shares] == ["invert"]


def test_boxes_that_a_crop_keeps_decide_here_too() -> None:
    element = {
        "images": noise(40, 52, 3),
        "boxes": {"boxes": np.float32([[1, 1, 12, 12]]), "labels": np.int32([0])},
    }
    crop = {"op": "resized_crop", "height": 20, "width": 20, "area": [0.2, 0.9], "keep": "all"}
    found = found_in(policy(crop), 1, element, bounding_box_format="xyxy")

    assert found.blame is not None and found.blame.parameter == "area"
