"""Composition and choice of maps, against dense matrices in float64 and against NumPy's own moves.

A fused warp is checked where it counts: the source position of every output pixel.
"""

from __future__ import annotations

import re
from functools import reduce

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from samples import noise, policy

import augreg
from augreg import families
from augreg.backends.reference import kernels
from augreg.errors import PolicyError
from augreg.families import AffineStage, LatticeStage
from augreg.families.color import spread
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.xp import NUMPY

_small = st.floats(-2, 2, width=32)


def _affine(draw_from):
    return st.lists(draw_from, min_size=6, max_size=6).map(
        lambda v: np.array(v, np.float32).reshape(1, 2, 3)
    )


def _dense(matrix):
    """3x3 float64 of a [1,2,3] matrix."""
    return np.vstack([matrix[0].astype(np.float64), [0, 0, 1]])


# --- affine


@given(_affine(_small), _affine(_small))
def test_composed_affine_is_the_product_of_output_to_input_matrices(first, then):
    found = families.AffineFamily(NUMPY).compose(first, then)

    assert found.dtype == np.float32 and found.shape == (1, 2, 3)
    np.testing.assert_allclose(_dense(found), _dense(first) @ _dense(then), atol=1e-5)


@given(_affine(_small), _affine(_small), _affine(_small))
def test_affine_composition_is_associative(a, b, c):
    compose = families.AffineFamily(NUMPY).compose
    left = compose(compose(a, b), c)
    right = compose(a, compose(b, c))

    np.testing.assert_allclose(left, right, atol=1e-4)


def test_affine_batches_of_one_and_of_many_compose():
    many = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    one = many[:1]

    for first, then in ((one, many), (many, one)):
        found = families.AffineFamily(NUMPY).compose(first, then)
        assert found.shape == (5, 2, 3)
        expected = _dense(first[-1:]) @ _dense(then[-1:])
        np.testing.assert_allclose(_dense(found[4:]), expected, atol=1e-5)


def _angle(name, value, size):
    """The output→input matrix of one step, in float64, from the definitions in DESIGN 3.4."""
    radians = np.deg2rad(value)
    match name:
        case "rotate":
            cosine, sine = np.cos(radians), np.sin(radians)
            linear = np.array([[cosine, -sine], [sine, cosine]])  # y down: counter-clockwise
            return np.vstack([np.hstack([linear, [[0], [0]]]), [0, 0, 1]])
        case "zoom":
            return np.diag([1 / value, 1 / value, 1])
        case "shear":
            forward = np.array([[1, np.tan(radians), 0], [0, 1, 0], [0, 0, 1]])
            return np.linalg.inv(forward)
        case "translate":
            return np.array([[1, 0, -value * size[1]], [0, 1, 0], [0, 0, 1]], np.float64)
        case "flip":
            return np.diag([-1, 1, 1]).astype(np.float64)
    raise AssertionError(name)


_STEPS = {
    "rotate": ("degrees", st.floats(-180, 180)),
    "zoom": ("factor", st.floats(0.5, 2)),
    "shear": ("x_degrees", st.floats(-45, 45)),
    "translate": ("x", st.floats(-0.5, 0.5)),
    "flip": (None, st.just(0.0)),
}
_chain = st.lists(
    st.sampled_from(sorted(_STEPS)).flatmap(lambda name: st.tuples(st.just(name), _STEPS[name][1])),
    min_size=2,
    max_size=6,
)


@given(_chain)
def test_fused_warp_is_the_float64_composition_to_a_thousandth_of_a_pixel(chain):
    size = (180, 240)
    steps = [
        {"op": name, **({_STEPS[name][0]: value} if _STEPS[name][0] else {})}
        for name, value in chain
    ]
    planned = plan(policy(*steps, {"op": "rotate", "degrees": 0}), size=size)
    (stage,) = planned.augment  # one resample, whatever the number of steps
    assert isinstance(stage, AffineStage)

    found, _ = stage.lower(Lowering(NUMPY, Draws({})), size)

    expected = reduce(np.matmul, [_angle(name, value, size) for name, value in chain])
    h, w = size
    corners = np.array([[x, y, 1] for x in (-w / 2, w / 2) for y in (-h / 2, h / 2)]).T
    off = _dense(found) @ corners - expected @ corners
    # float32 carries 24 bits: a position of thousands of pixels has no thousandth left
    reach = max(1.0, np.abs(expected @ corners).max() / 1000)
    assert np.abs(off).max() < 1e-3 * reach


