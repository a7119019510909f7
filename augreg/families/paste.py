"""Pasting objects of another sample of the batch, cut out by their masks: copy-paste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from augreg.families.mix import partners
from augreg.families.stage import Item, Size, Stage, SupportsLowering
from augreg.families.transform import Transform
from augreg.random import generator
from augreg.xp import Array, Namespace

PASTED = "pasted"  # what a step asks of annotations: bool [B,H,W], the pixels that it replaces


@dataclass(frozen=True)
class Paste(Transform):
    """Pastes objects of another sample of the batch over each, at their own places.

    Which pixels an object has, only masks say: without them an image stays as it is.

    Attributes:
        partner: float32 [B], in [0, 1): whose objects, as `Mix.partner` says.
        share: float32 [B], the probability that one of its objects is pasted.
        key: uint32 [B,2], what decides for each object.
    """

    reads_others: ClassVar[bool] = True
    boundary: ClassVar[str] = "pastes samples of a batch: the result depends on the batch"

    partner: Array
    share: Array
    key: Array

    def stage(self, item: Item, **common: Any) -> PasteStage:
        return PasteStage.of(item, **common)


@dataclass(frozen=True, kw_only=True)
class PasteStage(Stage):
    """Pastes objects of other samples of the batch."""

    title: ClassVar[str] = "paste"
    geometric: ClassVar[bool] = True
    in_order: ClassVar[bool] = True
    reads_others: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    def lower(self, lowering: SupportsLowering, size: Size) -> tuple[Array, Array | None]:
        """int32 [B], the partners, and bool [B,H,W], where these are shown; None: nowhere."""
        (item,) = self.items
        paste: Paste = lowering.transform(item.step, size, item.suffix)
        return partners(lowering.xp, paste.partner), lowering.answer(item, PASTED)

    def chosen(self, lowering: SupportsLowering, size: Size, count: int | Array) -> Array:
        """bool [B, count]: which of the `count` objects of its partner a sample gets."""
        xp, (item,) = lowering.xp, self.items
        paste: Paste = lowering.transform(item.step, size, item.suffix)
        pair = paste.key[:, 0], paste.key[:, 1]
        drawn = generator.uniform(xp, generator.elements(xp, pair, count)[0])
        chosen = drawn < xp.reshape(paste.share, (-1, 1))
        condition = lowering.condition(item)
        return chosen if condition is None else chosen & xp.reshape(condition, (-1, 1))

    def describe(self, shared: str) -> str:
        return "objects of another sample of the batch, by their masks"


def paste_images(xp: Namespace, images: Array, others: Array, pasted: Array | None) -> Array:
    """[B,H,W,C] with the pixels of others where those are pasted."""
    if pasted is None:
        return images
    return xp.where(pasted[..., None], xp.take(images, others), images)
