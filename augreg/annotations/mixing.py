"""Mixing samples of a batch and their labels (mixup, cutmix), over `xp`, for both backends.

What a sample is mixed with is another sample of its batch: so these steps depend on the batch's
size and order, unlike all others. Steps are done one after another: where a policy chooses between
two, a partner may itself have been mixed by the first; its label has been then, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from augreg import families
from augreg.annotations.parts import dtype_of, is_numeric, shape_of
from augreg.errors import DataError, OpError
from augreg.lower import Lowering
from augreg.plan import MixStage, Plan, element_of
from augreg.policy import Policy, Step, walk
from augreg.xp import Array, Namespace

LABELS = "labels"


def mixing_steps(policy: Policy) -> tuple[Step, ...]:
    """The steps of a policy that mix samples of a batch, and so need batches with labels."""
    steps = (node for node in walk(policy.augment) if isinstance(node, Step))
    return tuple(step for step in steps if _mixes(policy, step))


def _mixes(policy: Policy, step: Step) -> bool:
    try:
        return isinstance(element_of(step, (None, None)), families.Mix)
    except OpError as error:
        raise policy.located(error, step.pointer) from error


def label_classes(policy: Policy) -> int | None:
    """The number of classes where a policy mixes labels; None where it does not.

    They are float32 [B, classes] then, in evaluation too: one loss serves training and validation.
    """
    for step in mixing_steps(policy):
        return int(step.arguments["classes"])
    return None


def mixes(plan: Plan) -> bool:
    """Whether a plan mixes samples."""
    return any(isinstance(stage, MixStage) for stage in plan.augment)


def lower_mix(lowering: Lowering, stage: MixStage, size: Any) -> families.Mix:
    """The stage's element; a sample that its p or its group leaves out keeps all of itself."""
    (item,) = stage.items
    xp = lowering.xp
    element: families.Mix = lowering.element(item.step, size, item.suffix)
    condition = lowering.condition(item)
    if condition is None:
        return element
    weight = xp.where(condition, element.weight, xp.ones_like(element.weight))
    box = element.box
    if box is not None:
        box = xp.where(xp.reshape(condition, (-1, 1)), box, xp.zeros_like(box))
    return replace(element, weight=weight, box=box)


def partners(xp: Namespace, drawn: Array) -> Array:
    """int32 [B]: the position in the batch of each sample's partner, for draws float32 [B]."""
    batch = xp.shape(drawn)[0]
    count, place = xp.array(batch, "int32"), xp.arange(batch)
    one = xp.ones_like(count)
    further = xp.floor(drawn * xp.cast(count - one, "float32"))
    return (place + one + xp.cast(further, "int32")) % count


def mix_images(xp: Namespace, images: Array, element: families.Mix) -> Array:
    """float32 [B,H,W,C] and its partners, blended by `weight`, or with the partner's box."""
    others = xp.take(images, partners(xp, element.partner))
    if element.box is None:
        weight = xp.reshape(element.weight, (-1, 1, 1, 1))
        return images * weight + others * (xp.array(1.0) - weight)
    _, height, width, _ = xp.shape(images)
    y = xp.reshape(xp.arange(height), (1, -1, 1, 1))
    x = xp.reshape(xp.arange(width), (1, 1, -1, 1))
    top, left, rows, columns = (xp.reshape(element.box[:, i], (-1, 1, 1, 1)) for i in range(4))
    inside = (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)
    return xp.where(inside, others, images)


def mix_labels(xp: Namespace, labels: Array, element: families.Mix) -> Array:
    """float32 [B, classes]: labels, one-hot where they were numbers, mixed with their partners'."""
    soft = one_hot(xp, labels, element.classes)
    weight = xp.reshape(element.weight, (-1, 1))
    others = xp.take(soft, partners(xp, element.partner))
    return soft * weight + others * (xp.array(1.0) - weight)


def one_hot(xp: Namespace, labels: Array, classes: int) -> Array:
    """float32 [B, classes] of class numbers [B] or [B,1]; shares [B, classes] stay as they are.

    A number that is no class gives NaN in TensorFlow, whose own checks stand elsewhere (under XLA
    nothing can stop, and a loss of NaN is seen).

    Raises:
        DataError: labels are text, or of another shape; in NumPy also where a number is no class.
    """
    if _are_shares(labels, classes):
        return xp.cast(labels, "float32")
    numbers = xp.cast(xp.reshape(labels, (-1, 1)), "float32")
    every = xp.reshape(xp.cast(xp.arange(classes), "float32"), (1, -1))
    hot = xp.cast(numbers == every, "float32")
    if xp.name == "numpy":
        if labels.size and not hot.any(axis=1).all():
            raise DataError(no_class(classes).format(labels.min(), labels.max()))
        return hot
    known = (numbers == xp.floor(numbers)) & (numbers > -1) & (numbers < classes)
    return xp.where(known, hot, xp.zeros_like(hot) + xp.array(float("nan")))


def no_class(classes: int) -> str:
    """What to say of labels that are no classes; the two `{}` are the lowest and the highest."""
    return f"labels of {{}} to {{}}; allowed are whole numbers from 0 to {classes - 1}"


def _are_shares(labels: Array, classes: int) -> bool:
    """Whether labels are shares of the classes, and not the numbers of classes."""
    allowed = f"class numbers [B], 0 to {classes - 1}, and shares [B, {classes}]"
    if not is_numeric(labels):
        raise DataError(
            f"labels of dtype {dtype_of(labels)}, in a policy that mixes them; allowed are "
            f"{allowed}: turn names into numbers, as "
            "keras.layers.StringLookup(vocabulary=names, num_oov_indices=0) does"
        )
    shape = shape_of(labels)
    if shape is None or (len(shape) == 2 and shape[1] is None):
        raise DataError(
            f"labels of unknown shape, in a policy that mixes them; allowed are {allowed}: state "
            "theirs, as tf.ensure_shape does"
        )
    if len(shape) == 1 or (len(shape) == 2 and shape[1] in (1, classes)):
        return len(shape) == 2 and shape[1] == classes
    raise DataError(f"labels of the shape {shape} can't be mixed; allowed are {allowed}")


def mix_annotations(
    lowering: Lowering, stage: MixStage, annotations: Mapping[str, Any], size: Any
) -> dict[str, Any]:
    """Batches of annotations after a mixing stage: labels, and nothing else, can be mixed."""
    if others := [key for key in annotations if key != LABELS]:
        names = ", ".join(f'"{key}"' for key in others)
        raise DataError(
            f'"{stage.items[0].step.op.name}" mixes images and labels, and the element holds '
            f"{names} too, which can't be mixed; take the step or these parts out"
        )
    element = lower_mix(lowering, stage, size)
    return {LABELS: mix_labels(lowering.xp, annotations[LABELS], element)}


def check_mixable(policy: Policy, annotations: Mapping[str, Any], unbatched: bool) -> None:
    """Raises `PolicyError` where a policy mixes, and there is no batch or there are no labels."""
    if unbatched or LABELS not in annotations:
        step = mixing_steps(policy)[0]
        found = "a single image" if unbatched else "images without labels"
        raise policy.error(
            f'"{step.op.name}" mixes the samples of a batch and their labels, found {found}; pass '
            'a batch with labels, as {"images": [B, H, W, C], "labels": [B]}, or leave the step '
            "out",
            step.pointer,
        )
