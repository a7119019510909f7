"""Macros, and the automatic policies against their published tables."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.plan import plan
from augreg.plan.passes import optimize
from augreg.plugin.macro import Macro
from augreg.plugin.registry import Plugin, default_registry
from augreg.policy.expand import expand

IMAGES = np.random.default_rng(5).integers(0, 256, (16, 40, 40, 3), dtype=np.uint8)
AUTOMATIC = ["auto_augment", "rand_augment", "trivial_augment_wide", "aug_mix"]


def _policy(*nodes):
    return {"version": 1, "augment": list(nodes)}


def _written(step):
    """The nodes that a macro's step becomes."""
    return expand(_policy(step))["augment"][0]["sequence"]


def _ends(step):
    """The largest absolute value that the step's drawn parameter takes, and its name."""
    name = next(
        k for k in step if k not in ("op", "kind", "fill", "fill_value", "interpolation", "p")
    )
    value = step[name]
    values = value["choice"] if isinstance(value, dict) else np.atleast_1d(value)
    return name, min(values), max(values)


# --- the tables


def test_rand_augment_at_its_end_has_the_ranges_of_the_paper():
    """Cubuk et al. 2019, table 6 of AutoAugment, whose ranges RandAugment keeps."""
    (group,) = _written({"op": "rand_augment", "n": 1, "magnitude": 10})
    assert len(group["one_of"]) == 13
    assert group["p"] == 13 / 14
    found = {(s["op"], s.get("kind"), *_ends(s)) for s in group["one_of"] if len(s) > 1}
    slope, move = math.degrees(math.atan(0.3)), 150 / 331
    assert found == {
        ("shear", None, "x_degrees", -slope, slope),
        ("shear", None, "y_degrees", -slope, slope),
        ("translate", None, "x", -move, move),
        ("translate", None, "y", -move, move),
        ("rotate", None, "degrees", -30, 30),
        ("enhance", "brightness", "factor", 1 - 0.9, 1.9),
        ("enhance", "color", "factor", 1 - 0.9, 1.9),
        ("enhance", "contrast", "factor", 1 - 0.9, 1.9),
        ("sharpness", None, "factor", 1 - 0.9, 1.9),
        ("posterize", None, "bits", 4, 4),
        ("solarize", None, "threshold", 0, 0),
    }
    assert {s["op"] for s in group["one_of"] if len(s) == 1} == {"autocontrast", "equalize"}


def test_rand_augment_at_9_of_10_and_its_number_of_slots():
    groups = _written({"op": "rand_augment"})
    assert len(groups) == 2
    rotate = next(s for s in groups[0]["one_of"] if s["op"] == "rotate")
    assert rotate["degrees"]["choice"] == [-27, 27]


def test_trivial_augment_has_the_wide_ranges_and_31_strengths():
    """Müller and Hutter 2021, table 1, the wide space; whole numbers as its code cuts them."""
    (group,) = _written({"op": "trivial_augment_wide"})
    steps = {(s["op"], s.get("kind"), _ends(s)[0]): s for s in group["one_of"] if len(s) > 1}
    drawn = {key: sorted(step[key[2]]["choice"]) for key, step in steps.items()}

    def both(values):
        return sorted([*values, *(-value for value in values)])

    strengths = range(31)
    assert drawn["rotate", None, "degrees"] == both([int(i * 135 / 30) for i in strengths])
    for axis in ("x", "y"):
        assert drawn["shift", None, axis] == both([int(i * 32 / 30) for i in strengths])
        tangents = np.tan(np.radians(drawn["shear", None, f"{axis}_degrees"]))
        np.testing.assert_allclose(tangents, both([i * 0.99 / 30 for i in strengths]), atol=1e-12)
    assert drawn["posterize", None, "bits"] == sorted(8 - int(i * 6 / 30) for i in strengths)
    thresholds = sorted((256 - int(i * 256 / 30)) / 255 for i in strengths)
    assert drawn["solarize", None, "threshold"] == pytest.approx(thresholds)
    factors = [0.01 + i * 1.99 / 30 for i in strengths]
    for kind in ("brightness", "color", "contrast"):
        assert drawn["enhance", kind, "factor"] == pytest.approx(factors)
    assert drawn["sharpness", None, "factor"] == pytest.approx(factors)


