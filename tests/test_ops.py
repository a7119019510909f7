"""Every first-party op against what no one here wrote: tf.image, Keras, scipy and NumPy.

The reference is what is checked; that every other target agrees with it is test_parity's part.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import noise, policy, smooth
from scipy import ndimage, stats

import augreg

LEVEL = 1 / 255
IMAGE = noise(1, 23, 31, 3)[0]
FLOAT = IMAGE.astype(np.float32) / 255


def _run(image, *steps, **rest):
    return augreg.augment(image, policy(*steps, **rest), seed=7)


def _bytes(image, *steps):
    return _run(image, *steps, output={"dtype": "uint8"})


# --- the tutorial's calls, exactly as it writes them


def test_tutorial_flip_left_right():
    expected = tf.image.flip_left_right(IMAGE)
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "flip", "axis": "horizontal"}), expected)


def test_tutorial_rgb_to_grayscale():
    expected = tf.image.rgb_to_grayscale(FLOAT)
    found = _run(FLOAT, {"op": "grayscale", "channels": 1})
    assert found.shape == (23, 31, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    whole = _run(FLOAT, {"op": "grayscale"})
    np.testing.assert_allclose(whole, np.repeat(expected, 3, axis=-1), atol=1e-6)


def test_tutorial_adjust_saturation_3():
    expected = tf.image.adjust_saturation(FLOAT, 3)
    np.testing.assert_allclose(_run(FLOAT, {"op": "saturation", "factor": 3}), expected, atol=1e-5)


def test_tutorial_adjust_brightness_04():
    expected = tf.clip_by_value(tf.image.adjust_brightness(FLOAT, 0.4), 0, 1)
    np.testing.assert_allclose(_run(FLOAT, {"op": "brightness", "delta": 0.4}), expected, atol=1e-6)
    off = _bytes(IMAGE, {"op": "brightness", "delta": 0.4}).astype(int) - (
        tf.cast(tf.image.adjust_brightness(IMAGE, 0.4), tf.int32)
    )
    assert np.abs(off).max() <= 1  # convert_image_dtype truncates x * 255.5


def test_tutorial_central_crop_05():
    expected = tf.image.central_crop(IMAGE, central_fraction=0.5)
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "central_crop", "fraction": 0.5}), expected)


def test_tutorial_rot90():
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "rot90"}), tf.image.rot90(IMAGE))


def test_tutorial_random_invert():
    invert = {"op": "invert", "p": 0.5}
    images = noise(400, 2, 2, 3)
    found = _bytes(images, invert)
    inverted = (found == 255 - images).all((1, 2, 3))
    assert (inverted | (found == images).all((1, 2, 3))).all()
    assert 170 < inverted.sum() < 230


def test_tutorial_resize_and_rescale():
    expected = tf.image.resize(tf.cast(IMAGE, tf.float32), [180, 180]) / 255.0
    found = _run(IMAGE, prepare=[{"op": "resize", "height": 180, "width": 180}])
    assert np.abs(found - expected).max() <= LEVEL / 2 + 1e-6  # prepare hands over bytes
    kept = _run(FLOAT, {"op": "resize", "height": 180, "width": 180})
    np.testing.assert_allclose(kept, expected, atol=1e-6)


def test_tutorial_resize_with_crop_or_pad():
    expected = tf.image.resize_with_crop_or_pad(IMAGE, 186, 186)
    found = _bytes(IMAGE, {"op": "pad_or_crop", "height": 186, "width": 186})
    np.testing.assert_array_equal(found, expected)


def test_tutorial_random_crop_back():
    """Each place that tf.image.stateless_random_crop could cut is cut, each as often."""
    image = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)
    batch = np.broadcast_to(image, (4000, 6, 5, 3))
    found = _bytes(batch, {"op": "crop", "height": 4, "width": 3})

    corners = found[:, 0, 0, 0] // 3
    y, x = corners // 5, corners % 5
    for b in range(0, 4000, 97):
        np.testing.assert_array_equal(found[b], image[y[b] : y[b] + 4, x[b] : x[b] + 3])
    _, counts = np.unique(y * 10 + x, return_counts=True)
    assert len(counts) == 9
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(
    ("output", "keras_layer"),
    [
        ({"range": [0, 1]}, keras.layers.Rescaling(1.0 / 255)),
        ({"range": [-1, 1]}, keras.layers.Rescaling(1.0 / 127.5, offset=-1)),
        ({"range": [0, 255]}, keras.layers.Rescaling(1.0)),
    ],
)
def test_output_range_is_the_tutorials_rescaling(output, keras_layer):
    found = _run(IMAGE, {"op": "clip"}, output=output)
    np.testing.assert_allclose(found, keras_layer(IMAGE.astype(np.float32)), atol=1e-4)


def test_normalize_is_kerass():
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    layer = keras.layers.Normalization(mean=mean, variance=[s * s for s in std])
    found = _run(FLOAT, {"op": "clip"}, output={"normalize": {"mean": mean, "std": std}})
    np.testing.assert_allclose(found, layer(FLOAT), atol=1e-5)


# --- colours


@given(st.floats(0, 4, width=32))
@settings(max_examples=15)
def test_saturation_is_tf_image_adjust_saturation(factor):
    expected = tf.image.adjust_saturation(FLOAT, factor)
    found = _run(FLOAT, {"op": "saturation", "factor": factor})
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_saturation_keeps_grey_black_and_white():
    corners = np.float32([[[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0]]])
    for factor in (0, 0.5, 4):
        found = _run(corners, {"op": "saturation", "factor": factor})
        np.testing.assert_allclose(found[0, :3], corners[0, :3], atol=1e-6)
        np.testing.assert_allclose(found, tf.image.adjust_saturation(corners, factor), atol=1e-6)


@given(st.floats(0, 10, width=32))
@settings(max_examples=15)
def test_contrast_is_tf_image_adjust_contrast(factor):
    expected = np.clip(tf.image.adjust_contrast(FLOAT, factor), 0, 1)
    np.testing.assert_allclose(
        _run(FLOAT, {"op": "contrast", "factor": factor}), expected, atol=2e-5
    )


@given(st.floats(-1, 1, width=32))
@settings(max_examples=15)
def test_brightness_is_tf_image_adjust_brightness(delta):
    expected = np.clip(tf.image.adjust_brightness(FLOAT, delta), 0, 1)
    found = _run(FLOAT, {"op": "brightness", "delta": delta})
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("op", ["brightness", "contrast", "invert", "clip"])
def test_grey_image_is_treated_as_tf_image_treats_it(op):
    gray = FLOAT[..., :1]
    step, expected = {
        "brightness": ({"delta": 0.3}, tf.image.adjust_brightness(gray, 0.3)),
        "contrast": ({"factor": 1.7}, tf.image.adjust_contrast(gray, 1.7)),
        "invert": ({}, 1 - gray),
        "clip": ({"min": 0.2, "max": 0.4}, tf.clip_by_value(gray, 0.2, 0.4)),
    }[op]
    found = _run(gray, {"op": op, **step})
    assert found.shape == gray.shape
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1e-6)


def test_clip_limits_in_between_and_nothing_else_does():
    up, down = ({"op": "brightness", "delta": d} for d in (0.8, -0.8))

    np.testing.assert_allclose(_run(FLOAT, up, down), FLOAT, atol=1e-6)
    clipped = _run(FLOAT, up, {"op": "clip"}, down)
    np.testing.assert_allclose(clipped, np.minimum(FLOAT, 0.2), atol=1e-6)


def test_invert_twice_is_the_identity():
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "invert"}), 255 - IMAGE)
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "invert"}, {"op": "invert"}), IMAGE)


# --- whole pixels


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("horizontal", tf.image.flip_left_right),
        ("vertical", tf.image.flip_up_down),
        ("both", lambda i: tf.image.flip_up_down(tf.image.flip_left_right(i))),
    ],
)
def test_flip_is_tf_images(axis, expected):
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "flip", "axis": axis}), expected(IMAGE))


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_rot90_is_tf_images(k):
    np.testing.assert_array_equal(_bytes(IMAGE, {"op": "rot90", "k": k}), tf.image.rot90(IMAGE, k))


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 1))
@settings(max_examples=40)
def test_central_crop_is_tf_images_at_any_size(height, width, fraction):
    image = noise(height, width, 3)
    if min(int((n - n * fraction) / 2) * 2 - n for n in (height, width)) >= 0:
        return  # nothing would be left
    expected = tf.image.central_crop(image, fraction)
    found = _bytes(image, {"op": "central_crop", "fraction": fraction})
    np.testing.assert_array_equal(found, expected)


@given(*[st.integers(1, 30)] * 4)
@settings(max_examples=40)
def test_pad_or_crop_is_tf_images_at_any_size(height, width, to_height, to_width):
    image = noise(height, width, 3)
    expected = tf.image.resize_with_crop_or_pad(image, to_height, to_width)
    found = _bytes(image, {"op": "pad_or_crop", "height": to_height, "width": to_width})
    np.testing.assert_array_equal(found, expected)


@given(st.integers(1, 23), st.integers(1, 31))
@settings(max_examples=20)
def test_centre_crop_is_kerass(height, width):
    expected = keras.layers.CenterCrop(height, width, dtype="uint8")(IMAGE[None])[0]
    step = {"op": "crop", "height": height, "width": width, "position": "center"}
    np.testing.assert_array_equal(_bytes(IMAGE, step), expected)


# --- resizing

_METHODS = ["bilinear", "nearest", "bicubic", "area"]


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", _METHODS)
@pytest.mark.parametrize(
    ("height", "width"), [(40, 50), (10, 12), (23, 31), (46, 15), (1, 1), (7, 62)]
)
def test_resize_is_tf_images(method, antialias, height, width):
    step = {"op": "resize", "height": height, "width": width, "method": method}
    expected = tf.image.resize(FLOAT, (height, width), method, antialias=antialias)
    found = _run(FLOAT, {**step, "antialias": antialias})
    np.testing.assert_allclose(
        found, np.clip(expected, 0, 1), atol=3e-4 if "bic" in method else 1e-5
    )


@given(*[st.integers(1, 40)] * 4, st.sampled_from(["bilinear", "nearest", "area"]))
@settings(max_examples=40)
def test_resize_is_tf_images_at_any_size(height, width, to_height, to_width, method):
    image = noise(height, width, 3).astype(np.float32) / 255
    expected = tf.image.resize(image, (to_height, to_width), method)
    step = {"op": "resize", "height": to_height, "width": to_width, "method": method}
    np.testing.assert_allclose(_run(image, step), expected, atol=2e-5)


@pytest.mark.parametrize("method", _METHODS)
@pytest.mark.parametrize(("height", "width"), [(40, 40), (23, 31), (46, 70), (12, 29), (31, 12)])
def test_fit_pad_is_tf_images_resize_with_pad(method, height, width):
    step = {"op": "resize", "height": height, "width": width, "fit": "pad", "method": method}
    expected = np.clip(tf.image.resize_with_pad(FLOAT, height, width, method), 0, 1)
    found = _run(FLOAT, step)
    np.testing.assert_allclose(found, expected, atol=3e-4 if method == "bicubic" else 1e-5)


@given(*[st.integers(1, 40)] * 4)
@settings(max_examples=60)
def test_fit_pad_keeps_the_whole_image_in_the_middle(height, width, to_height, to_width):
    """tf.image.resize_with_pad loses a row to rounding at one size in twenty; here none is."""
    image = 0.2 + noise(height, width, 3).astype(np.float32) / 400
    inner = (
        max(min(to_height, height * to_width // width), 1),
        max(min(to_width, width * to_height // height), 1),
    )
    expected = np.zeros((to_height, to_width, 3), np.float32)
    top, left = ((a - b) // 2 for a, b in zip((to_height, to_width), inner, strict=True))
    resized = tf.image.resize(image, inner)
    expected[top : top + inner[0], left : left + inner[1]] = resized

    step = {"op": "resize", "height": to_height, "width": to_width, "fit": "pad"}
    np.testing.assert_allclose(_run(image, step), expected, atol=1e-5)
    assert to_height in inner or to_width in inner


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize(("height", "width"), [(40, 40), (12, 30), (30, 12), (23, 31), (9, 50)])
def test_fit_crop_is_kerass_resizing(method, height, width):
    layer = keras.layers.Resizing(
        height, width, interpolation=method, crop_to_aspect_ratio=True, dtype="float32"
    )
    step = {"op": "resize", "height": height, "width": width, "fit": "crop", "method": method}
    np.testing.assert_allclose(_run(FLOAT, step), layer(FLOAT), atol=1e-5)


def _boxes(count, height, width, **step):
    """Each sample's box (top, left, height, width), read off an image of its own coordinates."""
    from augreg.checks import sample_key
    from augreg.lower import Draws, Lowering
    from augreg.plan import plan
    from augreg.xp import NUMPY

    loaded = policy({"op": "resized_crop", "height": 8, "width": 8, **step})
    planned = plan(loaded, size=(height, width))
    index = np.arange(count, dtype=np.uint32)
    words = Draws.make(NUMPY, planned.draws, sample_key(1, 0, index))
    return Lowering(NUMPY, words).transform(loaded.augment[0], (height, width)).box.T


