"""The form of a batch that the stage to come reads fastest."""

from __future__ import annotations

import tensorflow as tf

from augreg.backends.tensorflow import geometry
from augreg.backends.tensorflow.pixels import Pixels, pack, size_of
from augreg.backends.tensorflow.scope import Scope
from augreg.plan import AffineStage, LatticeStage, PointwiseStage, Stage


def entered(scope: Scope, images: tf.Tensor, first: Stage) -> Pixels:
    """A batch in the form that the stage reads fastest.

    Under XLA, bytes go into one integer a pixel where gathers or sums will read them.
    """
    gathers = isinstance(first, LatticeStage | AffineStage)
    sums = isinstance(first, PointwiseStage) and first.statistics
    rgb = images.dtype == tf.uint8 and images.shape[-1] == 3
    if not scope.xla or not rgb or not (gathers or sums):
        return images
    if not isinstance(first, AffineStage):
        return pack(images)
    modes = (first.fill, first.fill_value, first.interpolation)
    return pack(images, wide=True) if geometry.packs(size_of(images), *modes) else images


def packed(scope: Scope, pixels: Pixels, stage: Stage) -> Pixels:
    """`entered` behind a barrier, where it was not done before."""
    if not isinstance(pixels, tf.Tensor):
        return pixels
    return scope.kept(lambda: entered(scope, pixels, stage))