# Cubuk et al. 2019, tables 7 (CIFAR-10), 8 (SVHN) and 9 (ImageNet): some rows, by their number
ROWS = {
    "imagenet": {
        0: [("posterize", 0.4, ("bits", 4)), ("rotate", 0.6, ("degrees", 30.0))],
        7: [("posterize", 0.8, ("bits", 6)), ("equalize", 1.0, None)],
        14: [("enhance", 0.6, ("factor", 1.4)), ("enhance", 1.0, ("factor", 1.8))],
        18: [
            ("shear", 0.6, ("x_degrees", math.degrees(math.atan(0.3 * 5 / 9)))),
            ("equalize", 1.0, None),
        ],
    },
    "cifar10": {
        0: [("invert", 0.1, None), ("enhance", 0.2, ("factor", 1.6))],
        1: [("rotate", 0.7, ("degrees", 30 * 2 / 9)), ("translate", 0.3, ("x", 150 / 331))],
        24: [("translate", 0.7, ("y", 150 / 331)), ("autocontrast", 0.9, None)],
    },
    "svhn": {
        2: [("equalize", 0.6, None), ("solarize", 0.6, ("threshold", 1 - 6 / 9))],
        24: [
            ("shear", 0.7, ("x_degrees", math.degrees(math.atan(0.3 * 2 / 9)))),
            ("invert", 0.1, None),
        ],
    },
}


@pytest.mark.parametrize("dataset", ROWS)
def test_auto_augment_has_the_published_rows(dataset):
    (group,) = _written({"op": "auto_augment", "dataset": dataset})
    assert len(group["one_of"]) == 25
    for number, row in ROWS[dataset].items():
        for step, (op, p, end) in zip(group["one_of"][number]["sequence"], row, strict=True):
            assert (step["op"], step["p"]) == (op, p)
            if end is not None:
                name, _, largest = _ends(step)
                assert (name, largest) == (end[0], pytest.approx(end[1]))


def test_aug_mix_mixes_chains_of_one_to_three():
    (group,) = _written({"op": "aug_mix"})
    assert len(group["mixture"]) == 3
    first, rest = group["mixture"][0]["sequence"]
    assert {s.get("op") or s["one_of"][0]["op"] for s in first["one_of"]} == {
        "autocontrast",
        "equalize",
        "posterize",
        "rotate",
        "solarize",
        "shear",
        "translate",
    }
    assert (rest["p"], rest["sequence"][1]["p"]) == (2 / 3, 0.5)


def _drawn_values(value):
    """Each value and its share."""
    total = sum(value["weights"])
    return {v: w / total for v, w in zip(value["choice"], value["weights"], strict=True)}


@pytest.mark.parametrize("severity", [0.1, 1, 3, 10])
def test_aug_mix_cuts_levels_to_whole_numbers_as_its_published_code_does(severity):
    """int(uniform(0.1, severity) * most / 10), counted over evenly spaced levels."""
    (group,) = _written({"op": "aug_mix", "severity": severity})
    steps = {s["op"]: s for s in group["mixture"][0]["sequence"][0]["one_of"] if "op" in s}
    levels = 0.1 + (severity - 0.1) * (np.arange(200_000) + 0.5) / 200_000

    def shares(most, values):
        cut, counts = np.unique((levels * most / 10).astype(int), return_counts=True)
        expected = {}
        for n, count in zip(cut, counts, strict=True):
            for value in values(int(n)):
                expected[value] = expected.get(value, 0) + count
        total = sum(expected.values())
        return {value: pytest.approx(c / total, abs=1e-4) for value, c in expected.items()}

    bits = _drawn_values(steps["posterize"]["bits"])
    assert bits == shares(4, lambda n: [4 - n])
    if severity == 3:
        assert bits == {4: pytest.approx(0.83, abs=0.005), 3: pytest.approx(0.17, abs=0.005)}
    assert _drawn_values(steps["rotate"]["degrees"]) == shares(30, lambda n: [n, -n])
    solarized = _drawn_values(steps["solarize"]["threshold"])
    assert solarized == shares(256, lambda n: [(256 - n) / 255])


