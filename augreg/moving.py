"""Moves an element's annotations along a plan: the same walk for both backends, beside the pixels.

Nothing here reads a pixel. Each geometric stage is lowered once more, on its tiny arrays, so that
running a policy on images alone costs nothing for it.

Boxes are moved by their four corners, stage by stage: the tight box of the moved corners, clipped
to the image. What a box keeps of its area is multiplied up over a section (prepare, augment); at
the section's end a box that keeps less than `min_visible`, or nothing at all, is dropped: its class
is -1 and its coordinates are 0, Keras's padding, so that the number of boxes stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from augreg import mixing, targets
from augreg.boxes import check_format, from_edges, to_edges
from augreg.errors import DataError
from augreg.lower import Draws, Lowering
from augreg.plan import (
    AffineStage,
    BranchStage,
    LatticeStage,
    MixStage,
    Plan,
    ResizeStage,
    Stage,
)
from augreg.targets import Move, Size, Targets
from augreg.xp import Array, Namespace

MASKS = ("masks", "segmentation_masks")  # the second is Keras's own name
BOXES = ("boxes", "bounding_boxes")
KEYPOINTS = ("keypoints",)
LABELS = "labels"
PADDED = -1  # the class of a box that is none
MIN_VISIBLE = 0.1
Annotations = Mapping[str, Any]


@dataclass(frozen=True)
class BoxRules:
    """How boxes are written, and how much of one has to be left.

    Attributes:
        format: one of `augreg.boxes.FORMATS`; None where elements hold no boxes.
        min_visible: 0..1, the share of its moved area that a box has to keep inside of the image.
    """

    format: str | None = None
    min_visible: float = MIN_VISIBLE

    def __post_init__(self) -> None:
        if self.format is not None:
            object.__setattr__(self, "format", check_format(self.format))
        if not 0 <= self.min_visible <= 1:
            raise ValueError(f"min_visible has to be in 0 to 1, found {self.min_visible}")


def annotations_of(element: Any, plan_mixes: bool) -> dict[str, Any]:
    """The parts of a dict element that move with its image; labels where the plan mixes them."""
    keys = (*MASKS, *BOXES, *KEYPOINTS, *([LABELS] if plan_mixes else []))
    if isinstance(element, dict):
        return {key: element[key] for key in keys if key in element}
    if plan_mixes and isinstance(element, tuple | list) and len(element) > 1:
        return {LABELS: element[1]}
    return {}


def with_annotations(element: Any, moved: Annotations) -> Any:
    """The element with what moved in place of what was."""
    if isinstance(element, dict):
        return {**element, **moved}
    if LABELS in moved:
        return (element[0], moved[LABELS], *element[2:])
    return element


def each(function: Callable[[Any], Any], annotations: Annotations) -> dict[str, Any]:
    """`function` of every array, those in nested dicts too."""
    return {
        key: each(function, value) if isinstance(value, dict) else function(value)
        for key, value in annotations.items()
    }


def check_annotations(annotations: Annotations, size: Size, rules: BoxRules) -> None:
    """Raises `DataError` for batches of annotations that can't belong to images of `size`."""
    for names in (MASKS, BOXES):
        if all(name in annotations for name in names):
            raise DataError(f'an element holds "{names[0]}" and "{names[1]}", which mean the same')
    for key, value in annotations.items():
        if key in BOXES:
            _check_boxes(key, value, rules)
        elif key in MASKS:
            shape = tuple(value.shape)
            pairs = zip(shape[1:3], size, strict=False)
            if len(shape) not in (3, 4) or any(_differ(one, other) for one, other in pairs):
                raise DataError(
                    f'"{key}" of the shape {shape} with images of {size[0]}x{size[1]}; allowed are '
                    "[H, W] and [H, W, 1] of the image's own size"
                )
        elif key in KEYPOINTS and (len(value.shape) < 3 or (value.shape[-1] or 0) < 2):
            raise DataError(
                f'"{key}" of the shape {tuple(value.shape)}; allowed is [N, 2], x and y, with a '
                "batch's dimension in front where images have one"
            )


