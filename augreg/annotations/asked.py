"""What steps ask of annotations: whether a label is one of theirs, and which boxes to keep."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import Any

from augreg.annotations.parts import BOXES, FRAMES, LABELS, Annotations
from augreg.annotations.points import has_area
from augreg.checks import dtype_of, is_numeric, shape_of
from augreg.errors import DataError
from augreg.lower import Answers
from augreg.lower.choices import WHEN
from augreg.policy import Group, Node, Policy, Step, walk
from augreg.policy.chance import Label
from augreg.random import generator
from augreg.xp import Array, Namespace

_REMEDY = "; or leave it out"


def check_asked(policy: Policy, nodes: tuple[Node, ...], found: Annotations, several: bool) -> None:
    """Raises `PolicyError` where steps ask for what elements do not hold.

    several: the images are frames, of which each would be cropped elsewhere.
    """
    boxed = any(key in found for key in BOXES)
    for node in walk(nodes):
        if node.labels is not None and not (LABELS in found or boxed):
            raise policy.error(
                '"when" asks for the labels of the samples, found images without labels; pass '
                '(image, label), or {"images": ..., "labels": ...}' + _REMEDY,
                f"{node.pointer}/when",
            )
        if isinstance(node, Step) and node.keeps is not None and several:
            raise policy.error(
                f'"{node.op.name}" keeps boxes, found "{FRAMES}", whose boxes may be anywhere; '
                'pass "images"' + _REMEDY,
                f"{node.pointer}/{node.keeps[0]}",
            )
        if isinstance(node, Step) and node.keeps is not None and not boxed:
            raise policy.error(
                f'"{node.op.name}" keeps boxes, found images without boxes; pass {{"images": ..., '
                '"boxes": {"boxes": [N, 4], "labels": [N]}} and bounding_box_format' + _REMEDY,
                f"{node.pointer}/{node.keeps[0]}",
            )


def asks(node: Node) -> str | None:
    """By which of its keys a step or a group asks something of annotations; None: it does not."""
    kept = node.keeps[0] if isinstance(node, Step) and node.keeps else None
    return kept if node.labels is None else "when"


def check_asks_nothing(policy: Policy) -> None:
    """Raises `PolicyError` for steps that ask, where images are augmented without annotations."""
    for node in walk(policy.nodes(True, ("prepare", "augment"))):
        if (name := asks(node)) is not None:
            raise policy.error(
                f'"{name}" asks for what belongs to an image, and here images are augmented '
                "without it; augment_dataset, map_fn and the layer look at it, or leave it out",
                f"{node.pointer}/{name}",
            )


def unasked(policy: Policy, found: Container[str] = ()) -> Policy:
    """The policy as it does for images whose annotations are `found`, asking for no others.

    Without boxes it keeps none; without boxes and labels its steps are for all labels.
    """
    if any(key in found for key in BOXES):
        return policy

    def plain(node: Node) -> Node:
        labels = node.labels if LABELS in found else None
        if isinstance(node, Group):
            return replace(node, labels=labels, branches=tuple(map(plain, node.branches)))
        kept = {} if node.keeps is None else {node.keeps[0]: None}
        return replace(node, labels=labels, arguments={**node.arguments, **kept})

    train, evaluation, augment = (
        tuple(map(plain, nodes))
        for nodes in (policy.prepare_train, policy.prepare_eval, policy.augment)
    )
    return replace(policy, prepare_train=train, prepare_eval=evaluation, augment=augment)


# --- labels -------------------------------------------------------------------------------------


def for_labels(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The steps and groups with a "when"."""
    return tuple(node for node in walk(nodes) if node.labels is not None)


def label_answers(xp: Namespace, nodes: tuple[Node, ...], found: Annotations) -> Answers:
    """Whether each sample is one that steps and groups with a "when" are for: bool [B] of each.

    found: batches of annotations, as they came. The labels of images decide; where there are none,
    those of boxes, of which one is enough.

    Raises:
        DataError: labels are of another kind than a policy names, or of no shape that it knows.
    """
    return {(node.path, WHEN): _any_of(xp, found, node) for node in nodes}


