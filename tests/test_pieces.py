"""Images of several pieces, whose size is known at run time only (`backends/tensorflow/pieces`).

`test_run_time_sizes` has every op, at sizes below one piece.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy, with_ops

import augreg
from augreg.backends.tensorflow.pieces.image import LENGTH, Image
from augreg.backends.tensorflow.xla import Scope
from augreg.families.pixelwise import is_pixelwise
from augreg.plugin.registry import default_registry
from augreg.xp import NUMPY

# four pieces, the last of them all but empty; more rows than columns; one row that is the image
SIZES = [(131, 381), (700, 71), (2, 9001)]
THIN = [(1, 3 * LENGTH + 7), (40_001, 1)]  # positions in between have few bits there
assert 131 * 381 - 3 * LENGTH < LENGTH // 16

FLIP = {"op": "flip", "axis": "horizontal", "p": 0.5}
TURN = {"op": "rotate", "degrees": [-50, 50]}
STEPS = {
    "flips": [FLIP, {"op": "flip", "axis": "vertical"}],
    "half a turn": [{"op": "rot90", "k": 2}],
    "a move that shows nothing": [{"op": "shift", "x": 0.3}],
    **{f"a turn, {fill}": [{**TURN, "fill": fill}] for fill in ("reflect", "nearest", "wrap")},
    "a turn, a level": [{**TURN, "fill": "constant", "fill_value": 0.25}],
    "a turn, three levels": [{**TURN, "fill": "constant", "fill_value": [0.1, 0.5, 0.9]}],
    "a turn, nearest": [{**TURN, "interpolation": "nearest"}],
    "a turn, nearest, a level": [{**TURN, "interpolation": "nearest", "fill": "constant"}],
    "perspective": [{"op": "perspective", "distortion": 0.3}],
    "two resamples": [TURN, {"op": "brightness", "delta": 0.1}, {**TURN, "fill": "wrap"}],
    "colour, then a flip": [{"op": "saturation", "factor": 0.5}, {"op": "flip"}],
    "a mean": [{"op": "brightness", "delta": 0.2}, {"op": "contrast", "factor": [0.4, 1.6]}],
    "a mean after a turn": [TURN, {"op": "contrast", "factor": [0.4, 1.6]}],
    "least and greatest": [{"op": "autocontrast"}],
    "least and greatest after a turn": [
        TURN,
        {"op": "contrast", "factor": 0.4},
        {"op": "autocontrast"},
    ],
    "a histogram": [{"op": "posterize", "bits": 6}, {"op": "equalize"}],
    "noise": [{"op": "gaussian_noise", "std": 0.1}],
    "one of two families": [{"one_of": [TURN, {"op": "equalize"}]}],
    "some of three": [{"some_of": [TURN, {"op": "autocontrast"}, {"op": "invert"}], "n": 2}],
    "with a blur between": [
        TURN,
        {"op": "gaussian_blur", "kernel_size": 3, "sigma": 1, "p": 0.5},
        FLIP,
    ],
    "with fog between": [FLIP, {"op": "fog", "density": 0.3}, FLIP],
    "with places": [
        FLIP,
        {"op": "erase", "fill": "mean"},
        {"op": "contrast", "factor": 2},
    ],
}


def _at_run_time(loaded, channels=3, dtype=tf.uint8, **named):
    spec = [tf.TensorSpec((), tf.int64), tf.TensorSpec((None, None, channels), dtype)]
    fn = augreg.map_fn(loaded, seed=7, **named)
    return tf.function(fn, input_signature=spec, autograph=False)


def _close(found, due):
    assert found.shape == due.shape
    off = np.abs(found.astype(np.float32) - due).max(axis=-1) > 1 / 255 + 1e-6
    assert off.mean() <= 0.001, np.abs(found - due).max()


@pytest.mark.parametrize("name", STEPS)
def test_pixels_of_many_pieces_are_the_reference_s(name):
    loaded = policy(*STEPS[name])
    run = _at_run_time(loaded)
    between = any(word in name for word in ("turn", "perspective", "resample", "of"))
    for size in SIZES if between else SIZES + THIN:
        image = noise(*size, 3, seed=sum(size))
        for index in (0, 1, 2):
            _close(run(index, image).numpy(), augreg.augment(image, loaded, seed=7, index=index))


@pytest.mark.parametrize(
    "step", [TURN, {"op": "contrast", "factor": 2}, {"op": "equalize"}], ids=str
)
def test_one_channel_is_done_in_pieces_too(step):
    loaded = policy(FLIP, step)
    image = noise(*SIZES[0], 1)
    _close(
        _at_run_time(loaded, 1)(3, image).numpy(), augreg.augment(image, loaded, seed=7, index=3)
    )


def test_channels_that_a_policy_adds_are_there():
    loaded = policy({"op": "grayscale"}, TURN, {"op": "rgb_shift", "red": 0.2})
    image = noise(*SIZES[0], 3)
    _close(_at_run_time(loaded)(3, image).numpy(), augreg.augment(image, loaded, seed=7, index=3))


def test_images_of_a_batch_are_done_one_by_one():
    loaded = policy(
        {"one_of": [TURN, {"op": "autocontrast"}, {"op": "gaussian_noise", "std": 0.1}]}
    )
    fn = augreg.map_fn(loaded, seed=7, batched=True)
    spec = [tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, None, None, 3), tf.uint8)]
    run = tf.function(fn, input_signature=spec, autograph=False)
    for size in ((131, 381), (200, 20)):
        images = noise(6, *size, 3)
        _close(run(np.arange(6), images).numpy(), augreg.augment(images, loaded, seed=7))


@pytest.mark.parametrize("width", [1, 3, 641, 4099, 40_961])
def test_places_of_pixels_are_right_where_a_float_is_one_row_off(width):
    image = Image(Scope(None), tf.constant(10**6), tf.constant(width), tf.zeros([1, LENGTH, 3]))
    off = 0
    for i in (0, 1, 77, 511, 512, 1023, 1024, 3001, 8191):
        if i * LENGTH > width * 2**22:  # four million rows: beyond, a float is more than one off
            continue
        piece = image.piece(tf.constant(i))
        number = np.arange(i * LENGTH, (i + 1) * LENGTH)
        y, x = np.divmod(number, width)
        for found, due in ((piece.number, number), (piece.y, y), (piece.x, x)):
            np.testing.assert_array_equal(found[0, 0], due)
        guess = np.floor((number.astype(np.float32) + np.float32(0.5)) / np.float32(width))
        off += (guess != y).sum()
    assert off or width in (1, 40_961)  # so the step is there for something


# --- how they run


def _compiled(run):
    """How many functions around kernels XLA compiles."""
    functions = run.get_concrete_function().graph.as_graph_def().library.function
    return sum(function.attr["_XlaMustCompile"].b for function in functions)


def test_stages_that_stand_together_are_one_program():
    together = policy(*STEPS["a mean"], TURN)
    assert _compiled(_at_run_time(together)) == 1
    apart = policy(TURN, {"op": "gaussian_blur", "kernel_size": 3, "sigma": 1}, FLIP)
    assert _compiled(_at_run_time(apart)) == 2
    assert _compiled(_at_run_time(together, dtype=tf.float32, input_range=(0, 1))) == 0


COUNT = """
import numpy as np, tensorflow as tf, augreg

