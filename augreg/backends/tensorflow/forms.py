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
    return pack(images, isinstance(first, AffineStage)) if _packs(scope, images, first) else images


def packed(scope: Scope, pixels: Pixels, stage: Stage) -> Pixels:
    """`entered` behind a barrier, where it was not done before and changes anything."""
    if not isinstance(pixels, tf.Tensor) or not _packs(scope, pixels, stage):
        return pixels
    return scope.kept(lambda: entered(scope, pixels, stage))


def _packs(scope: Scope, images: tf.Tensor, stage: Stage) -> bool:
    if not scope.xla or images.dtype != tf.uint8 or images.shape[-1] != 3:
        return False
    if isinstance(stage, AffineStage):
        if scope.exact:
            return False
        modes = (stage.fill, stage.fill_value, stage.interpolation)
        return geometry.packs(size_of(images), *modes)
    sums = isinstance(stage, PointwiseStage) and bool(stage.statistics)
    return isinstance(stage, LatticeStage) or sums
