"""Statistics of images in each form that pixels have, beside NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from augreg.backends.tensorflow.batch import Planar, pack
from augreg.backends.tensorflow.statistics import statistics

RNG = np.random.default_rng(0)
NAMES = ("mean", "min", "max")
FORMS = {
    "bytes": lambda images: images,
    "floats": lambda images: tf.cast(images, tf.float32) / 255,
    "planes": lambda images: Planar(tuple(tf.unstack(tf.cast(images, tf.float32) / 255, axis=-1))),
    "packed": pack,
    "packed wide": lambda images: pack(images, wide=True),
}


def _expected(images: np.ndarray) -> dict[str, np.ndarray]:
    unit = images / 255.0
    return {name: getattr(np, name)(unit, axis=(1, 2)) for name in NAMES}


@pytest.mark.parametrize("height", [1, 7, 8, 30, 67])  # fewer than the slabs, all, and some left
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("xla", [False, True])
def test_statistics_are_those_of_numpy(form, height, xla):
    images = RNG.integers(0, 256, (3, height, 5, 3), dtype=np.uint8)
    images[0, -1] = 0  # an end that only the last row has
    images[1, -1] = 255

    @tf.function(jit_compile=xla, autograph=False)
    def found(images):
        return statistics(FORMS[form](images), NAMES)

    for name, expected in _expected(images).items():
        np.testing.assert_allclose(found(images)[name], expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_statistics_of_interleaved_bytes_are_each_channels_own(channels):
    images = RNG.integers(0, 256, (2, 9, 6, channels), dtype=np.uint8)
    for name, expected in _expected(images).items():
        np.testing.assert_allclose(statistics(tf.constant(images), (name,))[name], expected, 1e-6)


@pytest.mark.parametrize("shape", [(11, 6), (1000, 1500)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_statistics_of_images_whose_size_is_known_when_a_program_runs(shape, dtype):
    images = RNG.integers(180, 256, (1, *shape, 3), dtype=np.uint8)
    given = images if dtype == np.uint8 else np.float32(images / 255)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], dtype)])
    def found(images):
        return statistics(images, NAMES)

    for name, expected in _expected(images).items():
        np.testing.assert_allclose(found(given)[name], expected, rtol=1e-5, err_msg=name)
