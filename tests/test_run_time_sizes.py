"""Every op where a size is known only when an image comes: as `apply` runs, and tf.data on files.

One graph for images of every size, traced at [None, None, C]; the reference plans each image at its
own size, so that whatever hangs on a Python int there has to have a twin in the graph.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy, with_ops

import augreg
from augreg.plugin.registry import default_registry

MIXING = {"cutmix", "mixup", "mosaic", "copy_paste"}  # these need batches
OPS = sorted(set(default_registry().ops) - MIXING)
# 1x1, thin, tall and wide, and sides from 1 to twice a kernel of nine pixels
SIZES = [
    *((1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (1, 40), (40, 1), (2, 2), (2, 7), (7, 2)),
    *((3, 3), (4, 4), (4, 5), (5, 4), (6, 6), (8, 8), (9, 9), (10, 10), (5, 23), (23, 5), (18, 18)),
]
# What an example takes at none of these sizes, or hardly any of, in place of it.
STEPS = {
    "central_crop": {"fraction": 0.5},
    "crop": {"height": 1, "width": 1},
    "gaussian_blur": {"kernel_size": 9, "sigma": [0.1, 4.0]},
    "pad_or_crop": {"height": 5, "width": 7},
    "resize": {"height": 5, "width": 7},
    "resized_crop": {"height": 5, "width": 7},
    "rot90": {"k": 1},
    "sharpness": {"factor": [0.0, 3.0]},
}
MORE = [
    {"op": "gaussian_blur", "kernel_size": 65, "sigma": [4.0, 30.0]},
    {"op": "gaussian_blur", "kernel_size": 3, "sigma": 1, "p": 0.5},
    {"op": "sharpness", "factor": 0, "p": 0.5},
    {"op": "resize", "height": 5, "width": 7, "fit": "pad"},
    {"op": "resize", "height": 5, "width": 7, "fit": "crop", "method": "nearest"},
    {"op": "crop", "height": 1, "width": 1, "position": "center"},
    {"op": "rot90", "k": {"choice": [0, 2]}},
    {"op": "erase", "count": 3, "place": "anywhere", "fill": "mean"},
    {"op": "erase", "fill": "noise"},
    *({"op": "zoom", "factor": 0.5, "fill": f} for f in ("nearest", "wrap", "constant")),
    {"op": "zoom", "factor": 0.5, "interpolation": "nearest"},
    {"op": "flip", "axis": "vertical", "p": 0.5},
    {
        "one_of": [
            {"op": "gaussian_blur", "kernel_size": 5, "sigma": 2},
            {"op": "rotate", "degrees": 9},
        ]
    },
    {
        "some_of": [
            {"op": "sharpness", "factor": 2},
            {"op": "invert"},
            {"op": "contrast", "factor": 2},
        ],
        "n": 2,
    },
    {"random_order": [{"op": "flip"}, {"op": "translate", "x": 0.3}]},
    {"mixture": [{"op": "gaussian_blur", "kernel_size": 5, "sigma": 2}, {"op": "equalize"}]},
    {"op": "rand_augment"},
]


def _step(name):
    example = {k: v for k, v in default_registry().ops[name].example.items() if k != "p"}
    return {"op": name, **example, **STEPS.get(name, {})}


def _at_run_time(loaded, channels):
    """The policy as a function of (index, image), traced once for images of every size."""
    fn = augreg.map_fn(loaded, seed=7)
    spec = [tf.TensorSpec((), tf.int64), tf.TensorSpec((None, None, channels), tf.uint8)]
    return tf.function(fn, input_signature=spec, autograph=False)


def _agrees(step, channels, index=3):
    loaded = policy(step)
    run = _at_run_time(loaded, channels)
    for size in SIZES:
        image = noise(*size, channels, seed=sum(size))
        expected = augreg.augment(image, loaded, seed=7, index=index)
        found = run(index, image).numpy()
        assert found.shape == expected.shape, size
        off = np.abs(found - expected).max(axis=-1) > 1 / 255 + 1e-6
        assert off.mean() <= 0.001, (size, np.abs(found - expected).max())


@pytest.mark.parametrize("name", OPS)
def test_every_op_gives_the_reference_s_pixels_at_sizes_known_at_run_time(name):
    _agrees(_step(name), 3)


@pytest.mark.parametrize("name", [name for name in OPS if default_registry().ops[name].gray])
def test_every_op_for_grey_images_does_so_with_one_channel(name):
    _agrees(_step(name), 1)


@pytest.mark.parametrize("step", MORE, ids=str)
def test_groups_and_options_do_so_too(step):
    _agrees(step, 3)


def test_neighbourhood_under_xla_agrees_at_sides_below_its_kernel():
    blur = {"op": "gaussian_blur", "kernel_size": 5, "sigma": 3}
    loaded = policy(blur, {"op": "sharpness", "factor": 2})
    fn = augreg.map_fn(loaded, seed=7, batched=True)
    for size in ((1, 1), (1, 4), (3, 2)):
        images = noise(2, *size, 3)
        expected = augreg.augment(images, loaded, seed=7)
        np.testing.assert_allclose(fn(np.arange(2), images), expected, atol=1e-5)


# --- ops of others that make images of another size


def _wrong(kind):
    """Ops that are right at even heights and lose a row at odd ones, which no plan can see."""

    def halves(xp, planes):
        return tuple(xp.concat([p[:, : xp.shape(p)[1] // 2]] * 2, axis=1) for p in planes)

    @augreg.op(f"acme/{kind.__name__.lower()}")
    def op(xp):
        """Repeats the upper half."""
        return kind(halves)

    return op


@pytest.mark.parametrize("p", [1, 0.5])
@pytest.mark.parametrize("kind", [augreg.Neighborhood, augreg.PixelFunction])
def test_op_that_makes_another_size_at_run_time_is_named(kind, p):
    op = _wrong(kind)
    loaded = policy({"op": op.name, "p": p}, registry=with_ops(op))
    run = _at_run_time(loaded, 3)

    assert run(1, noise(8, 6, 3)).shape == (8, 6, 3)
    for height in (7, 3, 1):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{op.name}.*of another size"):
            run(1, noise(height, 6, 3))
