"""Keras preprocessing layers, batched, in a tf.data map and as a model calls them.

Ranges are those of the policies in Keras's own units: its zoom is positive outwards (a factor f
shows 1 + f of the image), its saturation f multiplies by f / (1 - f), its contrast pair (a, b)
draws from 1 - a to 1 + b. Rescaling to 0..1 comes first, as in the tutorial: on 0..255
`RandomSaturation` clips the saturation to 255 and not to 1, and makes negative values (Keras 3.15).
"""

from typing import Any

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Contestant, Source
from benchmarks.peers.placement import batches, called, pulled

UNIT = (0.0, 1.0)


def _tutorial() -> list[Any]:
    from keras import layers

    return [layers.RandomFlip("horizontal_and_vertical"), layers.RandomRotation(0.2)]


def _geometry() -> list[Any]:
    from keras import layers

    return [
        layers.RandomFlip("horizontal"),
        layers.RandomFlip("vertical"),
        layers.RandomRotation(0.2),
        layers.RandomZoom((1 / 1.2 - 1, 1 / 0.8 - 1)),
        layers.RandomTranslation(0.2, 0.2),
    ]


def _colour() -> list[Any]:
    from keras import layers

    return [
        layers.RandomBrightness(0.2, value_range=UNIT),
        layers.RandomContrast((0.3, 0.3), value_range=UNIT),
        layers.RandomSaturation((1 / 3, 0.6), value_range=UNIT),
        layers.RandomGrayscale(0.2),
    ]


def _randaugment() -> list[Any]:
    from keras import layers

    # Keras names a share of the largest magnitude: 9 of 30.
    return [layers.RandAugment(value_range=UNIT, num_ops=2, factor=0.3)]


def stack(name: str) -> Any:
    """The policy as a `keras.Sequential`: uint8 [B,H,W,3] in, float32 in 0..1 out."""
    import keras

    recipes = {
        "tutorial_keras": _tutorial,
        "geometry": _geometry,
        "colour": _colour,
        "full": lambda: _geometry() + _colour(),
        "randaugment": _randaugment,
    }
    if name not in recipes:
        raise Skipped("Keras's RandomCrop cuts one place for the whole batch: not the same work")
    return keras.Sequential([keras.layers.Rescaling(1 / 255), *recipes[name]()])


def _in_data(source: Source) -> Runner:
    import tensorflow as tf

    layers = stack(source.case.policy)

    def augment(images: Any) -> Any:
        return layers(images, training=True)

    mapped = batches(source).map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return pulled(mapped.prefetch(2))


def _in_model(source: Source) -> Runner:
    """No XLA: one geometric layer (supports_jit=False) turns it off for a whole Keras model."""
    import tensorflow as tf

    layers = stack(source.case.policy)

    @tf.function
    def step(images: Any) -> Any:
        return layers(images, training=True)

    return called(source, lambda index, images: step(images))


CONTESTANTS = (
    Contestant("keras_data", "Keras layers in tf.data", _in_data),
    Contestant("keras_model", "Keras layers in a model", _in_model),
)