def test_resized_crop_is_a_cut_and_tf_images_resize():
    image = noise(1, 40, 50, 3)
    loaded = policy({"op": "resized_crop", "height": 16, "width": 24})
    for index in range(12):
        found = augreg.augment(image, loaded, seed=1, index=[index])
        top, left, height, width = _boxes(index + 1, 40, 50)[:, index]
        cut = image[:, top : top + height, left : left + width].astype(np.float32) / 255
        np.testing.assert_allclose(found, tf.image.resize(cut, (16, 24)), atol=1e-5)


def _published(rng, height, width, area=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """The procedure as torchvision documents it, with its loop: (top, left, height, width)."""
    for _ in range(10):
        pixels = height * width * rng.uniform(*area)
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(pixels * shape)), round(math.sqrt(pixels / shape))
        if 0 < w <= width and 0 < h <= height:
            return rng.integers(height - h + 1), rng.integers(width - w + 1), h, w
    h, w = height, width
    if width / height < ratio[0]:
        h = round(width / ratio[0])
    elif width / height > ratio[1]:
        w = round(height * ratio[1])
    return (height - h) // 2, (width - w) // 2, h, w


@pytest.mark.parametrize(
    ("size", "area"),
    [((256, 256), 0.479), ((96, 288), 0.225), ((300, 200), None), ((31, 320), None)],
)
def test_resized_crop_is_the_published_procedure(size, area):
    """Its areas, ratios and places are distributed as those of a loop that tries ten times."""
    rng = np.random.default_rng(5)
    expected = np.array([_published(rng, *size) for _ in range(4000)], np.float64).T
    found = _boxes(20_000, *size).astype(np.float64)

    top, left, height, width = found
    assert (top >= 0).all() and (top + height <= size[0]).all()
    assert (left >= 0).all() and (left + width <= size[1]).all()
    if area is not None:
        assert (height * width).mean() / (size[0] * size[1]) == pytest.approx(area, abs=0.004)
    for one, other in zip(found, expected, strict=True):
        assert stats.ks_2samp(one, other).pvalue > 0.001
    ratios, areas = (
        [f(box[2], box[3]) for box in (found, expected)] for f in (np.divide, np.multiply)
    )
    assert stats.ks_2samp(*ratios).pvalue > 0.001
    assert stats.ks_2samp(*areas).pvalue > 0.001