# --- lattice


_MOVES = {
    "flip horizontal": ({"op": "flip", "axis": "horizontal"}, lambda a: a[:, ::-1]),
    "flip vertical": ({"op": "flip", "axis": "vertical"}, lambda a: a[::-1]),
    "flip both": ({"op": "flip", "axis": "both"}, lambda a: a[::-1, ::-1]),
    **{f"rot90 {k}": ({"op": "rot90", "k": k}, lambda a, k=k: np.rot90(a, k)) for k in range(4)},
    "central crop": (
        {"op": "central_crop", "fraction": 0.7},
        lambda a: a[_middle(a.shape[0], 0.7), _middle(a.shape[1], 0.7)],
    ),
    "pad or crop": ({"op": "pad_or_crop", "height": 9, "width": 8}, lambda a: _fit(a, 9, 8)),
    "pad": ({"op": "pad_or_crop", "height": 15, "width": 16}, lambda a: _fit(a, 15, 16)),
}


def _middle(side, fraction):
    start = int((side - side * fraction) / 2)
    return slice(start, side - start)


def _fit(image, height, width):
    for axis, target in enumerate((height, width)):
        missing = target - image.shape[axis]
        if missing > 0:
            pads = [(0, 0)] * image.ndim
            pads[axis] = (missing // 2, missing - missing // 2)
            image = np.pad(image, pads)
        else:
            start = -missing // 2
            image = np.take(image, range(start, start + target), axis)
    return image


@given(st.lists(st.sampled_from(sorted(_MOVES)), min_size=1, max_size=6))
def test_composed_lattice_moves_pixels_as_numpy_does_one_step_after_another(names):
    image = noise(12, 10, 3)
    steps = [_MOVES[name][0] for name in names]

    planned = plan(policy(*steps), size=(12, 10))
    assert [type(stage) for stage in planned.augment] == [LatticeStage]
    found = augreg.augment(image, policy(*steps, output={"dtype": "uint8"}), seed=0)

    expected = reduce(lambda array, name: _MOVES[name][1](array), names, image)
    np.testing.assert_array_equal(found, expected)


def test_what_a_window_cut_does_not_come_back_through_padding():
    image = np.full((8, 8, 3), 200, np.uint8)
    steps = (
        {"op": "central_crop", "fraction": 0.5},
        {"op": "pad_or_crop", "height": 8, "width": 8},
    )

    found = augreg.augment(image, policy(*steps, output={"dtype": "uint8"}), seed=0)

    expected = np.zeros_like(image)
    expected[2:6, 2:6] = 200
    np.testing.assert_array_equal(found, expected)


_WINDOWS = [
    {"op": "pad_or_crop", "height": 24, "width": 20},
    {"op": "crop", "height": 5, "width": 4},
    {"op": "pad_or_crop", "height": 9, "width": 11},
    {"op": "flip", "axis": "both"},
    {"op": "rot90", "k": 1},
]


@given(
    st.recursive(
        st.sampled_from(_WINDOWS),
        lambda nodes: st.builds(lambda s: {"sequence": s}, st.lists(nodes, min_size=1, max_size=4)),
        max_leaves=8,
    ),
    st.integers(0, 99),
)
@example(
    {"sequence": [_WINDOWS[3], {"sequence": [_WINDOWS[0], {"sequence": [*_WINDOWS[1:3]]}]}]}, 0
)
def test_windows_composed_in_any_grouping_cut_as_step_after_step(node, seed):
    """A crop may miss all that was left of the image: nothing may come back then."""
    steps = []

    def named(node):
        if "op" not in node:
            return {"sequence": [named(branch) for branch in node["sequence"]]}
        steps.append({**node, "id": f"step{len(steps)}"})
        return steps[-1]

    def run(image, step):
        loaded = policy(step, output={"dtype": "uint8"})
        return augreg.augment(image, loaded, seed=seed)

    whole = policy(named(node), output={"dtype": "uint8"})
    image = noise(4, 6, 5, 3) | 1
    try:
        planned = plan(whole, size=(6, 5))
    except PolicyError:  # a crop larger than what is left
        assume(False)
    assert [type(stage) for stage in planned.augment] == [LatticeStage]

    found = augreg.augment(image, whole, seed=seed)

    np.testing.assert_array_equal(found, reduce(run, steps, image))


@given(st.lists(st.sampled_from(sorted(_MOVES)), min_size=1, max_size=3))
def test_lattice_turned_into_an_affine_matrix_reads_the_same_pixels(names):
    size = (12, 10)
    planned = plan(policy(*(_MOVES[name][0] for name in names)), size=size)
    (stage,) = planned.augment
    lattice = stage.lower(Lowering(NUMPY, Draws({})), size)
    after = planned.size_out

    matrix = families.AffineFamily(NUMPY).lift(lattice, size, after)

    image = noise(1, *size, 3).astype(np.float32)
    moved = kernels.lattice(image, lattice, after)
    warped = kernels.affine(image, matrix, after, "constant", 0.0, "bilinear")
    left, top, right, bottom = lattice.window[0]
    if (left, top, right, bottom) == (0, 0, size[1], size[0]):  # nothing was cut in between
        np.testing.assert_allclose(warped, moved, atol=1e-3)
    y, x = np.mgrid[: after[0], : after[1]]
    centred = np.stack([x - (after[1] - 1) / 2, y - (after[0] - 1) / 2], -1)
    sources = (
        centred @ matrix[0, :, :2].T + matrix[0, :, 2] + [(size[1] - 1) / 2, (size[0] - 1) / 2]
    )
    exact = np.stack([x, y], -1) @ lattice.linear[0].T + lattice.offset[0]
    np.testing.assert_array_equal(sources, exact)


# --- colour


def _color(seed, mean=True):
    rng = np.random.default_rng(seed)
    matrix, offset, of_mean = (
        rng.normal(size=s).astype(np.float32) for s in ((1, 3, 3), (1, 3), (1, 3, 3))
    )
    return families.ColorMap(matrix, offset, of_mean if mean else None)


@given(st.integers(0, 999), st.booleans(), st.booleans())
def test_composed_colour_is_one_map_after_another(seed, first_mean, then_mean):
    image = np.random.default_rng(seed).uniform(size=(1, 4, 5, 3)).astype(np.float32)
    first, then = _color(seed, first_mean), _color(seed + 1, then_mean)

    together = families.ColorFamily(NUMPY, 3).compose(first, then)

    assert (together.mean is None) == (not first_mean and not then_mean)
    expected = kernels.color(kernels.color(image, first), then)
    np.testing.assert_allclose(kernels.color(image, together), expected, atol=2e-4)


def test_grayscale_to_one_channel_composes_with_what_follows():
    image = np.random.default_rng(0).uniform(size=(2, 4, 5, 3)).astype(np.float32)
    steps = (
        {"op": "grayscale", "channels": 1},
        {"op": "contrast", "factor": 0.5},
        {"op": "invert"},
    )

    found = np.asarray(augreg.map_fn(policy(*steps), batched=True)(np.arange(2), image))

    gray = image @ np.float32([0.2989, 0.5870, 0.1140])
    mean = gray.mean((1, 2), keepdims=True)
    expected = np.clip(1 - ((gray - mean) * 0.5 + mean), 0, 1)
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6)


