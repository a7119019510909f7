"""What comes with samples that a policy mixes (mixup, cutmix): what it may be, and mixing it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from augreg.annotations.parts import (
    BOXES,
    FRAMES,
    FROM_MASK,
    IMAGES,
    KEYPOINTS,
    LABELS,
    MASKS,
    Annotations,
    TargetRules,
    each,
)
from augreg.annotations.points import SHAPES, Targets, clipped_to, has_area
from augreg.checks import dtype_of, is_numeric, shape_of
from augreg.errors import DataError, OpError
from augreg.families import Paste, PasteStage, Size, Stage, transform_of
from augreg.families.mix import partners
from augreg.families.pasted import Pasted
from augreg.lower import Lowering
from augreg.policy import Policy, Step, steps_in
from augreg.xp import Array, Namespace


@lru_cache  # asked for at each call of a map function
def mixing_steps(policy: Policy) -> tuple[Step, ...]:
    """The steps of a policy that mix samples, and so need batches."""
    found = []
    for step in steps_in(policy.augment):
        try:
            if transform_of(step, (None, None)).reads_others:
                found.append(step)
        except OpError as error:
            raise policy.located(error, step.pointer) from error
    return tuple(found)


def pastes(policy: Policy) -> bool:
    """Whether a step pastes objects, and so needs boxes and masks."""
    return any(map(_pastes, mixing_steps(policy)))


@lru_cache
def _pastes(step: Step) -> bool:
    return isinstance(transform_of(step, (None, None)), Paste)


def label_classes(policy: Policy) -> int | None:
    """The number of classes where a policy mixes labels; None where it does not.

    They are float32 [B, classes] then, in evaluation too: one loss serves training and validation.
    """
    stated = [s.arguments["classes"] for s in mixing_steps(policy) if "classes" in s.arguments]
    return int(stated[0]) if stated else None


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


def check_mixable(
    policy: Policy, annotations: Annotations, rules: TargetRules, unbatched: bool
) -> None:
    """Raises `PolicyError` where a policy mixes, and there is no batch or nothing to mix.

    Or there are labels of whole images, and a step that mixes none.
    """
    steps = mixing_steps(policy)
    step = steps[0]
    known = any(key in (LABELS, *BOXES) or rules.is_mask(key) for key in annotations)
    if unbatched or (label_classes(policy) is not None and not known):
        found = "a single image" if unbatched else "images without labels"
        raise policy.error(
            f'"{step.op.name}" mixes the samples of a batch, found {found}; pass a batch with '
            'labels, as {"images": [B, H, W, C], "labels": [B]}, with boxes or with masks, or '
            "leave the step out",
            step.pointer,
        )
    for step in steps:
        if _pastes(step) and not any(key in annotations for key in MASKS):
            raise policy.error(
                f'"{step.op.name}" cuts objects out by their masks, found images without masks; '
                "pass boxes and masks that say which pixels are each box's own, or leave it out",
                step.pointer,
            )
        if LABELS in annotations and "classes" not in step.arguments:
            raise policy.error(
                f'"{step.op.name}" puts several samples into one image, which then has no one '
                'label, found labels of images; use "cutmix", which mixes them, or pass boxes or '
                "masks instead (parts= says what a tuple's parts are)",
                step.pointer,
            )


def refuse_frames(policy: Policy) -> None:
    """Raises `PolicyError` where a policy mixes samples: partners are images, not frames."""
    for step in mixing_steps(policy):
        raise policy.error(
            f'"{step.op.name}" mixes samples, found "{FRAMES}"; pass "{IMAGES}", or leave the step '
            "out",
            step.pointer,
        )


def mix_labels(lowering: Lowering, stage: Stage, labels: Array, size: Size) -> Array:
    """float32 [B, classes] after a stage that reads others; `labels`: see `one_hot`."""
    xp, mix = lowering.xp, stage.lower(lowering, size)
    soft = one_hot(xp, labels, mix.classes)
    weight = xp.reshape(mix.weight, (-1, 1))
    others = xp.take(soft, partners(xp, mix.partner))
    return soft * weight + others * (xp.array(1.0) - weight)


# --- masks, boxes and keypoints -----------------------------------------------------------------


def check_targets(stage: Stage, annotations: Annotations, rules: TargetRules) -> None:
    """Raises `DataError` for keypoints and rules that have no meaning once samples are mixed."""
    where = f'{stage.pointer}: "{stage.items[0].step.op.name}" puts samples together'
    boxed = any(key in annotations for key in BOXES)
    points = [key for key in KEYPOINTS if key in annotations]
    if points and not (boxed and len(shape_of(annotations[points[0]]) or ()) == 4):
        raise DataError(
            f'{where}, and only a box can say which "{points[0]}" are there: allowed are [N, K, 2] '
            "or more columns beside boxes [N, 4], K points for each box; take the step or the "
            "keypoints out"
        )
    if isinstance(stage, PasteStage):
        masked = any(key in annotations for key in MASKS)
        if not (boxed and masked and rules.box_from == FROM_MASK):
            raise DataError(
                f"{where} by their masks: it takes boxes, masks that say which pixels are each "
                f'box\'s own, and box_from="{FROM_MASK}"; pass them, or take the step out'
            )
    elif boxed and rules.box_from == FROM_MASK:
        raise DataError(
            f'{where}, whose masks number their boxes alike: box_from="{FROM_MASK}" can\'t tell '
            f"them apart; allowed are {' and '.join(SHAPES)}"
        )


def mix_targets(lowering: Lowering, stage: Stage, state: Targets, size: Size) -> Targets:
    """The targets after a stage that reads others: boxes of all that an image shows, in a row.

    Boxes [B,N] become [B,2N] where images show two samples, their points with them. Those of parts
    that a sample does not show have no area.
    """
    xp, lowered = lowering.xp, stage.lower(lowering, size)
    masks = {}
    for name, mask in state.masks.items():
        masks[name] = stage.mix_masks(xp, mask, lowered)
        if masks[name] is None:
            what = "masks" if name in MASKS else f'"{name}"'
            raise DataError(
                f'{stage.pointer}: "{stage.items[0].step.op.name}" blends images, and the element '
                f"holds {what}, which can't be mixed: a blended pixel has no one class; use "
                "cutmix, or leave the step or the part out"
            )
    state = replace(state, masks=masks)
    if state.boxes is None:
        return state
    state = numbered_rows(xp, state)
    parts = [_shown(xp, state, pasted) for pasted in stage.pasted(xp, lowered, size)]
    return replace(
        state,
        **{name: xp.concat([part[name] for part in parts], axis=1) for name in parts[0]},
    )


def numbered_rows(xp: Namespace, state: Targets) -> Targets:
    """The targets with rows, and with whether points are mirrored for each box."""
    batch, count = xp.shape(state.boxes)[:2]
    if state.rows is None:
        state = replace(state, rows=xp.reshape(xp.arange(batch * count), (batch, count)))
    if state.mirrored is not None:
        state = replace(state, mirrored=xp.broadcast_to(state.mirrored, (batch, count)))
    return state


def of_boxes(state: Targets) -> dict[str, Array]:
    """What belongs to boxes, by its name in `Targets`."""
    names = ("boxes", "corners", "visible_fraction", "rows", "points", "mirrored")
    parts = {name: getattr(state, name) for name in names}
    return {name: part for name, part in parts.items() if part is not None}


def _shown(xp: Namespace, state: Targets, pasted: Pasted) -> dict[str, Array]:
    """Boxes, and what belongs to them, of the samples that parts of new images show."""
    taken = {name: xp.take(part, pasted.owner) for name, part in of_boxes(state).items()}
    boxes = taken["boxes"]
    if pasted.offset is not None:
        offset = xp.reshape(pasted.offset, (-1, 1, 2))
        boxes = boxes + xp.concat([offset, offset], axis=-1)
        if "points" in taken:
            taken["points"] = taken["points"] + offset
        if "corners" in taken:
            taken["corners"] = taken["corners"] + offset[:, None]
    window = xp.reshape(pasted.window, (-1, 1, 4))
    boxes, left = clipped_to(xp, boxes, window, taken["visible_fraction"])
    if pasted.hole is not None:
        hole = xp.reshape(pasted.hole, (-1, 1, 4))
        _, hidden = clipped_to(xp, boxes, hole, xp.ones_like(left))
        left = left * (1.0 - hidden)
    seen = has_area(xp, boxes)[..., None]
    return {
        **taken,
        "boxes": xp.where(seen, boxes, xp.zeros_like(boxes)),
        "visible_fraction": left,
    }


def of_rows(xp: Namespace, annotations: Annotations, rows: Array) -> dict[str, Any]:
    """Annotations as they came, with all that belongs to boxes taken by `Targets.rows`."""

    def taken(part: Array) -> Array:
        shape = xp.shape(part)
        if len(shape) < 2:
            return part
        return xp.take(xp.reshape(part, (shape[0] * shape[1], *shape[2:])), rows)

    belongs = (*BOXES, *KEYPOINTS)
    return {**annotations, **each(taken, {k: v for k, v in annotations.items() if k in belongs})}