def test_aug_mix_shears_and_moves_to_either_side_by_a_tenth_of_a_level_at_least():
    (group,) = _written({"op": "aug_mix", "severity": 3})
    pairs = [s["one_of"] for s in group["mixture"][0]["sequence"][0]["one_of"] if "one_of" in s]
    found = {(a["op"], _ends(a)[0]): (_ends(a)[1:], _ends(b)[1:]) for a, b in pairs}
    for axis in "xy":
        low, high = (math.degrees(math.atan(0.3 * level / 10)) for level in (0.1, 3))
        expected = (pytest.approx((low, high)), pytest.approx((-high, -low)))
        assert found["shear", f"{axis}_degrees"] == expected
        low, high = 0.1 / 30, 3 / 30
        assert found["translate", axis] == (
            pytest.approx((low, high)),
            pytest.approx((-high, -low)),
        )


def test_color_jitter_leaves_out_what_is_0():
    (group,) = _written({"op": "color_jitter", "brightness": 0.4, "hue": 0.1})
    assert [s["op"] for s in group["random_order"]] == ["enhance", "hue"]
    with pytest.raises(augreg.PolicyError, match="/augment/0: all of its strengths are 0"):
        augreg.load_policy(_policy({"op": "color_jitter"}))


# --- what they do


@pytest.mark.parametrize("name", AUTOMATIC)
def test_kernels_agree_with_the_reference(name):
    policy = _policy({"op": name})
    expected = augreg.augment(IMAGES, policy, seed=7)
    fn = augreg.map_fn(policy, seed=7, batched=True)
    off = np.abs(fn(np.arange(len(IMAGES)), tf.constant(IMAGES)).numpy() - expected)
    # stepped operations may take the other side of a step
    assert (off > 1 / 255).mean() <= 0.001
    assert np.median(off) < 1e-5


def test_the_choice_is_per_sample():
    same = np.repeat(IMAGES[:1], 24, axis=0)
    found = augreg.augment(same, _policy({"op": "rand_augment"}), seed=7)
    assert len({image.tobytes() for image in found}) > 15


def test_a_mixture_is_convex_and_its_share_is_even():
    grey = np.full((400, 1, 1, 3), 100, np.uint8)
    black, white = ({"op": "brightness", "delta": d} for d in (-100 / 255, 155 / 255))
    found = augreg.augment(grey, _policy({"mixture": [black, white]}), seed=7)[:, 0, 0, 0]
    assert 0 < found.min() < 0.1
    assert 0.8 < found.max() < 1
    # E[x] = E[share] * (0 + 1) / 2 + (1 - E[share]) * 100/255
    assert found.mean() == pytest.approx((0.5 + 100 / 255) / 2, abs=0.03)


def test_a_mixture_with_p_0_is_the_image():
    group = {"mixture": [{"op": "invert"}], "p": 0}
    np.testing.assert_allclose(
        augreg.augment(IMAGES, _policy(group), seed=7), IMAGES / 255, atol=1e-6
    )


# --- macros


def test_an_expanded_policy_gives_the_same_pixels():
    policy = _policy({"op": "flip", "p": 0.5}, {"op": "rand_augment", "p": 0.8})
    written = expand(policy)
    assert "rand_augment" not in str(written)
    expected = augreg.augment(IMAGES, policy, seed=7)
    np.testing.assert_array_equal(augreg.augment(IMAGES, written, seed=7), expected)
    assert augreg.load_policy(policy).hash == augreg.load_policy(written).hash


def test_a_macro_in_a_group_and_in_prepare_is_written_out():
    policy = {
        "version": 1,
        "prepare": {"train": [{"op": "color_jitter", "hue": 0.1}], "eval": []},
        "augment": [{"one_of": [{"op": "trivial_augment_wide"}, {"op": "flip"}]}],
    }
    written = expand(policy)
    assert list(written["augment"][0]["one_of"][0]) == ["sequence"]
    assert list(written["prepare"]["train"][0]) == ["sequence"]


