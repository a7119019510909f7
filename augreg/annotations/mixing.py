"""The labels of policies that mix samples (mixup, cutmix): what they may be, and mixing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augreg.annotations.parts import LABELS, dtype_of, is_numeric, shape_of
from augreg.errors import DataError, OpError
from augreg.families import Mix, MixStage, element_of
from augreg.families.mix import partners
from augreg.lower import Lowering
from augreg.policy import Policy, Step, steps_in
from augreg.xp import Array, Namespace


def mixing_steps(policy: Policy) -> tuple[Step, ...]:
    """The steps of a policy that mix samples of a batch, and so need batches with labels."""
    found = []
    for step in steps_in(policy.augment):
        try:
            if isinstance(element_of(step, (None, None)), Mix):
                found.append(step)
        except OpError as error:
            raise policy.located(error, step.pointer) from error
    return tuple(found)


def label_classes(policy: Policy) -> int | None:
    """The number of classes where a policy mixes labels; None where it does not.

    They are float32 [B, classes] then, in evaluation too: one loss serves training and validation.
    """
    steps = mixing_steps(policy)
    return int(steps[0].arguments["classes"]) if steps else None


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
    """Batches of annotations after a mixing stage: labels, and nothing else, can be mixed.

    Returns:
        "labels": float32 [B, classes], one-hot where they were numbers, mixed with their partners'.
    """
    if others := [key for key in annotations if key != LABELS]:
        names = ", ".join(f'"{key}"' for key in others)
        raise DataError(
            f'"{stage.items[0].step.op.name}" mixes images and labels, and the element holds '
            f"{names} too, which can't be mixed; take the step or these parts out"
        )
    xp, element = lowering.xp, stage.lower(lowering, size)
    soft = one_hot(xp, annotations[LABELS], element.classes)
    weight = xp.reshape(element.weight, (-1, 1))
    others = xp.take(soft, partners(xp, element.partner))
    return {LABELS: soft * weight + others * (xp.array(1.0) - weight)}


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
