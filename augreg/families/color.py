"""Colour maps: affine maps of a pixel's channels, and of the image's mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from augreg.families.matrices import apply, small_matmul
from augreg.families.stage import Family, Item, Size, SupportsLowering
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class ColorMap(Transform):
    """An affine map of a pixel's channels: x' = matrix @ x + mean @ (mean of the image) + offset.

    Attributes:
        matrix: float32 [B,C',C]; C' is 3, or 1 for a map from three channels to one.
        offset: float32 [B,C'], 0..1 units.
        mean: float32 [B,C',C], the weight of the image's own mean per channel (contrast uses it),
            or None. With it the family stays closed under composition, so that a chain of
            brightness, contrast and grayscale is one matrix and one statistic.
    """

    arrays: ClassVar[Mapping[str, tuple[None, ...]]] = {
        "matrix": (None, None),
        "offset": (None,),
        "mean": (None, None),
    }
    colored: ClassVar[bool] = True

    matrix: Array
    offset: Array
    mean: Array | None = None

    def part(self, item: Item) -> ColorPart:
        return ColorPart((item,), () if self.mean is None else ("mean",))

    def channels_after(self, channels: int) -> int:
        return int(self.matrix.shape[-2]) if channels == 3 else channels


@dataclass(frozen=True)
class ColorFamily(Family[ColorMap]):
    """Colour maps, for images of `channels`."""

    channels: int

    def unit(self, size: Size) -> ColorMap:
        xp, n = self.xp, self.channels
        return ColorMap(xp.reshape(xp.eye(n), (1, n, n)), xp.array([[0.0] * n]))

    def lift(self, made: ColorMap, size: Size, after: Size) -> ColorMap:
        return made if self.channels == 3 else _on_gray(self.xp, made)

    def compose(self, first: ColorMap, then: ColorMap) -> ColorMap:
        """One map for both. The mean of a mapped image is the map of its mean."""
        xp = self.xp
        if xp.shape(first.matrix)[-2] == 1 and xp.shape(then.matrix)[-1] == 3:
            then = _on_gray(xp, then)
        matrix = small_matmul(xp, then.matrix, first.matrix)
        offset = apply(xp, then.matrix, first.offset) + then.offset
        if first.mean is None and then.mean is None:
            return ColorMap(matrix, offset)
        first_mean = first.mean if first.mean is not None else xp.zeros_like(first.matrix)
        mean = small_matmul(xp, then.matrix, first_mean)
        if then.mean is not None:
            mean = mean + small_matmul(xp, then.mean, first.matrix + first_mean)
            offset = offset + apply(xp, then.mean, first.offset)
        return ColorMap(matrix, offset, mean)


def _on_gray(xp: Namespace, transform: ColorMap) -> ColorMap:
    """The map of an image with one channel, by an op that treats all channels alike.

    The one channel stands for three that are equal.
    """

    def summed(matrix: Array) -> Array:
        return xp.sum(matrix[:, :1], axis=2, keepdims=True)

    mean = None if transform.mean is None else summed(transform.mean)
    return ColorMap(summed(transform.matrix), transform.offset[:, :1], mean)


@dataclass(frozen=True)
class ColorPart:
    """Colour maps that multiply to one matrix. `statistics`: the mean, where one asks for it."""

    items: tuple[Item, ...]
    statistics: tuple[str, ...]
    placed: ClassVar[bool] = False
    on_pixels: ClassVar[bool] = False  # whether choices are made on pixels

    def lower(self, lowering: SupportsLowering, channels: int, size: Size) -> ColorMap:
        """The product, for images of `channels` and `size`."""
        return lowering.composed(self.items, ColorFamily(lowering.xp, channels), size)

    def merge_key(self) -> str:
        return "color"

    def merged(self, other: ColorPart) -> ColorPart:
        return ColorPart(self.items + other.items, self.statistics or other.statistics)

    def describe(self) -> str:
        names = " ".join(step.op.name for item in self.items for step in item.steps)
        mean = ", with the image's mean" if self.statistics else ""
        return f"one colour matrix ({names}{mean})"