@pytest.mark.parametrize(
    ("size", "ratio", "box"),
    [
        ((10, 100), {"log_uniform": [3 / 4, 4 / 3]}, (0, 43, 10, 13)),
        ((100, 10), {"log_uniform": [3 / 4, 4 / 3]}, (43, 0, 13, 10)),
        ((100, 10), 0.5, (40, 0, 20, 10)),
        ((10, 11), [0.9, 1.2], (0, 0, 10, 11)),
    ],
)
def test_resized_crop_of_which_no_attempt_fits_is_the_central_box_of_the_nearest_ratio(
    size, ratio, box
):
    area = {"choice": [1.0]} if size != (10, 11) else {"choice": [0.001]}
    found = _boxes(20, *size, area=area, ratio=ratio).T
    np.testing.assert_array_equal(found, np.broadcast_to(box, (20, 4)))


def test_resized_crop_of_the_whole_image_is_a_resize():
    whole = {"op": "resized_crop", "height": 9, "width": 9, "area": 1, "ratio": 31 / 23}
    np.testing.assert_allclose(
        _run(FLOAT, whole), _run(FLOAT, {"op": "resize", "height": 9, "width": 9}), atol=1e-6
    )


def test_resized_crop_has_a_pixel_at_least():
    top, left, height, width = _boxes(200, 3, 4, area=[0.001, 0.3], ratio=[0.1, 10])

    assert height.min() >= 1 and width.min() >= 1
    assert (top + height <= 3).all() and (left + width <= 4).all()


