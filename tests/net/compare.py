"""Compares what a way made of a case with the oracle, within DESIGN's bounds ('Agreement').

Whole-pixel moves are equal bit for bit; all else lies within 1/255, and within 1e-4 on smooth
images. More is allowed only where a tie decides: where the oracle itself, disturbed by no more than
rounding does, comes out as far off.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from augreg.annotations.boxes import to_edges
from augreg.annotations.parts import TargetRules
from augreg.policy import Step, walk
from augreg.xp import NUMPY
from net.case import Case
from net.choices import Choices
from net.generator import family
from net.jitter import Disturbing, Jitter
from net.oracle import Oracle

BOUND, SMOOTH = 1 / 255, 1e-4
_PRECISION = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "uint8": 1e-6, "float32": 1e-6}
_DISTURBED = (6, 40)  # runs of the oracle, where something is off; more, where it still is


class Expected:
    """What a case has to give, worked out as far as it is asked for."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._low = self._high = self.images
        self._mask_sets: list[np.ndarray] = []
        self._runs = 0

    def _run(self, jitter: Jitter | None = None) -> tuple[Any, ...]:
        case = self.case
        choices = Choices(case.seed, case.epoch, case.index)
        oracle = Oracle(case.policy, choices, jitter)
        labels = None
        if case.mixes:
            labels = np.eye(case.mixes, dtype=np.float32)[case.element["labels"]]
        if (masks := case.element.get("masks")) is not None:
            oracle.masks = list(masks.reshape(*masks.shape[:3], 1).astype(np.float32))
        images, labels = oracle.run(case.unit_images, labels, case.training)
        return images, labels, None if masks is None else np.stack(oracle.masks)  # type: ignore[arg-type]

    @cached_property
    def all(self) -> tuple[Any, ...]:
        return self._run()

    @property
    def images(self) -> np.ndarray:
        """float [B,H,W,C] in 0..1."""
        return self.all[0]

    def disturb(self, runs: int) -> None:
        """Widens what is allowed by disturbed runs, up to so many."""
        while self._runs < runs:
            self._runs += 1
            images, _, masks = self._run(Disturbing(self._runs, (1.0, 0.3, 3.0)[self._runs % 3]))
            self._low = np.minimum(self._low, images)
            self._high = np.maximum(self._high, images)
            if masks is not None:
                self._mask_sets.append(masks)

    def off(self, images: np.ndarray) -> np.ndarray:
        """How far images (0..1) lie outside of what is allowed: [B,H,W]."""
        outside = np.maximum(self._low - images, images - self._high)
        return np.maximum(outside, 0).max(axis=-1)

    def masks_off(self, masks: np.ndarray) -> np.ndarray:
        """bool [B,H,W,1]: a value that no run gives."""
        wrong = masks != self.all[2]
        for other in self._mask_sets:
            wrong &= masks != other
        return wrong

    # --- checks; each returns what is wrong, or nothing

    def check(self, found: dict[str, Any], against: dict[str, Any] | None) -> str:
        """against: the reference's parts, for boxes and keypoints."""
        said = self._check_images(found["images"]) or self._check_labels(found)
        if not said and "masks" in found and "masks" in self.case.parts:
            said = self._check_masks(found["masks"])
        if not said and against is not None:
            said = _check_points(self.case, found, against)
        return said

    def _check_images(self, found: np.ndarray) -> str:
        output = self.case.policy.output
        if found.dtype != output.dtype:
            return f"dtype {found.dtype}"
        if found.shape != self.images.shape:
            return f"shape {found.shape}, expected {self.images.shape}"
        if not np.isfinite(found.astype(np.float64)).all():
            return "NaN or infinity"
        reach = (max(map(abs, output.offset)) + max(output.scale)) / min(output.scale)
        bound = 0.0 if self._exact else SMOOTH if self._smooth else BOUND
        bound += 1e-6 if self._exact else _PRECISION[output.dtype] * reach
        unit = (found.astype(np.float64) - output.offset) / output.scale
        for runs in (0, *_DISTURBED):
            self.disturb(runs)
            off = self.off(unit)
            if off.max(initial=0) <= bound:
                return ""
        where = off > bound
        samples = np.flatnonzero(where.any(axis=(1, 2))).tolist()
        return f"off by {off.max():.3g} in {where.mean():.1%} of the pixels, samples {samples}"

    @cached_property
    def _steps(self) -> list[Step]:
        policy, case = self.case.policy, self.case
        nodes = (*policy.prepare(case.training), *(policy.augment if case.training else ()))
        return [node for node in walk(nodes) if isinstance(node, Step)]

    @cached_property
    def _exact(self) -> bool:
        """Nothing but moves of whole pixels, into an output of full precision."""
        output = self.case.policy.output
        plain = output.dtype in ("uint8", "float32") and len(output.scale) == 1
        return plain and all(
            family(step.op.name) == "geometry" and "fill" not in step.op.params
            for step in self._steps
        )

    @cached_property
    def _smooth(self) -> bool:
        """A smooth image to which nothing gives an edge, into an output without levels."""
        edges = {"constant", "wrap", "nearest", "pad"}
        return (
            self.case.kind == "smooth"
            and self.case.policy.output.dtype == "float32"
            and not self.case.policy.prepare(self.case.training)  # after it come levels
            and all(
                family(step.op.name) in ("geometry", "Resize", "ColorMap")
                and step.op.name not in ("letterbox", "pad_or_crop")
                and not edges & {v for v in step.arguments.values() if isinstance(v, str)}
                for step in self._steps
            )
        )

    def _check_labels(self, found: dict[str, Any]) -> str:
        if not self.case.mixes or "labels" not in found:
            return ""
        labels = found["labels"]
        if labels.shape != self.all[1].shape or labels.dtype != np.float32:
            return f"labels {labels.dtype} {labels.shape}"
        off = np.abs(labels - self.all[1]).max()
        return "" if off <= 2e-6 else f"labels off by {off:.3g}"

    def _check_masks(self, found: np.ndarray) -> str:
        if found.dtype != self.case.element["masks"].dtype:
            return f"masks of dtype {found.dtype}"
        found = found.reshape(*found.shape[:3], 1)
        if found.shape != self.all[2].shape:
            return f"masks of shape {found.shape}"
        for runs in (0, *_DISTURBED):
            self.disturb(runs)
            wrong = self.masks_off(found)
            if not wrong.any():
                return ""
        return f"masks differ in {wrong.mean():.1%} of the pixels"


