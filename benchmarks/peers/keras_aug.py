"""KerasAug's layers, batched in a tf.data map: the only Keras layers whose draws are per sample.

`ColorJitter` multiplies the brightness where ours adds.
"""

from typing import Any

import keras
from keras_aug.layers import vision as V

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Source
from benchmarks.peers.placement import batches, parallel, pulled


def recipe(policy: str) -> list[Any]:
    """The policy's layers on float32 images in 0..1."""
    flips = [V.RandomFlip("horizontal"), V.RandomFlip("vertical")]
    match policy:
        case "tutorial_keras":
            return [*flips, V.RandomRotation(72, padding_mode="reflect")]
        case "geometry":
            warp = V.RandomAffine(72, (0.2, 0.2), (0.8, 1.2), padding_mode="reflect")
            return [*flips, warp]
        case "colour":
            return [V.ColorJitter(0.2, 0.3, 0.5), V.RandomGrayscale(0.2)]
        case "full":
            return recipe("geometry") + recipe("colour")
        case "randaugment":
            return [V.RandAugment(num_ops=2, magnitude=9)]
    raise Skipped(f"no equivalent of {policy} was written for KerasAug")


def in_data(source: Source) -> Runner:
    stack = keras.Sequential([V.Rescale(1 / 255), *recipe(source.case.policy)])
    return pulled(parallel(batches(source), stack).prefetch(2))
