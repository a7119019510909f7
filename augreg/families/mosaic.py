"""Four samples of a batch in one image, whose corners meet at a point: mosaic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from augreg.families.mix import partners
from augreg.families.pasted import Pasted, edges
from augreg.families.stage import Item, Size, Stage, SupportsLowering, select
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Mosaic(Transform):
    """Puts each sample and three others of its batch into the four quadrants of one image.

    Nothing is scaled: the sample is moved until its bottom right corner is at the centre, and the
    others, until theirs are (the top right one's bottom left corner, and so on).

    Attributes:
        partner: float32 [B,3], in [0, 1): who is top right, bottom left and bottom right, each as
            `Mix.partner` says.
        centre: float32 [B,2], x and y, as fractions of the width and the height, 0..1, rounded down
            to whole pixels; at (1, 1), the image is the sample's own.
    """

    reads_others: ClassVar[bool] = True
    boundary: ClassVar[str] = "puts samples of a batch together: the result depends on the batch"
    arrays: ClassVar[Mapping[str, tuple[int | None, ...]]] = {"partner": (3,), "centre": (2,)}

    partner: Array
    centre: Array

    def stage(self, item: Item, **common: Any) -> MosaicStage:
        return MosaicStage.of(item, **common)


@dataclass(frozen=True, kw_only=True)
class MosaicStage(Stage):
    """Puts four samples of the batch into each image."""

    title: ClassVar[str] = "mosaic"
    geometric: ClassVar[bool] = True
    in_order: ClassVar[bool] = True
    reads_others: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    def lower(self, lowering: SupportsLowering, size: Size) -> Mosaic:
        """The mosaic; a sample that its p or its group leaves out fills its image."""
        (item,) = self.items
        mosaic: Mosaic = lowering.transform(item.step, size, item.suffix)
        condition = lowering.condition(item)
        if condition is None:
            return mosaic
        whole = replace(mosaic, centre=lowering.xp.ones_like(mosaic.centre))
        return select(lowering.xp, condition, mosaic, whole)

    def pasted(self, xp: Namespace, lowered: Mosaic, size: Size) -> tuple[Pasted, ...]:
        """The sample itself, top left, and the three others."""
        owners = _owners(xp, lowered)
        zero = xp.zeros_like(owners[0])
        height, width = (zero + xp.array(side, "int32") for side in size)
        x, y = _centre(xp, lowered, size)
        left, right = (zero, x, x - width), (x, width, x)
        above, below = (zero, y, y - height), (y, height, y)
        quadrants = ((left, above), (right, above), (left, below), (right, below))
        return tuple(
            _quadrant(xp, owner, *spans) for owner, spans in zip(owners, quadrants, strict=True)
        )

    def mix_masks(self, xp: Namespace, masks: Array, lowered: Mosaic) -> Array:
        return mosaic_images(xp, masks, lowered)

    def describe(self, shared: str) -> str:
        return "one mosaic of four samples of the batch"


def mosaic_images(xp: Namespace, images: Array, mosaic: Mosaic) -> Array:
    """[B,H,W,C] of any dtype: four of them in each, by one gather.

    Around the centre, every quadrant begins or ends with an edge of its image, so positions are
    those of the new image minus the centre, modulo the size.
    """
    batch, height, width, channels = xp.shape(images)
    centre_x, centre_y = _centre(xp, mosaic, (height, width))
    x, y = xp.reshape(centre_x, (-1, 1, 1)), xp.reshape(centre_y, (-1, 1, 1))
    columns = xp.reshape(xp.arange(width), (1, 1, -1))
    rows = xp.reshape(xp.arange(height), (1, -1, 1))
    own, beside, below, across = (xp.reshape(i, (-1, 1, 1)) for i in _owners(xp, mosaic))
    left, above = columns < x, rows < y
    owner = xp.where(above, xp.where(left, own, beside), xp.where(left, below, across))
    row = (rows - y + height) % height
    column = (columns - x + width) % width
    flat = xp.reshape(images, (batch * height * width, channels))
    return xp.take(flat, (owner * height + row) * width + column)


def _quadrant(xp: Namespace, owner: Array, columns: Any, rows: Any) -> Pasted:
    """What shows `owner`; columns, rows: where it begins and ends, and how far it is moved."""
    left, right, to_right = columns
    top, bottom, down = rows
    offset = xp.cast(xp.stack([to_right, down], axis=-1), "float64")
    return Pasted(owner, edges(xp, left, top, right, bottom), offset)


def _owners(xp: Namespace, mosaic: Mosaic) -> list[Array]:
    """int32 [B] four times: the positions of top left, top right, bottom left and bottom right."""
    others = [partners(xp, mosaic.partner[:, i]) for i in range(3)]
    return [xp.arange(xp.shape(mosaic.partner)[0]), *others]


def _centre(xp: Namespace, mosaic: Mosaic, size: Size) -> tuple[Array, Array]:
    """int32 [B] of x and of y, in pixels."""
    height, width = (xp.cast(xp.array(side, "int32"), "float32") for side in size)
    x, y = (xp.floor(mosaic.centre[:, i] * side) for i, side in ((0, width), (1, height)))
    return xp.cast(x, "int32"), xp.cast(y, "int32")
