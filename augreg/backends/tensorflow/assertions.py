"""What can only be said of the data once it is there: checks that end the batch with a sentence.

An assertion that stands in the function that tf.data maps leaves the iterator without a state to
lose; one inside of a call of another function would not. Where XLA compiles, nothing can stop:
assertions are left out by it, and the words of their messages have no kernels. So nothing is traced
there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from augreg.annotations import mixing
from augreg.annotations.agreement import Agreement
from augreg.annotations.parts import (
    BOXES,
    FARTHEST,
    PADDED,
    Annotations,
    TargetRules,
    too_far,
)
from augreg.annotations.undeclared import Suspect
from augreg.backends.tensorflow.arrays import TENSORFLOW, map_tensors
from augreg.families import LatticeMap, Size, move_points
from augreg.policy import Policy, Step


def under_xla() -> bool:
    """Whether what is traced now will be compiled by XLA with all that is around it.

    TensorFlow says so nowhere in its public API; where a release moves it, the answer is no, and
    a compiled model fails with the name of an operation that XLA lacks.
    """
    if tf.executing_eagerly():
        return False
    try:
        from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext
    except ImportError:  # pragma: no cover
        return False
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def assert_that(condition: tf.Tensor, message: str, *found: tf.Tensor) -> Any:
    """Fails with the message, the last `{}` in it (a path may hold others) being `found`.

    None where it ran at once or, under XLA, can't run.
    """
    if under_xla() or (tf.executing_eagerly() and condition):
        return None
    parts = message.rsplit("{}", len(found)) if found else [message]
    words: list[Any] = [parts[0]]
    for tensor, rest in zip(found, parts[1:], strict=True):
        words += [_text(tensor), rest]
    return tf.debugging.Assert(condition, [tf.strings.join(words)])


def after(checks: list[Any], value: Any) -> Any:
    """The value, whose tensors can't be had before the checks (None where they ran at once)."""
    done = [check for check in checks if check is not None]
    if not done:
        return value
    with tf.control_dependencies(done):
        return map_tensors(tf.identity, value)


def _text(tensor: tf.Tensor) -> tf.Tensor:
    """A tensor's numbers with "x" between them, or the one string that it is."""
    if tensor.dtype == tf.string:
        return tensor
    values = tf.strings.as_string(tf.reshape(tensor, (-1,)), shortest=tensor.dtype.is_floating)
    return tf.strings.reduce_join(values, separator="x")


def one_each(images: tf.Tensor, index: tf.Tensor, epoch: tf.Tensor) -> list[Any]:
    """Checks of the numbers that name samples, where their shapes are not known before."""
    shapes = (images.shape[:1], index.shape, epoch.shape)
    if images.dtype == tf.string or all(shape.is_fully_defined() for shape in shapes):
        return []
    batch, checks = tf.shape(images)[0], []
    if index.shape.rank is None or None in (index.shape[0], images.shape[0]):
        size = tf.shape(index)
        text = "index of the shape ({}) for a batch of {} images; one for each image is needed"
        many = tf.equal(tf.rank(index), 1) & tf.reduce_all(size == batch)  # of no sides, all hold
        checks.append(assert_that(many, text, size, batch))
    if epoch.shape.rank != 0 and None in (images.shape[0], epoch.shape[0]):
        size = tf.size(epoch)
        text = "{} epochs for a batch of {} images; allowed are one, and one for each image"
        checks.append(assert_that((size == 1) | (size == batch), text, size, batch))
    return checks


def agree(agreements: list[Agreement]) -> list[Any]:
    """Checks of sides that are not known before."""
    checks = []
    for agreement in agreements:
        (_, one, i), (_, other, j) = agreement.one, agreement.other
        shapes = tf.shape(one), tf.shape(other)
        equal = tf.equal(shapes[0][i], shapes[1][j])
        checks.append(assert_that(equal, agreement.text("{}", "{}"), *shapes))
    return checks


def near(annotations: Annotations, rules: TargetRules) -> list[Any]:
    """Checks that relative boxes are no pixels."""
    if not rules.relative:
        return []
    checks = []
    for value in (annotations[key] for key in BOXES if key in annotations):
        boxes, labels = value["boxes"], value["labels"]
        real = tf.not_equal(labels, tf.cast(PADDED, labels.dtype))
        real = tf.reduce_any(real, axis=list(range(boxes.shape.rank - 1, real.shape.rank)))
        reach = tf.abs(tf.cast(boxes, tf.float32)) * tf.cast(real, tf.float32)[..., tf.newaxis]
        most = tf.reduce_max(tf.concat([tf.reshape(reach, (-1,)), [0.0]], 0))  # there may be none
        checks.append(assert_that(most <= FARTHEST, too_far(rules), most))
    return checks


def classes(labels: tf.Tensor, many: int) -> list[Any]:
    """Checks that labels, where they are numbers [B] or [B,1], are so many classes."""
    if labels.shape.rank == 2 and labels.shape[1] == many:
        return []
    numbers = tf.reshape(tf.cast(labels, tf.float64), (-1,))
    fine = (numbers >= 0) & (numbers < many) & (numbers == tf.floor(numbers))
    ends = tf.reduce_min(numbers), tf.reduce_max(numbers)
    return [assert_that(tf.reduce_all(fine), mixing.no_class(many), *ends)]


def smaller(suspects: list[tuple[Suspect, str]], images: tf.Tensor, unbatched: bool) -> list[Any]:
    """Checks that no part is of its images' size; each with what to say, `{}` for the size."""
    leading = images.shape.rank - 3 - unbatched
    checks = []
    for suspect, message in suspects:
        shape = tf.shape(suspect.value)[leading:]
        size, ends = tf.shape(images)[-3:-1], (shape[:2], shape[-2:])
        large = tf.constant(False)
        for pair in ends:
            wide = tf.size(pair) == 2
            large |= wide & tf.reduce_all(tf.equal(tf.pad(pair, [[0, 2]])[:2], size))
        checks.append(assert_that(~large | (tf.reduce_prod(size) == 1), message, size))
    return checks


def check_fit(
    policy: Policy, step: Step, transform: LatticeMap, size: Size, size_out: Size
) -> LatticeMap:
    """The map, which can't be had before it is seen to read inside of images of `size`.

    It has a step fail that would read outside of an image, as a crop larger than it does. Where XLA
    compiles a model around it, it leaves assertions out.
    """
    if all(isinstance(side, int) for side in size):
        return transform  # the plan knew it
    corners = [tf.zeros((1, 2), tf.int32), tf.stack([size_out[::-1]]) - 1]
    read = [move_points(TENSORFLOW, transform, corner) for corner in corners]
    low, high = tf.minimum(*read), tf.maximum(*read)
    inside = tf.reduce_all((low >= 0) & (high < tf.stack([size[::-1]])))
    text = (
        f"{step.op.name} reaches beyond an image, whose size was not known before; resize "
        "before it, or use pad_or_crop; the image has the height and width"
    )
    said = str(policy.error(text, step.pointer))
    check = tf.debugging.Assert(inside, [said, *size])
    return replace(transform, offset=after([check], tf.convert_to_tensor(transform.offset)))
