"""Resizes and resized crops: an integer box of the image, resampled as if nothing lay outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from augreg.families import resampling
from augreg.families.call import transform_of
from augreg.families.matrices import to_projective
from augreg.families.point_map import PointMap
from augreg.families.stage import Item, Size, Stage, SupportsLowering
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Resize(Transform):
    """Resamples an integer box of the input to a new size, without reading outside of the box.

    Attributes:
        size: (height, width) of the output.
        box: int32 [B,4], (top, left, height, width) in the input; None is the whole image.
        method: bilinear, nearest, bicubic or area, as `tf.image.resize`.
        antialias: widens the filter when shrinking.
        inner: (height, width) that the box is resized to, within `size`; None is `size` itself.
        decode: full, or scaled: a JPEG may be decoded at a fraction of its size if this is its
            first step.
        place: of the inner size: center, or top_left.
        fill_value: 0..1, a number or one per channel, for what is outside of the inner size.
    """

    arrays: ClassVar[Mapping[str, tuple[int, ...]]] = {"box": (4,)}
    dtype: ClassVar[str] = "int32"
    boundary: ClassVar[str] = ""  # the op's name says it

    size: Size = field(metadata={"static": True})
    box: Array | None = None
    method: str = field(default="bilinear", metadata={"static": True})
    antialias: bool = field(default=False, metadata={"static": True})
    inner: Size | None = field(default=None, metadata={"static": True})
    decode: str = field(default="full", metadata={"static": True})
    place: str = field(default="center", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})

    @property
    def margins(self) -> Size:
        """How many rows are above the inner size, and how many columns left of it."""
        if self.inner is None or self.place == "top_left":
            return 0, 0
        (height, width), (inner_height, inner_width) = self.size, self.inner
        return (height - inner_height) // 2, (width - inner_width) // 2

    def stage(self, item: Item, **common: Any) -> ResizeStage:
        return ResizeStage.of(item, **common)


@dataclass(frozen=True, kw_only=True)
class ResizeStage(Stage):
    """One resize or resized crop; where some leave it out, it keeps the size."""

    title: ClassVar[str] = "resize"
    geometric: ClassVar[bool] = True

    def lower(self, lowering: SupportsLowering, size: Size) -> tuple[Resize, Array | None]:
        """The resize, and who takes part (bool [B], None for all)."""
        (item,) = self.items
        return lowering.transform(item.step, size, item.suffix), lowering.condition(item)

    def point_map(
        self, xp: Namespace, lowered: tuple[Resize, Array | None], size_in: Size, size_out: Size
    ) -> tuple[PointMap, Array | None]:
        transform, condition = lowered
        return _points(xp, transform, size_in, size_out), condition

    def bounds(self, lowered: Any, low: Any, high: Any) -> tuple[Any, Any] | None:
        return (low, high) if lowered[0].method != "bicubic" else None

    @property
    def decoded_size(self) -> tuple[int, int] | None:
        height, width = self.size_out
        (item,) = self.items
        scaled = transform_of(item.step, self.size_in).decode == "scaled" and item.always
        return (height, width) if scaled and height is not None and width is not None else None

    def why_no_window(self) -> str:
        (item,) = self.items
        boxed = transform_of(item.step, self.size_in).box is not None
        return "" if boxed else "it reads the whole image"

    def selects(self, item: Item) -> bool:
        return True

    def describe(self, shared: str) -> str:
        return "one resize"


def _points(xp: Namespace, transform: Resize, size_in: Size, size: Size) -> PointMap:
    """Of a box resized to a part of the output. Edges go to edges, as in `tf.image.resize`.

    A mask takes the pixel that the image's nearest resize takes, whatever the image's method.
    """
    box = resampling.box_of(xp, transform, size_in)
    inner = [xp.array(side, "int32") for side in (transform.inner or size)]
    before = [xp.array(margin, "int32") for margin in transform.margins]

    def axis(i: int) -> tuple[Array, Array]:
        """The source row or column of each output one, and whether there is one: [B, side]."""
        place = xp.reshape(xp.arange(size[i]), (1, -1)) - before[i]
        start, length = (xp.reshape(box[:, j], (-1, 1)) for j in (i, 2 + i))
        inside = (place >= 0) & (place < inner[i])
        return start + resampling.nearest(xp, place, length, inner[i]), inside

    def source() -> tuple[Array, Array, Array]:
        (y, in_y), (x, in_x) = axis(0), axis(1)
        y, in_y = (xp.reshape(part, (-1, size[0], 1)) for part in (y, in_y))
        x, in_x = (xp.reshape(part, (-1, 1, size[1])) for part in (x, in_x))
        return x + xp.zeros_like(y), y + xp.zeros_like(x), in_x & in_y

    top, left, rows, columns = (xp.cast(box[:, i], "float64") for i in range(4))
    down, across = (
        xp.cast(part, "float64") / side for part, side in zip(inner, (rows, columns), strict=True)
    )
    zero = xp.zeros_like(down)
    scale = xp.stack([xp.stack([across, zero], -1), xp.stack([zero, down], -1)], -2)
    end = xp.reshape(xp.stack([xp.cast(part, "float64") for part in before[::-1]]), (1, 2)) - 0.5
    start = xp.stack([left, top], -1) - 0.5
    window = xp.stack([left, top, left + columns, top + rows], -1)
    return PointMap(to_projective(xp, scale), start, end, source, window)
