"""Sizes that only the data shows: what a plan refuses, what is checked when it runs, what works.

A check that needs a size may not vanish where the plan has none. What can't be guaranteed then is
refused by the plan, with the remedy; what depends on the image fails at that image; and everything
else gives the reference's pixels, which are planned at the image's own size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy, with_ops

import augreg
from augreg.backends.tensorflow.program import Program
from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.plan.passes import optimize
from augreg.random.generator import SampleKey

HALF = {"op": "central_crop", "fraction": 0.5}
TURN = {"op": "rot90", "k": 1}
CROP = {"op": "crop", "height": 6, "width": 5}
RESIZE = {"op": "resize", "height": 6, "width": 5}
PAD = {"op": "pad_or_crop", "height": 6, "width": 5}
FLIP, INVERT = {"op": "flip"}, {"op": "invert"}
SHIFT = {"op": "shift", "x": 2, "fill": "wrap"}


def _at_unknown_size(loaded: Any, images: Any) -> Any:
    """The images after a policy, in a graph that does not know their size."""
    planned, _ = optimize(plan(loaded))
    spec = SampleKey(*(tf.TensorSpec(shape, tf.uint32) for shape in ([], [], [None])))
    signature = [tf.TensorSpec([None, None, None, 3], images.dtype), spec]
    program = Program(planned, xla=False)
    run = tf.function(program, autograph=False, input_signature=signature)
    key = SampleKey(*(tf.constant(n, tf.uint32) for n in (7, 0, np.arange(len(images)))))
    return run(tf.constant(images), key).numpy()


# --- what the plan refuses

REFUSED = {
    "a step that may change the size": [{**HALF, "p": 0.5}],
    "a turn": [{**TURN, "p": 0.5}],
    "a resize": [{**RESIZE, "p": 0.5}],
    "a resized crop that never happens": [{**RESIZE, "op": "resized_crop", "p": 0}],
    "padding": [{**PAD, "p": 0.5}],
    "a crop": [{**CROP, "p": 0.5}],
    "a pure group": [{"sequence": [FLIP, HALF], "p": 0.5}],
    "a mixed group": [{"sequence": [INVERT, HALF], "p": 0.5}],
    "a part of one": [{"sequence": [INVERT, {**HALF, "p": 0.5}]}],
    "a choice with p": [{"one_of": [HALF, HALF], "p": 0.5}],
    "branches that disagree": [{"one_of": [HALF, FLIP]}],
    "mixed branches that disagree": [{"one_of": [HALF, INVERT]}],
    "branches that may disagree": [{"one_of": [HALF, {"op": "central_crop", "fraction": 0.6}]}],
    "a turn or none": [{"one_of": [TURN, FLIP]}],
    "a turn among mixed families": [{"one_of": [TURN, INVERT]}],
    "a fixed size or none": [{"one_of": [RESIZE, FLIP]}],
    "some of": [{"some_of": [HALF, HALF], "n": 1}],
    "some of mixed families": [{"some_of": [HALF, INVERT], "n": 1}],
    "slots": [{"some_of": [TURN, TURN], "n": 2, "replace": True}],
    "any order": [{"random_order": [TURN, FLIP]}],
    "any order of mixed families": [{"random_order": [HALF, INVERT]}],
    "a mixture": [{"mixture": [HALF]}],
    "a turn drawn at random": [{"op": "rot90", "k": [0, 3]}],
    "after a size that is lost": [{"sequence": [HALF, TURN]}, {**TURN, "p": 0.5}],
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_may_change_the_size_for_some_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(PolicyError, match="resize") as caught:
        plan(policy(*REFUSED[name]))

    assert caught.value.pointer.startswith("/augment/")
    assert "nan" not in str(caught.value) and "None" not in str(caught.value)


def test_the_refusal_reads_well() -> None:
    with pytest.raises(PolicyError) as caught:
        plan(policy({**HALF, "p": 0.5}))
    assert str(caught.value) == (
        '/augment/0: "central_crop" may change the size or the channels here, so neither it nor a '
        'group around it takes "p" below 1 or "when", and branches have to agree on the result; '
        'the images\' size is not known here: a "resize" before fixes it'
    )
    with pytest.raises(PolicyError) as caught:
        plan(policy({"one_of": [TURN, FLIP, RESIZE]}))
    assert "branches end in different shapes: WxHx3, HxWx3, 6x5x3; the images' size" in str(
        caught.value
    )


def test_the_remedy_helps() -> None:
    square = {"op": "resize", "height": 9, "width": 9}
    loaded = policy({**TURN, "p": 0.5}, {"one_of": [TURN, INVERT]}, prepare=[square])
    images = noise(6, 7, 12, 3)

    found = _at_unknown_size(loaded, images)

    np.testing.assert_allclose(found, augreg.augment(images, loaded, seed=7), atol=1e-6)


def test_an_op_that_looks_at_the_size_is_refused_where_there_is_none() -> None:
    def halved(height: Any, width: Any, /) -> Any:
        return (height // 2 if height > 9 else height), width

    @augreg.op("acme/halve", output_size=halved)
    def halve(xp: Any, size: Any) -> augreg.LatticeMap:
        """Keeps the upper half of a tall image."""
        return augreg.LatticeMap(
            xp.array([[1, 0], [0, 1]], "int32"), xp.array([0, 0], "int32"), pads=False
        )

    for p in (1, 0.5):
        loaded = policy({"op": "acme/halve", "p": p}, registry=with_ops(halve))
        with pytest.raises(PolicyError, match=r'"acme/halve" has a size that depends .* "resize"'):
            plan(loaded)
        plan(loaded, size=(8, 8))
    with pytest.raises(PolicyError, match='"acme/halve" changes the size'):
        plan(loaded, size=(18, 8))


def test_an_op_that_takes_sides_for_integers_is_refused_by_name() -> None:
    @augreg.op("acme/third", output_size=lambda height, width, /: (int(height / 3), width))
    def third(xp: Any, size: Any) -> augreg.LatticeMap:
        """Keeps the upper third."""
        corner = xp.array([0, 0], "int32")
        return augreg.LatticeMap(xp.array([[1, 0], [0, 1]], "int32"), corner, pads=False)

    loaded = policy({"op": "acme/third"}, registry=with_ops(third))
    plan(loaded, size=(9, 9))
    with pytest.raises(PolicyError, match=r'^/augment/0: "acme/third" can\'t tell its size: Value'):
        plan(loaded)


def test_a_crop_of_anyone_s_that_compares_numbers_works_at_an_unknown_size() -> None:
    def fits(height: Any, width: Any, /) -> Any:
        if height < 4 or width < 4:
            raise augreg.ParameterError("too small")
        return 4, 4

    @augreg.op("acme/corner", output_size=fits)
    def corner(xp: Any, size: Any) -> augreg.LatticeMap:
        """Cuts out the upper left corner."""
        origin = xp.array([0, 0], "int32")
        return augreg.LatticeMap(xp.array([[1, 0], [0, 1]], "int32"), origin, pads=False)

    loaded = policy({"op": "acme/corner"}, registry=with_ops(corner))
    images = noise(2, 6, 9, 3)
    np.testing.assert_allclose(_at_unknown_size(loaded, images), images[:, :4, :4] / 255, atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="acme/corner reaches beyond an image"):
        _at_unknown_size(loaded, noise(2, 3, 9, 3))


@pytest.mark.parametrize("larger", [lambda side, n: max(n, side), lambda side, n: max(side, n)])
def test_a_size_that_is_at_least_a_number_is_refused_where_there_is_none(larger: Any) -> None:
    """Of nan, `max` gives the number in one order of its arguments and nan in the other."""

    @augreg.op("acme/least", output_size=lambda h, w, /: (larger(h, 40), larger(w, 40)))
    def least(xp: Any, size: Any) -> augreg.LatticeMap:
        """Has black at the right and below, so that an image has 40 pixels at least."""
        return augreg.LatticeMap(xp.array([[1, 0], [0, 1]], "int32"), xp.array([0, 0], "int32"))

    loaded = policy({"op": "acme/least"}, registry=with_ops(least))
    assert plan(loaded, size=(9, 300)).size_out == (40, 300)
    for size in ((None, None), (9, None), (300, None)):
        with pytest.raises(PolicyError, match=r'"acme/least" has a size that depends .* "resize"'):
            plan(loaded, size=size)


def test_what_works_at_some_sizes_only_is_refused_where_nothing_could_be_seen() -> None:
    """A crop is seen to reach beyond an image when it runs; of this, nothing would be."""

    def wide_enough(height: Any, width: Any, /) -> Any:
        if width < 3:
            raise augreg.ParameterError("needs three columns")
        return 4, 4

    @augreg.op("acme/third", output_size=wide_enough)
    def third(xp: Any) -> augreg.Resize:
        """Enlarges the third column."""
        return augreg.Resize((4, 4), xp.array([[0, 2, 1, 1]], "int32"))

    loaded = policy({"op": "acme/third"}, registry=with_ops(third))
    plan(loaded, size=(9, 9))
    with pytest.raises(PolicyError, match="needs three columns"):
        plan(loaded, size=(9, 2))
    with pytest.raises(PolicyError, match=r'"acme/third" works at some sizes only; .* "resize"'):
        plan(loaded)


@pytest.mark.parametrize("way", ["function", "layer"])
def test_index_and_epoch_whose_rank_is_not_known_are_one_for_each_image(way: str) -> None:
    step = {
        "op": "brightness",
        "delta": {"schedule": {"from": [0, 0.1], "to": [0.5, 1], "epochs": 4}},
    }
    loaded, images, many = policy(step), noise(3, 4, 5, 3) // 2, np.array([4, 1, 2])
    fn, layer = augreg.map_fn(loaded, 7, batched=True), augreg.AugmentationLayer(loaded, seed=7)
    numbers = tf.TensorSpec(None, tf.int64)

    @tf.function(input_signature=[numbers, numbers], autograph=False)
    def run(index: Any, epoch: Any) -> Any:
        if way == "function":
            return fn(index, images, epoch)
        return layer(images, training=True, index=index, epoch=epoch)

    expected = augreg.augment(images, loaded, 7, many, many)
    np.testing.assert_allclose(run(tf.constant(many), tf.constant(many)), expected, atol=1e-6)
    for wrong in (3, [3], [[4, 1, 2]]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="index of the shape"):
            run(tf.constant(wrong, tf.int64), tf.constant(many))


# --- what works, at every size

WORKS = {
    "halves that agree": [{"one_of": [HALF, {"sequence": [FLIP, HALF]}]}],
    "mixed halves that agree": [{"one_of": [{"sequence": [HALF, INVERT]}, HALF]}],
    "turns that agree": [{"one_of": [TURN, {"op": "rot90", "k": 3}]}],
    "turned there and back": [{"sequence": [TURN, FLIP, TURN], "p": 0.5}],
    "turned there and back with colour": [{"sequence": [TURN, INVERT, TURN]}, FLIP],
    "half turns": [{"op": "rot90", "k": 2, "p": 0.5}, {"op": "rot90", "k": {"choice": [0, 2]}}],
    "one of": [{"one_of": [FLIP, SHIFT, INVERT, {"op": "autocontrast"}], "p": 0.7}],
    "some of": [{"some_of": [FLIP, SHIFT, INVERT], "n": [0, 2]}],
    "some of, drawn again": [{"some_of": [FLIP, SHIFT, INVERT], "n": 3, "replace": True}],
    "any order": [{"random_order": [FLIP, SHIFT, INVERT, {"op": "rot90", "k": 2}]}],
    "pure any order": [{"random_order": [FLIP, SHIFT, {"op": "rot90", "k": 2}]}],
    "a mixture": [{"mixture": [FLIP, {"sequence": [SHIFT, INVERT]}], "p": 0.7}],
    "nested": [
        {"one_of": [{"some_of": [FLIP, {"one_of": [SHIFT, INVERT]}], "n": 1}, INVERT]},
        HALF,
        {"random_order": [FLIP, {"sequence": [INVERT, SHIFT], "p": 0.5}]},
    ],
    "a choice of sizes": [{"one_of": [CROP, RESIZE, {"sequence": [TURN, PAD]}]}],
    "a turned crop": [CROP, TURN, {**CROP, "height": 4, "width": 4}],
    "cut and padded": [CROP, {**PAD, "height": 9, "width": 9}, FLIP],
    "warped and cut": [SHIFT, CROP, INVERT],
    "a size that is there already": [
        {"op": "zoom", "factor": 0.6, "fill": "reflect"},
        {**PAD, "height": 6, "width": 9},
        {"op": "rotate", "degrees": 20, "fill": "reflect"},
    ],
}


@pytest.mark.parametrize("size", [(6, 9), (12, 7)])
@pytest.mark.parametrize("name", list(WORKS))
def test_groups_give_the_references_pixels_at_sizes_that_were_not_known(
    name: str, size: Any
) -> None:
    loaded = policy(*WORKS[name])
    images = noise(12, *size, 3)

    found = _at_unknown_size(loaded, images)

    np.testing.assert_allclose(found, augreg.augment(images, loaded, seed=7), atol=1e-5)


# --- what depends on the image: checked when it runs, however the step shares its stage

TOO_LARGE = {
    "alone": [CROP],
    "behind a warp": [SHIFT, CROP],
    "before padding": [CROP, {**PAD, "height": 9, "width": 9}],
    "before a smaller crop": [CROP, {**CROP, "height": 2, "width": 2}],
    "turned": [TURN, CROP],
    "in a branch": [{"one_of": [CROP, RESIZE]}],
    "in a pure group": [{"sequence": [FLIP, CROP]}],
}


@pytest.mark.parametrize("name", list(TOO_LARGE))
def test_a_crop_larger_than_an_image_fails_where_only_the_image_shows_it(name: str) -> None:
    loaded = policy(*TOO_LARGE[name])
    small = noise(2, 5, 4, 3)

    with pytest.raises(PolicyError, match="larger than the image"):
        augreg.augment(small, loaded, seed=7)
    with pytest.raises(tf.errors.InvalidArgumentError, match="crop reaches beyond an image"):
        _at_unknown_size(loaded, small)


def test_a_crop_in_front_of_the_decoder_fails_alike() -> None:
    loaded = policy(prepare=[CROP])
    data = tf.io.encode_png(noise(5, 4, 3))

    with pytest.raises(tf.errors.InvalidArgumentError, match="crop reaches beyond an image"):
        augreg.map_fn(loaded)(0, data)


def test_a_plan_says_which_steps_it_could_not_check() -> None:
    loaded = policy(INVERT, {"one_of": [CROP, RESIZE]}, CROP, {**CROP, "height": 3})

    assert plan(loaded, size=(9, 9)).unchecked == ()
    assert plan(loaded).unchecked == (("/augment/1/one_of/0", "crop"),)
