"""Plans: which steps share a kernel, where the boundaries are and why, sizes, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from samples import policy

import augreg
from augreg.errors import PolicyError
from augreg.families import AffineStage, BranchStage, LatticeStage, PointwiseStage, ResizeStage
from augreg.plan import check_sections, plan
from augreg.plugin import params
from augreg.plugin.registry import default_registry

ROTATE = {"op": "rotate", "degrees": [-9, 9]}
FLIP = {"op": "flip", "p": 0.5}
ZOOM = {"op": "zoom", "factor": [0.9, 1.1]}
CROP = {"op": "crop", "height": 20, "width": 24}
PAD = {"op": "pad_or_crop", "height": 40, "width": 40}
INVERT = {"op": "invert"}
RESIZE = {"op": "resize", "height": 16, "width": 16}
GRAY = {"op": "grayscale", "channels": 1}
SATURATION = {"op": "saturation", "factor": [0.5, 1.5]}


def _stages(*steps, size=(32, 32)):
    return plan(policy(*steps), size=size).augment


def _shape(*steps, size=(32, 32)):
    """The kinds of the stages, and how many items each has."""
    return [
        (type(s).__name__.removesuffix("Stage").lower(), len(s.items))
        for s in _stages(*steps, size=size)
    ]


@pytest.mark.parametrize(
    ("steps", "shape"),
    [
        ([FLIP, ROTATE, ZOOM], [("affine", 3)]),
        ([ROTATE, FLIP], [("affine", 2)]),
        ([FLIP, {"op": "rot90"}, CROP], [("lattice", 3)]),
        ([ROTATE, CROP], [("affine", 2)]),
        ([ROTATE, ZOOM, CROP, FLIP], [("affine", 4)]),
        ([CROP, ROTATE], [("lattice", 1), ("affine", 1)]),
        ([PAD, ROTATE], [("lattice", 1), ("affine", 1)]),
        ([ROTATE, CROP, ZOOM], [("affine", 2), ("affine", 1)]),
        ([ROTATE, PAD], [("affine", 1), ("lattice", 1)]),
        ([ROTATE, {**ZOOM, "fill": "wrap"}], [("affine", 1), ("affine", 1)]),
        ([ROTATE, {**ZOOM, "interpolation": "nearest"}], [("affine", 1), ("affine", 1)]),
        (
            [{**ROTATE, "fill": "constant"}, {**ZOOM, "fill": "constant", "fill_value": 0.5}],
            [("affine", 1), ("affine", 1)],
        ),
        ([{**ROTATE, "fill": "constant"}, {**ZOOM, "fill": "constant"}], [("affine", 2)]),
        ([ROTATE, INVERT, ZOOM], [("affine", 1), ("pointwise", 1), ("affine", 1)]),
        ([ROTATE, RESIZE, ZOOM], [("affine", 1), ("resize", 1), ("affine", 1)]),
        ([FLIP, RESIZE, FLIP], [("lattice", 1), ("resize", 1), ("lattice", 1)]),
        ([{"op": "central_crop", "fraction": 1}, ROTATE], [("affine", 2)]),
        (
            [{"op": "pad_or_crop", "height": 32, "width": 32}, ROTATE],
            [("lattice", 1), ("affine", 1)],
        ),
        ([{"one_of": [ROTATE, ZOOM, FLIP]}, ROTATE], [("affine", 2)]),
        ([{"one_of": [FLIP, {"op": "rot90"}]}], [("lattice", 1)]),
        ([{"sequence": [ROTATE, ZOOM], "p": 0.5}, FLIP], [("affine", 2)]),
        ([{"some_of": [ROTATE, ZOOM], "n": 1}, FLIP], [("affine", 2)]),
        (
            [{"one_of": [ROTATE, {**ZOOM, "fill": "wrap"}]}],
            [("affine", 1), ("affine", 1)],  # guarded, one kernel each
        ),
        ([{"one_of": [INVERT, {"op": "brightness", "delta": 0.1}]}], [("pointwise", 1)]),
        ([{"one_of": [ROTATE, INVERT]}], [("affine", 1), ("pointwise", 1)]),
        ([{"one_of": [ROTATE, ZOOM, INVERT]}], [("affine", 1), ("affine", 1), ("pointwise", 1)]),
        (
            [{"sequence": [ROTATE, INVERT]}, ROTATE],
            [("affine", 1), ("pointwise", 1), ("affine", 1)],
        ),
    ],
)
def test_consecutive_geometry_shares_a_resample_up_to_a_boundary(steps, shape):
    assert _shape(*steps) == shape


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([CROP, ROTATE], "a window cut before could come back through this fill"),
        ([ROTATE, PAD], "padding after a resample that fills otherwise"),
        ([ROTATE, {**ZOOM, "fill": "wrap"}], "another fill or interpolation"),
        ([ROTATE, INVERT], "another family"),
        ([ROTATE, RESIZE], "resize is a boundary"),
    ],
)
def test_boundary_says_why(steps, why):
    assert _stages(*steps)[-1].why == why


def test_prepare_and_augment_never_share_a_resample():
    planned = plan(policy(ROTATE, prepare=[RESIZE, ROTATE]), size=(32, 32))

    assert [type(s) for s in planned.prepare] == [ResizeStage, AffineStage]
    assert [type(s) for s in planned.augment] == [AffineStage]
    assert planned.size_prepared == (16, 16)


def test_consecutive_is_decided_in_document_order_and_not_by_p():
    assert _shape({**ROTATE, "p": 0.5}, {**INVERT, "p": 0}, {**ZOOM, "p": 0.5}) == [
        *(("affine", 1), ("pointwise", 1), ("affine", 1))
    ]


def test_guards_of_a_mixed_group_keep_their_items_apart():
    group = {"one_of": [ROTATE, INVERT]}

    assert _shape(ROTATE, group, ROTATE) == [
        *(("affine", 1), ("affine", 1), ("pointwise", 1), ("affine", 1))
    ]


# --- sizes


@pytest.mark.parametrize(
    ("steps", "size", "expected"),
    [
        ([FLIP], (30, 20), (30, 20)),
        ([{"op": "rot90"}], (30, 20), (20, 30)),
        ([{"op": "rot90", "k": 2}], (30, 20), (30, 20)),
        ([{"op": "rot90", "k": 3}, CROP], (30, 20), (20, 24)),
        ([CROP], (None, None), (20, 24)),
        ([FLIP], (None, 20), (None, 20)),
        ([{"op": "rot90"}], (None, 20), (20, None)),
        ([{"op": "central_crop", "fraction": 0.5}], (30, 21), (16, 11)),
        ([{"op": "central_crop", "fraction": 0.5}], (None, 21), (None, 11)),
        ([PAD], (None, None), (40, 40)),
        ([ROTATE, RESIZE, PAD], (None, None), (40, 40)),
        ([{"op": "resized_crop", "height": 9, "width": 8}], (None, None), (9, 8)),
        ([{"one_of": [CROP, {**CROP, "position": "center"}]}], (None, None), (20, 24)),
        ([{"one_of": [CROP, {"op": "resize", "height": 20, "width": 24}]}], (40, 40), (20, 24)),
        ([{"sequence": [CROP, {"op": "rot90"}]}], (40, 40), (24, 20)),
    ],
)
def test_size_is_inferred_at_plan_time(steps, size, expected):
    assert plan(policy(*steps), size=size).size_out == expected


def test_channels_are_inferred_at_plan_time():
    planned = plan(policy(GRAY, INVERT), size=(4, 4))

    assert (planned.channels_in, planned.channels_out) == (3, 1)
    assert plan(policy({"op": "grayscale"}), size=(4, 4)).channels_out == 3


def test_branches_of_different_families_that_change_the_size_are_all_done():
    crop = {"op": "crop", "height": 16, "width": 16}
    (stage,) = _stages({"one_of": [RESIZE, crop]})

    assert isinstance(stage, BranchStage)
    assert [len(branch) for branch in stage.branches] == [1, 1]
    stages = _stages({"one_of": [{**RESIZE, "method": "area"}, RESIZE]}, FLIP)
    assert [type(stage) for stage in stages] == [BranchStage, LatticeStage]


def test_sections_choose_what_is_planned():
    loaded = policy(ROTATE, prepare=[RESIZE])

    assert plan(loaded, sections=("prepare",)).augment == ()
    assert plan(loaded, sections=("prepare",)).output is None
    assert plan(loaded, sections=("augment",)).prepare == ()
    assert plan(loaded, training=False).augment == ()
    assert plan(loaded, training=False).prepare
    assert check_sections(("output", "prepare")) == ("prepare", "output")
    assert check_sections("augment") == ("augment",)
    with pytest.raises(ValueError, match=r"unknown sections \['augmnt'\]; allowed are"):
        check_sections(("augmnt",))


# --- draws


def test_only_what_is_drawn_is_drawn():
    planned = plan(
        policy(
            {"op": "rotate", "degrees": 9},
            {"op": "rotate", "degrees": [0, 9], "p": 0.5, "id": "r"},
            {"op": "crop", "height": 8, "width": 8},
            {"one_of": [{"op": "flip"}, {"op": "brightness", "delta": [0, 0.1]}]},
            {"some_of": [{"op": "flip", "p": 0.5}], "n": [1, 2], "replace": True},
        ),
        size=(32, 32),
    )

    assert planned.draws == (
        ("r", "p"),
        ("r", "degrees"),
        ("/augment/2", "x"),
        ("/augment/2", "y"),
        ("/augment/3", "choice"),
        ("/augment/3/one_of/1", "delta"),
        ("/augment/4", "n"),
        ("/augment/4#0", "choice"),
        ("/augment/4/some_of/0#0", "p"),
        ("/augment/4#1", "choice"),
        ("/augment/4/some_of/0#1", "p"),
    )


# --- refusals: the step's pointer, before any pixel is read


@pytest.mark.parametrize(
    ("steps", "pointer", "message"),
    [
        ([RESIZE, CROP], "/augment/1/height", "a crop height of 20 is larger than the image"),
        ([{**CROP, "p": 0.5}], "/augment/0", '"crop" changes the size or the channels here'),
        ([{**RESIZE, "p": 0.5}], "/augment/0", '"resize" changes the size'),
        ([{**GRAY, "p": 0.5}], "/augment/0", '"grayscale" changes the size or the channels'),
        ([{"op": "rot90", "p": 0.5}], "/augment/0", '"rot90" changes the size'),
        ([{"one_of": [CROP, FLIP]}], "/augment/0", "branches end in different sizes"),
        ([{"one_of": [RESIZE, FLIP]}], "/augment/0", "branches end in different shapes"),
        ([{"one_of": [GRAY, INVERT]}], "/augment/0", "branches end in different shapes"),
        ([{"one_of": [RESIZE, RESIZE], "p": 0.5}], "/augment/0/one_of/0", "changes the size"),
        ([{"some_of": [CROP, CROP], "n": 1}], "/augment/0", "branches end in different sizes"),
        ([{"some_of": [RESIZE], "n": 1}], "/augment/0/some_of/0", "changes the size"),
        ([{"sequence": [CROP], "p": 0.5}], "/augment/0/sequence/0", "changes the size"),
        ([GRAY, SATURATION], "/augment/1", '"saturation" needs three channels, and the image has'),
        ([GRAY, {"op": "grayscale"}], "/augment/1", '"grayscale" needs three channels'),
        (
            [GRAY, {"one_of": [SATURATION, INVERT]}],
            "/augment/1/one_of/0",
            '"saturation" needs three channels',
        ),
        (
            [GRAY, {**ROTATE, "fill": "constant", "fill_value": [0, 0, 1]}],
            "/augment/1/fill_value",
            "3 levels, and the image has one channel here; give one number",
        ),
    ],
)
def test_what_can_not_work_is_refused_at_its_step(steps, pointer, message):
    with pytest.raises(PolicyError) as caught:
        plan(policy(*steps), size=(32, 24 if "rot90" in str(steps) else 32))

    assert caught.value.pointer == pointer
    assert message in caught.value.message


def test_normalizing_three_channels_of_a_grey_image_is_refused():
    loaded = policy(GRAY, output={"normalize": {"mean": [0.5] * 3, "std": [0.2] * 3}})

    with pytest.raises(PolicyError) as caught:
        plan(loaded, size=(4, 4))
    assert str(caught.value) == (
        "/output/normalize: 3 levels, and the image has one channel here; give one number"
    )
    assert plan(loaded, size=(4, 4), sections=("augment",)).channels_out == 1


def test_refusal_comes_before_pixels_are_read():
    image = np.zeros((1, 8, 8, 3), np.uint8)
    loaded = policy(CROP)

    for run in (
        lambda: augreg.augment(image, loaded, seed=0),
        lambda: augreg.map_fn(loaded, batched=True)(np.arange(1), image),
        lambda: augreg.AugmentationLayer(loaded)(image, training=True),
        lambda: augreg.AugmentationLayer(loaded).compute_output_shape((None, 8, 8, 3)),
    ):
        with pytest.raises(PolicyError, match=r"^/augment/0/height: a crop height of 20"):
            run()


# --- what is decided at an unknown size holds at every size


@pytest.mark.parametrize("side", [25, 64])
@pytest.mark.parametrize("image", [(20, 30), (64, 64), (90, 22)])
def test_padding_is_not_ruled_out_where_the_size_is_unknown(side, image):
    loaded = policy({"op": "pad_or_crop", "height": side, "width": side})
    pixels = np.random.default_rng(0).integers(0, 256, (2, *image, 3), np.uint8)
    (stage,) = plan(loaded).augment
    assert isinstance(stage, LatticeStage) and stage.pads

    import tensorflow as tf

    fn = augreg.map_fn(loaded, batched=True)
    spec = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None, None, 3], tf.uint8)]
    found = tf.function(fn, input_signature=spec)(tf.range(2, dtype=tf.int64), pixels)

    np.testing.assert_array_equal(found, augreg.augment(pixels, loaded, seed=0))


def test_mean_is_asked_for_by_contrast_only():
    (stage,) = _stages(INVERT)
    assert isinstance(stage, PointwiseStage) and not stage.statistics
    (stage,) = _stages({"op": "contrast", "factor": 0.5})
    assert isinstance(stage, PointwiseStage) and "mean" in stage.statistics


def test_three_levels_on_one_channel_are_refused_for_every_op_that_takes_levels():
    """Wherever the op puts them: `erase` hands them to a function of its own."""
    found = {}
    for name, op in default_registry().ops.items():
        for key, spec in op.settable.items():
            if isinstance(spec, params.Fill):
                found[name] = {"op": name, **op.example, key: [1, 0.5, 0]}
                plan(policy(found[name]), size=(64, 64), channels=3)
                said = rf"/augment/0/{key}: 3 levels, and the image has one channel here; give one"
                with pytest.raises(PolicyError, match=said):
                    plan(policy(found[name]), size=(64, 64), channels=1)
    assert {"erase", "rotate", "perspective"} <= set(found)
