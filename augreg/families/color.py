"""Colour maps: affine maps of a pixel's channels, and of the image's mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from augreg.families.matrices import apply, small_matmul
from augreg.families.stage import Family, Item, Size, SupportsLowering
from augreg.families.transform import Transform
from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class ColorMap(Transform):
    """An affine map of a pixel's channels: x' = matrix @ x + mean @ (mean of the image) + offset.

    Attributes:
        matrix: float32 [B,C',C]; C' is 3, or 1 for a map from three channels to one. Or [B,1,1]:
            one factor for all channels, each multiplied by it: a third of the arithmetic.
        offset: float32 [B,C'], or [B,1] for all channels; 0..1 units.
        mean: float32 [B,C',C] or [B,1,1], the weight of the image's own mean per channel (contrast
            uses it), or None. With it the family stays closed under composition, so that a chain of
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
        return 1 if self.to_gray else channels

    @property
    def to_gray(self) -> bool:
        """Whether it makes one channel of three."""
        return tuple(self.matrix.shape[-2:]) == (1, 3)


@dataclass(frozen=True)
class ColorFamily(Family[ColorMap]):
    """Colour maps, for images of `channels`."""

    channels: int

    def unit(self, size: Size) -> ColorMap:
        return ColorMap(self.xp.array([[[1.0]]]), self.xp.array([[0.0] * self.channels]))

    def lift(self, made: ColorMap, size: Size, after: Size) -> ColorMap:
        if self.channels == 1:
            return _on_gray(self.xp, made)
        if made.to_gray or self.xp.shape(made.offset)[-1] == 3:
            return made
        return replace(made, offset=self.xp.concat([made.offset] * 3, axis=1))

    def compose(self, first: ColorMap, then: ColorMap) -> ColorMap:
        """One map for both. The mean of a mapped image is the map of its mean."""
        xp = self.xp
        if first.to_gray:
            then = _on_gray(xp, then)
        matrix = _product(xp, then.matrix, first.matrix)
        offset = mapped(xp, then.matrix, first.offset) + then.offset
        if first.mean is None and then.mean is None:
            return ColorMap(matrix, offset)
        first_mean = first.mean if first.mean is not None else xp.zeros_like(first.matrix)
        mean = _product(xp, then.matrix, first_mean)
        if then.mean is not None:
            both = _sum(xp, first.matrix, first_mean)
            mean = _sum(xp, mean, _product(xp, then.mean, both))
            offset = offset + mapped(xp, then.mean, first.offset)
        return ColorMap(matrix, offset, mean)

    def select(self, condition: Array, chosen: ColorMap, other: ColorMap) -> ColorMap:
        """`chosen` where the condition (bool [B]) holds, `other` elsewhere."""
        xp = self.xp
        one, two = _alike(xp, chosen.matrix, other.matrix)
        chosen, other = replace(chosen, matrix=one), replace(other, matrix=two)
        if chosen.mean is not None and other.mean is not None:
            one, two = _alike(xp, chosen.mean, other.mean)
            chosen, other = replace(chosen, mean=one), replace(other, mean=two)
        return super().select(condition, chosen, other)


def is_factor(matrix: Array) -> bool:
    """Whether it is one factor for all channels (of one channel, every matrix is)."""
    return tuple(matrix.shape[-2:]) == (1, 1)


def spread(xp: Namespace, matrix: Array) -> Array:
    """A matrix for three channels, also of one factor for all: [B,3,3] or [B,1,3]."""
    return matrix * xp.reshape(xp.eye(3), (1, 3, 3)) if is_factor(matrix) else matrix


def mapped(xp: Namespace, matrix: Array, vector: Array) -> Array:
    """[B,C']: a map's matrix, or its one factor, times a vector [B,C]."""
    return matrix[:, 0] * vector if is_factor(matrix) else apply(xp, matrix, vector)


def _product(xp: Namespace, x: Array, y: Array) -> Array:
    """The matrix product, where each may be one factor."""
    return x * y if is_factor(x) or is_factor(y) else small_matmul(xp, x, y)


def _sum(xp: Namespace, x: Array, y: Array) -> Array:
    x, y = _alike(xp, x, y)
    return x + y


def _alike(xp: Namespace, x: Array, y: Array) -> tuple[Array, Array]:
    """Two maps' matrices in one form: both factors, or both matrices."""
    if is_factor(x) == is_factor(y):
        return x, y
    return spread(xp, x), spread(xp, y)


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
