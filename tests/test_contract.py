"""One contract over every registered op, inside policies; `augreg.testing` checks ops alone."""

from __future__ import annotations

import numpy as np
import pytest
from samples import noise, policy

import augreg
from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.plugin import params
from augreg.plugin.registry import default_registry

# these need batches: test_mixing.py, test_mosaic.py and test_copy_paste.py
MIXING = {"cutmix", "mixup", "mosaic", "copy_paste"}
OPS = sorted(set(default_registry().ops) - MIXING)
SIZE = (160, 160)  # what every example takes
IMAGES = noise(8, *SIZE, 3)
INDEX = np.arange(8) * 1000

# What leaves an image as it is, where there is such a thing.
NEUTRAL = {
    "autocontrast": {},  # of an image that has every level
    "brightness": {"delta": 0},
    "central_crop": {"fraction": 1},
    "clip": {},
    "coarse_dropout": {"hole_height": 0},
    "contrast": {"factor": 1},
    "crop": {"height": 160, "width": 160},
    "downscale": {"scale": 1},
    "elastic": {"amount": 0},
    "enhance": {"factor": 1},
    "fog": {"density": 0},
    "gamma": {"gamma": 1},
    "gaussian_blur": {"kernel_size": 3, "sigma": 0.05},
    "gaussian_noise": {"std": 0},
    "grid_distortion": {"amount": 0},
    "grid_mask": {"ratio": 0},
    "hue": {"delta": 0},
    "iso_noise": {"luminance": 0, "hue": 0},
    "letterbox": {"height": 160, "width": 160},
    "motion_blur": {"kernel_size": 3, "length": 1},
    "optical_distortion": {"k": 0},
    "pad_or_crop": {"height": 160, "width": 160},
    "perspective": {"distortion": 0},
    "posterize": {"bits": 8},
    "rain": {"amount": 0},
    "resize": {"height": 160, "width": 160},
    "resized_crop": {"height": 160, "width": 160, "area": 1, "ratio": 1},
    "rgb_shift": {},
    "rot90": {"k": 0},
    "rotate": {"degrees": 0},
    "salt_and_pepper": {"amount": 0},
    "saturation": {"factor": 1},
    "sepia": {"strength": 0},
    "shadow": {"strength": 0},
    "sharpness": {"factor": 1},
    "shear": {},
    "shift": {},
    "shot_noise": {"scale": 0},
    "solarize": {"threshold": 1.1},
    "solarize_add": {"addition": 0},
    "tone_curve": {},
    "translate": {},
    "zoom": {"factor": 1},
}
# these always do something
WITHOUT = {
    *("channel_shuffle", "clahe", "equalize", "erase", "flip", "grayscale", "invert", "jpeg"),
    *("median_blur", "transpose"),
}
COLOURED = (
    *("channel_shuffle", "enhance", "grayscale", "hue", "iso_noise", "rgb_shift", "saturation"),
    "sepia",
)

# A step whose outcome differs from sample to sample.
DRAWN = {
    "brightness": {"delta": [-0.5, 0.5]},
    "channel_shuffle": {},
    "clahe": {"clip_limit": [1, 20]},
    "coarse_dropout": {},
    "contrast": {"factor": [0.3, 2]},
    "crop": {"height": 150, "width": 150},
    "downscale": {"scale": [0.1, 0.9]},
    "elastic": {"amount": 0.4},
    "enhance": {"factor": [0.2, 1.8]},
    "erase": {},
    "fog": {"density": [0.2, 0.6]},
    "gamma": {"gamma": [0.3, 3]},
    "gaussian_blur": {"kernel_size": 5, "sigma": [0.3, 3]},
    "gaussian_noise": {"std": [0.05, 0.2]},
    "grid_distortion": {"amount": 0.5},
    "grid_mask": {},
    "hue": {"delta": [-0.5, 0.5]},
    "iso_noise": {"luminance": [0.05, 0.2]},
    "jpeg": {"quality": [1, 99]},
    "motion_blur": {"kernel_size": 5},
    "optical_distortion": {"k": [-0.3, 1]},
    "perspective": {},
    "posterize": {"bits": [1, 8]},
    "rain": {"amount": [0.1, 0.3]},
    "resized_crop": {"height": 64, "width": 64},
    "rgb_shift": {"red": [-0.5, 0.5]},
    "rot90": {"k": [0, 3]},
    "rotate": {"degrees": [-90, 90]},
    "salt_and_pepper": {"amount": [0.05, 0.2]},
    "saturation": {"factor": [0, 3]},
    "sepia": {"strength": [0.2, 1]},
    "shadow": {"strength": [0.2, 0.6], "extent": 2},
    "sharpness": {"factor": [0, 3]},
    "shear": {"x_degrees": [-40, 40]},
    "shift": {"x": [-40, 40]},
    "shot_noise": {"scale": [0.05, 0.2]},
    "solarize": {"threshold": [0, 1]},
    "solarize_add": {"addition": [0.1, 0.9]},
    "tone_curve": {"low_y": [0, 0.3]},
    "translate": {"x": [-0.5, 0.5]},
    "zoom": {"factor": [0.5, 2]},
}


def _example(name, **more):
    return {"op": name, **default_registry().ops[name].example, **more}


def _run(step, index=INDEX, seed=7, epoch=0, images=IMAGES):
    images = images[: len(np.atleast_1d(index))]
    return augreg.augment(images, policy(step), seed=seed, index=index, epoch=epoch)


def test_every_op_is_in_the_tables():
    drawn = {
        name
        for name, op in default_registry().ops.items()
        if name in OPS and any(not spec.static for spec in op.params.values())
    }

    assert set(NEUTRAL) | WITHOUT == set(OPS)
    assert set(DRAWN) == drawn


