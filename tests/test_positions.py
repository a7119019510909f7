"""Where resamples read: half pixels, horizons and masks, against oracles that share no code."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy
from scipy import ndimage

import augreg
from augreg.checks import sample_key
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.xp import NUMPY

SCIPY = {"reflect": "reflect", "nearest": "nearest", "wrap": "grid-wrap", "constant": "constant"}
UINT8 = {"dtype": "uint8"}


def _every_way(loaded, images, xla=True, **parts):
    """(name, result) by the reference, XLA at a static size, and a size known at run time."""
    element = {"images": images, **parts} if parts else images
    index = np.arange(len(images))
    yield "reference", augreg.augment(element, loaded, seed=7)
    if xla:
        yield "xla", augreg.map_fn(loaded, seed=7, batched=True)(index, element)
    fn = augreg.map_fn(loaded, seed=7)
    one = tf.nest.map_structure(lambda a: a[0], element)
    spec = tf.nest.map_structure(
        lambda a: tf.TensorSpec([None] * min(a.ndim, 2) + list(a.shape[2:]), a.dtype), one
    )
    run = tf.function(lambda x: fn(0, x), input_signature=[spec], autograph=False)
    rows = tf.nest.map_structure(lambda a: a[np.newaxis], run(one))
    yield "run time", rows


# --- half pixels


@pytest.mark.parametrize("fill", SCIPY)
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 6)])
def test_nearest_at_half_pixels_reads_what_scipy_reads_and_so_do_masks(fill, size):
    """A zoom out of 2 or 4, and shifts by halves, put every position exactly between two pixels."""
    images = noise(1, *size, 3)
    modes = {"fill": fill, "interpolation": "nearest"}
    y, x = (np.arange(side, dtype=float) for side in size)
    cy, cx = ((side - 1) / 2 for side in size)
    steps = [
        ({"op": "zoom", "factor": f}, (y - cy) / f + cy, (x - cx) / f + cx) for f in (0.5, 0.25)
    ]
    steps += [
        ({"op": "shift", "x": d, "y": -d}, y + d, x - d) for d in (0.5, -0.5, 2.5, -7.5, 20.5)
    ]
    for i, (step, ys, xs) in enumerate(steps):
        xla = size == (7, 10) and i in (0, 5)  # compiling takes most of the time
        loaded = policy({**step, **modes}, output=UINT8)
        at = np.meshgrid(ys, xs, indexing="ij")
        # scipy's order=0 takes "constant" for what ends half a pixel outside, as grid-constant
        mode = "grid-constant" if fill == "constant" else SCIPY[fill]
        planes = [
            ndimage.map_coordinates(images[0, ..., c], at, order=0, mode=mode) for c in range(3)
        ]
        expected = np.stack(planes, axis=-1)
        for way, found in _every_way(loaded, images, xla, masks=images[..., 0].copy()):
            np.testing.assert_array_equal(found["images"][0], expected, err_msg=f"{step} {way}")
            np.testing.assert_array_equal(
                found["masks"][0], expected[..., 0], err_msg=f"{step} {way}"
            )


# --- nearest resizes


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_masks_read_the_columns_and_rows_that_a_nearest_resize_reads(fit):
    """Sides whose quotient is whole somewhere: TensorFlow's float32 may take the pixel below."""
    targets = [29, 98, 103]
    for side in (30, 49):
        image = np.broadcast_to(np.arange(side, dtype=np.uint8), (1, 5, side))[..., None]
        image = np.ascontiguousarray(image)
        for target in targets:
            step = {"op": "resize", "height": 9, "width": target, "method": "nearest", "fit": fit}
            for section in ("prepare", "augment"):
                loaded = augreg.load_policy({"version": 1, section: [step], "output": UINT8})
                element = {"images": image, "masks": image[..., 0].copy()}
                moved = augreg.map_fn(loaded, seed=7, batched=True)([0], element)
                plain = augreg.augment(element, loaded, seed=7)
                for found in (moved, plain):
                    np.testing.assert_array_equal(found["images"][..., 0], found["masks"])
                if fit == "stretch":
                    expected = tf.image.resize(image, (9, target), "nearest")
                    np.testing.assert_array_equal(moved["images"], expected)
                    np.testing.assert_array_equal(plain["images"], expected)


