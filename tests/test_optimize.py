"""The passes: what each turns into what, what it says, and that no pixel changes beyond bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy, with_ops

import augreg
from augreg.backends.tensorflow.program import Program
from augreg.families import AffineStage, LatticeStage, MixStage, PointwiseStage
from augreg.plan import plan
from augreg.plan.passes import PASSES, Note, drop_never, flips_first, merge_pointwise, optimize
from augreg.random.generator import SampleKey

FLIP = {"op": "flip", "p": 0.5}
ROT90 = {"op": "rot90", "k": [0, 3]}
CROP = {"op": "crop", "height": 12, "width": 12}
ROTATE = {"op": "rotate", "degrees": [-30, 30]}
INVERT = {"op": "invert", "p": 0.5}
BRIGHT = {"op": "brightness", "delta": [-0.3, 0.3]}
CONTRAST = {"op": "contrast", "factor": [0.5, 1.5]}
SATURATION = {"op": "saturation", "factor": [0.5, 1.5]}
CLIP = {"op": "clip"}
NEVER = {"p": 0}


def _passed(rewrite, *steps):
    """The stages and notes that one pass makes of a plan."""
    planned = plan(policy(*steps), size=(16, 16))
    stages, notes = rewrite(planned.augment)
    return replace(planned, augment=stages), notes


def _pixels(planned):
    images, index = noise(6, 16, 16, 3), tf.constant(np.arange(6), tf.uint32)
    return np.asarray(Program(planned, xla=False)(tf.constant(images), _key(index)))


def _key(index):
    return SampleKey(*(tf.constant(n, tf.uint32) for n in (3, 1, index)))


def _kinds(planned):
    return [type(stage).__name__.removesuffix("Stage").lower() for stage in planned.augment]


POLICIES = [
    [{**ROTATE, **NEVER}, FLIP, {**INVERT, **NEVER}, BRIGHT],
    [{"one_of": [INVERT, SATURATION], "p": 0}, {**CLIP, **NEVER}, BRIGHT],
    [FLIP, BRIGHT, ROT90],
    [CROP, SATURATION, CONTRAST, ROT90, FLIP],
    [FLIP, {"one_of": [INVERT, CLIP]}, {"one_of": [ROT90, FLIP]}],
    [ROTATE, BRIGHT, FLIP],
    [FLIP, BRIGHT, CROP],
    [BRIGHT, INVERT, CONTRAST],
    [CONTRAST, BRIGHT, CONTRAST],
    [SATURATION, CONTRAST, CLIP, INVERT, CONTRAST],
    [{"one_of": [BRIGHT, CONTRAST]}, {"some_of": [INVERT, BRIGHT], "n": 1}, SATURATION],
    [{"op": "grayscale", "channels": 1}, BRIGHT, CONTRAST, CLIP],
    [{"op": "grayscale", "channels": 1}, CLIP, BRIGHT],
    [{"op": "grayscale", "p": 0.5}, SATURATION, BRIGHT],
]


@pytest.mark.parametrize("steps", POLICIES)
def test_passes_keep_the_pixels(steps):
    planned = plan(policy(*steps), size=(16, 16))
    optimized, _ = optimize(planned)

    before, after = _pixels(planned), _pixels(optimized)

    if all(isinstance(stage, LatticeStage) for stage in planned.augment):
        np.testing.assert_array_equal(after, before)
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert optimized.size_out == planned.size_out
    assert optimized.draws == planned.draws  # a pass moves no draw


def test_each_pass_is_documented_and_listed():
    assert PASSES
    for rewrite in PASSES:
        assert rewrite.__doc__


# --- drop_never


def test_step_that_never_happens_goes():
    planned, notes = _passed(drop_never, FLIP, {**ROTATE, **NEVER}, INVERT)

    assert _kinds(planned) == ["affine", "pointwise"]  # a policy's boundaries do not depend on p
    assert [item.step.op.name for item in planned.augment[0].items] == ["flip"]
    assert notes == [Note("drop_never", "/augment/1", "p is 0")]


def test_stage_that_is_empty_then_goes_too():
    planned, notes = _passed(drop_never, {**ROTATE, **NEVER}, {**INVERT, **NEVER})

    assert planned.augment == ()
    assert [note.pointer for note in notes] == ["/augment/0", "/augment/1"]


# --- flips_first


def test_flip_after_colour_joins_the_flip_before_it():
    planned, notes = _passed(flips_first, FLIP, BRIGHT, SATURATION, ROT90)

    assert _kinds(planned) == ["lattice", "pointwise", "pointwise"]
    assert len(planned.augment[0].items) == 2
    assert notes == [Note("flips_first", "/augment/3", "joins /augment/0")]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([FLIP, BRIGHT, CROP], "it cuts or pads"),
        ([ROTATE, BRIGHT, FLIP], "no whole-pixel stage before"),
    ],
)
def test_flip_that_can_not_move_says_why(steps, why):
    planned, notes = _passed(flips_first, *steps)

    assert len(planned.augment) == 3
    assert notes == [Note("flips_first", "/augment/2", why, done=False)]


def test_padding_does_not_move_before_what_colours_it():
    _, notes = _passed(flips_first, FLIP, INVERT, {"op": "pad_or_crop", "height": 20, "width": 20})

    assert [note.done for note in notes] == [False]


def test_padding_after_a_quarter_turn_does_not_move_before_what_colours_it():
    loaded = policy(FLIP, BRIGHT, {"op": "rot90"}, {"op": "pad_or_crop", "height": 12, "width": 16})
    images = noise(4, 12, 16, 3)

    found = augreg.map_fn(loaded, batched=True)(np.arange(4), images)

    np.testing.assert_allclose(found, augreg.augment(images, loaded, seed=0), atol=1e-6)


@pytest.mark.parametrize("family", ["pixel function", "colour map"])
def test_a_turn_does_not_move_before_what_asks_for_the_size(family):
    @augreg.op("acme/aspect")
    def aspect(xp, size):
        """Multiplies by the height over the width."""
        height, width = (xp.reshape(xp.cast(xp.array(s, "int32"), "float32"), (1,)) for s in size)
        share = height / width
        if family == "colour map":
            return augreg.ColorMap(xp.eye(3) * xp.reshape(share, (1, 1, 1)), xp.array([0.0] * 3))
        return augreg.PixelFunction(lambda xp, planes, a: tuple(p * a for p in planes), (share,))

    steps = (FLIP, {"op": "acme/aspect"}, {"op": "rot90"})
    loaded, images = policy(*steps, registry=with_ops(aspect)), noise(4, 6, 12, 3)

    found = augreg.map_fn(loaded, batched=True)(np.arange(4), images)

    np.testing.assert_allclose(found, augreg.augment(images, loaded, seed=0), atol=1e-6)
    assert found.numpy().max() <= 0.5


# --- merge_pointwise


def test_colour_maps_become_one_matrix():
    planned, notes = _passed(merge_pointwise, BRIGHT, INVERT, CONTRAST)

    (stage,) = planned.augment
    assert isinstance(stage, PointwiseStage) and len(stage.parts) == 1
    assert stage.statistics == ("mean",)
    assert [note.message for note in notes] == ["one colour matrix with /augment/0"] * 2


def test_pixel_functions_become_one_kernel():
    planned, notes = _passed(merge_pointwise, BRIGHT, SATURATION, CLIP, INVERT)

    (stage,) = planned.augment
    assert len(stage.parts) == 4
    assert notes[-1] == Note("merge_pointwise", "/augment/3", "one kernel with /augment/0")


def test_mean_of_what_a_function_makes_needs_a_kernel_of_its_own():
    planned, notes = _passed(merge_pointwise, SATURATION, CONTRAST)

    assert _kinds(planned) == ["pointwise", "pointwise"]
    why = "needs the mean of what /augment/0 makes"
    assert notes == [Note("merge_pointwise", "/augment/1", why, done=False)]


def test_geometry_between_colours_keeps_them_apart():
    planned, notes = _passed(merge_pointwise, BRIGHT, ROTATE, INVERT)

    assert [type(s) for s in planned.augment] == [PointwiseStage, AffineStage, PointwiseStage]
    assert notes == []


# --- what a pass may not do: the oracle is the plan before any pass, and counted samples

CONTRASTS = {"one_of": [CONTRAST, {"op": "autocontrast"}]}
STATISTICS = [
    [BRIGHT, CONTRASTS],
    [BRIGHT, {"one_of": [INVERT, {"op": "equalize"}]}],
    [INVERT, {"one_of": [BRIGHT, CONTRAST, {"op": "autocontrast"}, {"op": "equalize"}]}],
    [{"one_of": [BRIGHT, SATURATION]}, CONTRASTS],
    [CONTRAST, CONTRASTS, CONTRASTS],
    [{"one_of": [SATURATION, CONTRAST]}, {"one_of": [INVERT, {"op": "autocontrast"}]}, CONTRAST],
    [
        {
            "some_of": [BRIGHT, {"op": "autocontrast"}, {"op": "solarize", "threshold": 0.5}],
            "n": [1, 3],
        },
        CONTRAST,
    ],
    [{"random_order": [BRIGHT, {"op": "autocontrast"}, SATURATION]}, CONTRASTS],
    [FLIP, {"one_of": [{"sequence": [BRIGHT, {"op": "autocontrast"}]}, CONTRAST]}, FLIP],
]
ALTERNATING = [
    [{"one_of": [{"sequence": [{"op": "rot90"}, INVERT, FLIP]}, {"op": "flip", "axis": "both"}]}],
    [{"one_of": [{"random_order": [{"op": "flip"}, BRIGHT]}, {"op": "rot90"}]}],
    [{"one_of": [{"sequence": [FLIP, BRIGHT, ROT90, INVERT, FLIP]}, {"sequence": [ROT90, CLIP]}]}],
    [
        {
            "one_of": [
                {"sequence": [ROTATE, INVERT, ROT90, BRIGHT, ROTATE]},
                {"one_of": [ROTATE, {"sequence": [ROT90, SATURATION, FLIP]}]},
                {"sequence": [{"op": "rot90"}, {"some_of": [FLIP, INVERT], "n": 1}]},
            ]
        },
        FLIP,
    ],
    [FLIP, {"some_of": [{"sequence": [ROT90, INVERT, FLIP]}, ROT90], "n": 2, "replace": True}],
]


@pytest.mark.parametrize("steps", STATISTICS + ALTERNATING)
def test_passes_change_nothing_for_any_sample(steps):
    planned = plan(policy(*steps), size=(16, 16))
    optimized, _ = optimize(planned)
    images, index = noise(64, 16, 16, 3) // 2 + 20, tf.constant(np.arange(64), tf.uint32)

    before, after = (
        np.asarray(Program(each, xla=False)(tf.constant(images), _key(index)))
        for each in (planned, optimized)
    )

    np.testing.assert_allclose(after, before, atol=2e-5)


@pytest.mark.parametrize(("steps", "in_turns"), [(STATISTICS[1], False), (ALTERNATING[0], True)])
def test_under_xla_neither(steps, in_turns):
    planned = plan(policy(*steps), size=(16, 16))
    images, index = noise(64, 16, 16, 3) // 2 + 20, tf.constant(np.arange(64), tf.uint32)

    before = np.asarray(Program(planned, xla=False)(tf.constant(images), _key(index)))
    program = Program(optimize(planned)[0], xla=True, in_turns=in_turns)
    after = tf.function(program, jit_compile=True, autograph=False)(
        tf.constant(images), _key(index)
    )

    off = np.abs(np.asarray(after) - before).max(axis=(1, 2, 3))
    assert (off < 1 / 255).mean() > 0.9  # equalize may count a value at a level's edge elsewhere


def test_statistic_of_what_a_colour_step_made_needs_a_kernel_of_its_own():
    planned, _ = optimize(plan(policy(BRIGHT, CONTRASTS), size=(16, 16)))

    assert _kinds(planned) == ["pointwise", "pointwise"]
    assert [len(stage.parts) for stage in planned.augment] == [1, 2]


def test_statistic_of_another_branch_joins_the_stage_of_the_branches_before():
    first = {"one_of": [SATURATION, {"op": "autocontrast"}]}
    planned, _ = optimize(plan(policy(first, BRIGHT), size=(16, 16)))

    assert _kinds(planned) == ["pointwise"]


MIXUP = {"op": "mixup", "alpha": 1.0, "classes": 5}
MIXING = [
    [{"one_of": [MIXUP, INVERT, BRIGHT]}],
    [{"one_of": [INVERT, MIXUP, BRIGHT]}],
    [{"one_of": [{"op": "cutmix", "classes": 5}, FLIP, {"op": "rot90"}]}],
    [{"one_of": [{"sequence": [FLIP, MIXUP, FLIP]}, ROT90, {"sequence": [INVERT, FLIP]}]}],
    [{"random_order": [MIXUP, INVERT, FLIP]}],
    [{"some_of": [FLIP, {"sequence": [INVERT, MIXUP]}, ROT90], "n": 3, "replace": True}],
    [{"one_of": [{"one_of": [MIXUP, FLIP]}, {"one_of": [INVERT, ROT90]}]}],
]


@pytest.mark.parametrize("steps", MIXING)
def test_nothing_moves_across_a_mix(steps):
    planned = plan(policy(*steps), size=(16, 16))
    optimized, _ = optimize(planned)
    images, index = noise(32, 16, 16, 3), tf.constant(np.arange(32), tf.uint32)

    before, after = (
        np.asarray(Program(each, xla=False)(tf.constant(images), _key(index)))
        for each in (planned, optimized)
    )

    np.testing.assert_allclose(after, before, atol=1e-5)
    mixes = [
        [s.items[0] for s in p.augment if isinstance(s, MixStage)] for p in (planned, optimized)
    ]
    assert mixes[0] == mixes[1]