@pytest.mark.parametrize("name", OPS)
def test_op_says_what_it_does(name):
    op = default_registry().ops[name]

    assert op.summary.endswith((".", "B.", ":")) and len(op.summary) <= 100
    assert op.version >= 1
    for key, spec in op.settable.items():
        assert key in op.doc or not isinstance(spec, params.Range) or spec.static


@pytest.mark.parametrize("name", OPS)
def test_shape_and_dtype_are_as_planned(name):
    loaded = policy(_example(name, p=1))
    planned = plan(loaded, size=SIZE)

    found = _run(_example(name, p=1))

    assert found.shape == (8, *planned.size_out, planned.channels_out)
    assert found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_neutral_arguments_leave_the_image(name):
    found = _run({"op": name, **NEUTRAL[name]})

    np.testing.assert_allclose(found, IMAGES * np.float32(1 / 255), atol=1e-5)


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_op_without_neutral_arguments_does_something(name):
    dark = IMAGES // 3
    assert not np.allclose(_run(_example(name, p=1), images=dark), dark / 255, atol=0.1)


@pytest.mark.parametrize("name", OPS)
def test_sample_depends_on_seed_epoch_and_index_and_not_on_its_batch(name):
    step = {"op": name, **DRAWN.get(name, _example(name))}
    together = _run(step)

    np.testing.assert_array_equal(together, _run(step))
    for b in (0, 5):
        alone = augreg.augment(IMAGES[b : b + 1], policy(step), seed=7, index=INDEX[b : b + 1])
        np.testing.assert_array_equal(together[b], alone[0])
    order = np.random.default_rng(1).permutation(8)
    shuffled = augreg.augment(IMAGES[order], policy(step), seed=7, index=INDEX[order])
    np.testing.assert_array_equal(shuffled, together[order])


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_drawn_arguments_differ_between_samples_epochs_and_seeds(name):
    step = {"op": name, **DRAWN[name]}
    same = np.repeat(IMAGES[:1], 8, axis=0)
    first = _run(step, images=same)

    distinct = {first[b].tobytes() for b in range(8)}
    few = name in ("channel_shuffle", "clahe", "posterize", "rot90")  # whose arguments are whole
    assert len(distinct) >= (2 if few else 7)
    assert not np.array_equal(first, _run(step, images=same, epoch=1))
    assert not np.array_equal(first, _run(step, images=same, seed=8))


@pytest.mark.parametrize("name", OPS)
def test_p_chooses_between_the_op_and_the_image(name):
    """Of a step that keeps size and channels; others take no p below 1."""
    step = {"op": name, **NEUTRAL.get(name, {}), **DRAWN.get(name, {})}
    if name in ("crop", "resize", "resized_crop", "central_crop", "letterbox", "pad_or_crop"):
        step.update({"height": 9, "width": 9} if name != "central_crop" else {"fraction": 0.5})
        with pytest.raises(PolicyError, match=r"/augment/0: .* takes .p. below 1"):
            _run({**step, "p": 0.5})
        return
    always, sometimes = _run({**step, "id": "x"}), _run({**step, "id": "x", "p": 0.5})
    original = IMAGES * np.float32(1 / 255)

    done = np.array([np.allclose(sometimes[b], always[b], atol=1e-6) for b in range(8)])
    left = np.array([np.allclose(sometimes[b], original[b], atol=1e-6) for b in range(8)])
    assert (done | left).all()
    assert done.any() and left.any()
    np.testing.assert_allclose(_run({**step, "p": 0}), original, atol=1e-6)


@pytest.mark.parametrize("name", OPS)
def test_ends_of_every_range_give_finite_pixels(name):
    op = default_registry().ops[name]
    ends = {
        key: {"choice": [spec.lo, spec.hi]}
        for key, spec in op.settable.items()
        if isinstance(spec, params.Range) and not spec.static
    }

    found = _run(_example(name, p=1, **ends))

    assert np.isfinite(found).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
@pytest.mark.parametrize("name", OPS)
def test_fault_31_32_op_works_on_thin_images_or_the_plan_refuses(name, size):
    images = noise(2, *size, 3)
    if name == "crop":  # of 150x150
        with pytest.raises(PolicyError, match=r"^/augment/0/(height|width): a crop .* is larger"):
            plan(policy(_example(name)), size=size)
        return
    planned = plan(policy(_example(name, p=1)), size=size)
    found = augreg.augment(images, policy(_example(name, p=1)), seed=7)
    assert found.shape[1:3] == planned.size_out
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", OPS)
def test_grey_image_is_taken_or_refused(name):
    gray = IMAGES[..., :1]
    if default_registry().ops[name].gray:
        assert _run(_example(name, p=1), images=gray).shape[-1] == 1
    else:
        assert name in COLOURED
        with pytest.raises(PolicyError, match="needs three channels, and the image has one here"):
            _run(_example(name, p=1), images=gray)


@pytest.mark.parametrize("name", OPS)
def test_uint8_and_float_images_give_the_same(name):
    step = {"op": name, **DRAWN.get(name, _example(name, p=1))}
    floats = IMAGES * np.float32(1 / 255)

    np.testing.assert_allclose(_run(step, images=floats), _run(step), atol=2e-6)
    wide = IMAGES.astype(np.float32) / 127.5 - 1
    found = augreg.augment(wide, policy(step), seed=7, index=INDEX, input_range=(-1, 1))
    np.testing.assert_allclose(found, _run(step), atol=1e-5)