# --- horizons


def _looking(loaded, batch, size):
    """float64 [B,3,3]: what the perspective of each sample does, output to input, centred."""
    planned = plan(loaded, size=size, channels=1)
    words = Draws.make(NUMPY, planned.draws, sample_key(7, 0, np.arange(batch)))
    transform = Lowering(NUMPY, words).transform(loaded.augment[0], size)
    return transform.matrix.astype(np.float64)


@pytest.mark.parametrize("fill", ["constant", "reflect"])
def test_what_lies_behind_the_horizon_stays_there_however_far_a_perspective_is_moved(fill):
    """Against the matrix of the perspective alone, read at the places that the move came from."""
    batch, size = 60, (32, 40)
    image = noise(1, *size, 1)
    images = np.repeat(image, batch, axis=0)
    modes = {"fill": fill}
    look = {"op": "perspective", "distortion": 0.75, "id": "look", **modes}
    matrix = _looking(policy(look), batch, size)
    y, x = np.mgrid[: size[0], : size[1]]
    behind = 0.0
    for i, (right, down) in enumerate([(0, 28), (30, -20), (60, 0), (-200, 100)]):
        at = np.stack([x - 19.5 - right, y - 15.5 - down, np.ones_like(x)], axis=-1)
        read = np.einsum("bij,hwj->bhwi", matrix, at)
        behind = max(behind, (read[..., 2] < 0).mean())
        depth = np.maximum(read[..., 2], 1 / 8)
        places = np.stack([read[..., 1] / depth + 15.5, read[..., 0] / depth + 19.5], axis=1)
        mode = SCIPY[fill].replace("constant", "grid-constant")
        pixels = [
            ndimage.map_coordinates(image[0, ..., 0] / 255, p, order=1, mode=mode) for p in places
        ]
        classes = [ndimage.map_coordinates(image[0, ..., 0], p, order=0, mode=mode) for p in places]
        loaded = policy(look, {"op": "shift", "x": right, "y": down, **modes})
        for way, found in _every_way(loaded, images, i == 1, masks=images[..., 0].copy()):
            moved, masks = (np.asarray(found[key]) for key in ("images", "masks"))
            off = np.abs(moved[..., 0] - np.stack(pixels)[: len(moved)])
            assert (off > 1 / 255).mean() < 1e-3 and off.max() < 0.05, way
            assert (masks != np.stack(classes)[: len(masks)]).mean() < 2e-3, way
    assert behind > 0.1


def test_points_masks_and_pixels_of_several_perspectives_are_at_one_place():
    """An index image says which pixel is shown where; a keypoint on that pixel has to lie there."""
    height, width = 24, 30
    place = np.arange(height * width, dtype=np.int32).reshape(height, width) + 1
    y, x = np.mgrid[:height, :width]
    points = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)
    batch = 64
    modes = {"fill": "constant", "interpolation": "nearest"}
    loaded = policy(
        {"op": "perspective", "distortion": 0.7, **modes},
        {"op": "zoom", "factor": [0.4, 0.9], **modes},
        {"op": "shift", "x": [-25, 25], "y": [-25, 25], **modes},
        {"op": "perspective", "distortion": 0.7, **modes},
        output=UINT8,
    )
    pixels = np.repeat(np.stack([place % 256, place // 256, place * 0], -1)[None], batch, 0)
    element = {
        "images": pixels.astype(np.uint8),
        "masks": np.repeat(place[None], batch, 0),
        "keypoints": np.repeat(points[None], batch, 0),
    }
    moved = augreg.map_fn(loaded, seed=7, batched=True)(np.arange(batch), element)
    for found in (augreg.augment(element, loaded, seed=7), moved):
        masks, images = np.asarray(found["masks"]), np.asarray(found["images"]).astype(int)
        same = images[..., 0] + 256 * images[..., 1] == masks
        assert (~same).mean() < 0.001
        b, oy, ox = np.nonzero(masks)
        assert len(b) > 1000
        at = np.asarray(found["keypoints"])[b, masks[b, oy, ox] - 1]
        # the pixel's centre lies where it is shown, or as far off as a pixel is magnified
        off = np.abs(at - np.stack([ox, oy], axis=-1)).max(axis=-1)
        assert (off > 4).mean() < 0.01