def _check_boxes(key: str, value: Any, rules: BoxRules) -> None:
    check_format(rules.format)
    if not isinstance(value, dict) or not {"boxes", "labels"} <= set(value):
        raise DataError(
            f'"{key}" has to be a dict {{"boxes": [N, 4], "labels": [N]}}, padded with class '
            f"{PADDED}; found {type(value).__name__}"
        )
    if _dtype(value["labels"]).startswith("u"):
        raise DataError(
            f'"{key}" with labels of dtype {_dtype(value["labels"])}; allowed are signed integers '
            f"and floats, because a dropped box has class {PADDED}"
        )
    shape = tuple(value["boxes"].shape)
    if len(shape) != 3 or shape[-1] not in (4, None):
        raise DataError(
            f'"{key}" with boxes of the shape {shape}; allowed is [N, 4], with a batch\'s '
            "dimension in front where images have one"
        )


def _differ(one: Any, other: Any) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one != other


def move_annotations(
    xp: Namespace,
    plan: Plan,
    draws: Draws,
    annotations: Annotations,
    size: Size,
    rules: BoxRules,
) -> dict[str, Any]:
    """Batches of annotations after a plan's stages, for images of `size` (ints or scalars)."""
    walker = _Walker(Lowering(xp, draws), rules)
    result = dict(annotations)
    for stages in (plan.prepare, plan.augment):
        result, size = walker.section(stages, result, size)
    return result


def moves(plan: Plan) -> bool:
    """Whether any stage moves or mixes annotations."""
    return any(_moves(stage) for stage in (*plan.prepare, *plan.augment))


def _moves(stage: Stage) -> bool:
    inner = (one for branch in getattr(stage, "branches", ()) for one in branch)
    geometric = isinstance(stage, LatticeStage | AffineStage | ResizeStage | MixStage)
    return geometric or any(map(_moves, inner))