# --- choice and form


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_select_takes_each_sample_from_the_map_that_its_condition_names(chosen):
    one, other = _color(1), _color(2, mean=False)

    found = families.select(NUMPY, np.array(chosen), one, other)

    for b, taken in enumerate(chosen):
        expected = one if taken else other
        np.testing.assert_array_equal(found.matrix[b], expected.matrix[0])
        mean = expected.mean if expected.mean is not None else np.zeros((1, 3, 3))
        np.testing.assert_array_equal(found.mean[b], mean[0])


def _scaled(seed: int, mean: bool) -> families.ColorMap:
    """One factor for all channels."""
    factor, offset, of_mean = np.random.default_rng(seed).uniform(-2, 2, (3, 3)).astype(np.float32)
    weight = of_mean[None, :1, None] if mean else None
    return families.ColorMap(factor[None, :1, None], offset[None], weight)


def _written_out(one: families.ColorMap) -> families.ColorMap:
    mean = None if one.mean is None else spread(NUMPY, one.mean)
    return families.ColorMap(spread(NUMPY, one.matrix), one.offset, mean)


_EITHER = st.builds(
    lambda seed, mean, alike: (_scaled if alike else _color)(seed, mean=mean),
    *(st.integers(0, 99), st.booleans(), st.booleans()),
)


