"""Keras preprocessing layers, batched, in a tf.data map and as a model calls them.

Ranges are those of the policies in Keras's own units: its zoom is positive outwards (a factor f
shows 1 + f of the image), its saturation f multiplies by f / (1 - f), its contrast pair (a, b)
draws from 1 - a to 1 + b. Rescaling to 0..1 comes first, as in the tutorial: on 0..255
`RandomSaturation` clips the saturation to 255 and not to 1, and makes negative values (Keras 3.15).
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Source
from benchmarks.peers.placement import batches, called, parallel, pulled

UNIT = (0.0, 1.0)


def recipe(policy: str) -> list[Any]:
    """The policy's layers on float32 images in 0..1."""
    match policy:
        case "tutorial_keras":
            return [layers.RandomFlip("horizontal_and_vertical"), layers.RandomRotation(0.2)]
        case "geometry":
            return [
                layers.RandomFlip("horizontal"),
                layers.RandomFlip("vertical"),
                layers.RandomRotation(0.2),
                layers.RandomZoom((1 / 1.2 - 1, 1 / 0.8 - 1)),
                layers.RandomTranslation(0.2, 0.2),
            ]
        case "colour":
            return [
                layers.RandomBrightness(0.2, value_range=UNIT),
                layers.RandomContrast((0.3, 0.3), value_range=UNIT),
                layers.RandomSaturation((1 / 3, 0.6), value_range=UNIT),
                layers.RandomGrayscale(0.2),
            ]
        case "full":
            return recipe("geometry") + recipe("colour")
        case "randaugment":
            # Keras names a share of the largest magnitude: 9 of 30.
            return [layers.RandAugment(value_range=UNIT, num_ops=2, factor=0.3)]
    raise Skipped("Keras's RandomCrop cuts one place for the whole batch: not the same work")


def stack(policy: str) -> Any:
    """The policy as a `keras.Sequential`: uint8 [B,H,W,3] in, float32 in 0..1 out."""
    return keras.Sequential([layers.Rescaling(1 / 255), *recipe(policy)])


def pipeline(source: Source) -> Any:
    """The layers in a tf.data map of batches."""
    augment = partial(stack(source.case.policy), training=True)
    return parallel(batches(source), augment).prefetch(2)


def in_data(source: Source) -> Runner:
    return pulled(pipeline(source))


def in_model(source: Source) -> Runner:
    """No XLA: one geometric layer (supports_jit=False) turns it off for a whole Keras model."""
    step = tf.function(partial(stack(source.case.policy), training=True))
    return called(source, lambda index, images: step(images))