def test_a_wrong_argument_names_the_place_in_the_file():
    with pytest.raises(augreg.PolicyError, match=r"/augment/0/n: 99 is above 16"):
        augreg.load_policy(_policy({"op": "rand_augment", "n": 99}))
    with pytest.raises(augreg.PolicyError, match=r"/augment/0/magnitude: 11 is above 10, the last"):
        augreg.load_policy(_policy({"op": "rand_augment", "magnitude": 11}))
    with pytest.raises(augreg.PolicyError, match='no parameter "magnitud"'):
        augreg.load_policy(_policy({"op": "rand_augment", "magnitud": 9}))


def _registry(macro):
    base = default_registry()
    owner = Plugin("own", "own", "1.0", "ready")
    return replace(
        base,
        macros={**base.macros, macro.name: macro},
        owner={**base.owner, macro.name: owner},
    )


def test_a_fault_inside_points_to_the_macro():
    @augreg.macro("own/broken")
    def broken():
        """Writes a step that can't be."""
        return [{"op": "flip"}, {"op": "rotate", "degrees": 9999}]

    with pytest.raises(augreg.PolicyError, match=r"^/augment/1: 9999 is above 360"):
        augreg.load_policy(
            _policy({"op": "flip"}, {"op": "own/broken"}), registry=_registry(broken)
        )


def test_a_fault_at_plan_time_points_to_the_macro():
    @augreg.macro("own/crop", side=augreg.Integer(1, 99, static=True))
    def crop(side):
        """Crops a square."""
        return [{"op": "crop", "height": side, "width": side}]

    policy = augreg.load_policy(_policy({"op": "own/crop", "side": 64}), registry=_registry(crop))
    with pytest.raises(augreg.PolicyError, match=r"^/augment/0: a crop height of 64"):
        plan(policy, size=(40, 40))


def test_a_macro_that_writes_itself_is_refused():
    @augreg.macro("own/again")
    def again():
        """Writes itself."""
        return [{"op": "own/again"}]

    with pytest.raises(augreg.PolicyError, match="macros nest deeper than 8"):
        augreg.load_policy(_policy({"op": "own/again"}), registry=_registry(again))


def test_a_drawn_parameter_is_refused():
    with pytest.raises(augreg.AugregError, match='"amount" is drawn; a macro draws nothing'):

        @augreg.macro("own/drawn", amount=augreg.Range(0, 1))
        def drawn(amount):
            """Draws."""


def test_macros_are_in_the_registry_beside_the_ops():
    registry = default_registry()
    assert {"rand_augment", "color_jitter"} <= set(registry.macros)
    assert all(isinstance(macro, Macro) and macro.summary for macro in registry.macros.values())
    assert not set(registry.macros) & set(registry.ops)


# --- what is done in one stage


def test_rand_augment_costs_a_stage_of_each_family_for_each_slot():
    policy = augreg.load_policy(_policy({"op": "rand_augment"}))
    optimized, notes = optimize(plan(policy, size=(40, 40)))
    kinds = [type(stage).__name__ for stage in optimized.augment]
    assert sorted(kinds[:3]) == ["AffineStage", "NeighborStage", "PointwiseStage"]
    assert len(kinds) == 6
    assert any(note.pass_name == "merge_exclusive" and note.done for note in notes)


def test_branches_keep_their_own_order():
    branches = [
        {"sequence": [{"op": "posterize", "bits": 1}, {"op": "rotate", "degrees": 45}]},
        {"sequence": [{"op": "rotate", "degrees": 45}, {"op": "posterize", "bits": 1}]},
        {"op": "posterize", "bits": 2},
    ]
    policy = _policy({"one_of": branches})
    found = augreg.map_fn(policy, seed=7, batched=True)(np.arange(16), tf.constant(IMAGES)).numpy()
    expected = augreg.augment(IMAGES, policy, seed=7)
    assert (np.abs(found - expected) > 1 / 255).mean() < 0.001
