"""Moves an element's annotations along a plan: the same walk for both backends, beside the pixels.

Nothing here reads a pixel. Each geometric stage is lowered once more, on its tiny arrays, so that
running a policy on images alone costs nothing for it.

Boxes are clipped to the image as they come, whatever a policy does, and then moved by their four
corners (or an ellipse), stage by stage: the tight box of the moved points, clipped to the image
again. Oriented boxes also keep the four corners themselves, which nothing clips. What a box keeps
of its area is multiplied up over a section (prepare, augment); at the section's end a box that
keeps less than `min_visible`, or nothing at all, is dropped: its class is -1 and its coordinates
are 0, Keras's padding, so that the number of boxes stays. A stage that hides pixels takes them out
of masks and of what boxes keep; it moves nothing. A stage that puts samples together appends the
boxes of the others, so that from there on there are more of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from augreg.annotations import mixing, pasting, points
from augreg.annotations.asked import kept_box
from augreg.annotations.boxes import (
    CORNERS,
    check_format,
    corners_beside,
    corners_in_pixels,
    corners_of,
    from_edges,
    to_edges,
)
from augreg.annotations.parts import (
    BOXES,
    FROM_MASK,
    KEYPOINTS,
    LABELS,
    MASKS,
    PADDED,
    Annotations,
    TargetRules,
)
from augreg.annotations.points import Targets
from augreg.checks import dtype_of
from augreg.errors import DataError
from augreg.families import Size, Stage
from augreg.families.paste import PASTED, PasteStage
from augreg.lower import Answers, Draws, Lowering
from augreg.plan import Plan
from augreg.policy import Step
from augreg.xp import Array, Namespace


def move_annotations(
    xp: Namespace,
    plan: Plan,
    draws: Draws,
    annotations: Annotations,
    size: Size,
    rules: TargetRules,
) -> tuple[dict[str, Any], Answers]:
    """Batches of annotations after a plan's stages, for images of `size` (ints or scalars).

    And what they say of what the stages ask, beside the answers that `draws` has: what the kernels
    of the same stages need.
    """
    answers = dict(draws.answers)
    walker = _Walker(Lowering(xp, replace(draws, answers=answers)), rules, answers)
    result = dict(annotations)
    # a section without stages is none: what a box keeps is counted in the other, or at least once
    for stages in [part for part in (plan.prepare, plan.augment) if part] or [()]:
        result, size = walker.section(stages, result, size)
    return result, answers


def changes(plan: Plan, annotations: Annotations) -> bool:
    """Whether a plan may change such annotations: boxes and keypoints come out as float32 anyhow.

    And boxes are clipped to the image, also where no stage moves anything.
    """
    if any(key in (*BOXES, *KEYPOINTS) for key in annotations):
        return True
    return any(_moves(stage) or _hides(stage) for stage in (*plan.prepare, *plan.augment))


def check_not_blended(stage: Stage) -> None:
    """Raises `DataError` where a stage without one kept branch moves pixels in its branches."""
    if stage.branches and _moves(stage):
        raise DataError(
            f"{stage.pointer}: blends several warps of one image, so that its "
            "masks, boxes and keypoints have no one place; take the warps or these parts out"
        )


def _moves(stage: Stage) -> bool:
    return stage.geometric or any(_moves(inner) for branch in stage.branches for inner in branch)


def _hides(stage: Stage) -> bool:
    return stage.hides or any(_hides(inner) for branch in stage.branches for inner in branch)


@dataclass(frozen=True)
class _Walker:
    lowering: Lowering
    rules: TargetRules
    answers: dict[tuple[str, str], Array]  # those that the lowering looks up

    def section(
        self, stages: tuple[Stage, ...], annotations: dict[str, Any], size: Size
    ) -> tuple[dict[str, Any], Size]:
        """The annotations after a section, and the size then."""
        after = size
        for stage in stages:
            if stage.reads_others:
                mixing.check_targets(stage, annotations, self.rules)
                if LABELS in annotations:
                    labels = annotations[LABELS]
                    mixed = mixing.mix_labels(self.lowering, stage, labels, after)
                    annotations = {**annotations, LABELS: mixed}
            after = self.lowering.size_after_stage(stage, after)
        if any(key != LABELS for key in annotations):
            state = self.stages(stages, self.to_targets(annotations, size), size)
            if self.rules.box_from == FROM_MASK and any(map(_moves, stages)):
                state = self.from_masks(state)
            annotations = self.from_targets(annotations, state, after)
        return annotations, after

    def stages(self, stages: tuple[Stage, ...], state: Targets, size: Size) -> Targets:
        for stage in stages:
            after = self.lowering.size_after_stage(stage, size)
            state, size = self.stage(stage, state, size, after), after
        return state

    def stage(self, stage: Stage, state: Targets, size: Size, after: Size) -> Targets:
        if stage.keeps_one:
            return self.branches(stage, state, size)
        self.answer(stage, state)
        if isinstance(stage, PasteStage):
            state, pasted = pasting.paste_targets(self.lowering, stage, state, size)
            self.answers[stage.steps[0].path + stage.items[0].suffix, PASTED] = pasted
            return state
        if stage.reads_others:
            return mixing.mix_targets(self.lowering, stage, state, size)
        check_not_blended(stage)
        xp = self.lowering.xp
        if stage.hides:
            return points.without(xp, state, stage.hidden(self.lowering, size))
        lowered = stage.lower(self.lowering, size) if stage.geometric else None
        move, condition = stage.point_map(xp, lowered, size, after)
        if move is None:
            return state
        moved = points.transform_points(xp, state, move, after, self.rules.box_from)
        return moved if condition is None else _select(xp, condition, moved, state)

    def answer(self, stage: Stage, state: Targets) -> None:
        """Works out which boxes steps are to keep, before they are lowered."""
        if state.boxes is None:
            return
        for item in stage.items:
            if isinstance(item.node, Step) and item.node.keeps is not None:
                path, (name, _) = item.node.path + item.suffix, item.node.keeps
                words = self.lowering.draws.words.get((path, name))
                self.answers[path, name] = kept_box(self.lowering.xp, state.boxes, words)

    def branches(self, stage: Stage, state: Targets, size: Size) -> Targets:
        """All branches, one kept."""
        xp = self.lowering.xp
        (item,) = stage.items
        chosen = self.lowering.chosen(item.group, item.suffix)
        total, *others = (self.stages(branch, state, size) for branch in stage.branches)
        for i, other in enumerate(others, start=1):
            total = _select(xp, chosen == xp.array(i, "int32"), other, total)
        return total

    def from_masks(self, state: Targets) -> Targets:
        """The boxes that the masks have now."""
        masks = next((state.masks[name] for name in MASKS if name in state.masks), None)
        if state.boxes is None or masks is None:
            return state
        count = self.lowering.xp.shape(state.boxes)[1]
        return replace(state, boxes=points.bounds_of(self.lowering.xp, masks, count))

    # --- from annotations to targets and back

    def to_targets(self, annotations: Annotations, size: Size) -> Targets:
        xp, state = self.lowering.xp, Targets()
        for key, value in annotations.items():
            if self.rules.is_mask(key):
                mask = value if len(xp.shape(value)) == 4 else value[..., None]
                state = replace(state, masks={**state.masks, key: mask})
            elif key in KEYPOINTS:
                shape = xp.shape(value)
                flat = xp.reshape(value, (shape[0], -1, shape[-1]))
                state = replace(state, points=xp.cast(flat[..., :2], "float64"))
                if self.rules.keypoint_pairs:
                    state = replace(state, mirrored=xp.array([[False]], "bool"))
            elif key in BOXES:
                form = check_format(self.rules.format)
                edges = to_edges(xp, value["boxes"], form, size)
                if CORNERS in value:
                    corners = corners_in_pixels(xp, value[CORNERS], form, size)
                    state = replace(state, corners=corners)
                elif self.rules.oriented:
                    state = replace(state, corners=corners_of(xp, edges))
                whole = xp.ones_like(edges[..., 0])
                boxes, visible_fraction = points.clipped(xp, edges, size, whole)
                if len(xp.shape(labels := value["labels"])) == 2:
                    real = labels != _padded(xp, labels)
                    boxes = xp.where(real[..., None], boxes, xp.zeros_like(boxes))
                state = replace(state, boxes=boxes, visible_fraction=visible_fraction)
        return state

    def from_targets(self, annotations: Annotations, state: Targets, size: Size) -> dict[str, Any]:
        if state.rows is not None:
            annotations = mixing.of_rows(self.lowering.xp, annotations, state.rows)
        result = dict(annotations)
        for key, value in annotations.items():
            if self.rules.is_mask(key):
                masks = state.masks[key]
                rank = len(self.lowering.xp.shape(value))
                result[key] = masks if rank == 4 else masks[..., 0]
            elif key in KEYPOINTS:
                result[key] = self.points(value, state)
            elif key in BOXES:
                result[key] = {**value, **self.boxes(value["labels"], state, size)}
        return result

    def points(self, given: Array, state: Targets) -> Array:
        """float32, of the given shape; columns after x and y (visibility) go with their point."""
        xp = self.lowering.xp
        shape = xp.shape(given)
        moved = xp.reshape(xp.cast(state.points, "float32"), (*shape[:-1], 2))
        if shape[-1] != 2:
            moved = xp.concat([moved, xp.cast(given[..., 2:], "float32")], axis=-1)
        if state.mirrored is None:
            return moved
        places = list(range(shape[-2]))
        for one, other in self.rules.keypoint_pairs:
            places[one], places[other] = other, one
        swapped = xp.take(moved, xp.array(places, "int32"), axis=len(shape) - 2)
        mirrored = state.mirrored
        mirrored = xp.reshape(mirrored, (*xp.shape(mirrored), *[1] * (len(shape) - 2)))
        return xp.where(mirrored, swapped, moved)

    def boxes(self, labels: Array, state: Targets, size: Size) -> dict[str, Array]:
        xp, edges = self.lowering.xp, state.boxes
        padded = _padded(xp, labels)
        enough = xp.array(self.rules.min_visible, "float64")
        kept = (state.visible_fraction >= enough) & points.has_area(xp, edges)
        if len(xp.shape(labels)) == 2:
            kept = kept & (labels != padded)
        form = check_format(self.rules.format)
        formatted = from_edges(xp, edges, form, size)
        formatted = xp.where(kept[..., None], formatted, xp.zeros_like(formatted))
        more = (1,) * (len(xp.shape(labels)) - 2)
        wide = xp.reshape(kept, (*xp.shape(kept), *more))
        labels = xp.where(wide, labels, xp.zeros_like(labels) + padded)
        made = {"boxes": formatted, "labels": labels}
        if state.corners is not None:
            corners = corners_beside(xp, state.corners, form, size)
            made[CORNERS] = xp.where(kept[..., None, None], corners, xp.zeros_like(corners))
        return made


def _padded(xp: Namespace, labels: Array) -> Array:
    """The class of a box that is none, in the labels' dtype."""
    return xp.cast(xp.array(PADDED, "int32"), dtype_of(labels))


def _select(xp: Namespace, condition: Array, chosen: Targets, other: Targets) -> Targets:
    def pick(one: Array | None, two: Array | None) -> Array | None:
        if one is None:
            return None
        more = (1,) * (len(xp.shape(one)) - 1)
        return xp.where(xp.reshape(condition, (-1, *more)), one, two)

    def picked(name: str, one: Any) -> Any:
        two = getattr(other, name)
        if isinstance(one, dict):
            return {key: pick(part, two[key]) for key, part in one.items()}
        return pick(one, two)

    return Targets(**{name: picked(name, one) for name, one in vars(chosen).items()})
