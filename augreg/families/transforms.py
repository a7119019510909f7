"""The transforms of the algebra: what ops return, as arrays with a leading dimension of B or 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace

Size = tuple[Any, Any]  # (height, width): ints, or a backend's scalars where they are not static


@dataclass(frozen=True)
class LatticeMap:
    """Moves whole pixels: flips, quarter turns, crops, padding. Exact.

    Attributes:
        linear: int32 [B,2,2], output→input, a signed permutation of (x, y).
        offset: int32 [B,2], (x, y) of the input pixel that output pixel (0, 0) comes from.
        cuts: may hide input pixels, whatever the size: whether a later resample is one with this
            must not hang on whether a size is known.
        pads: may read outside of the input, where it gives 0.
    """

    linear: Array
    offset: Array
    cuts: bool = field(default=True, metadata={"static": True})
    pads: bool = field(default=True, metadata={"static": True})


@dataclass(frozen=True)
class AffineMap:
    """Resamples along straight lines: rotation, zoom, shear, translation.

    Attributes:
        matrix: float32 [B,2,3], output→input, in pixels relative to the image's centre
            ((W-1)/2, (H-1)/2), so that an op needs no size unless it moves by a part of one.
        fill: what lies outside: reflect, nearest, wrap or constant (scipy's `reflect`, `nearest`,
            `grid-wrap` and `grid-constant`).
        fill_value: 0..1, a number or one per channel, for constant.
        interpolation: bilinear or nearest.
    """

    matrix: Array
    fill: str = field(default="reflect", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})
    interpolation: str = field(default="bilinear", metadata={"static": True})


@dataclass(frozen=True)
class ProjectiveMap:
    """Resamples along straight lines that need not stay parallel: perspective.

    Attributes:
        matrix: float32 [B,3,3], output→input in homogeneous pixels relative to the image's centre;
            the last row is scaled so that it gives 1 at the centre. Positions where it gives less
            than `HORIZON` are read as if it gave that. Composed with others it is not scaled again:
            what lies behind the horizon stays there, however far the image is moved.
        fill, fill_value, interpolation: as in `AffineMap`.
    """

    matrix: Array
    fill: str = field(default="reflect", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})
    interpolation: str = field(default="bilinear", metadata={"static": True})


@dataclass(frozen=True)
class ColorMap:
    """An affine map of a pixel's channels: x' = matrix @ x + mean @ (mean of the image) + offset.

    Attributes:
        matrix: float32 [B,C',C]; C' is 3, or 1 where the map makes one channel out of three.
        offset: float32 [B,C'], 0..1 units.
        mean: float32 [B,C',C], the weight of the image's own mean per channel (contrast uses it),
            or None. With it the family stays closed under composition, so that a chain of
            brightness, contrast and grayscale is one matrix and one statistic.
    """

    matrix: Array
    offset: Array
    mean: Array | None = None


@dataclass(frozen=True)
class PixelFunction:
    """A pointwise function that no matrix expresses.

    Attributes:
        function: called as `function(xp, planes, *arguments)`; `planes` is a tuple of three float32
            arrays [B,H,W] in RGB (one for a grey image), arguments broadcast against them. Returns
            as many planes.
        arguments: float32 [B] arrays, or arrays with more dimensions after B ([B,n]).
        statistics: of the image as it reaches the function: mean, min, max (float32 [B,1,1] for
            each plane) or histogram (int32 [B,256], how often each level, as in `augreg.to_levels`,
            occurs). Each is passed by its name, a tuple with one for each plane.
        coordinates: passes `y` and `x`, int32 [1,H,1] and [1,1,W], and `size`, (H, W).
        noise: uint32 [B,2] keys (a parameter `Key`). Passed as `noise`: for each key, for each
            plane, two float32 [B,H,W] planes of uniform draws in [0, 1).
        stepped: a little more of its input may give much more, as where it reads levels; a
            histogram is so anyway. Warps before it are then done in floats throughout.
    """

    function: Callable[..., tuple[Array, ...]] = field(metadata={"static": True})
    arguments: tuple[Array, ...] = ()
    statistics: tuple[str, ...] = field(default=(), metadata={"static": True})
    coordinates: bool = field(default=False, metadata={"static": True})
    noise: tuple[Array, ...] = ()
    stepped: bool = field(default=False, metadata={"static": True})


@dataclass(frozen=True)
class Neighborhood:
    """Reads a window around each pixel: blur, sharpening. A stage of its own, never fused.

    Attributes:
        function: called as `function(xp, planes, *arguments)` as a pixel function is; it reads
            neighbours by slicing. A tuple of functions is done in order, each a kernel of its own:
            a separable filter's two directions would otherwise be worked out inside each other.
            Between them planes may have any size; the last one returns the image's.
        arguments: float32 [B] arrays, or arrays with more dimensions after B.
    """

    function: Callable[..., tuple[Array, ...]] | tuple[Callable[..., tuple[Array, ...]], ...] = (
        field(metadata={"static": True})
    )
    arguments: tuple[Array, ...] = ()

    @property
    def functions(self) -> tuple[Callable[..., tuple[Array, ...]], ...]:
        return self.function if isinstance(self.function, tuple) else (self.function,)


@dataclass(frozen=True)
class Resize:
    """Resamples an integer box of the input to a new size, as if nothing lay outside of the box.

    Attributes:
        size: (height, width) of the output.
        box: int32 [B,4], (top, left, height, width) in the input; None is the whole image.
        method: bilinear, nearest, bicubic or area, as `tf.image.resize`.
        antialias: widens the filter when shrinking.
        inner: (height, width) that the box is resized to, centred in `size` with 0 around; None is
            `size` itself.
        decode: full, or scaled: a JPEG that is resized first may be decoded at a part of its size.
    """

    size: Size = field(metadata={"static": True})
    box: Array | None = None
    method: str = field(default="bilinear", metadata={"static": True})
    antialias: bool = field(default=False, metadata={"static": True})
    inner: Size | None = field(default=None, metadata={"static": True})
    decode: str = field(default="full", metadata={"static": True})


@dataclass(frozen=True)
class Mix:
    """Mixes each sample with another one of its batch, and their labels by the same shares.

    Attributes:
        partner: float32 [B], 0 to 1, exclusive: sample i's partner is
            (i + 1 + floor(partner * (B - 1))) mod B, never itself where B is above 1.
        weight: float32 [B], 0..1, the sample's own share of its label, and of its pixels unless
            there is a box.
        classes: how many classes labels have.
        box: int32 [B,4], (top, left, height, width), where pixels are the partner's, or None.
    """

    partner: Array
    weight: Array
    classes: int = field(metadata={"static": True})
    box: Array | None = None


Transform = (
    LatticeMap | AffineMap | ProjectiveMap | ColorMap | PixelFunction | Neighborhood | Resize | Mix
)
GEOMETRIC = (LatticeMap, AffineMap, ProjectiveMap)
STATISTICS = ("mean", "min", "max", "histogram")
HORIZON = 2.0**-3

_SHAPES: dict[str, tuple[int | None, ...]] = {
    "LatticeMap.linear": (2, 2),
    "LatticeMap.offset": (2,),
    "AffineMap.matrix": (2, 3),
    "ProjectiveMap.matrix": (3, 3),
    "ColorMap.matrix": (None, None),
    "ColorMap.offset": (None,),
    "ColorMap.mean": (None, None),
    "Resize.box": (4,),
}


def batched(xp: Namespace, element: Transform) -> Transform:
    """The element with a leading dimension everywhere.

    Raises:
        ValueError: an array has the wrong shape or dtype.
    """
    parts = {}
    kind = type(element).__name__
    for part in fields(element):
        value = getattr(element, part.name)
        wanted = _SHAPES.get(f"{kind}.{part.name}")
        if value is None or wanted is None:
            continue
        dtype = "int32" if kind in ("LatticeMap", "Resize") else "float32"
        found = getattr(getattr(value, "dtype", None), "name", "no array")
        if found != dtype:
            raise ValueError(f"{kind}.{part.name} is {found}; it has to be {dtype}")
        shape = tuple(xp.shape(value))
        if len(shape) == len(wanted):
            value = xp.reshape(value, (1, *shape))
            shape = (1, *shape)
        if len(shape) != len(wanted) + 1 or any(
            s not in (1, 3) if w is None else w != s for w, s in zip(wanted, shape[1:], strict=True)
        ):
            sides = ", ".join("1 or 3" if w is None else str(w) for w in wanted)
            raise ValueError(f"{kind}.{part.name} has the shape {shape}; it has to be [B, {sides}]")
        parts[part.name] = value
    return replace(element, **parts) if parts else element