def _check_points(case: Case, found: dict[str, Any], against: dict[str, Any]) -> str:
    """Boxes and keypoints beside the reference's; what lies far away may lie farther apart."""
    if "keypoints" in found and "keypoints" in case.parts:
        one, two = (parts["keypoints"].astype(np.float64) for parts in (found, against))
        if one.shape != two.shape or found["keypoints"].dtype != np.float32:
            return f"keypoints {found['keypoints'].dtype} {one.shape}"
        if (off := _apart(one, two)) > 1e-2:
            return f"keypoints off by {off:.3g}"
    if "boxes" in found and "boxes" in case.parts:
        one, two = found["boxes"], against["boxes"]
        if one["labels"].dtype != two["labels"].dtype or one["boxes"].dtype != np.float32:
            return f"boxes of dtype {one['boxes'].dtype}, {one['labels'].dtype}"
        if not np.array_equal(one["labels"], two["labels"]):
            return f"box labels {one['labels'].tolist()}, expected {two['labels'].tolist()}"
        size = found["images"].shape[1:3]
        form = TargetRules(case.box_format).format
        edges = [to_edges(NUMPY, part["boxes"], form, size) for part in (one, two)]
        if (off := _apart(*edges)) > 1e-2:
            return f"boxes off by {off:.3g}"
    return ""


def _apart(one: np.ndarray, two: np.ndarray) -> float:
    scale = np.maximum(1, np.abs(two) / 100)
    return float((np.abs(one - two) / scale).max(initial=0))