@given(_EITHER, _EITHER, st.booleans(), st.booleans())
def test_one_factor_for_all_channels_is_that_matrix(first, then, kept, gray):
    family = families.ColorFamily(NUMPY, 3)
    last = families.ColorMap(np.full((1, 1, 3), 0.25, np.float32), np.ones((1, 1), np.float32))

    def made(one: families.ColorMap, two: families.ColorMap) -> families.ColorMap:
        whole = family.compose(family.select(np.array([kept]), one, family.unit((4, 4))), two)
        whole = family.select(np.array([kept]), whole, one)
        return family.compose(family.compose(whole, last), two) if gray else whole

    found, expected = made(first, then), made(_written_out(first), _written_out(then))
    assert found.channels_after(3) == expected.channels_after(3) == (1 if gray else 3)
    images = np.random.default_rng(0).uniform(size=(1, 4, 5, 3)).astype(np.float32)
    made_of_it = (kernels.color(images, each) for each in (found, expected))
    np.testing.assert_allclose(*made_of_it, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_one_offset_is_for_all_channels(channels):
    made = families.ColorMap(np.full((1, 1, 1), 0.5, np.float32), np.full((1, 1), 0.25, np.float32))
    found = families.ColorFamily(NUMPY, channels).lift(made, (4, 4), (4, 4))
    np.testing.assert_array_equal(found.offset, np.full((1, channels), 0.25))


def test_choosing_the_identity_leaves_a_lattice_map_its_static_parts():
    eye = families.LatticeMap(
        np.eye(2, dtype=np.int32)[None], np.zeros((1, 2), np.int32), False, False
    )
    turned = families.LatticeMap(-eye.linear, eye.offset + 3, cuts=True, pads=False)

    found = families.select(NUMPY, np.array([False, True]), turned, eye)

    assert (found.cuts, found.pads) == (True, False)
    np.testing.assert_array_equal(found.offset, [[0, 0], [3, 3]])


def test_transform_without_a_batch_gets_one():
    transform = families.ColorMap(np.eye(3, dtype=np.float32), np.zeros(3, np.float32))

    found = families.batched(NUMPY, transform)

    assert found.matrix.shape == (1, 3, 3) and found.offset.shape == (1, 3)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            families.AffineMap(np.eye(3, dtype=np.float32)),
            "AffineMap.matrix has the shape (1, 3, 3); it has to be [B, 2, 3]",
        ),
        (
            families.ColorMap(np.eye(3), np.zeros(3, np.float32)),
            "ColorMap.matrix is float64; it has to be float32",
        ),
        (
            families.LatticeMap(np.eye(2, dtype=np.float32), np.zeros(2, np.int32)),
            "LatticeMap.linear is float32; it has to be int32",
        ),
        (
            families.Resize((2, 2), np.zeros((5, 3), np.int32)),
            "Resize.box has the shape (5, 3); it has to be [B, 4]",
        ),
        (
            families.ColorMap([[1, 0, 0]] * 3, np.zeros(3, np.float32)),
            "ColorMap.matrix is no array; it has to be float32",
        ),
    ],
)
def test_transform_of_the_wrong_form_is_refused(transform, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        families.batched(NUMPY, transform)