def _any_of(xp: Namespace, found: Annotations, node: Node) -> Array:
    """bool [B]: the samples with one of the node's labels."""
    wanted, labels = node.labels or (), found.get(LABELS)
    if labels is None:
        labels = next(found[key]["labels"] for key in BOXES if key in found)
    else:
        shape = shape_of(labels)
        if shape is None or len(shape) not in (1, 2):
            found_shape = "unknown shape" if shape is None else f"the shape {shape}"
            raise DataError(
                f'labels of {found_shape}, and {node.pointer} has a "when"; allowed are [B] and '
                "[B, classes]"
            )
        if len(shape) == 2 and shape[1] != 1:
            return _shares(xp, labels, wanted, node)
        labels = xp.reshape(labels, (-1,))
    return _of_any(xp, [_equal(xp, labels, one, node) for one in wanted])


def _of_any(xp: Namespace, hits: Sequence[Array]) -> Array:
    """bool [B]: whether there is any in arrays [B, ...]."""
    together = xp.cast(xp.stack(hits, axis=-1), "int32")
    return xp.max(together, axis=tuple(range(1, len(xp.shape(together))))) > 0


def _equal(xp: Namespace, labels: Array, wanted: Label, node: Node) -> Array:
    if is_numeric(labels) == isinstance(wanted, str):
        kind = "a name" if isinstance(wanted, str) else "a number"
        raise DataError(
            f'labels of dtype {dtype_of(labels)}, and "when" of {node.pointer} asks for {kind}, '
            f"{wanted!r}; write the labels as the data has them"
        )
    if not isinstance(wanted, str):
        return labels == xp.cast(xp.array(wanted, "int32"), dtype_of(labels))
    return labels == (wanted.encode() if getattr(labels.dtype, "kind", "U") == "S" else wanted)


def _shares(xp: Namespace, labels: Array, wanted: Iterable[Any], node: Node) -> Array:
    """bool [B]: of shares or truths [B, classes], whether half of a sample is of these classes."""
    count = xp.shape(labels)[1]
    if not is_numeric(labels) or any(isinstance(one, str) for one in wanted):
        raise DataError(
            f'labels [B, classes] of dtype {dtype_of(labels)}, and "when" of {node.pointer} asks '
            "for names; allowed are the numbers of classes, 0 and up"
        )
    for one in wanted:
        if isinstance(count, int) and not 0 <= one < count:
            raise DataError(
                f'"when" of {node.pointer} asks for class {one}, and labels have {count} classes'
            )
    return _of_any(xp, [xp.cast(labels[:, one], "float32") >= xp.array(0.5) for one in wanted])


# --- boxes --------------------------------------------------------------------------------------


def kept_box(xp: Namespace, boxes: Array, words: Any) -> Array:
    """float32 [B,4]: what is to be kept of boxes [B,N,4], in whole pixels, as `KeepBoxes` says.

    words: the draw of which box, where any will do; None: all.
    """
    there = has_area(xp, boxes)
    if words is not None:
        rank = xp.cumsum(xp.cast(there, "int32")) - 1
        count = xp.sum(xp.cast(there, "int32"), axis=1)
        drawn = generator.uniform(xp, words[0]) * xp.cast(count, "float32")
        picked = xp.minimum(xp.cast(xp.floor(drawn), "int32"), count - 1)
        there = there & (rank == xp.reshape(picked, (-1, 1)))
    far = xp.array(float("inf"), "float64")
    wide, there = xp.zeros_like(boxes) + far, there[..., None]
    low = xp.min(xp.where(there, boxes, wide), axis=1)[:, :2]
    high = xp.max(xp.where(there, boxes, -wide), axis=1)[:, 2:]
    # in float64: an edge that float32 rounds inwards would be cut off
    return xp.cast(xp.concat([xp.floor(low), -xp.floor(-high)], axis=-1), "float32")