# --- warps

_SCIPY = {
    "reflect": "reflect",
    "wrap": "grid-wrap",
    "constant": "grid-constant",
    "nearest": "nearest",
}


def _warped(image, matrix, fill, order, value=0.0):
    """scipy's own warp by a centred output→input matrix [2,3] of (x, y)."""
    height, width = image.shape[:2]
    linear = matrix[:, :2][::-1, ::-1]  # scipy counts (y, x)
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = centre - linear @ centre + matrix[::-1, 2]
    planes = [
        ndimage.affine_transform(
            image[..., c].astype(np.float64),
            linear,
            offset,
            order=order,
            mode=_SCIPY[fill],
            cval=np.broadcast_to(value, image.shape[-1])[c],
            prefilter=False,
        )
        for c in range(image.shape[-1])
    ]
    return np.stack(planes, -1)


def _turn(degrees):
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]])


WARPS = {
    "rotate": ({"degrees": 33}, _turn(33)),
    "rotate back": ({"degrees": -250}, _turn(-250)),
    "zoom in": ({"factor": 1.7}, np.array([[1 / 1.7, 0, 0], [0, 1 / 1.7, 0]])),
    "zoom out": ({"factor": 0.3, "factor_x": 0.45}, np.array([[1 / 0.45, 0, 0], [0, 1 / 0.3, 0]])),
    "translate": ({"x": 0.33, "y": -0.21}, np.array([[1, 0, -0.33 * 31], [0, 1, 0.21 * 23]])),
    "shear": (
        {"x_degrees": 25, "y_degrees": -40},
        np.linalg.inv(
            np.array([[1, 0, 0], [np.tan(np.deg2rad(-40)), 1, 0], [0, 0, 1]])
            @ np.array([[1, np.tan(np.deg2rad(25)), 0], [0, 1, 0], [0, 0, 1]])
        )[:2],
    ),
}