fn = augreg.map_fn({"version": 1, "augment": [{"op": "rotate", "degrees": [-9, 9]}]}, seed=1)
spec = [tf.TensorSpec((), tf.int64), tf.TensorSpec((None, None, 3), tf.uint8)]
run = tf.function(fn, input_signature=spec, autograph=False)
for i in range(60):
    run(i, np.zeros((40 + 5 * i, 350 - 5 * i, 3), np.uint8))
"""


@pytest.mark.skipif(tf.__version__ < "2.21", reason="XLA's cache of programs came with 2.21")
def test_sixty_sizes_are_three_programs(tmp_path):
    environment = {**os.environ, "AUGREG_CACHE": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", COUNT], env=environment, check=True)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 9999]
    assert len(kept) == 3, kept


def test_iterator_over_images_of_many_sizes_can_be_saved(tmp_path):
    loaded = policy(FLIP, TURN, {"op": "contrast", "factor": [0.5, 2]})
    ds = tf.data.Dataset.range(6).map(
        lambda i: (
            i,
            tf.fill(
                [90 + 40 * tf.cast(i, tf.int32), 310 - 20 * tf.cast(i, tf.int32), 3],
                tf.cast(40 * i, tf.uint8),
            ),
        )
    )
    ds = ds.map(augreg.map_fn(loaded, seed=7))
    iterator = iter(ds)
    for _ in range(2):
        next(iterator)
    saved = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "at"))
    due = next(iterator).numpy()
    again = iter(ds)
    tf.train.Checkpoint(iterator=again).restore(saved)
    np.testing.assert_array_equal(next(again), due)


def test_floats_keep_their_gradient():
    fn = augreg.map_fn(policy(TURN, {"op": "contrast", "factor": 2}), seed=7, input_range=(0, 1))
    spec = tf.TensorSpec((None, None, 3), tf.float32)

    @tf.function(input_signature=[spec], autograph=False)
    def slope(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            total = tf.reduce_sum(fn(0, image))
        return tape.gradient(total, image)

    assert np.abs(slope(np.full((20, 30, 3), 0.5, np.float32))).max() > 0.1


def _first_row(xp, planes):
    rows = xp.reshape(xp.arange(xp.shape(planes[0])[1]), (1, -1, 1))
    return tuple(xp.where(rows == 0, 0.0, plane) for plane in planes)


def _brightest(xp, planes):
    return tuple(plane / xp.max(plane, axis=(1, 2), keepdims=True) for plane in planes)


def _by_rows(xp, planes, y, x, size):
    upper = xp.reshape(xp.cast(y[0, :, 0] < 3, "float32"), (1, -1, 1))
    return tuple(plane * upper for plane in planes)


def _outside(xp, planes, y, x, size):
    return tuple(xp.where((y < 3) & (x < size[1] // 2), 0.0, plane) for plane in planes)


@pytest.mark.parametrize("function", [_first_row, _brightest, _by_rows])
def test_function_of_a_whole_image_is_given_one(function):
    placed = function is _by_rows

    @augreg.op("acme/whole")
    def whole(xp):
        """Does something that hangs on how pixels lie."""
        return augreg.PixelFunction(function, coordinates=placed)

    loaded = policy({"op": "acme/whole"}, registry=with_ops(whole))
    run, image = _at_run_time(loaded), noise(131, 381, 3)
    _close(run(0, image).numpy(), augreg.augment(image, loaded, seed=7))
    assert not is_pixelwise(augreg.PixelFunction(function, coordinates=placed), 3)
    assert _compiled(run) == 0


def test_function_of_places_can_do_without_the_others():
    assert is_pixelwise(augreg.PixelFunction(_outside, coordinates=True), 3)
    fog = default_registry().ops["fog"].function(NUMPY, *(np.float32([0.5]),) * 2, _DRAWN)
    assert not is_pixelwise(fog, 3)


_DRAWN = np.random.default_rng(0).uniform(0, 1, (1, 58)).astype(np.float32)
