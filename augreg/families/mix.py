"""Mixing each sample with another one of its batch, by shares or by a box: mixup, cutmix.

These steps depend on the batch's size and order, unlike all others. Steps are done one after
another: where a policy chooses between two, a partner may itself have been mixed by the first; its
label has been then, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from augreg.families.pasted import Pasted, edges, whole
from augreg.families.stage import Item, Size, Stage, SupportsLowering, select
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Mix(Transform):
    """Mixes each sample with another of its batch, and their labels in the same proportion.

    Attributes:
        partner: float32 [B], in [0, 1): sample i's partner is
            (i + 1 + floor(partner * (B - 1))) mod B, never itself if B is above 1.
        weight: float32 [B], 0..1, the sample's own weight in the label, and in the pixels unless
            there is a box.
        classes: the number of classes.
        box: int32 [B,4], (top, left, height, width), where pixels are the partner's, or None.

    >>> import augreg, numpy as np
    >>> half = np.full(8, 0.5, np.float32)
    >>> augreg.Mix(partner=half, weight=half, classes=5).classes
    5
    """

    reads_others: ClassVar[bool] = True
    boundary: ClassVar[str] = "mixes samples of a batch: the result depends on the batch"

    partner: Array
    weight: Array
    classes: int = field(metadata={"static": True})
    box: Array | None = None

    def stage(self, item: Item, **common: Any) -> MixStage:
        return MixStage.of(item, classes=self.classes, **common)


@dataclass(frozen=True, kw_only=True)
class MixStage(Stage):
    """Mixes the samples of a batch, and their labels."""

    title: ClassVar[str] = "mix"
    geometric: ClassVar[bool] = True
    in_order: ClassVar[bool] = True
    reads_others: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    classes: int

    def lower(self, lowering: SupportsLowering, size: Size) -> Mix:
        """The mix; a sample that its p or its group leaves out keeps all of itself."""
        (item,) = self.items
        mix: Mix = lowering.transform(item.step, size, item.suffix)
        condition = lowering.condition(item)
        if condition is None:
            return mix
        whole = replace(mix, weight=lowering.xp.ones_like(mix.weight), box=None)
        return select(lowering.xp, condition, mix, whole)

    def pasted(self, xp: Namespace, lowered: Mix, size: Size) -> tuple[Pasted, ...]:
        """The sample itself, and its partner, unless that is the sample itself, too."""
        others = partners(xp, lowered.partner)
        own = xp.arange(xp.shape(others)[0])
        image = whole(xp, size, own)
        if lowered.box is None:
            window, shown = image, (others != own) & (lowered.weight < 1.0)
        else:
            top, left, rows, columns = (lowered.box[:, i] for i in range(4))
            window, shown = edges(xp, left, top, left + columns, top + rows), others != own
        window = xp.where(xp.reshape(shown, (-1, 1)), window, xp.zeros_like(window))
        hole = None if lowered.box is None else window
        return Pasted(own, image, hole=hole), Pasted(others, window)

    def mix_masks(self, xp: Namespace, masks: Array, lowered: Mix) -> Array | None:
        return None if lowered.box is None else mix_images(xp, masks, lowered)

    def describe(self, shared: str) -> str:
        return f"one mix of the batch and its labels, {self.classes} classes"


def partners(xp: Namespace, drawn: Array) -> Array:
    """int32 [B]: the position in the batch of each sample's partner, for draws float32 [B]."""
    batch = xp.shape(drawn)[0]
    count = xp.array(batch, "int32")
    further = xp.floor(drawn * xp.cast(count - 1, "float32"))
    return (xp.arange(batch) + 1 + xp.cast(further, "int32")) % count


def mix_images(xp: Namespace, images: Array, mix: Mix) -> Array:
    """float32 [B,H,W,C] and its partners, blended by `weight`, or with the partner's box."""
    others = xp.take(images, partners(xp, mix.partner))
    if mix.box is None:
        weight = xp.reshape(mix.weight, (-1, 1, 1, 1))
        return images * weight + others * (1.0 - weight)
    _, height, width, _ = xp.shape(images)
    y = xp.reshape(xp.arange(height), (1, -1, 1, 1))
    x = xp.reshape(xp.arange(width), (1, 1, -1, 1))
    top, left, rows, columns = (xp.reshape(mix.box[:, i], (-1, 1, 1, 1)) for i in range(4))
    inside = (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)
    return xp.where(inside, others, images)