@pytest.mark.parametrize("fill", sorted(_SCIPY))
@pytest.mark.parametrize("name", sorted(WARPS))
def test_bilinear_warp_is_scipys(name, fill):
    arguments, matrix = WARPS[name]
    value = [0.1, 0.5, 0.9] if fill == "constant" else 0.0
    step = {"op": name.split()[0], **arguments, "fill": fill, "fill_value": value}

    found = _run(FLOAT, step)

    np.testing.assert_allclose(found, _warped(FLOAT, matrix, fill, 1, value), atol=1e-5)


@pytest.mark.parametrize("fill", sorted(_SCIPY))
@pytest.mark.parametrize("name", sorted(WARPS))
def test_nearest_warp_is_scipys(name, fill):
    arguments, matrix = WARPS[name]
    step = {"op": name.split()[0], **arguments, "fill": fill, "interpolation": "nearest"}

    found = _run(FLOAT, step)

    other = np.abs(found - _warped(FLOAT, matrix, fill, 0)).max(-1) > 1e-6
    assert other.mean() <= 0.001


def test_fused_warps_are_one_warp_of_scipys():
    steps = [WARPS[name] for name in ("rotate", "zoom in", "translate", "shear")]
    names = ("rotate", "zoom", "translate", "shear")
    total = np.eye(3)
    for _, matrix in steps:
        total = total @ np.vstack([matrix, [0, 0, 1]])

    found = _run(FLOAT, *({"op": n, **a} for n, (a, _) in zip(names, steps, strict=True)))

    np.testing.assert_allclose(found, _warped(FLOAT, total[:2], "reflect", 1), atol=1e-5)