@dataclass(frozen=True)
class _Walker:
    lowering: Lowering
    rules: BoxRules

    def section(
        self, stages: tuple[Stage, ...], annotations: dict[str, Any], size: Size
    ) -> tuple[dict[str, Any], Size]:
        """The annotations after a section, and the size then."""
        for stage in stages:
            if isinstance(stage, MixStage):
                annotations = mixing.mix_annotations(self.lowering, stage, annotations, size)
        geometric = any(_moves(stage) and not isinstance(stage, MixStage) for stage in stages)
        if not geometric or not any(key != LABELS for key in annotations):
            for stage in stages:
                size = self.size_after(stage, size)
            return annotations, size
        state = self.opened(annotations, size)
        state, size = self.stages(stages, state, size)
        return self.closed(annotations, state, size), size

    def stages(self, stages: tuple[Stage, ...], state: Targets, size: Size) -> tuple[Targets, Size]:
        for stage in stages:
            after = self.size_after(stage, size)
            state, size = self.stage(stage, state, size, after), after
        return state, size

    def stage(self, stage: Stage, state: Targets, size: Size, after: Size) -> Targets:
        if isinstance(stage, BranchStage):
            return self.branches(stage, state, size)
        if _moves(stage) and hasattr(stage, "branches"):
            raise DataError(
                f"{stage.items[0].node.pointer}: blends several warps of one image, so that its "
                "masks, boxes and keypoints have no one place; take the warps or these parts out"
            )
        move = self.move(stage, size, after)
        return state if move is None else targets.follow(self.lowering.xp, state, move, after)

    def move(self, stage: Stage, size: Size, after: Size) -> Move | None:
        """Where a stage takes points; None where it leaves them."""
        xp, lowering = self.lowering.xp, self.lowering
        match stage:
            case LatticeStage():
                return targets.lattice_move(xp, lowering.lattice(stage, size), after)
            case AffineStage():
                matrix = lowering.affine(stage, size)
                return targets.affine_move(xp, matrix, size, after, stage.fill)
            case ResizeStage():
                (item,) = stage.items
                element = lowering.element(item.step, size, item.suffix)
                return targets.resize_move(xp, element, size, after)
        return None

    def branches(self, stage: BranchStage, state: Targets, size: Size) -> Targets:
        """All branches, one kept."""
        xp = self.lowering.xp
        chosen = self.lowering.chosen(stage.group, stage.suffix)
        total, _ = self.stages(stage.branches[0], state, size)
        for i, branch in enumerate(stage.branches[1:], start=1):
            other, _ = self.stages(branch, state, size)
            total = _select(xp, chosen == xp.array(i, "int32"), other, total)
        return total

    def size_after(self, stage: Stage, size: Size) -> Size:
        if isinstance(stage, BranchStage):
            for inner in stage.branches[0]:
                size = self.size_after(inner, size)
            return size
        after = getattr(stage, "size_out", size)  # stages that only touch values have none
        if None not in after:
            return after
        for item in stage.items:
            size = self.lowering.size_after_node(item.node, size)
        return size

    # --- from annotations to targets and back

    def opened(self, annotations: Annotations, size: Size) -> Targets:
        xp, state = self.lowering.xp, Targets()
        for key, value in annotations.items():
            if key in MASKS:
                rank = len(xp.shape(value))
                state = replace(state, masks=value if rank == 4 else value[..., None])
            elif key in KEYPOINTS:
                shape = xp.shape(value)
                flat = xp.reshape(value, (shape[0], -1, shape[-1]))
                state = replace(state, points=xp.cast(flat[..., :2], "float64"))
            elif key in BOXES:
                edges = to_edges(xp, value["boxes"], check_format(self.rules.format), size)
                state = replace(state, boxes=edges, share=xp.ones_like(edges[..., 0]))
        return state

    def closed(self, annotations: Annotations, state: Targets, size: Size) -> dict[str, Any]:
        result = dict(annotations)
        for key, value in annotations.items():
            if key in MASKS:
                masks = state.masks
                rank = len(self.lowering.xp.shape(value))
                result[key] = masks if rank == 4 else masks[..., 0]  # type: ignore[index]
            elif key in KEYPOINTS:
                result[key] = self.points(value, state)
            elif key in BOXES:
                result[key] = {**value, **self.boxes(value["labels"], state, size)}
        return result

    def points(self, given: Array, state: Targets) -> Array:
        """float32, of the given shape; columns after x and y (visibility) pass through."""
        xp = self.lowering.xp
        shape = xp.shape(given)
        moved = xp.reshape(xp.cast(state.points, "float32"), (*shape[:-1], 2))
        if shape[-1] == 2:
            return moved
        return xp.concat([moved, xp.cast(given[..., 2:], "float32")], axis=-1)

    def boxes(self, labels: Array, state: Targets, size: Size) -> dict[str, Array]:
        xp, edges = self.lowering.xp, state.boxes
        enough = xp.array(self.rules.min_visible, "float64")
        kept = (state.share >= enough) & (targets.area(edges) > xp.array(0.0, "float64"))
        if len(xp.shape(labels)) == 2:
            kept = kept & (labels != xp.cast(xp.array(PADDED, "int32"), _dtype(labels)))
        formatted = from_edges(xp, edges, check_format(self.rules.format), size)
        formatted = xp.where(kept[..., None], formatted, xp.zeros_like(formatted))
        more = (1,) * (len(xp.shape(labels)) - 2)
        wide = xp.reshape(kept, (*xp.shape(kept), *more))
        dropped = xp.zeros_like(labels) + xp.cast(xp.array(PADDED, "int32"), _dtype(labels))
        return {"boxes": formatted, "labels": xp.where(wide, labels, dropped)}


def _dtype(array: Array) -> str:
    return str(getattr(array.dtype, "name", array.dtype))


def _select(xp: Namespace, condition: Array, chosen: Targets, other: Targets) -> Targets:
    def pick(one: Array | None, two: Array | None) -> Array | None:
        if one is None:
            return None
        more = (1,) * (len(xp.shape(one)) - 1)
        return xp.where(xp.reshape(condition, (-1, *more)), one, two)

    return Targets(
        pick(chosen.masks, other.masks),
        pick(chosen.points, other.points),
        pick(chosen.boxes, other.boxes),
        pick(chosen.share, other.share),
    )
