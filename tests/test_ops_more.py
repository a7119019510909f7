"""The ops of tone, noise and neighbourhood against tf.image, Pillow, scipy and definitions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage, stats

import augreg
from augreg.families.call import call_op
from augreg.plan import plan
from augreg.plan.passes import optimize

LEVEL = 1 / 255
RNG = np.random.default_rng(7)
IMAGE = RNG.integers(0, 256, (37, 41, 3), dtype=np.uint8)
FLOAT = IMAGE.astype(np.float32) / 255
DARK = (IMAGE // 3 + 40).astype(np.uint8)


def _policy(*steps, **rest):
    return {"version": 1, "augment": list(steps), **rest}


def _bytes(image, *steps):
    return augreg.augment(image, _policy(*steps, output={"dtype": "uint8"}), seed=7)


def _float(image, *steps, **rest):
    return augreg.augment(image, _policy(*steps), seed=7, **rest)


def _kernels(images, *steps):
    fn = augreg.map_fn(_policy(*steps), seed=7, batched=True)
    return fn(np.arange(len(images)), tf.constant(images)).numpy()


def _batch(count=8, side=(37, 41), channels=3):
    shape = (count, *side, channels)
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


# --- tf.image


@pytest.mark.parametrize("delta", [-0.9, -0.3, 0.1, 0.5])
def test_hue_is_that_of_tf_image(delta):
    expected = tf.image.adjust_hue(FLOAT, delta)
    found = _float(FLOAT, {"op": "hue", "delta": delta})
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(("gamma", "gain"), [(0.5, 1.0), (2.2, 1.0), (1.0, 0.5), (3.0, 0.9)])
def test_gamma_is_that_of_tf_image(gamma, gain):
    expected = tf.image.adjust_gamma(FLOAT, gamma, gain)
    found = _float(FLOAT, {"op": "gamma", "gamma": gamma, "gain": gain})
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_gamma_clips_what_an_earlier_step_left_outside():
    steps = [{"op": "brightness", "delta": -0.5}, {"op": "gamma", "gamma": 0.5}]
    assert np.isfinite(_float(FLOAT, *steps)).all()


# --- Pillow


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_is_that_of_pillow(bits):
    expected = ImageOps.posterize(Image.fromarray(IMAGE), bits)
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "posterize", "bits": bits}), expected)


@pytest.mark.parametrize("threshold", [0, 1, 77, 128, 255])
def test_solarize_is_that_of_pillow(threshold):
    expected = ImageOps.solarize(Image.fromarray(IMAGE), threshold)
    found = _bytes(IMAGE, {"op": "solarize", "threshold": threshold / 255})
    np.testing.assert_array_equal(found, expected)


def test_solarize_add_is_its_definition():
    expected = np.where(IMAGE < 128, np.clip(IMAGE.astype(int) + 51, 0, 255), IMAGE)
    found = _bytes(IMAGE, {"op": "solarize_add", "addition": 51 / 255})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "image",
    [
        IMAGE,
        DARK,
        np.full_like(IMAGE, 9),
        np.where(IMAGE > 99, 200, 3).astype(np.uint8),
        RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8),  # few pixels: the step is 0
        RNG.poisson(20, (64, 64, 3)).astype(np.uint8),
    ],
)
def test_equalize_is_that_of_pillow(image):
    expected = ImageOps.equalize(Image.fromarray(image))
    np.testing.assert_array_equal(_bytes(image, {"op": "equalize"}), expected)


@pytest.mark.parametrize("image", [DARK, IMAGE, np.full_like(IMAGE, 9)])
def test_autocontrast_is_that_of_pillow_up_to_rounding(image):
    expected = np.asarray(ImageOps.autocontrast(Image.fromarray(image))) / 255
    np.testing.assert_allclose(_float(image, {"op": "autocontrast"}), expected, atol=LEVEL + 1e-6)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
@pytest.mark.parametrize(
    ("kind", "pillow"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("color", ImageEnhance.Color),
        ("contrast", ImageEnhance.Contrast),
    ],
)
def test_enhance_is_that_of_pillow_up_to_rounding(kind, pillow, factor):
    expected = np.asarray(pillow(Image.fromarray(IMAGE)).enhance(factor)) / 255
    found = _float(IMAGE, {"op": "enhance", "kind": kind, "factor": factor})
    np.testing.assert_allclose(found, expected, atol=1.5 * LEVEL)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.9])
def test_sharpness_is_that_of_pillow_up_to_rounding(factor):
    expected = np.asarray(ImageEnhance.Sharpness(Image.fromarray(IMAGE)).enhance(factor)) / 255
    found = _float(IMAGE, {"op": "sharpness", "factor": factor})
    np.testing.assert_allclose(found, expected, atol=1.5 * LEVEL)


def test_sharpness_leaves_an_image_without_inner_pixels():
    tiny = IMAGE[:2, :5]
    np.testing.assert_array_equal(_bytes(tiny, {"op": "sharpness", "factor": 0}), tiny)


# --- scipy


@pytest.mark.parametrize(
    "image", [FLOAT, FLOAT[:3, :2], FLOAT[:1, :1]], ids=["whole", "3x2", "1x1"]
)
@pytest.mark.parametrize(("size", "sigma"), [(3, 0.5), (5, 1.0), (9, 2.0), (31, 20.0)])
def test_gaussian_blur_is_that_of_scipy(image, size, sigma):
    distance = np.arange(size) - size // 2
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    weights /= weights.sum()
    expected = image.astype(np.float64)
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, weights, axis=axis, mode="reflect")
    found = _float(image, {"op": "gaussian_blur", "kernel_size": size, "sigma": sigma})
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_even_kernel_names_the_parameter():
    with pytest.raises(augreg.PolicyError, match=r"/augment/0/kernel_size: a kernel of 4 pixels"):
        _float(FLOAT, {"op": "gaussian_blur", "kernel_size": 4, "sigma": 1})


# --- channels


def test_channel_shuffle_gives_every_order_about_equally_often():
    colour = np.zeros((600, 1, 1, 3), np.uint8) + np.array([0, 100, 200], np.uint8)
    found = _bytes(colour, {"op": "channel_shuffle"}).reshape(-1, 3)
    orders, counts = np.unique(found, axis=0, return_counts=True)
    assert len(orders) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_rgb_shift_adds_to_each_channel():
    found = _float(FLOAT, {"op": "rgb_shift", "red": 0.1, "green": -0.2})
    expected = np.clip(FLOAT + np.array([0.1, -0.2, 0.0]), 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


# --- noise and erasing


def test_gaussian_noise_is_normal_and_its_own_for_each_sample_channel_and_epoch():
    grey = np.full((2, 64, 64, 3), 0.5, np.float32)
    step = {"op": "gaussian_noise", "std": 0.05}
    found = (_float(grey, step) - 0.5) / 0.05
    assert stats.kstest(found.ravel(), "norm").pvalue > 1e-3
    planes = np.moveaxis(found, -1, 1).reshape(6, -1)
    assert np.abs(np.corrcoef(planes) - np.eye(6)).max() < 0.06
    assert not np.array_equal(_float(grey, step), _float(grey, step, epoch=1))


def test_noise_does_not_depend_on_the_batch():
    step = {"op": "gaussian_noise", "std": [0.0, 0.2]}
    images = _batch(4)
    alone = augreg.augment(images[2:3], _policy(step), seed=7, index=[2])
    np.testing.assert_array_equal(augreg.augment(images, _policy(step), seed=7)[2:3], alone)


def _hidden(image, *steps):
    return np.all(_bytes(image, *steps) == 0, axis=-1)


def test_erase_hides_a_rectangle_of_the_asked_area_and_ratio():
    white = np.full((20, 60, 80, 3), 255, np.uint8)
    hidden = _hidden(white, {"op": "erase", "area": 0.1, "ratio": 2})
    places = set()
    for mask in hidden:
        y, x = np.nonzero(mask)
        height, width = np.ptp(y) + 1, np.ptp(x) + 1
        assert mask.sum() == height * width
        assert (height, width) == (round((0.1 * 4800 / 2) ** 0.5), round((0.1 * 4800 * 2) ** 0.5))
        places.add((y.min(), x.min()))
    assert len(places) > 10


def test_cutout_may_lie_partly_outside():
    white = np.full((60, 32, 32, 3), 255, np.uint8)
    step = {"op": "erase", "area": 0.25, "ratio": 1, "place": "anywhere"}
    sizes = _hidden(white, step).sum(axis=(1, 2))
    assert sizes.max() <= 256
    assert (sizes < 256).mean() > 0.4


def test_erase_hides_several_rectangles():
    white = np.full((30, 64, 64, 3), 255, np.uint8)
    hidden = _hidden(white, {"op": "erase", "count": 4, "area": 0.01, "ratio": 1})
    assert max(ndimage.label(mask)[1] for mask in hidden) == 4


def test_erase_fills_with_the_mean_or_with_a_colour():
    step = {"op": "erase", "area": 1.0, "ratio": 1}
    whole = _float(IMAGE[:37, :37], {**step, "fill": "mean"})
    expected = np.broadcast_to((IMAGE[:37, :37] / 255).mean((0, 1)), whole.shape)
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    red = _float(IMAGE[:37, :37], {**step, "fill_value": [1, 0, 0]})
    np.testing.assert_array_equal(red, np.broadcast_to(np.float32([1, 0, 0]), red.shape))


def test_erase_fills_with_uniform_noise():
    step = {"op": "erase", "area": 1.0, "ratio": 1, "fill": "noise"}
    found = _float(np.zeros((64, 64, 3), np.float32), step)
    assert stats.kstest(found.ravel(), "uniform").pvalue > 1e-3


# --- perspective


def _homography(corners_in, corners_out):
    """output→input, from four pairs, by least squares."""
    rows = []
    for (x, y), (u, v) in zip(corners_out, corners_in, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    return np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)


def test_perspective_takes_the_corners_where_the_draws_say():
    from augreg.xp import NUMPY
    from augreg_ops.affine import perspective

    inward = RNG.random((1, 8)).astype(np.float32)
    d, (height, width) = 0.6, (31, 47)
    transform = call_op(
        perspective,
        NUMPY,
        {
            "distortion": np.float32([d]),
            "inward": inward,
            "fill": "reflect",
            "fill_value": 0.0,
            "interpolation": "bilinear",
        },
        (height, width),
    )
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * [(width - 1) / 2, (height - 1) / 2]
    moved = corners * (1 - d * inward[0].reshape(4, 2))
    expected = _homography(corners, moved)
    np.testing.assert_allclose(transform.matrix[0], expected / expected[2, 2], rtol=1e-4, atol=1e-4)


def test_perspective_of_0_is_the_identity():
    np.testing.assert_allclose(
        _float(FLOAT, {"op": "perspective", "distortion": 0}), FLOAT, atol=1e-5
    )


def test_perspective_shares_one_resample_with_its_neighbours():
    steps = [
        {"op": "rotate", "degrees": 20},
        {"op": "perspective"},
        {"op": "flip"},
        {"op": "zoom", "factor": 1.2},
    ]
    planned = plan(augreg.load_policy(_policy(*steps)), size=(37, 41))
    assert [type(stage).__name__ for stage in planned.augment] == ["AffineStage"]
    assert planned.augment[0].projective


# --- both targets


CASES = [
    [{"op": "hue", "delta": [-0.5, 0.5]}],
    [{"op": "gamma", "gamma": [0.5, 2]}],
    [{"op": "posterize", "bits": [1, 8]}, {"op": "solarize", "threshold": [0, 1]}],
    [{"op": "rotate", "degrees": [-30, 30]}, {"op": "equalize", "p": 0.5}],
    [{"op": "autocontrast", "p": 0.5}, {"op": "sharpness", "factor": [0, 3], "p": 0.5}],
    [{"op": "gaussian_blur", "kernel_size": 5, "sigma": [0.1, 2], "p": 0.5}],
    [{"op": "gaussian_noise", "std": [0, 0.1]}, {"op": "flip", "p": 0.5}],
    [{"op": "erase", "fill": "mean", "count": 2}, {"op": "flip", "p": 0.5}],
    [{"op": "erase", "fill": "noise", "place": "anywhere"}, {"op": "contrast", "factor": 0.5}],
    [{"op": "perspective"}],
    [{"op": "perspective", "fill": "constant", "fill_value": [1, 0, 0]}, {"op": "shift", "x": 3}],
]


@pytest.mark.parametrize("steps", CASES, ids=lambda steps: "-".join(s["op"] for s in steps))
def test_kernels_agree_with_the_reference(steps):
    images = ndimage.gaussian_filter(_batch(), (0, 3, 3, 0))
    expected = augreg.augment(images, _policy(*steps), seed=7)
    off = np.abs(_kernels(images, *steps) - expected)
    stepped = any(s["op"] in ("equalize", "posterize", "solarize") for s in steps)
    assert (off > LEVEL).mean() <= (0.001 if stepped else 0.0)


@pytest.mark.parametrize("op", ["gamma", "posterize", "equalize", "autocontrast", "sharpness"])
def test_one_channel_is_taken(op):
    arguments = {"gamma": {"gamma": 2}, "posterize": {"bits": 3}, "sharpness": {"factor": 2}}
    step = {"op": op, **arguments.get(op, {})}
    images = _batch(channels=1)
    three = augreg.augment(np.repeat(images, 3, axis=-1), _policy(step), seed=7)
    np.testing.assert_allclose(
        augreg.augment(images, _policy(step), seed=7), three[..., :1], atol=1e-6
    )
    np.testing.assert_allclose(_kernels(images, step), three[..., :1], atol=1e-6)


# --- stages


def _stages(*steps):
    return optimize(plan(augreg.load_policy(_policy(*steps)), size=(37, 41)))[0].augment


def test_a_statistic_of_what_an_earlier_step_makes_needs_a_stage_of_its_own():
    names = [s.statistics for s in _stages({"op": "gamma", "gamma": 2}, {"op": "equalize"})]
    assert names == [(), ("histogram",)]


def test_an_erased_place_does_not_move_with_a_later_flip():
    steps = [
        {"op": "flip", "p": 0.5},
        {"op": "erase"},
        {"op": "flip", "axis": "vertical", "p": 0.5},
    ]
    kinds = [type(stage).__name__ for stage in _stages(*steps)]
    assert kinds == ["LatticeStage", "PointwiseStage", "LatticeStage"]