def test_flip_and_crop_around_a_warp_are_in_its_resample():
    turned = _warped(FLOAT[:, ::-1], _turn(20), "constant", 1)[4:-4, 5:-5]
    found = _run(
        FLOAT,
        {"op": "flip"},
        {"op": "rotate", "degrees": 20, "fill": "constant"},
        {"op": "crop", "height": 15, "width": 21, "position": "center"},
    )
    np.testing.assert_allclose(found, turned, atol=1e-5)


def test_positive_degrees_turn_counter_clockwise_as_rot90_does():
    square = FLOAT[:, :23]
    for k in (1, 2, 3):
        found = _run(square, {"op": "rotate", "degrees": 90 * k, "fill": "constant"})
        np.testing.assert_allclose(found, tf.image.rot90(square, k), atol=2e-4)


def test_translate_moves_the_content_right_and_down():
    dot = np.zeros((10, 20, 3), np.float32)
    dot[2, 3] = 1
    found = _run(dot, {"op": "translate", "x": 0.25, "y": 0.4, "fill": "constant"})
    assert np.argwhere(found[..., 0] > 0.99).tolist() == [[6, 8]]


def test_zoom_above_one_enlarges():
    dot = np.zeros((21, 21, 3), np.float32)
    dot[9:12, 9:12] = 1
    larger = _run(dot, {"op": "zoom", "factor": 3, "fill": "constant"})
    wider = _run(dot, {"op": "zoom", "factor": 1, "factor_x": 3, "fill": "constant"})
    assert ((larger[..., 0] > 0.5).sum(0).max(), (larger[..., 0] > 0.5).sum(1).max()) == (9, 9)
    assert ((wider[..., 0] > 0.5).sum(0).max(), (wider[..., 0] > 0.5).sum(1).max()) == (3, 9)


@pytest.mark.parametrize("fill", sorted(_SCIPY))
def test_warp_far_outside_stays_finite(fill):
    step = {"op": "zoom", "factor": 0.05, "fill": fill}
    found = _run(smooth(1, 9, 8)[0], step, {"op": "translate", "x": 1, "y": -1, "fill": fill})
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", sorted(WARPS))
def test_warp_of_a_single_pixel_works(name):
    pixel = np.full((1, 1, 3), 0.25, np.float32)
    found = _run(pixel, {"op": name.split()[0], **WARPS[name][0]})
    np.testing.assert_allclose(found, pixel, atol=1e-6)
