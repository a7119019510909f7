"""The twin of a plan's checks of sizes, for sizes that only the data shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import tensorflow as tf

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.assertions import after
from augreg.families import LatticeMap, Size, move_points
from augreg.policy import Policy, Step


@dataclass(frozen=True)
class Fits:
    """Has a step fail that would read outside of an image, as a crop larger than it does.

    Where XLA compiles a model around it, it leaves assertions out.
    """

    policy: Policy

    def __call__(self, step: Step, element: LatticeMap, size: Size, size_out: Size) -> LatticeMap:
        """The map, which can't be had before it is seen to read inside of images of `size`."""
        if all(isinstance(side, int) for side in size):
            return element  # the plan knew it
        corners = [tf.zeros((1, 2), tf.int32), tf.stack([size_out[::-1]]) - 1]
        read = [move_points(TENSORFLOW, element, corner) for corner in corners]
        low, high = tf.minimum(*read), tf.maximum(*read)
        inside = tf.reduce_all((low >= 0) & (high < tf.stack([size[::-1]])))
        text = (
            f"{step.op.name} reaches beyond an image, whose size was not known before; resize "
            "before it, or use pad_or_crop; the image has the height and width"
        )
        said = str(self.policy.error(text, step.pointer))
        check = tf.debugging.Assert(inside, [said, *size])
        return replace(element, offset=after([check], tf.convert_to_tensor(element.offset)))
